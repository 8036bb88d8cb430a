"""The detective: names the first op that makes a NaN or an infinity out of finite operands, forward or backward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from eager.hooks import Event, hooks
from engine.errors import NonFiniteError
from engine.handle import Handle
from engine.op import Trait


@contextmanager
def detect_nonfinite() -> Iterator[None]:
    """Raise NonFiniteError at the first op whose result has a NaN or an infinity though its operands are all finite.

    The error names the op, its operands, the user's line, the first bad index and, for an op on matching elements, the
    operands' values there. In the backward pass it shows the line of the forward expression.
    """
    with hooks(after=examine):
        yield


def examine(event: Event) -> None:
    """The hook: raises NonFiniteError where this op is the culprit."""
    out = event.result._value
    if out.dtype.kind != "f" or not event.args:
        return
    bad = ~np.isfinite(out)
    if not bad.any():
        return
    values = [a._value if isinstance(a, Handle) else a for a in event.args]
    if not all(np.isfinite(v).all() for v in values):
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    kind = "a NaN" if np.isnan(out[index]) else "an infinity"
    where = f" at index {list(index)}" if index else ""
    count = int(bad.sum())
    rest = f" ({count} of {out.size} elements are not finite)" if out.size > 1 else ""
    raise NonFiniteError(
        f"makes {kind}{where} out of finite operands{_values_at(event, values, out.shape, index)}{rest}",
        op=event.op.name,
        operands=event.args,
        fix="keep the operands inside the op's domain (clip, where, an epsilon), or scale them down",
        origin=event.origin,
    )


def _values_at(event: Event, values: list[Any], shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    if Trait.ELEMENTWISE not in event.op.traits:
        return ""
    found = [np.broadcast_to(v, shape)[index].item() for v in values]
    return f", which {'is' if len(found) == 1 else 'are'} {' and '.join(f'{v:g}' for v in found)} there"
