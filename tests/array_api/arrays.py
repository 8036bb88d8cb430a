"""Hypothesis strategies for arrays, and the comparison with NumPy's result."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

BOOL = ("bool",)
INTEGERS = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
FLOATS = ("float32", "float64")
NUMERIC, EVERY = INTEGERS + FLOATS, BOOL + INTEGERS + FLOATS
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def of(dtypes: tuple[str, ...], shapes: Any = SHAPES, **elements: Any) -> st.SearchStrategy[np.ndarray]:
    """Arrays of any of these dtypes; ``elements`` restrict floats only."""

    def one(dtype: str) -> st.SearchStrategy[np.ndarray]:
        limits = elements if dtype in FLOATS else {}
        return hnp.arrays(dtype, shapes, elements=hnp.from_dtype(np.dtype(dtype), **limits))

    return st.sampled_from(dtypes).flatmap(one)


def couples(dtypes: tuple[str, ...]) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """Two arrays of one dtype whose shapes broadcast."""
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)
    return st.tuples(st.sampled_from(dtypes), shapes).flatmap(
        lambda drawn: st.tuples(*(of((drawn[0],), shape) for shape in drawn[1].input_shapes))
    )


def axes_of(rank: int) -> st.SearchStrategy[Any]:
    """None, an axis, or several of an array of ``rank`` axes."""
    several = st.lists(st.integers(0, max(rank - 1, 0)), unique=True, max_size=rank)
    signed = several.map(lambda axes: tuple(a - rank if a % 2 else a for a in axes))
    return st.none() | signed if rank == 0 else st.none() | st.integers(-rank, rank - 1) | signed


def assert_same(found: Any, wanted: Any, rtol: float = 0.0) -> None:
    """dtype, shape and values; with ``rtol``, relative to the largest value."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if rtol:
        largest = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=float(rtol * largest))
    else:
        np.testing.assert_array_equal(found, wanted)
