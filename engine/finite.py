"""Telling where a NaN or an infinity is born: the one check both modes use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import NonFiniteError
from engine.op import Op, Trait
from engine.ops.results import result as RESULT
from engine.origin import Origin


def check_birth(op: Op, operands: Sequence[Any], values: Sequence[Any], out: Any, origin: Origin) -> None:
    """Raise NonFiniteError where ``out`` has a NaN or an infinity although every value it was made of is finite.

    The error names the op, its ``operands``, the user's line, the first bad index and, for an op on matching elements,
    the operands' values there.
    """
    if op.many:
        for one in out:
            _check(op, operands, values, one, origin)
    elif op is not RESULT:
        _check(op, operands, values, out, origin)


def _check(op: Op, operands: Sequence[Any], values: Sequence[Any], out: Any, origin: Origin) -> None:
    if out.dtype.kind != "f" or not values:
        return
    bad = ~np.isfinite(out)
    if not bad.any() or not all(np.isfinite(v).all() for v in values):
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    kind = "a NaN" if np.isnan(out[index]) else "an infinity"
    where = f" at index {list(index)}" if index else ""
    count = int(bad.sum())
    rest = f" ({count} of {out.size} elements are not finite)" if out.size > 1 else ""
    raise NonFiniteError(
        f"makes {kind}{where} out of finite operands{_values_at(op, values, out.shape, index)}{rest}",
        op=op.name,
        operands=operands,
        fix="keep the operands inside the op's domain (clip, where, an epsilon), or scale them down",
        origin=origin,
    )


def _values_at(op: Op, values: Sequence[Any], shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    if Trait.ELEMENTWISE not in op.traits:
        return ""
    found = [np.broadcast_to(v, shape)[index].item() for v in values]
    return f", which {'is' if len(found) == 1 else 'are'} {' and '.join(f'{v:g}' for v in found)} there"
