"""Tensors made from Python data, from NumPy arrays, from nothing."""

from __future__ import annotations

from itertools import combinations as apart
from itertools import combinations_with_replacement as again
from typing import Any

import numpy as np

from engine import dtypes
from engine.ops.create import asarray
from engine.sizes import Dim
from tapegraph.torch.cell import Cell, of, wrap
from tapegraph.torch.dtypes import device as _device
from tapegraph.torch.dtypes import kind
from tapegraph.torch.meanings import tg
from tapegraph.torch.tensor import Tensor
from tapegraph.torch.views import size_of


def _done(value: Any, requires_grad: bool, device: Any) -> Any:
    if device is not None:
        _device(device)
    made = wrap(value)
    return made.requires_grad_() if requires_grad else made


def _inner(data: Any) -> Any:
    """Nested lists with the values of the tensors in them, cut from what was recorded."""
    if isinstance(data, Cell):
        return of(data.detach())  # type: ignore[attr-defined]
    if isinstance(data, list | tuple | range):
        return [_inner(part) for part in data]
    return data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A tensor with a copy of numbers, nested lists, an array or a tensor; Python floats become float32."""
    if isinstance(data, Cell):
        data = data.detach().clone() if dtype is None else data.detach()  # type: ignore[attr-defined]
        value = of(data)
        return _done(value if dtype is None else tg.astype(value, kind(dtype)), requires_grad, device)
    return _done(asarray(_inner(data), dtype=kind(dtype)), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """The tensor itself where it is one of that dtype; else a new one."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return tensor(data, dtype=dtype, device=device)


def asarray_(obj: Any, *, dtype: Any = None, device: Any = None, copy: Any = None, requires_grad: bool = False) -> Any:
    """``torch.asarray``."""
    made = as_tensor(obj, dtype, device)
    return made.requires_grad_() if requires_grad else made


def from_numpy(ndarray: Any) -> Any:
    """A tensor with a copy of the array: later changes of the array do not reach it."""
    return wrap(asarray(np.asarray(ndarray)))


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor of anything with ``__dlpack__``."""
    return wrap(tg.from_dlpack(ext_tensor))


def scalar_tensor(s: Any, **named: Any) -> Any:
    """A 0-d tensor."""
    return tensor(float(s), **named)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Any:
    """Zeros."""
    return _done(tg.zeros(_shape(size, named), dtype=kind(dtype)), requires_grad, device)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Any:
    """Ones."""
    return _done(tg.ones(_shape(size, named), dtype=kind(dtype)), requires_grad, device)


def _shape(size: Any, named: dict[str, Any]) -> Any:
    return size_of(*size) if size else size_of(named.get("size", ()))


empty = zeros  # a value has no use for uninitialised memory


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """One number everywhere; its dtype is that of the number unless given."""
    return _done(tg.full(size_of(size), of(fill_value), dtype=kind(dtype)), requires_grad, device)


def zeros_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """Zeros in the shape and dtype of another tensor."""
    return _done(tg.zeros_like(of(input), dtype=kind(dtype)), requires_grad, device)


def ones_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """Ones in the shape and dtype of another tensor."""
    return _done(tg.ones_like(of(input), dtype=kind(dtype)), requires_grad, device)


empty_like = zeros_like


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """One number everywhere, in the shape and dtype of another tensor."""
    return _done(tg.full_like(of(input), of(fill_value), dtype=kind(dtype)), requires_grad, device)


def _bound(value: Any) -> Any:
    return value if isinstance(value, int | float | Dim) else value.item()


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """start, start + step, ... up to but not including ``end``; ``arange(end)`` starts from 0."""
    start, end = (0, start) if end is None else (start, end)
    return _done(tg.arange(_bound(start), _bound(end), _bound(step), dtype=kind(dtype)), requires_grad, device)


def range_(start: Any, end: Any, step: Any = 1, **named: Any) -> Any:
    """Like ``arange``, with the end included, in float32."""
    return arange(float(start), end + step / 2, step, **named)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included."""
    return _done(tg.linspace(_bound(start), _bound(end), steps, dtype=kind(dtype)), requires_grad, device)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, **named: Any) -> Any:
    """Powers of ``base`` whose exponents are evenly spaced."""
    powers = tg.pow(float(base), tg.linspace(_bound(start), _bound(end), steps, dtype=dtypes.float64))
    return _done(tg.astype(powers, kind(dtype) or dtypes.DEFAULT_FLOAT), named.get("requires_grad", False), None)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """Ones on the diagonal, zeros elsewhere."""
    return _done(tg.eye(n, m, dtype=kind(dtype)), requires_grad, device)


def _indices(row: int, col: int | None, offset: int, lower: bool) -> Any:
    found = np.tril_indices(row, offset, col) if lower else np.triu_indices(row, offset, col)
    return wrap(asarray(np.stack(found)))


def tril_indices(row: int, col: int, offset: int = 0, **_: Any) -> Any:
    """Rows and columns of the elements on and below a diagonal. Result: [2, number]."""
    return _indices(row, col, offset, True)


def triu_indices(row: int, col: int, offset: int = 0, **_: Any) -> Any:
    """Rows and columns of the elements on and above a diagonal. Result: [2, number]."""
    return _indices(row, col, offset, False)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of r elements of a vector, as rows."""
    n = int(of(input).shape[0])
    rows = np.array(list((again if with_replacement else apart)(range(n), r)), np.int64).reshape(-1, r)
    return wrap(tg.take(of(input), asarray(rows), axis=0))
