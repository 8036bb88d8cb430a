"""Elements chosen by a mask, and ``x[index] = value`` as a function."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.errors import DTypeError, IndexRangeError, UnsupportedError
from engine.makers import composite, public
from engine.op import Sample, apply, as_handle
from engine.ops.compare import where
from engine.ops.dtype import astype
from engine.ops.gather import gather
from engine.ops.index import setitem as _setitem
from engine.ops.running import cumulative_sum
from engine.ops.scatter import values_for
from engine.ops.shape import broadcast_to, reshape
from engine.spec import DType, broadcast


def _mask(mask: Any, op: str, x: Any) -> Any:
    mask = as_handle(mask)
    if mask.dtype != dtypes.bool_:
        raise DTypeError(
            f"the mask must be bool, not {mask.dtype.name}",
            op=op,
            operands=(x, mask),
            fix="compare it with something, for instance mask != 0",
        )
    return mask


def _masked(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(1, 3, (3, 4)).astype(dtype)
    return [
        Sample((x, rng.uniform(size=(3, 4)) < 0.5, dtype.type(1).item())),
        Sample((x, np.array([[True], [False], [True]]), np.asarray(2, dtype))),
    ]


def _wrong_masks(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((3, 4), dtype), np.ones((3, 4)), dtype.type(1).item()), {}, DTypeError)]


@composite(samples=_masked, errors=_wrong_masks, onnx="Where", accepts=dtypes.COMPUTED)
def masked_fill(x: Any, mask: Any, value: Any, /) -> Any:
    """``x`` with ``value``, a number or an array that broadcasts, where ``mask`` (bool, broadcasts) is true (PyTorch)."""
    x = as_handle(x)
    mask = _mask(mask, "masked_fill", x)
    return where(mask, values_for(x, value, "masked_fill"), x)


def _sources(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, v = rng.uniform(1, 3, (3, 4)).astype(dtype), rng.uniform(1, 3, (2, 6)).astype(dtype)
    mask = rng.uniform(size=(3, 4)) < 0.5
    return [Sample((x, mask, v)), Sample((x, np.array([True, False, False, True]), v)), Sample((x[0], mask, v))]


def _short_sources(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((3, 4), dtype)
    return [Sample((x, np.ones((3, 4), np.bool_), x[:2]), {}, IndexRangeError)]


@composite(samples=_sources, errors=_short_sources, accepts=dtypes.COMPUTED)
def masked_scatter(x: Any, mask: Any, source: Any, /) -> Any:
    """``x`` with the elements of ``source``, in row-major order, where ``mask`` (bool; both broadcast) is true (PyTorch).

    Raises IndexRangeError where source has fewer elements than the mask has true ones.
    """
    x = as_handle(x)
    mask = _mask(mask, "masked_scatter", x)
    shape = broadcast(x.shape, mask.shape)
    x, mask = broadcast_to(x, shape), broadcast_to(mask, shape)
    source = reshape(values_for(x, source, "masked_scatter"), (-1,))
    whole = reshape(mask, (-1,))
    turn = cumulative_sum(astype(whole, dtypes.int64), axis=0)
    chosen = apply(gather, source, where(whole, turn - 1, 0), axis=0)
    return where(mask, reshape(chosen, x.shape), x)


@public
def masked_select(x: Any, mask: Any, /) -> Any:
    """The elements of ``x`` where ``mask`` (bool; both broadcast) is true, as a vector (PyTorch). Eager mode only.

    Its length depends on the data, which a graph does not know: UnsupportedError in static mode.

    >>> tg.masked_select(tg.tensor([1.0, 2.0, 3.0]), tg.tensor([True, False, True]))
    tensor([1., 3.])
    """
    x = as_handle(x)
    mask = _mask(mask, "masked_select", x)
    refuse_static("masked_select", (x, mask), "use where(mask, x, other), or multiply by the mask")
    shape: Any = broadcast(x.shape, mask.shape)
    places = np.flatnonzero(np.broadcast_to(np.asarray(mask), shape))
    return apply(gather, reshape(broadcast_to(x, shape), (-1,)), as_handle(places), axis=0)


def refuse_static(op: str, operands: tuple[Any, ...], fix: str) -> None:
    """Raise UnsupportedError while a graph is built: the size of a result depends on the data."""
    if dispatch.current().name == "static":
        raise UnsupportedError("the size of the result depends on the data", op=op, operands=operands, fix=fix)


def _assignments(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, v = rng.uniform(1, 3, (3, 4)).astype(dtype), rng.uniform(1, 3, (2, 4)).astype(dtype)
    return [
        Sample((x, 1, v[0])),
        Sample((x, (slice(0, 2), slice(None, None, -1)), v)),
        Sample((x, np.array([2, 0]), v)),
    ]


@composite(samples=_assignments, onnx="ScatterND", accepts=dtypes.EVERY)
def setitem(x: Any, index: Any, value: Any, /) -> Any:
    """``x`` with ``x[index]`` replaced by ``value``, which broadcasts; x itself stays as it is (``x.at[index].set`` in JAX).

    index: integers, slices, None, Ellipsis, integer arrays. Of repeated positions the last one counts.
    """
    return _setitem(x, index, value)
