"""Which results of a kernel may be written over an operand that nobody reads afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from compiler.buffers import Buffer, Place
from compiler.nest import Access, Nest
from compiler.stages import Stages
from engine.lowering import contiguous
from engine.record import Record
from engine.sizes import product, same


def in_place(
    nest: Nest, stages: Stages, outputs: Mapping[Record, Place], dying: Collection[Buffer]
) -> dict[Record, Place]:
    """New places for some of ``outputs``, in buffers of ``dying``.

    An element may be overwritten where the kernel reads it at the index at which it stores the result, and nowhere else,
    and not in a pass that comes later. Kernels compute all they store in a pass before they store any of it.
    """
    found: dict[Record, Place] = {}
    if not dying:
        return found
    loads = [access for access in nest.loads.values() if access.buffer is not None]
    last = max(stages.stage.values())
    for record, place in outputs.items():
        store = nest.stores[record]
        if place.buffer.kind != "temp" or record in nest.unit.sums or not _everywhere(nest, store):
            continue
        if max(stages.passes(record, outputs), default=-1) != last:
            continue
        for access in loads:
            buffer = access.buffer
            if (
                buffer in dying
                and buffer.dtype == record.dtype
                and all(p.buffer is not buffer for p in found.values())
                and same(buffer.size, product(record.shape))
                and all(_together(other, store) for other in loads if other.buffer is buffer)
            ):
                found[record] = Place(buffer, contiguous(record.shape), record.shape)
                break
    return found


def _everywhere(nest: Nest, access: Access) -> bool:
    """Whether an access moves with every loop, so that each element is visited once."""
    return all(same(n, 1) or not same(s, 0) for n, s in zip(nest.unit.space, access.strides, strict=True))


def _together(load: Access, store: Access) -> bool:
    """Whether two accesses are at the same index at all times."""
    return same(load.offset, store.offset) and all(map(same, load.strides, store.strides))
