"""Reductions, running sums, searches and sets against NumPy, for axes, dtypes, 0-d and empty arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegraph as tg
from engine.errors import ArgumentError, AxisError, ShapeError, UnsupportedError
from tapegraph.testing import check_grads
from tests.array_api.arrays import EVERY, FLOATS, INTEGERS, NUMERIC, SHAPES, assert_same, axes_of, of

quick = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
TAME = {"min_value": -100.0, "max_value": 100.0}


@quick
@given(of(NUMERIC, **TAME), st.data())
def test_sums_and_products(x, data):
    t, axis, keep = tg.asarray(x), data.draw(axes_of(x.ndim)), data.draw(st.booleans())
    dtype = data.draw(st.sampled_from([None, x.dtype.name, "float64"] + ["int8", "uint16"] * (x.dtype.kind in "iu")))
    rtol = 1e-5 if x.dtype.kind == "f" or dtype == "float64" else 0.0
    for mine, theirs in ((tg.sum, np.sum), (tg.prod, np.prod)):
        with np.errstate(all="ignore"):
            wanted = theirs(x, axis=axis, keepdims=keep, dtype=dtype)
            assert_same(mine(t, axis=axis, keepdims=keep, dtype=dtype), wanted, rtol=rtol)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@quick
@given(of(FLOATS, **TAME), st.data())
def test_means_and_spreads(x, data):
    t, axis, keep = tg.asarray(x), data.draw(axes_of(x.ndim)), data.draw(st.booleans())
    axes = range(x.ndim) if axis is None else np.atleast_1d(np.array(axis, int))
    count = int(np.prod([x.shape[a] for a in axes]))
    correction = data.draw(st.sampled_from([0, 1, 0.5, 2.0]))
    with np.errstate(all="ignore"):
        assert_same(tg.mean(t, axis=axis, keepdims=keep), np.mean(x, axis=axis, keepdims=keep), rtol=1e-4)
        for mine, theirs in ((tg.var, np.var), (tg.std, np.std)):
            found = mine(t, axis=axis, keepdims=keep, correction=correction)
            if count > correction:
                wanted = theirs(x.astype("float64"), axis=axis, keepdims=keep, correction=correction)
                np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-3, atol=0.1)
            else:
                assert np.isnan(np.asarray(found)).all()
    assert found.dtype == x.dtype


@quick
@given(of(NUMERIC), st.data())
def test_extremes(x, data):
    t, axis, keep = tg.asarray(x), data.draw(axes_of(x.ndim)), data.draw(st.booleans())
    for name in ("max", "min", "argmax", "argmin"):
        if name.startswith("arg") and isinstance(axis, tuple):
            continue
        try:
            wanted = getattr(np, name)(x, axis=axis, keepdims=keep)
        except ValueError:  # nothing to compare
            with pytest.raises(ShapeError):
                getattr(tg, name)(t, axis=axis, keepdims=keep)
        else:
            assert_same(getattr(tg, name)(t, axis=axis, keepdims=keep), wanted)


@quick
@given(of(EVERY), st.data())
def test_tests_and_counts(x, data):
    t, axis, keep = tg.asarray(x), data.draw(axes_of(x.ndim)), data.draw(st.booleans())
    for name in ("any", "all", "count_nonzero"):
        assert_same(getattr(tg, name)(t, axis=axis, keepdims=keep), getattr(np, name)(x, axis=axis, keepdims=keep))


@quick
@given(of(NUMERIC, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), **TAME), st.data())
def test_running_sums_and_products(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1) | (st.none() if x.ndim == 1 else st.nothing()))
    initial, dtype = data.draw(st.booleans()), data.draw(st.sampled_from([None, "float64", x.dtype.name]))
    rtol = 1e-5 if x.dtype.kind == "f" or dtype == "float64" else 0.0
    for name in ("cumulative_sum", "cumulative_prod"):
        with np.errstate(all="ignore"):
            wanted = getattr(np, name)(x, axis=axis, include_initial=initial, dtype=dtype)
            found = getattr(tg, name)(tg.asarray(x), axis=axis, include_initial=initial, dtype=dtype)
        assert_same(found, wanted, rtol=rtol)
    if x.ndim > 1:
        with pytest.raises(ArgumentError, match="axis"):
            tg.cumulative_prod(tg.asarray(x))


@pytest.mark.parametrize("place", [0, 2, 3])
def test_gradient_of_a_product_with_zeros(place):
    x = np.array([2.0, -1.5, 0.5, 3.0])
    x[place] = 0.0
    check_grads(lambda v: tg.cumulative_prod(v), [x], order=2)
    torch = pytest.importorskip("torch")
    weights = np.array([1.0, -2.0, 3.0, 0.5])
    other = torch.tensor(x, requires_grad=True)
    (torch.cumprod(other, 0) * torch.tensor(weights)).sum().backward()
    for mode in (lambda f: f, tg.compile):
        found = mode(tg.grad(lambda v: tg.sum(tg.cumulative_prod(v) * weights)))(tg.asarray(x))
        np.testing.assert_allclose(np.asarray(found), other.grad.numpy(), rtol=1e-12)


@quick
@given(of(EVERY))
def test_sets(x):
    t = tg.asarray(x)
    found, wanted = (
        tg.unique_all(t),
        np.unique(x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False),
    )
    assert_same(found.values, wanted[0])
    assert_same(found.indices, wanted[1].astype("int64"))
    assert_same(found.inverse_indices, wanted[2].reshape(x.shape).astype("int64"))
    assert_same(found.counts, wanted[3].astype("int64"))
    assert found._fields == ("values", "indices", "inverse_indices", "counts")
    assert_same(tg.unique_values(t), wanted[0])
    counts, inverse = tg.unique_counts(t), tg.unique_inverse(t)
    assert counts._fields == ("values", "counts") and inverse._fields == ("values", "inverse_indices")
    assert_same(counts.counts, found.counts)
    np.testing.assert_array_equal(np.asarray(inverse.values[inverse.inverse_indices]), x)


@quick
@given(of(EVERY), st.data())
def test_searches(x, data):
    t = tg.asarray(x)
    if x.ndim:
        for found, wanted in zip(tg.nonzero(t), np.nonzero(x), strict=True):
            assert_same(found, wanted.astype("int64"))
    else:
        with pytest.raises(ShapeError):
            tg.nonzero(t)
    among = data.draw(of((x.dtype.name,)))
    invert = data.draw(st.booleans())
    assert_same(tg.isin(t, tg.asarray(among), invert=invert), np.isin(x, among, invert=invert))
    if x.size:
        one = x.reshape(-1)[0].item()
        assert_same(tg.isin(one, t), np.asarray(one == one))
        assert_same(tg.isin(t, one), x == one)


def test_isin_in_static_mode():
    run = tg.compile(lambda x, y: (tg.isin(x, y), tg.isin(x, 2), tg.isin(x, y, invert=True)))
    for n in (3, 5):
        x, y = np.arange(n), np.array([2, 7, 0, n - 1][: n - 1])
        found = run(x, y)
        assert_same(found[0], np.isin(x, y))
        assert_same(found[1], np.isin(x, 2))
        assert_same(found[2], np.isin(x, y, invert=True))


def test_gradients_reach_distinct_values():
    x = tg.asarray([3.0, 1.0, 3.0, 2.0])
    assert tg.grad(lambda v: tg.sum(tg.unique_values(v) * tg.asarray([1.0, 10.0, 100.0])))(x).tolist() == [
        100.0,
        1.0,
        0.0,
        10.0,
    ]


@pytest.mark.parametrize(
    "use, instead",
    [
        (lambda x: tg.nonzero(x), "where"),
        (lambda x: tg.unique_values(x), "isin"),
        (lambda x: tg.unique_all(x).counts, "weigh"),
        (lambda x: x[x > 0], r"where\(mask"),
    ],
)
def test_static_mode_says_what_it_cannot_know_and_what_to_do_instead(use, instead):
    x = tg.asarray([1.0, 0.0, 2.0])
    use(x)
    with pytest.raises(UnsupportedError, match="depends on the data") as caught:
        tg.compile(use)(x)
    assert caught.match(instead) and caught.value.origin


def test_named_sizes():
    run = tg.compile(lambda x: (tg.var(x, axis=0, correction=1), tg.std(x, axis=0, correction=3), tg.mean(x, axis=0)))
    for rows in (2, 4, 6):
        x = np.random.default_rng(rows).normal(size=(rows, 3))
        found = run(x)
        np.testing.assert_allclose(np.asarray(found[0]), x.var(axis=0, ddof=1), rtol=1e-12)
        assert np.isnan(np.asarray(found[1])).all() == (rows < 4)
    assert "1 version" in run.explain()


@quick
@given(of(INTEGERS, SHAPES))
def test_means_of_integers_are_of_the_default_float(x):
    for f in (tg.mean, tg.var, tg.std):
        with np.errstate(all="ignore"):
            assert f(tg.asarray(x)).dtype == tg.float32


def test_axes_outside_the_array():
    for f in (tg.sum, tg.max, tg.mean, tg.any, tg.count_nonzero, tg.argmax, tg.cumulative_prod, tg.std):
        with pytest.raises(AxisError):
            f(tg.ones((2, 3)), axis=2)
