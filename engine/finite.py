"""Telling where a NaN or an infinity is born: the one check both modes use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import numpy as np

from engine.errors import NonFiniteError, Sentence
from engine.op import Op, Trait
from engine.ops.results import result as RESULT
from engine.origin import Origin

Array = np.ndarray[Any, Any]
Told = TypeVar("Told", bound=Sentence)

LARGE = 1e9  # a value that training does not reach unless it diverges
RATES: list[Callable[[], str]] = []  # each says in brackets which learning rate is in force and where it was given


@dataclass
class Birth:
    """An application of an op that made a NaN or an infinity of ``values`` that have none.

    ``operands``: the values as the program names them. ``made``, ``index``: what stands first, and where in the result,
    of ``shape``; ``count``: of such elements. ``place``: a word on where in a loop it happened. The result itself is not
    held: whoever follows it wants to know when it is gone.
    """

    op: Op
    operands: Sequence[Any]
    values: Sequence[Any]
    origin: Origin
    made: str
    shape: tuple[int, ...]
    index: tuple[int, ...]
    count: int
    place: str = ""
    known: bool = False  # whether it has been told
    scope: Mapping[str, Any] | None = None  # what the names of the user's innermost frame stood for

    def told(self, kind: type[Told], story: str = "") -> Told:
        """The birth as an error or a warning: op, operands, the user's line, the first bad index and what stands there.

        ``story``: what else is known of it.
        """
        size = prod(self.shape)
        where = f" at index {list(self.index)}" if self.index else ""
        rest = f" ({self.count} of {size} elements are not finite)" if size > 1 else ""
        there = values_at(self.op, self.values, self.shape, self.index)
        source = "finite operands" if all(map(finite, self.values)) else "infinities"
        told = kind(
            f"makes {self.made}{where} out of {source}{_shown(there)}{rest}{self.place}{story}",
            op=self.op.name,
            operands=self.operands,
            fix=self._fix(there),
            origin=self.origin,
        )
        if self.scope is not None:
            told.scope = self.scope
        return told

    def _fix(self, there: Sequence[Any]) -> str:
        largest = max((abs(v) for v in there), default=0) if there else max(map(_largest, self.values), default=0)
        if largest > LARGE:
            rate = "".join(known() for known in RATES)
            return f"the values have grown too large: a smaller learning rate{rate}, gradients clipped, or inputs scaled down"
        return "keep the operands inside the op's domain (clip, where, an epsilon), or scale them down"


def finite(value: Any) -> bool:
    """Whether a value, or each of several, has neither NaN nor infinity; what holds no floats has none."""
    if type(value) is list:
        return all(map(finite, value))
    kind = value.dtype.kind if isinstance(value, np.ndarray) else np.asarray(value).dtype.kind
    return kind != "f" or bool(np.isfinite(value).all())


def birth(op: Op, operands: Sequence[Any], values: Sequence[Any], out: Any, origin: Origin) -> Birth | None:
    """What to tell where ``out`` (a list, where the op has several results) has a NaN or an infinity, ``values`` none.

    None where nothing was born: constants and what is picked from several results are made of nothing.
    """
    if op is RESULT or not values:
        return None
    bad = next((one for one in (out if op.many else (out,)) if not finite(one)), None)
    return None if bad is None or not all(map(finite, values)) else _born(op, operands, values, bad, origin)


def nan_birth(op: Op, operands: Sequence[Any], values: Sequence[Any], out: Any, origin: Origin) -> Birth | None:
    """The same where a NaN was made of operands that have infinities but no NaN: inf - inf, 0 * inf."""
    if op is RESULT or not values:
        return None
    bad = next((one for one in (out if op.many else (out,)) if _has_nan(one)), None)
    return None if bad is None or any(map(_has_nan, values)) else _born(op, operands, values, bad, origin)


def _born(op: Op, operands: Sequence[Any], values: Sequence[Any], out: Array, origin: Origin) -> Birth:
    bad = ~np.isfinite(out)
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    made = "a NaN" if np.isnan(out[index]) else "an infinity"
    return Birth(op, operands, values, origin, made, out.shape, index, int(bad.sum()))


def check_birth(op: Op, operands: Sequence[Any], values: Sequence[Any], out: Any, origin: Origin) -> None:
    """Raise NonFiniteError where ``out`` has a NaN or an infinity although every value it was made of is finite."""
    found = birth(op, operands, values, out, origin)
    if found is not None:
        raise found.told(NonFiniteError)


def values_at(op: Op, values: Sequence[Any], shape: tuple[int, ...], index: tuple[int, ...]) -> list[Any]:
    """The operands' values at an index of the result, for an op on matching elements; else nothing."""
    if Trait.ELEMENTWISE not in op.traits:
        return []
    return [np.broadcast_to(v, shape)[index].item() for v in values]


def _shown(there: Sequence[Any]) -> str:
    if not there:
        return ""
    return f", which {'is' if len(there) == 1 else 'are'} {' and '.join(f'{v:g}' for v in there)} there"


def _has_nan(value: Any) -> bool:
    if type(value) is list:
        return any(map(_has_nan, value))
    return np.asarray(value).dtype.kind == "f" and bool(np.isnan(value).any())


def _largest(value: Any) -> float:
    array = np.asarray(value)
    if array.dtype.kind != "f" or not array.size:
        return 0.0
    return float(max(abs(np.nanmax(array)), abs(np.nanmin(array))))
