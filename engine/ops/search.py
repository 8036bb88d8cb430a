"""Where elements are nonzero, and which are found among others."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import values_of
from engine.errors import ShapeError
from engine.handle import Handle
from engine.makers import dtype_of, public, publish, shape_of
from engine.op import Op, Sample, apply, as_handle
from engine.ops.compare import equal, logical_not
from engine.ops.reduce import any as any_
from engine.ops.shape import expand_dims, reshape
from engine.spec import DType, Spec


@public
def nonzero(x: Any, /) -> tuple[Any, ...]:
    """The places of the nonzero (or true) elements, in row-major order: an int64 vector for each axis (Array API).

    Raises ShapeError for a 0-d array, UnsupportedError in static mode, where the number of places is not known.

    >>> tg.nonzero(tg.tensor([0, 5, 0, 7]))
    (tensor([1, 3]),)
    """
    x = as_handle(x)
    if x.ndim == 0:
        raise ShapeError(
            "a 0-d array has no places",
            op="nonzero",
            operands=(x,),
            fix="give it an axis, x.reshape(1), or compare, x != 0",
        )
    values = values_of(x, "nonzero", "choose element by element, where(x != 0, a, b), or weigh by astype(x != 0, ...)")
    return tuple(dispatch.current().asarray(places.astype(np.int64), None) for places in np.nonzero(values))


def _isin_kernel(x1: Any, x2: Any) -> Any:
    dtype = dtype_of(x1, dtype_of(x2))  # of a number beside an array, that of the array
    return np.isin(np.asarray(x1, dtype), np.asarray(x2, dtype))


def _isin_in_ops(x1: Any, x2: Any) -> Any:
    if not isinstance(x2, Handle):
        return equal(x1, x2)
    one = expand_dims(x1, axis=-1) if isinstance(x1, Handle) else x1
    return any_(equal(one, reshape(x2, (-1,))), axis=-1)


def _isin_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.integers(0, 4, (2, 3)).astype(dtype)
    few = np.array([[3, 0], [1, 3]], dtype)
    return [
        Sample((x, few)),
        Sample((x, few[0]), {"invert": True}),
        Sample((x, few[:0])),
        Sample((1, x)),
        Sample((x, 1)),
    ]


_isin = Op(
    "isin",
    _isin_kernel,
    lambda x1, x2: Spec(shape_of(x1), dtypes.bool_),
    expand=_isin_in_ops,
    accepts=dtypes.COMPUTED,
    keeps="",
    order=60,
    samples=_isin_samples,
    doc="Whether each element of the first array is anywhere in the second.",
)


@publish(_isin)
def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Whether each element of ``x1`` is anywhere in ``x2`` (or, with ``invert``, nowhere), as bool (Array API).

    Result: the shape of x1. NaN is in nothing.
    """
    found = apply(_isin, x1, x2)
    return logical_not(found) if invert else found
