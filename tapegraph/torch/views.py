"""Functions whose results share memory with their operand in PyTorch, and indexing: each is a view of the cell it came from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from eager.tensor import Tensor as Computed
from engine.arguments import normal_axis
from engine.errors import ArgumentError, ShapeError, UnsupportedError
from engine.landing import entrance
from engine.ops import index as indexing
from engine.ops.shape import broadcast_to, expand_dims, moveaxis, permute_dims, reshape, squeeze
from engine.ops.shape import flatten as flattened
from engine.sizes import Dim, product, same_shape
from engine.spec import broadcast
from tapegraph.torch import layout
from tapegraph.torch.cell import Cell, copy_of, of, view_of, wrap
from tapegraph.torch.dtypes import Size

VIEWS: dict[str, Callable[..., Any]] = {}


def _function(made: Callable[..., Any]) -> Callable[..., Any]:
    VIEWS[made.__name__] = entrance(made)
    return VIEWS[made.__name__]


def _sizes(first: Any, rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """A shape given as one sequence or as several numbers; 0-d tensors count as numbers."""
    given = (first, *rest) if rest or not isinstance(first, tuple | list) else tuple(first)
    return tuple(n if isinstance(n, int | Dim) else int(n) for n in given)


def _reshaped(input: Any, get: Callable[[Any], Any]) -> Any:
    """A view with the same elements in the same order."""
    return view_of(input, get, lambda old, new: reshape(new, tuple(old.shape)))


@_function
def view(input: Any, *shape: Any) -> Any:
    """The elements in another shape; one size may be -1. Given a dtype of the same width, the same bits (not supported)."""
    if len(shape) == 1 and not isinstance(shape[0], int | tuple | list | Dim | Cell):
        raise UnsupportedError("reading the same bits as another dtype", op="view", fix="convert with .to(dtype)")
    sizes = _sizes(shape[0], shape[1:])
    return _reshaped(input, lambda x: reshape(x, sizes))


def _arranged(input: Any, get: Callable[[Any], Any]) -> Any:
    """The elements in another shape: a view where PyTorch gives one, else a copy."""
    return _reshaped(input, get) if layout.shares(input, get) else wrap(get(of(input)))


def _reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """The elements in another shape; one size may be -1."""
    wanted = _sizes(sizes[0], sizes[1:]) if sizes else _sizes(shape, ())
    return _arranged(input, lambda x: reshape(x, wanted))


VIEWS["reshape"] = _reshape


@_function
def view_as(input: Any, other: Any) -> Any:
    """The elements in the shape of another tensor."""
    return view(input, tuple(of(other).shape))


@_function
def reshape_as(input: Any, other: Any) -> Any:
    """The elements in the shape of another tensor."""
    return _reshape(input, tuple(of(other).shape))


@_function
def contiguous(input: Any, memory_format: Any = None) -> Any:
    """The tensor itself where its elements lie in row-major order, else a copy."""
    if layout.dense(input):
        return input
    copy = copy_of(of(input))
    if type(copy) is Computed:
        copy = Computed(np.ascontiguousarray(copy._value), copy._record)
    return wrap(copy)


@_function
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from ``start_dim`` to ``end_dim`` joined into one."""
    return _arranged(input, lambda x: flattened(x, start_dim, end_dim))


@_function
def ravel(input: Any) -> Any:
    """All axes joined into one."""
    return flatten(input)


@_function
def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """One axis split into several; one size may be -1."""
    shape = of(input).shape
    axis = normal_axis(dim, len(shape), "unflatten")
    parts = tuple(sizes)
    if -1 in parts:
        known = product(n for n in parts if not (isinstance(n, int) and n == -1))
        parts = tuple(shape[axis] // known if isinstance(n, int) and n == -1 else n for n in parts)
    return _reshaped(input, lambda x: reshape(x, (*x.shape[:axis], *parts, *x.shape[axis + 1 :])))


@_function
def unsqueeze(input: Any, dim: int) -> Any:
    """A new axis of size 1."""
    return _reshaped(input, lambda x: expand_dims(x, axis=dim))


@_function
def squeeze_(input: Any, dim: Any = None) -> Any:
    """Without its axes of size 1; of given ``dim``, without those that have size 1."""
    if dim is None:
        return _reshaped(input, squeeze)
    shape = of(input).shape
    wanted = dim if isinstance(dim, tuple | list) else (dim,)
    axes = tuple(a for a in (normal_axis(d, max(len(shape), 1), "squeeze") for d in wanted) if shape and shape[a] == 1)
    return _reshaped(input, lambda x: squeeze(x, axis=axes) if axes else x)


VIEWS["squeeze"] = VIEWS.pop("squeeze_")


@_function
def permute(input: Any, *places: Any, dims: Any = None) -> Any:
    """The axes in another order."""
    order = _sizes(places[0], places[1:]) if places else _sizes(dims, ())
    rank = len(of(input).shape)
    back = tuple(int(i) for i in np.argsort([normal_axis(a, rank, "permute") for a in order]))
    return view_of(input, lambda x: permute_dims(x, order), lambda old, new: permute_dims(new, back))


def _exchanged(input: Any, a: int, b: int) -> Any:
    rank = len(of(input).shape)
    if rank == 0:
        return _reshaped(input, lambda x: x)
    order = list(range(rank))
    a, b = normal_axis(a, rank, "transpose"), normal_axis(b, rank, "transpose")
    order[a], order[b] = b, a
    exchange = tuple(order)
    return view_of(input, lambda x: permute_dims(x, exchange), lambda old, new: permute_dims(new, exchange))


@_function
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes exchanged."""
    return _exchanged(input, dim0, dim1)


for _name in ("swapaxes", "swapdims"):
    VIEWS[_name] = transpose


@_function
def t(input: Any) -> Any:
    """The transpose of a matrix; a vector stays as it is."""
    rank = len(of(input).shape)
    if rank > 2:
        raise ShapeError("t() expects a tensor with <= 2 dimensions", op="t", operands=(of(input),), fix="use .mT")
    return _exchanged(input, 0, 1) if rank == 2 else _reshaped(input, lambda x: x)


@_function
def adjoint(input: Any) -> Any:
    """The last two axes exchanged."""
    return _exchanged(input, -2, -1)


@_function
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other positions."""
    source = source if isinstance(source, int) else tuple(source)
    destination = destination if isinstance(destination, int) else tuple(destination)
    return view_of(
        input, lambda x: moveaxis(x, source, destination), lambda old, new: moveaxis(new, destination, source)
    )


VIEWS["moveaxis"] = movedim


@_function
def expand(input: Any, *sizes: Any, size: Any = None, implicit: bool = False) -> Any:
    """Axes of size 1 (and new leading ones) repeated to the given sizes; -1 keeps a size."""
    given = _sizes(sizes[0], sizes[1:]) if sizes else _sizes(size, ())
    old = of(input).shape
    lead = len(given) - len(old)
    full = tuple(old[i - lead] if isinstance(n, int) and n == -1 else n for i, n in enumerate(given))
    return view_of(input, lambda x: broadcast_to(x, full), None if not same_shape(full, old) else lambda old, new: new)


@_function
def expand_as(input: Any, other: Any) -> Any:
    """Repeated to the shape of another tensor."""
    return expand(input, tuple(of(other).shape))


VIEWS["broadcast_to"] = expand


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """The tensors expanded to their common shape."""
    shape = broadcast(*(of(t).shape for t in tensors))
    return tuple(expand(t, shape) for t in tensors)


# ------------------------------------------------------------------------------------------ parts


def part(input: Any, entries: tuple[Any, ...]) -> Any:
    """The view by numbers, slices, None and Ellipsis."""
    return view_of(input, lambda x: indexing.getitem(x, entries), lambda old, new: indexing.setitem(old, entries, new))


def _along(input: Any, dim: int, entry: Any) -> Any:
    axis = normal_axis(dim, len(of(input).shape), "select", of(input))
    return part(input, (*[slice(None)] * axis, entry))


@_function
def select(input: Any, dim: int, index: int) -> Any:
    """One place of an axis, which is dropped."""
    return _along(input, dim, int(index))


@_function
def narrow(input: Any, dim: int, start: Any, length: Any) -> Any:
    """``length`` places of an axis from ``start`` on."""
    start = start if isinstance(start, Dim) else int(start)
    return _along(input, dim, slice(start, start + length))


@_function
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """Every place of an axis as a tensor of its own."""
    axis = normal_axis(dim, len(of(input).shape), "unbind", of(input))
    return tuple(_along(input, dim, i) for i in range(int(of(input).shape[axis])))


@_function
def split(input: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Parts of an axis: of one size (the last may be smaller), or of each of the given sizes."""
    n = of(input).shape[normal_axis(dim, len(of(input).shape), "split", of(input))]
    size = split_size_or_sections
    if isinstance(size, list | tuple):
        if sum(size) != n:
            raise ArgumentError(f"split sizes {list(size)} must add up to {n}", op="split", operands=(of(input),))
        edges = [0, *np.cumsum(size).tolist()]
    else:
        edges = [*range(0, int(n), int(size)), int(n)] if n else [0, 0]
    return tuple(_along(input, dim, slice(a, b)) for a, b in pairwise(edges))


@_function
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most ``chunks`` parts of an axis, of one size but for the last."""
    n = of(input).shape[normal_axis(dim, len(of(input).shape), "chunk", of(input))]
    if isinstance(n, Dim) and n % chunks == 0:
        size = n // chunks
        return tuple(_along(input, dim, slice(size * i, size * (i + 1))) for i in range(chunks))
    found: tuple[Any, ...] = split(input, max(1, -(-int(n) // chunks)), dim)
    return found


@_function
def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Parts of an axis: a number of nearly equal ones, or cut at the given places."""
    n = int(of(input).shape[normal_axis(dim, len(of(input).shape), "tensor_split", of(input))])
    if getattr(indices_or_sections, "ndim", None) == 0:
        indices_or_sections = int(indices_or_sections)
    if isinstance(indices_or_sections, int):
        parts = np.array_split(np.arange(n), indices_or_sections)
        edges = [0, *np.cumsum([len(p) for p in parts]).tolist()]
    else:
        edges = [0, *(int(i) for i in indices_or_sections), n]
    return tuple(_along(input, dim, slice(a, b)) for a, b in pairwise(edges))


@_function
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A diagonal of the matrices along two axes, as a new last axis."""
    rank = len(of(input).shape)
    axes = (normal_axis(dim1, rank, "diagonal"), normal_axis(dim2, rank, "diagonal"))
    rows, columns = (int(of(input).shape[a]) for a in axes)
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    places = np.arange(count)
    entry = (Ellipsis, places + max(-offset, 0), places + max(offset, 0))
    rest = [a for a in range(rank) if a not in axes]
    order = (*rest, *axes)
    back = tuple(int(i) for i in np.argsort(order))
    return view_of(
        input,
        lambda x: indexing.getitem(permute_dims(x, order), entry),
        lambda old, new: permute_dims(indexing.setitem(permute_dims(old, order), entry, new), back),
    )


@_function
def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """The elements at ``storage_offset`` plus index times ``stride`` of the flattened tensor, which must be contiguous."""
    if not input.is_contiguous():
        raise UnsupportedError("the tensor is not contiguous", op="as_strided", fix="call contiguous() first")
    places = np.asarray(storage_offset or 0)
    for n, step in zip(size, stride, strict=True):
        places = np.add(places[..., None], np.arange(n) * step)
    shape = of(input).shape
    entry = places if places.ndim else int(places)
    return view_of(
        input,
        lambda x: indexing.getitem(reshape(x, (-1,)), entry),
        lambda old, new: reshape(indexing.setitem(reshape(old, (-1,)), entry, new), shape),
    )


def size_of(*size: Any) -> Any:
    """A shape given as one sequence or as several numbers."""
    if not size:
        return Size(())
    return Size(_sizes(size[0], size[1:]))
