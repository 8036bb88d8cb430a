"""PyTorch's functions written in the native ones: where names, words or the order of arguments differ, here is how."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tapegraph as tg
import tapegraph.nn.functional as F
from tapegraph import linalg
from tests.against_torch.differences import names

_AXES: dict[str, Any] = {"dim": "axis", "keepdim": "keepdims"}


def _along(function: Callable[..., Any], *rest: str) -> Callable[..., Any]:
    """A reduction (or another function of an axis) whose axis PyTorch takes as its second argument."""

    def call(x: Any, *given: Any, **named: Any) -> Any:
        named |= dict(zip(("dim", *rest), given))
        return function(x, **{_AXES.get(k, k): tuple(v) if isinstance(v, list) else v for k, v in named.items()})

    return call


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction, to which no axes mean none and to PyTorch all."""

    def call(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        axis = None if dim in ((), []) else tuple(dim) if isinstance(dim, list) else dim
        return function(x if dtype is None else tg.astype(x, dtype), axis=axis, keepdims=keepdim)

    return call


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = 1) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        correction = 1 if correction is None else correction
        correction = correction if unbiased is None else int(unbiased)
        axis = None if dim in ((), []) else tuple(dim) if isinstance(dim, list) else dim
        return function(x, axis=axis, correction=correction, keepdims=keepdim)

    return call


def _distinct(x: Any, inverse: bool, counts: bool) -> Any:
    if not inverse and not counts:
        return tg.unique_values(x)
    found = tg.unique_all(x)
    return (found.values, *([found.inverse_indices] if inverse else []), *([found.counts] if counts else []))


def _symmetric(x: Any, triangle: str) -> Any:
    """The symmetric matrix in one triangle; gradients as if x were symmetric, as in PyTorch."""
    lower = tg.tril(x) if triangle == "L" else tg.matrix_transpose(tg.triu(x))
    whole = lower + tg.matrix_transpose(tg.tril(lower, k=-1))
    return x + tg.stop_gradient(whole - x)


def _matrix_norm(x: Any, ord: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    x = x if dtype is None else tg.astype(x, dtype)
    dims = [n % x.ndim for n in dim]
    found = linalg.matrix_norm(tg.moveaxis(x, tuple(dims), (-2, -1)), ord=ord)
    return tg.expand_dims(found, axis=tuple(sorted(dims))) if keepdim else found


def _as_int32(x: Any, wanted: bool) -> Any:
    return tg.astype(x, "int32") if wanted else x


def _scaled(x: Any, alpha: Any) -> Any:
    return x if alpha == 1 else x * alpha


def _spread_out(args: Any) -> Any:
    return args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args


def _value_at(x: Any, axis: int, keepdim: bool, place: Callable[..., Any]) -> Any:
    at = place(x, axis=axis, keepdims=True)
    value = tg.take_along_axis(x, at, axis=axis)
    return (value, at) if keepdim else (tg.squeeze(value, axis), tg.squeeze(at, axis))


def _pooled(x: Any, other: Any = None, keepdim: bool = False, *, dim: Any = None, name: str) -> Any:
    other = dim if other is None else other
    if other is None:
        return getattr(tg, name)(x)
    if isinstance(other, int):
        return _value_at(x, other, keepdim, getattr(tg, f"arg{name}"))
    return getattr(tg, f"{name}imum")(x, other)


def _divided(x: Any, y: Any, *, rounding_mode: Any = None) -> Any:
    match rounding_mode:
        case None:
            return tg.divide(x, y)
        case "floor":
            return tg.floor_divide(x, y)
    found = tg.trunc(tg.divide(x, y))
    return tg.astype(found, x.dtype) if hasattr(x, "dtype") and x.dtype.kind == "i" else found


def _softmax(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=-1, dtype=None, **_: function(x, axis=dim, dtype=dtype)


def _losses() -> dict[str, Any]:
    """Losses take PyTorch's arguments, without the two that PyTorch has given up."""
    losses = [n for n in F.__all__ if n.endswith(("_loss", "_entropy", "kl_div", "_logits"))]
    return {f"nn.functional.{n}": getattr(F, n) for n in losses}


def _renamed(name: str) -> dict[str, Any]:
    return {
        f"nn.functional.{name}": lambda *a, **k: getattr(F, name)(
            *a, **{_AXES.get(n, n): v for n, v in k.items() if n != "inplace"}
        )
    }


NATIVE: dict[str, Any] = {
    # elementwise functions under other names
    "mul": tg.multiply,
    "div": _divided,
    "true_divide": tg.divide,
    "neg": tg.negative,
    "sgn": tg.sign,
    "rsub": lambda x, y, alpha=1: tg.subtract(y, _scaled(x, alpha)),
    "add": lambda x, y, alpha=1: tg.add(x, _scaled(y, alpha)),
    "sub": lambda x, y, alpha=1: tg.subtract(x, _scaled(y, alpha)),
    "eq": tg.equal,
    "ne": tg.not_equal,
    "lt": tg.less,
    "le": tg.less_equal,
    "gt": tg.greater,
    "ge": tg.greater_equal,
    "bitwise_not": tg.bitwise_invert,
    "clamp": lambda x, min=None, max=None: tg.clip(x, min, max),
    "clamp_min": lambda x, min: tg.clip(x, min),
    "clamp_max": lambda x, max: tg.clip(x, None, max),
    "__radd__": lambda x, y: y + x,
    "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x,
    "__rdiv__": lambda x, y: y / x,
    "__rmod__": lambda x, y: y % x,
    "__rpow__": lambda x, y: y**x,
    "__rand__": lambda x, y: y & x,
    "__ror__": lambda x, y: y | x,
    "__rxor__": lambda x, y: y ^ x,
    "__rmatmul__": lambda x, y: y @ x,
    "where": lambda x, condition, other: tg.where(condition, x, other),
    # reductions
    **{n: _reduced(getattr(tg, n)) for n in ("sum", "mean", "any", "all", "logsumexp")},
    "amax": _reduced(tg.max),
    "amin": _reduced(tg.min),
    "max": functools.partial(_pooled, name="max"),
    "min": functools.partial(_pooled, name="min"),
    **{n: _along(getattr(tg, n), "keepdim") for n in ("prod", "argmax", "argmin")},
    "count_nonzero": _along(tg.count_nonzero),
    "var": _spread(tg.var),
    "std": _spread(tg.std),
    "cumsum": _along(tg.cumulative_sum),
    "cumprod": _along(tg.cumulative_prod),
    "cummax": _along(tg.cummax),
    "cummin": _along(tg.cummin),
    "kthvalue": lambda x, k, dim=-1, keepdim=False: tg.kthvalue(x, k, axis=dim, keepdims=keepdim),
    "diff": lambda x, n=1, dim=-1, prepend=None, append=None: tg.diff(x, axis=dim, n=n, prepend=prepend, append=append),
    "trace": tg.trace,
    "quantile": lambda x, q, dim=None, keepdim=False, interpolation="linear": tg.quantile(
        x, q, axis=dim, keepdims=keepdim, method=interpolation
    ),
    "nanquantile": lambda x, q, dim=None, keepdim=False, interpolation="linear": tg.nanquantile(
        x, q, axis=dim, keepdims=keepdim, method=interpolation
    ),
    "linalg.vector_norm": lambda x, ord=2, dim=None, keepdim=False, *, dtype=None: linalg.vector_norm(
        x if dtype is None else tg.astype(x, dtype),
        ord=ord,
        axis=tuple(dim) if isinstance(dim, list) else dim,
        keepdims=keepdim,
    ),
    # joining and rearranging
    "cat": lambda tensors, dim=0: tg.concat(tensors, axis=dim),
    "stack": lambda tensors, dim=0: tg.stack(tensors, axis=dim),
    "permute": lambda x, dims: tg.permute_dims(x, tuple(dims)),
    "transpose": lambda x, a, b: tg.permute_dims(x, _swapped(x.ndim, a, b)),
    "movedim": lambda x, a, b: tg.moveaxis(x, a, b),
    "expand": lambda x, shape: tg.broadcast_to(
        x, [x.shape[i - len(shape)] if n == -1 else n for i, n in enumerate(shape)]
    ),
    "reshape": lambda x, shape: tg.reshape(x, tuple(shape)),
    "view": lambda x, shape: tg.reshape(x, tuple(shape)),
    "flatten": lambda x, start_dim=0, end_dim=-1: tg.flatten(x, start_dim, end_dim),
    "unsqueeze": lambda x, dim: tg.expand_dims(x, axis=dim),
    "flip": lambda x, dims: tg.flip(x, axis=tuple(dims)),
    "roll": lambda x, shifts, dims=None: tg.roll(x, shifts, axis=dims),
    "tile": lambda x, dims: tg.tile(x, dims),
    "repeat": lambda x, repeats: tg.tile(x, repeats),
    "tril": lambda x, diagonal=0: tg.tril(x, k=diagonal),
    "triu": lambda x, diagonal=0: tg.triu(x, k=diagonal),
    "diag": lambda x, diagonal=0: tg.diag(x, k=diagonal),
    "diagonal": lambda x, offset=0, dim1=0, dim2=1: tg.diagonal(x, offset=offset, axis1=dim1, axis2=dim2),
    "linalg.diagonal": lambda x, offset=0, dim1=-2, dim2=-1: tg.diagonal(x, offset=offset, axis1=dim1, axis2=dim2),
    "linalg.eigvalsh": lambda x, UPLO="L": linalg.eigvalsh(_symmetric(x, UPLO)),
    "linalg.eigh": lambda x, UPLO="L": linalg.eigh(_symmetric(x, UPLO)),
    "linalg.svd": lambda x, full_matrices=True: linalg.svd(x, full_matrices=full_matrices),
    "linalg.qr": lambda x, mode="reduced": linalg.qr(x, mode=mode),
    "linalg.matrix_norm": lambda x, ord="fro", dim=(-2, -1), keepdim=False, dtype=None: _matrix_norm(
        x, ord, dim, keepdim, dtype
    ),
    "linalg.pinv:singular": lambda a, b: linalg.pinv(a @ tg.matrix_transpose(b)),
    "linalg.lu": lambda x, pivot=True: linalg.lu(x),
    "cholesky": lambda x, upper=False: linalg.cholesky(x, upper=upper),
    "matrix_exp": linalg.expm,
    "linalg.matrix_rank": lambda x, atol=None, rtol=None, hermitian=False: linalg.matrix_rank(x, rtol=rtol),
    "linalg.pinv": lambda x, atol=None, rtol=None, hermitian=False: linalg.pinv(x, rtol=rtol),
    "diag_embed": lambda x, offset=0, dim1=-2, dim2=-1: tg.diag_embed(x, offset=offset, axis1=dim1, axis2=dim2),
    "unbind": lambda x, dim=0: tg.unstack(x, axis=dim),
    "split_with_sizes": lambda x, sizes, dim=0: tg.split(x, sizes, dim),
    "meshgrid": lambda *x, indexing="ij": tg.meshgrid(*_spread_out(x), indexing=indexing),
    "broadcast_tensors": lambda *x: tg.broadcast_arrays(*x),
    # by position
    "__getitem__": lambda x, index: x[index],
    "gather": lambda x, dim, index: tg.take_along_axis(x, index, axis=dim),
    "take_along_dim": lambda x, index, dim=None: tg.take_along_axis(
        tg.reshape(x, (-1,)) if dim is None else x, tg.reshape(index, (-1,)) if dim is None else index, axis=dim or 0
    ),
    "take": lambda x, index: tg.take(tg.reshape(x, (-1,)), index),
    "index_select": lambda x, dim, index: tg.index_select(x, index, axis=dim),
    "index_copy": lambda x, dim, index, source: tg.index_copy(x, index, source, axis=dim),
    "index_add": lambda x, dim, index, source, alpha=1: tg.index_add(x, index, _scaled(source, alpha), axis=dim),
    "scatter": lambda x, dim, index, src, reduce=None: tg.scatter(
        x, index, src, axis=dim, reduce={"add": "sum", "multiply": "prod"}.get(reduce, reduce)
    ),
    "scatter_add": lambda x, dim, index, src: tg.scatter_add(x, index, src, axis=dim),
    "scatter_reduce": lambda x, dim, index, src, reduce, include_self=True: tg.scatter(
        x, index, src, axis=dim, reduce=reduce, include_self=include_self
    ),
    "sort": lambda x, dim=-1, descending=False, stable=False: (
        tg.sort(x, axis=dim, descending=descending),
        tg.argsort(x, axis=dim, descending=descending),
    ),
    "argsort": lambda x, dim=-1, descending=False, stable=False: tg.argsort(x, axis=dim, descending=descending),
    "msort": lambda x: tg.sort(x, axis=0),
    "topk": lambda x, k, dim=-1, largest=True, sorted=True: tg.topk(x, k, axis=dim, largest=largest, sorted=sorted),
    "searchsorted": lambda x, v, out_int32=False, right=False, side=None, sorter=None: _as_int32(
        tg.searchsorted(x, v, side="right" if right or side == "right" else "left", sorter=sorter), out_int32
    ),
    "bucketize": lambda x, bounds, out_int32=False, right=False: _as_int32(
        tg.bucketize(x, bounds, right=right), out_int32
    ),
    "bincount": lambda x, weights=None, minlength=0: tg.bincount(x, weights, minlength=minlength),
    "unique": lambda x, sorted=True, return_inverse=False, return_counts=False, dim=None: _distinct(
        x, return_inverse, return_counts
    ),
    "nonzero": lambda x, as_tuple=False: tg.nonzero(x) if as_tuple else tg.stack(tg.nonzero(x), axis=1),
    "index_put": lambda x, index, values, accumulate=False: tg.setitem(
        x, tuple(index), x[tuple(index)] + values if accumulate else values
    ),
    "repeat_interleave": lambda x, repeats, dim=None, output_size=None: tg.repeat(x, repeats, axis=dim),
    "constant_pad_nd": lambda x, pad, value=0: F.pad(x, pad, value=value),
    "argwhere": lambda x: tg.stack(tg.nonzero(x), axis=1),
    # products
    **dict.fromkeys(("mm", "bmm", "mv"), tg.matmul),
    "addmm": lambda x, a, b, beta=1, alpha=1: tg.add(_scaled(x, beta), _scaled(tg.matmul(a, b), alpha)),
    "linalg.multi_dot": lambda x: linalg.multi_dot(x),
    "tensordot": lambda x, y, dims=2: tg.tensordot(x, y, axes=dims),
    "einsum": lambda operands, equation: tg.einsum(equation, *operands),
    "cdist": lambda x, y, p=2.0, compute_mode=None: tg.cdist(x, y, p),
    "linalg.vecdot": lambda x, y, dim=-1: linalg.vecdot(x, y, axis=dim),
    "linalg.cross": lambda x, y, dim=-1: linalg.cross(x, y, axis=dim),
    "cross": lambda x, y, dim=-1: tg.cross(x, y, axis=dim),
    "inner": tg.inner,
    # networks
    "softmax": _softmax(tg.softmax),
    "log_softmax": _softmax(tg.log_softmax),
    "nn.functional.softmin": _softmax(tg.softmin),
    "nn.functional.one_hot": lambda x, num_classes=-1: tg.one_hot(
        x, num_classes if num_classes != -1 else int(tg.max(x)) + 1
    ),
    "nn.functional.embedding": lambda weight, input, **named: F.embedding(
        input, weight, **{k: v for k, v in named.items() if k != "sparse"}
    ),
    "nn.functional.embedding_bag": lambda weight, input, **named: F.embedding_bag(input, weight, **named),
    **_renamed("normalize"),
    **_renamed("cosine_similarity"),
    **_renamed("pairwise_distance"),
    **_renamed("glu"),
    **_losses(),
    # creation
    "zeros": lambda shape, dtype=None, device=None: tg.zeros(shape, dtype=dtype),
    "ones": lambda shape, dtype=None, device=None: tg.ones(shape, dtype=dtype),
    "full": lambda shape, value, dtype=None, device=None: tg.full(shape, value, dtype=dtype),
    "eye": lambda n, m=None, dtype=None, device=None, requires_grad=False: tg.eye(n, m, dtype=dtype),
    "arange": lambda start, end=None, step=1, dtype=None, device=None: tg.arange(start, end, step, dtype=dtype),
    "linspace": lambda start, stop, num, dtype=None, device=None: tg.linspace(
        start, stop, num, dtype=dtype or "float32"
    ),
    "zeros_like": tg.zeros_like,
    "ones_like": tg.ones_like,
    "full_like": lambda x, value, dtype=None, device=None: tg.full_like(x, value, dtype=dtype),
}


def _swapped(n: int, a: int, b: int) -> tuple[int, ...]:
    order = list(range(n))
    if not order:
        return ()
    order[a], order[b] = order[b], order[a]
    return tuple(order)


# Functions under PyTorch's name whose arguments mean the same.
SAME = frozenset(
    names(
        """abs acos acosh addcmul asin asinh atan atan2 atanh bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift broadcast_to ceil copysign cos cosh dot erf exp expm1 floor floor_divide hypot isfinite isinf isnan
    isin kron log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor masked_fill masked_scatter
    masked_select matmul maximum minimum nextafter outer positive pow reciprocal remainder round rsqrt sigmoid sign signbit
    sin sinh sqrt square squeeze sub tan tanh trunc cholesky_solve
    linalg.det linalg.inv linalg.slogdet linalg.solve linalg.cholesky linalg.solve_triangular linalg.svdvals
    linalg.matrix_power linalg.cond
    """
    )
)


def native(key: str) -> Callable[..., Any] | None:
    """Our native function, called like PyTorch's of this name (or "name:variant"); None where there is none."""
    name = key.partition(":")[0]
    if key in NATIVE or name in NATIVE:
        return NATIVE.get(key) or NATIVE[name]
    short = name.rpartition(".")[2]
    if name in SAME:
        return getattr(linalg if name.startswith("linalg.") else tg, short)
    if name.startswith("nn.functional.") and hasattr(F, short):
        return _plain(getattr(F, short))
    return None


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **named: function(*args, **{k: v for k, v in named.items() if k != "inplace"})
