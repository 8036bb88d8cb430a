"""The distinct elements of an array, in ascending order; NaNs are all distinct. Eager mode only: how many is data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dispatch
from engine.arguments import values_of
from engine.makers import public
from engine.op import as_handle
from engine.ops.index import take
from engine.ops.shape import reshape

_INSTEAD = "in static mode sort the elements, or mark them with isin or comparisons and weigh by the mask"


class UniqueAll(NamedTuple):
    """Distinct values, the place of each one's first appearance, the place of every element among them, their counts."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """Distinct values and how often each appears."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """Distinct values and the place of every element among them."""

    values: Any
    inverse_indices: Any


def _unique(x: Any, op: str) -> UniqueAll:
    x = as_handle(x)
    data = values_of(x, op, _INSTEAD)
    _, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    asarray = dispatch.current().asarray
    places, inverse, counts = (asarray(a.astype(np.int64), None) for a in (first, inverse.reshape(data.shape), counts))
    # The values are read from x at those places, so that gradients flow to them.
    return UniqueAll(take(reshape(x, (-1,)), places), places, inverse, counts)


@public
def unique_all(x: Any, /) -> UniqueAll:
    """The distinct elements with indices (into the flattened array), inverse indices and counts, int64 (Array API).

    x: [...]; values, indices, counts: [n]; inverse_indices: the shape of x. Raises UnsupportedError in static mode.
    """
    return _unique(x, "unique_all")


@public
def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct elements [n] and how often each appears, int64 [n] (Array API). Raises UnsupportedError in static mode."""
    found = _unique(x, "unique_counts")
    return UniqueCounts(found.values, found.counts)


@public
def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct elements [n] and, in the shape of x, the place of every element among them, int64 (Array API).

    Raises UnsupportedError in static mode.
    """
    found = _unique(x, "unique_inverse")
    return UniqueInverse(found.values, found.inverse_indices)


@public
def unique_values(x: Any, /) -> Any:
    """The distinct elements [n] (Array API). Raises UnsupportedError in static mode.

    >>> tg.unique_values(tg.tensor([3, 1, 3, 2]))
    tensor([1, 2, 3])
    """
    return _unique(x, "unique_values").values
