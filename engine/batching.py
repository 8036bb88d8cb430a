"""How an op is applied to a whole batch at once: the ways an op may name, and how one is found for an op that names none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.op import OPS, Op, Trait, apply
from engine.sizes import Size

# A way takes the op, the size of the batch (or the vmap itself: ``engine.vmap.within``), the operands with the batch
# along axis 0 where their flag says so, the flags and the attributes; it gives the result (a tuple of them) with the
# batch along axis 0, or NotImplemented where this call has no whole form: then the op's expansion is batched, or the op
# runs entry by entry.
Way = Callable[[Op, Any, list[Any], Sequence[bool], dict[str, Any]], Any]


def reshaped(x: Any, shape: tuple[Size, ...]) -> Any:
    """x in another shape."""
    return apply(OPS["reshape"], x, shape=shape)


def repeated(x: Any, size: Size) -> Any:
    """x once for each entry of the batch."""
    return broadcast_to(x, (size, *x.shape))


def broadcast_to(x: Any, shape: tuple[Size, ...]) -> Any:
    """x with axes of size 1, and new ones in front, repeated to a shape."""
    return apply(OPS["broadcast_to"], x, shape=shape)


def nothing(spec: Any) -> Any:
    """A batch without entries."""
    return apply(OPS["full"], shape=(0, *spec.shape), value=np.zeros((), spec.dtype).item(), dtype=spec.dtype)


def moved(x: Any, source: int, target: int) -> Any:
    """x with one axis moved to another place."""
    axes = [i for i in range(x.ndim) if i != source]
    axes.insert(target, source)
    return apply(OPS["permute_dims"], x, axes=tuple(axes))


def aligned(args: list[Any], flags: Sequence[bool], rank: int = 0) -> list[Any]:
    """Operands with axes of size 1 behind the batch, so that they broadcast as the single entries do (of ``rank`` axes)."""
    ranks = [a.ndim - flag if hasattr(a, "ndim") else 0 for a, flag in zip(args, flags, strict=True)]
    rank = max(rank, *ranks)
    return [
        reshaped(a, (a.shape[0], *(1,) * (rank - r), *a.shape[1:])) if flag and r < rank else a
        for a, flag, r in zip(args, flags, ranks, strict=True)
    ]


def every(args: list[Any], flags: Sequence[bool], size: Size) -> list[Any]:
    """All array operands with a batch axis; numbers stay."""
    return [a if flag or not hasattr(a, "ndim") else repeated(a, size) for a, flag in zip(args, flags, strict=True)]


def elementwise(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """Matching elements: the operands' own axes are aligned behind the batch."""
    if "axis" in attrs:  # the places it counts along
        attrs = {**attrs, "axis": attrs["axis"] + 1}
        args = every(args, flags, size)
        flags = [hasattr(a, "ndim") for a in args]
    return apply(op, *aligned(args, flags), **attrs)


def shift(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """Every operand has the axes of the result, or a part of them in order: axes are counted one further."""
    found = dict(attrs)
    for name in ("axis", "axes"):
        if name in found:
            value = found[name]
            found[name] = value + 1 if isinstance(value, int) else tuple(a + 1 for a in value)
    return apply(op, *every(args, flags, size), **found)


def leading(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """The op works on the last axes and takes the others as they come."""
    return apply(op, *aligned(every(args, flags, size), [hasattr(a, "ndim") for a in args]), **attrs)


def broadcast(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """The result has the shape of the first operand; the others broadcast to it."""
    args = [*every(args[:1], flags[:1], size), *args[1:]]
    return apply(op, *aligned(args, [True, *flags[1:]]), **attrs)


def shaped(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """The attribute ``shape`` is that of one entry of the result."""
    return apply(op, *args, shape=(size, *attrs["shape"]))


def widened(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """The operand broadcasts to ``shape``, that of one entry of the result."""
    return shaped(op, size, aligned(args, flags, len(attrs["shape"])), flags, attrs)


def permuted(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """A permutation that leaves the batch in front."""
    return apply(op, *args, axes=(0, *(a + 1 for a in attrs["axes"])))


def sliced(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """A part of each entry, which is a part of all: the batch is taken whole."""
    found = {name: (first, *attrs[name]) for name, first in (("starts", 0), ("sizes", size), ("steps", 1))}
    return apply(op, *every(args, flags, size), **{**attrs, **found})


def way_of(op: Op) -> Way | None:
    """How an op is batched: as it says, as its kind implies, or one entry after the other; None: through its expansion."""
    if op.batch is not None:
        return op.batch if callable(op.batch) else WAYS[op.batch]
    if Trait.ELEMENTWISE in op.traits:
        return elementwise
    if Trait.REDUCTION in op.traits:
        return shift
    return None if op.expand is not None else WAYS["entries"]


# "entries", one entry after the other, is added by ``engine.control.steps``: it is a scan. Those of
# ``engine.batch_folding`` make the batch a part of an axis the op has.
WAYS: dict[str, Way] = {
    "shift": shift,
    "leading": leading,
    "broadcast": broadcast,
    "shaped": shaped,
    "widened": widened,
    "permuted": permuted,
    "sliced": sliced,
}
