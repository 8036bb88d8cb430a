"""What PyTorch's functions mean that choose, count, join and arrange elements; on values of the engine, in its functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import UnsupportedError
from engine.handle import Handle
from engine.op import as_handle
from engine.ops.index import setitem
from engine.sizes import Dim, product
from graph.symbol import Symbol
from tapegraph.torch.meanings import Pair, along, tg


def known(x: Any, op: str) -> np.ndarray[Any, Any]:
    """The numbers of ``x``, for functions whose result has a size that depends on them."""
    if isinstance(x, Symbol):
        raise UnsupportedError(
            "the size of the result depends on the data, and in static mode no data is there yet",
            op=op,
            operands=(x,),
            fix="call it outside the traced function, or use torch.where",
        )
    return np.asarray(x)


def positions(x: Any, as_tuple: bool) -> Any:
    """Where x is not zero: a matrix with a row for each place, or a vector of positions for each axis."""
    found = np.nonzero(np.atleast_1d(known(x, "nonzero")))
    if as_tuple:
        return tuple(as_handle(p) for p in found)
    return as_handle(np.stack(found, axis=1) if x.ndim else np.zeros((len(found[0]), 0), np.int64))


def distinct(x: Any, inverse: bool, counts: bool, dim: Any) -> Any:
    """The distinct values in order, with where each stood and how often it occurs if asked."""
    found = np.unique(known(x, "unique"), return_inverse=True, return_counts=True, axis=dim)
    results = [as_handle(found[0])]
    if inverse:
        results.append(as_handle(found[1].reshape(x.shape if dim is None else -1)))
    if counts:
        results.append(as_handle(found[2]))
    return results[0] if len(results) == 1 else tuple(results)


def runs(x: Any, inverse: bool, counts: bool, dim: Any) -> Any:
    """The values (or the parts along an axis) without repetitions of neighbours."""
    array = known(x, "unique_consecutive")
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, dim, 0)
    changed = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    starts = np.flatnonzero(np.concatenate([[True], changed])) if len(rows) else np.zeros(0, np.int64)
    results = [as_handle(rows[starts] if dim is None else np.moveaxis(rows[starts], 0, dim))]
    if inverse:
        found = np.cumsum(np.isin(np.arange(len(rows)), starts)) - 1
        results.append(as_handle(found.reshape(array.shape) if dim is None else found))
    if counts:
        results.append(as_handle(np.diff([*starts, len(rows)])))
    return results[0] if len(results) == 1 else tuple(results)


def gathered(x: Any, dim: int, index: Any) -> Any:
    """x[index] along one axis; the other axes of the index may be shorter than those of x."""
    n = along(x, dim)
    if x.ndim == 0:
        return tg.broadcast_to(x, index.shape)
    return tg.take_along_axis(leading(x, index.shape, n), index, axis=n)


def leading(x: Any, shape: Any, but: int) -> Any:
    """The leading part of ``x`` with the sizes of ``shape`` on all axes but one."""
    cut = tuple(
        slice(None) if i == but or _equal(n, m) else slice(0, m) for i, (n, m) in enumerate(zip(x.shape, shape))
    )
    return x[cut] if any(c != slice(None) for c in cut) else x


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (a.terms == b.terms if isinstance(a, Dim) else a == b)


def scattered(x: Any, dim: int, index: Any, src: Any, how: str | None, include_self: bool = True) -> Any:
    """``src`` (a number or a tensor, of which the leading part counts) put, added or folded into x at the places of index."""
    n = along(x, dim)
    if not isinstance(src, Handle):
        src = tg.full(index.shape, src, dtype=x.dtype)
    src = leading(tg.astype(src, x.dtype), index.shape, -1)
    names = {"add": "sum", "multiply": "prod"}
    return scatter_parts(x, index, src, n, names.get(how or "", how), include_self)


def scatter_parts(x: Any, index: Any, src: Any, n: int, how: str | None, include_self: bool) -> Any:
    """The same with shapes that may be smaller than those of x off the axis: the rest of x stays."""
    if all(i == n or _equal(a, b) for i, (a, b) in enumerate(zip(x.shape, index.shape))):
        return _scatter(x, index, src, n, how, include_self)
    part = tuple(slice(None) if i == n else slice(0, m) for i, m in enumerate(index.shape))
    return setitem(x, part, _scatter(x[part], index, src, n, how, include_self))


def _scatter(x: Any, index: Any, src: Any, n: int, how: str | None, include_self: bool) -> Any:
    if how == "sum" and include_self:
        return tg.scatter_add(x, index, src, axis=n)
    return tg.scatter(x, index, src, axis=n, reduce=how, include_self=include_self)


def put_at(x: Any, indices: Any, values: Any, accumulate: bool) -> Any:
    """x with values put, or added, at the positions that integer arrays (or a mask) name."""
    if len(indices) == 1 and indices[0].dtype == dtypes.bool_:
        indices = positions(indices[0], True)
    if not accumulate:
        return setitem(x, tuple(indices), values)
    sizes = x.shape[: len(indices)]
    flat: Any = 0
    for index, n in zip(indices, sizes):
        flat = tg.add(tg.multiply(flat, n), tg.where(tg.less(index, 0), tg.add(index, n), index))
    rows = tg.reshape(x, (product(sizes), *x.shape[len(indices) :]))
    source = tg.broadcast_to(tg.astype(as_handle(values), x.dtype), (*flat.shape, *rows.shape[1:]))
    source = tg.reshape(source, (product(flat.shape), *rows.shape[1:]))
    return tg.reshape(tg.index_add(rows, tg.reshape(flat, (-1,)), source, axis=0), x.shape)


def ordered(x: Any, dim: int, descending: bool, stable: bool) -> Pair:
    """Values in order along an axis, with where they stood."""
    if x.ndim == 0:
        return Pair(x, tg.zeros((), dtype=dtypes.int64))
    order = tg.argsort(x, axis=dim, descending=descending, stable=True)
    return Pair(tg.take_along_axis(x, order, axis=dim), order)


def windows(x: Any, dim: int, size: int, step: int) -> Any:
    """Every run of ``size`` neighbours along an axis, ``step`` apart, as a new last axis."""
    n = along(x, dim)
    if x.ndim == 0:
        return tg.reshape(x, (1,))
    starts = np.arange(0, int(x.shape[n]) - size + 1, step)
    found = tg.take(x, as_handle(starts[:, None] + np.arange(size)), axis=n)
    return tg.moveaxis(found, n + 1, -1)


def quantiles(name: str, x: Any, q: Any, dim: Any, keepdim: bool, method: str) -> Any:
    """quantile or nanquantile; a 0-d tensor counts as a vector."""
    if x.ndim == 0 and dim is not None:
        x, dim, keepdim = tg.reshape(x, (1,)), 0, False
    return getattr(tg, name)(x, q, axis=dim, keepdims=keepdim, method=method)


def counted_places(places: Any, out_int32: bool) -> Any:
    """Positions as int64, or as int32 where asked."""
    return tg.astype(places, dtypes.int32) if out_int32 else places


def at_least(tensors: Any, least: int) -> Any:
    """Tensors (or one) with at least so many axes."""
    if len(tensors) != 1 or isinstance(tensors[0], list | tuple):
        return tuple(at_least((t,), least) for t in (tensors[0] if len(tensors) == 1 else tensors))
    x = tensors[0]
    while x.ndim < least:
        x = tg.expand_dims(x, axis=-1 if x.ndim == 2 else 0)
    return x


def histogram(x: Any, bins: int, low: float, high: float) -> Any:
    """How many elements fall into each of equally wide bins."""
    numbers = known(x, "histc")
    if low == high == 0:
        low, high = float(numbers.min()), float(numbers.max())
    return as_handle(np.histogram(numbers, bins, (low, high))[0].astype(x.dtype))


def picked(x: Any, order: Any, k: int, dim: int, keepdim: bool) -> Pair:
    """The k-th of the positions in ``order`` along an axis, and what stands there."""
    n = along(x, dim)
    place = tg.take(order, as_handle(np.array([k])), axis=n)
    value = tg.take_along_axis(x, place, axis=n)
    return Pair(value, place) if keepdim else Pair(tg.squeeze(value, n), tg.squeeze(place, n))


def median(x: Any, dim: Any, keepdim: bool) -> Any:
    """The lower of the middle values, as in PyTorch."""
    if dim is None:
        flat = tg.reshape(x, (-1,))
        return picked(flat, tg.argsort(flat), (int(product(x.shape)) - 1) // 2, 0, False).values
    return picked(x, tg.argsort(x, axis=dim), (int(x.shape[dim]) - 1) // 2, dim, keepdim)


def joinable(tensors: Any) -> Any:
    """The tensors that ``cat`` joins: empty vectors do not count, as in PyTorch."""
    kept = [t for t in tensors if not (t.ndim == 1 and isinstance(t.shape[0], int) and t.shape[0] == 0)]
    return kept if kept else list(tensors)


def stacked(tensors: Any, least: int, axis: int) -> Any:
    """Tensors brought to a least number of axes and joined; of vectors ``hstack`` joins the only axis."""
    parts = [as_handle(t) for t in tensors]
    lifted = []
    for part in parts:
        if least >= 1 and part.ndim == 0:
            part = tg.reshape(part, (1,))
        if least >= 2 and part.ndim == 1:
            part = tg.reshape(part, (1, part.shape[0]))
        if least >= 3 and part.ndim == 2:
            part = tg.expand_dims(part, axis=-1)
        lifted.append(part)
    return tg.concat(lifted, axis=0 if lifted[0].ndim == 1 else axis)


def meshes(tensors: Any, indexing: str) -> Any:
    """Coordinates of a grid; PyTorch's default is matrix indexing."""
    found = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return tuple(tg.meshgrid(*found, indexing=indexing))


def turned(x: Any, k: int, dims: Any) -> Any:
    """x rotated by k right angles in the plane of two axes."""
    a, b = (along(x, d) for d in dims)
    order = list(range(x.ndim))
    order[a], order[b] = order[b], order[a]
    match k % 4:
        case 0:
            return x
        case 1:
            return tg.permute_dims(tg.flip(x, axis=b), tuple(order))
        case 2:
            return tg.flip(x, axis=(a, b))
    return tg.flip(tg.permute_dims(x, tuple(order)), axis=b)


def blocks(tensors: Any) -> Any:
    """A matrix with the given ones on its diagonal."""
    parts = [tg.reshape(t, (1, -1)) if t.ndim < 2 else t for t in tensors]
    width = sum(int(p.shape[1]) for p in parts)
    rows, at = [], 0
    for part in parts:
        rows.append(tg.pad(part, ((0, 0), (at, width - at - int(part.shape[1])))))
        at += int(part.shape[1])
    return tg.concat(rows, axis=0)


def chosen(condition: Any, x: Any, y: Any) -> Any:
    """where, or with a condition alone the positions where it is true."""
    return positions(condition, True) if x is None else tg.where(condition, x, y)


def same_values(x: Any, y: Any) -> bool:
    """Whether two values have one shape and equal elements, as a Python bool."""
    return tuple(x.shape) == tuple(y.shape) and bool((known(x, "equal") == known(y, "equal")).all())
