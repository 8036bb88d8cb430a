"""Indexing and assignment by NumPy's rules, masks and mixtures too; what static mode can and cannot do of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegraph as tg
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, UnsupportedError
from tapegraph.testing import check_grads
from tests.array_api.arrays import EVERY, assert_same, of

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
BASIC = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def indices(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Tuples of every kind of entry, mixed; each in range."""
    found: list[Any] = []
    axis, dots = 0, False
    while axis < len(shape) and draw(st.integers(0, 6)):
        n = shape[axis]
        places = st.integers(-n, n - 1) if n else st.nothing()
        kind = draw(st.sampled_from(["int", "slice", "none", "dots", "array", "column", "scalar", "mask", "bool"]))
        if kind == "none":
            found.append(None)
        elif kind == "bool":
            found.append(draw(st.booleans()))
        elif kind == "dots":
            if not dots:
                found.append(...)
            dots = True
        elif kind == "mask":
            rank = draw(st.integers(1, len(shape) - axis))
            found.append(draw(hnp.arrays(bool, shape[axis : axis + rank])))
            axis += rank
        elif kind == "slice" or not n:
            found.append(draw(st.slices(n)))
            axis += 1
        else:
            size = {"array": (2,), "column": (3, 1), "scalar": ()}.get(kind)
            found.append(draw(places) if size is None else draw(hnp.arrays("int64", size, elements=places)))
            axis += 1
    return tuple(found)


def as_ours(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same index with tensors for arrays."""
    return tuple(tg.asarray(e) if isinstance(e, np.ndarray) else e for e in index)


@quick
@given(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), st.data())
def test_every_mixture(shape, data):
    x = np.arange(int(np.prod(shape))).reshape(shape)
    index = data.draw(indices(shape))
    try:
        wanted = np.asarray(x[index])
    except IndexError:  # arrays of places whose shapes do not broadcast
        with pytest.raises((IndexError, ValueError)):
            tg.asarray(x)[as_ours(index)]
        return
    assert_same(tg.asarray(x)[as_ours(index)], wanted)
    assert_same(tg.asarray(x)[index], wanted)
    fresh = 1000 + np.arange(wanted.size).reshape(wanted.shape)
    for value in (7, np.asarray(8), fresh, fresh[:1] if wanted.ndim else 9):
        y, t = x.copy(), tg.asarray(x)
        y[index] = value
        t[as_ours(index)] = value if isinstance(value, int) else tg.asarray(value)
        assert_same(t, y)


@BASIC
@given(of(EVERY), st.data())
def test_integers_slices_and_new_axes_for_every_dtype(x, data):
    index = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    assert_same(tg.asarray(x)[index], x[index])


@BASIC
@given(of(EVERY), st.data())
def test_masks_for_every_dtype(x, data):
    mask = data.draw(hnp.arrays(bool, x.shape[: data.draw(st.integers(0, x.ndim))]))
    t, m = tg.asarray(x), tg.asarray(mask)
    assert_same(t[m], x[mask])
    y = x.copy()
    y[mask] = x.reshape(-1)[:1].sum().astype(x.dtype)
    t[m] = tg.asarray(x.reshape(-1)[:1].sum().astype(x.dtype))
    assert_same(t, y)
    if x.size:
        t[m] = tg.asarray(x[mask][::-1])
        y[mask] = x[mask][::-1]
        assert_same(t, y)


@BASIC
@given(of(EVERY, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)), st.data())
def test_take(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    n = x.shape[axis]
    places = data.draw(hnp.arrays("int32", data.draw(st.integers(0, 4)), elements=st.integers(-n, n - 1)))
    assert_same(tg.take(tg.asarray(x), tg.asarray(places), axis=axis), np.take(x, places, axis=axis))
    shape = tuple(2 if a == axis % x.ndim else m for a, m in enumerate(x.shape))
    along = data.draw(hnp.arrays("int64", shape, elements=st.integers(-n, n - 1)))
    found = tg.take_along_axis(tg.asarray(x), tg.asarray(along), axis=axis)
    assert_same(found, np.take_along_axis(x, along, axis=axis))


def test_gradients_flow_through_masks():
    x, v = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([7.0, 8.0])
    mask = np.array([[True, False, True], [False, False, True]])
    check_grads(lambda x: x[mask] ** 2, [x], order=2)

    def put(x: Any, v: Any) -> Any:
        y = x * 1.0
        y[mask] = v[0]
        y[:, np.array([False, True, False])] = tg.reshape(v, (2, 1))
        return y * y

    def spread(x: Any) -> Any:
        y = x * 1.0
        y[mask] = x[0] * x[1]
        return y

    check_grads(put, [x, v], order=2)
    check_grads(spread, [x], order=2)


def test_a_mask_takes_one_value_in_static_mode():
    def run(x: Any, v: Any) -> Any:
        y = x * 1.0
        y[x > 2] = 0.5
        y[x < 0] = v[0]
        z = x * 1.0
        z[v > 1] = x[0] * 2
        z[:, x[0] > 1] = tg.reshape(v, (-1, 1))
        z[x[:, 0] > 3] = -1.0
        return y, z

    static = tg.compile(run)
    for rows in (2, 4):
        x, v = np.linspace(-3, 5, rows * 3).reshape(rows, 3), np.linspace(0.0, 2, rows)
        for found, wanted in zip(static(x, v), run(tg.asarray(x), tg.asarray(v)), strict=True):
            assert_same(found, wanted)
    gradient = tg.grad(lambda x, v: tg.sum(run(x, v)[0] ** 2), (0, 1))
    for found, wanted in zip(tg.compile(gradient)(x, v), gradient(tg.asarray(x), tg.asarray(v)), strict=True):
        assert_same(found, wanted, rtol=1e-12)


def test_what_static_mode_cannot_do_with_masks():
    def read(x: Any) -> Any:
        return x[x > 1].sum()

    def write(x: Any) -> Any:
        x = x * 1.0
        x[x > 1] = tg.asarray([8.0, 9.0])
        return x

    x = tg.asarray([1.0, 2.0, 3.0])
    assert float(read(x)) == 5.0 and write(x).tolist() == [1.0, 8.0, 9.0]
    for use in (read, write):
        with pytest.raises(UnsupportedError, match=r"where\(mask"):
            tg.compile(use)(x)


def test_mistakes():
    x = tg.asarray(np.arange(6).reshape(2, 3))
    cases = [
        (lambda: x[2], IndexRangeError),
        (lambda: x[0, 0, 0], IndexRangeError),
        (lambda: x[tg.asarray([True, False, True])], IndexRangeError),
        (lambda: x[tg.asarray([[True], [False]])], IndexRangeError),
        (lambda: x[tg.asarray([0.5])], DTypeError),
        (lambda: x["a"], ArgumentError),
        (lambda: x[0.5], ArgumentError),
        (lambda: x[..., ...], ArgumentError),
        (lambda: x[::0], ArgumentError),
        (lambda: x.__setitem__(0, tg.ones(2)), ShapeError),
        (lambda: x.__setitem__(x > 1, tg.ones(2, dtype="int64")), ShapeError),
        (lambda: tg.ones(2, dtype="int8").__setitem__(0, 128), DTypeError),
        (lambda: tg.take(x, tg.asarray([3]), axis=1), IndexRangeError),
        (lambda: tg.take(x, tg.asarray([0])), ArgumentError),
    ]
    for use, error in cases:
        with pytest.raises(error):
            use()
