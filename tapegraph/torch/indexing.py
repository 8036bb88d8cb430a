"""x[...] and x[...] = v: by numbers, slices, None, Ellipsis, integer and boolean tensors, with views where PyTorch gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.errors import UnsupportedError
from engine.handle import Handle
from engine.ops import index as indexing
from engine.ops.compare import where
from engine.ops.create import asarray
from engine.ops.dtype import astype
from engine.ops.shape import reshape
from engine.sizes import Dim
from graph.symbol import Symbol
from tapegraph.torch.cell import of, wrap, write
from tapegraph.torch.views import part


def _entries(x: Any, index: Any) -> tuple[tuple[Any, ...], bool]:
    """An index as the engine takes it, and whether it makes a view: whether it has no array in it."""
    basic = True
    found: list[Any] = []
    for entry in index if isinstance(index, tuple) else (index,):
        entry = of(entry)
        if isinstance(entry, list | range):
            entry = asarray(list(entry)) if len(entry) else asarray(np.zeros(0, np.int64))
        if isinstance(entry, bool | np.bool_):
            entry = asarray(np.asarray(entry))
        if isinstance(entry, Handle | np.ndarray):
            entry = entry if isinstance(entry, Handle) else asarray(entry)
            if entry.dtype == dtypes.bool_:
                found.extend(_places(entry))
            elif entry.ndim == 0 and not isinstance(entry, Symbol):
                found.append(int(np.asarray(entry)))
                continue
            else:
                found.append(entry)
            basic = False
        elif isinstance(entry, slice):
            found.append(slice(*(_bound(b) for b in (entry.start, entry.stop, entry.step))))
        else:
            found.append(entry)
    return tuple(found), basic


def _bound(bound: Any) -> Any:
    return bound if bound is None or isinstance(bound, int | Dim) else int(bound)


def _places(mask: Any) -> list[Any]:
    """The positions where a mask is true, one integer array for each of its axes."""
    if isinstance(mask, Symbol):
        raise UnsupportedError(
            "a boolean mask gives a result whose size depends on the data",
            op="getitem",
            operands=(mask,),
            fix="use torch.where(mask, x, other), x.masked_fill(mask, value), or multiply by the mask",
        )
    return [asarray(places) for places in np.nonzero(np.asarray(mask))]


def getitem(self: Any, index: Any) -> Any:
    """``x[index]`` with integers, slices, None, Ellipsis, integer and boolean tensors; a view where PyTorch gives one."""
    if type(index) is int:
        entries: tuple[Any, ...] = (index,)
        basic = True
    else:
        entries, basic = _entries(self, index)
    if basic:
        return part(self, entries)
    first, then = _apart(entries)
    x = of(self)
    return wrap(indexing.getitem(x if first is None else indexing.getitem(x, first), then))


def _apart(entries: tuple[Any, ...]) -> tuple[Any, Any]:
    """An index with numbers and arrays in it as one of numbers and slices, then one of arrays: PyTorch takes numbers first."""
    if not any(isinstance(e, int | np.integer | Dim) for e in entries):
        return None, entries
    first = tuple(slice(None) if isinstance(e, Handle) else e for e in entries)
    rest = (e for e in entries if not isinstance(e, int | np.integer | Dim))
    return first, tuple(e if isinstance(e, Handle) or e is Ellipsis else slice(None) for e in rest)


def setitem(self: Any, index: Any, value: Any) -> None:
    """``x[index] = value``; under a boolean mask too."""
    x, value = of(self), of(value)
    mask = of(index)
    if isinstance(mask, np.ndarray):
        mask = asarray(mask)
    if isinstance(mask, Handle) and mask.dtype == dtypes.bool_ and _one(value):
        lead = reshape(mask, (*mask.shape, *[1] * (len(x.shape) - len(mask.shape))))
        value = value if isinstance(value, Handle) else dispatch.current().asarray(value, x.dtype)
        write(self, where(lead, astype(reshape(value, ()), x.dtype), x))
        return
    entries, basic = _entries(self, index)
    if not isinstance(value, Handle):
        value = asarray(value)
    while len(value.shape) > len(x.shape) and value.shape[0] == 1:
        value = reshape(value, value.shape[1:])
    first, then = (None, entries) if basic else _apart(entries)
    if first is None:
        write(self, indexing.setitem(x, then, value))
    else:
        part = indexing.setitem(indexing.getitem(x, first), then, value)
        write(self, indexing.setitem(x, first, part))


def _one(value: Any) -> bool:
    return not isinstance(value, Handle | np.ndarray | list | tuple) or (
        hasattr(value, "shape") and all(isinstance(n, int) and n == 1 for n in value.shape)
    )
