"""Values in which a NaN or an infinity was born in eager mode, followed from op to op until they reach a result.

NumPy looks at the processor's floating-point flags after each kernel, whatever we do, and turns a raised one into a
RuntimeWarning. ``listen`` makes it an exception inside ops, so that programs without births pay nothing.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import level, origin
from engine.errors import NonFiniteError
from engine.finite import Birth, birth, finite, nan_birth
from engine.landing import landed
from engine.notices import NonFiniteWarning, warn
from engine.op import Op

Array = np.ndarray[Any, Any]

# By the identity of the array: a weak reference to it, and the birth it comes from.
alive: dict[int, tuple[weakref.ref[Array], Birth]] = {}
_first: Any = None  # our filter, as it stands in the list of filters


def listen() -> None:
    """Put our filters of warnings in front; ``warnings.catch_warnings`` and test runners take them away again.

    IEEE values are the meaning here, as in PyTorch and JAX: beside ops, NumPy's warnings at our own lines are not shown.
    """
    global _first
    filters = warnings.filters
    if not filters or filters[0] is not _first:
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"(eager|engine)\.")
        warnings.filterwarnings(
            "error", category=RuntimeWarning, module=r"eager\.interpreter$|engine\.(ops|control|makers)\b"
        )
        _first = warnings.filters[0]


def note(op: Op, operands: Sequence[Any], values: Sequence[Any], results: Sequence[Array]) -> None:
    """An op raised a flag: follow its results where they are not finite though the values are, or NaN without one."""
    if level.numbers() == "off":
        return
    out: Any = list(results) if op.many else results[0]
    where = origin.capture(skip=2)
    found = birth(op, operands, values, out, where) or nan_birth(op, operands, values, out, where)
    if found is not None:
        follow(results, found)


def follow(results: Sequence[Array], found: Birth) -> None:
    """Follow those of the results that are not finite."""
    for array in results:
        if not finite(array):
            key = id(array)
            alive[key] = (weakref.ref(array, lambda _, key=key: alive.pop(key, None)), found)  # type: ignore[misc]


def origin_of(values: Sequence[Any]) -> Birth | None:
    """The birth that one of these values comes from."""
    for value in values:
        found = alive.get(id(value))
        if found is not None and found[0]() is value:
            return found[1]
    return None


def reached(value: Any) -> None:
    """A value has become a result: tell of the birth it comes from, once. Raises NonFiniteError at level "checked"."""
    found = origin_of((value,))
    if found is None or found.known:
        return
    if level.numbers() == "checked":
        raise landed(found.told(NonFiniteError), outer=origin.capture())
    found.known = True
    warn(found.told(NonFiniteWarning))


listen()
