"""Sorting, selection, ranks and searching against NumPy and PyTorch, in both modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.testing import check_grads
from tests.support.both_modes import both

DTYPES = ["float32", "float64", "int8", "uint8", "int32", "int64", "uint64", "bool"]
SHAPES = [((7,), -1), ((3, 20), 1), ((20, 3), 0), ((2, 9, 4), 1), ((1, 130), -1), ((0, 3), 0), ((4, 0), 1), ((5, 1), 1)]


def drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Few different numbers, so that some are equal; among floats NaN, infinities and zeros of both signs."""
    if np.dtype(dtype).kind != "f":
        return rng.integers(0, 2 if dtype == "bool" else 9, shape).astype(dtype)
    values = np.array([-np.inf, -2.5, -0.0, 0.0, 0.5, 3.0, np.inf, np.nan, 7.0, -8.0])
    return rng.choice(values, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sort_and_argsort(dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    for shape, axis in SHAPES:
        x = drawn(rng, shape, dtype)
        for descending in (False, True):
            order, line = both(
                lambda x, axis=axis, d=descending: (
                    tg.argsort(x, axis=axis, descending=d),
                    tg.sort(x, axis=axis, descending=d),
                ),
                x,
            )
            wanted = torch.sort(torch.from_numpy(x), dim=axis, descending=descending, stable=True)
            np.testing.assert_array_equal(order, wanted.indices.numpy())
            np.testing.assert_array_equal(line, wanted.values.numpy())
            assert order.dtype == np.int64 and line.dtype == x.dtype
            if x.dtype.kind == "f":
                np.testing.assert_array_equal(np.signbit(line), np.signbit(np.take_along_axis(x, order, axis)))
        np.testing.assert_array_equal(tg.argsort(x, axis=axis).numpy(), np.argsort(x, axis=axis, kind="stable"))


def test_long_lines():
    rng = np.random.default_rng(2)
    for n in (8, 9, 63, 64, 65, 1000, 4097):
        for x in (rng.normal(size=n).astype("f4"), rng.integers(0, 50, n), np.arange(n)[::-1].copy()):
            order = both(tg.argsort, x)
            np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_topk(dtype):
    rng = np.random.default_rng(3)
    for shape, axis in SHAPES:
        x = drawn(rng, shape, dtype)
        for k in sorted({0, 1, min(3, x.shape[axis]), x.shape[axis]} & set(range(x.shape[axis] + 1))):
            for largest in (True, False):
                values, places = both(lambda x, k=k, a=axis, top=largest: tg.topk(x, k, axis=a, largest=top), x)
                order = tg.argsort(x, axis=axis, descending=largest).numpy()
                wanted = np.take(order, range(k), axis)
                np.testing.assert_array_equal(places, wanted)
                np.testing.assert_array_equal(values, np.take_along_axis(x, wanted, axis))


def test_topk_of_long_lines():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3, 5000)).astype("f4")
    for k, largest in [(1, True), (10, True), (10, False), (1000, True), (2000, False)]:
        values, places = both(lambda x, k=k, top=largest: tg.topk(x, k, largest=top), x)
        wanted = torch.topk(torch.from_numpy(x), k, largest=largest)
        np.testing.assert_array_equal(values, wanted.values.numpy())
        np.testing.assert_array_equal(places, wanted.indices.numpy())


def test_kthvalue_and_most_frequent():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for shape, axis in [s for s in SHAPES if 0 not in s[0]]:
        x = rng.permutation(int(np.prod(shape))).reshape(shape).astype("f4")
        for k in {1, (x.shape[axis] + 1) // 2, x.shape[axis]}:
            value, place = both(lambda x, k=k, a=axis: tg.kthvalue(x, k, axis=a, keepdims=True), x)
            wanted = torch.kthvalue(torch.from_numpy(x), k, dim=axis, keepdim=True)
            np.testing.assert_array_equal(value, wanted.values.numpy())
            np.testing.assert_array_equal(place, wanted.indices.numpy())
        x = rng.integers(0, 4, shape)
        value, place = both(lambda x, a=axis: tg.most_frequent(x, axis=a), x)
        wanted = torch.mode(torch.from_numpy(x), dim=axis)
        np.testing.assert_array_equal(value, wanted.values.numpy())
        np.testing.assert_array_equal(np.take_along_axis(x, np.expand_dims(place, axis), axis).squeeze(axis), value)


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_quantile(method):
    rng = np.random.default_rng(6)
    for shape, axis in [((9,), None), ((4, 7), 0), ((4, 7), 1), ((3, 4, 5), (0, 2)), ((1, 6), 0), ((2, 3), None)]:
        x = rng.normal(size=shape)
        for q in (0.0, 0.5, 1.0, 0.3, np.array([0.25, 0.9]), np.array([[0.1], [0.99]])):
            for keepdims in (False, True):
                found = both(lambda x, q=q, a=axis, k=keepdims: tg.quantile(x, q, axis=a, keepdims=k, method=method), x)
                wanted = np.quantile(x, q, axis=axis, keepdims=keepdims, method=method)
                np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_median_and_nan():
    rng = np.random.default_rng(7)
    for shape, axis in [((9,), None), ((4, 7), 0), ((4, 6), 1), ((3, 4, 5), (0, 2))]:
        x = rng.normal(size=shape)
        np.testing.assert_allclose(both(lambda x, a=axis: tg.median(x, axis=a), x), np.median(x, axis=axis))
        x[rng.uniform(size=shape) < 0.3] = np.nan
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(both(lambda x, a=axis: tg.median(x, axis=a), x), np.median(x, axis=axis))
            np.testing.assert_allclose(both(lambda x, a=axis: tg.nanmedian(x, axis=a), x), np.nanmedian(x, axis=axis))
            found = both(lambda x, a=axis: tg.nanquantile(x, 0.2, axis=a), x)
            np.testing.assert_allclose(found, np.nanquantile(x, 0.2, axis=axis))
    assert np.isnan(both(tg.nanmedian, np.full(3, np.nan)))
    assert both(tg.median, np.array([np.inf, np.inf, 1.0, 2.0])) == np.inf
    assert both(tg.median, np.array([np.inf, np.inf, np.inf, 2.0])) == np.inf


def test_running_extremes():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    for dtype in ("float32", "float64", "int32"):
        for shape, axis in [s for s in SHAPES if 0 not in s[0]]:
            x = drawn(rng, shape, dtype)
            for name in ("cummax", "cummin"):
                values, places = both(lambda x, a=axis, f=name: getattr(tg, f)(x, axis=a), x)
                wanted = getattr(torch, name)(torch.from_numpy(x), dim=axis)
                np.testing.assert_array_equal(values, wanted.values.numpy())
                np.testing.assert_array_equal(places, wanted.indices.numpy())


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    for dtype in ("float32", "float64", "int64"):
        for n, shape in [(1, (3,)), (10, (4, 5)), (33, ()), (0, (2,)), (7, (0, 3)), (100, (50,))]:
            line, x = drawn(rng, (n,), dtype), drawn(rng, shape, dtype)
            order = np.argsort(line)
            found, by_order = both(
                lambda line, x, raw, order: (
                    tg.searchsorted(line, x, side=side),
                    tg.searchsorted(raw, x, side=side, sorter=order),
                ),
                line[order], x, line, order,
            )  # fmt: skip
            np.testing.assert_array_equal(found, np.searchsorted(line[order], x, side=side))
            np.testing.assert_array_equal(by_order, found)
    lines, x = np.sort(rng.normal(size=(3, 2, 8)), axis=-1), rng.normal(size=(3, 2, 5))
    found = both(lambda a, b: tg.searchsorted(a, b, side=side), lines, x)
    np.testing.assert_array_equal(
        found, torch.searchsorted(torch.from_numpy(lines), torch.from_numpy(x), side=side).numpy()
    )
    edges = np.arange(5.0)
    found = both(lambda x, e: tg.bucketize(x, e, right=side == "right"), x * 3, edges)
    wanted = torch.bucketize(torch.from_numpy(x * 3), torch.from_numpy(edges), right=side == "right")
    np.testing.assert_array_equal(found, wanted.numpy())


def test_mixed_dtypes_are_searched_in_their_common_one():
    found = both(lambda a, b: tg.searchsorted(a, b), np.array([1, 2, 3]), np.array([1.5, 3.0], "f4"))
    np.testing.assert_array_equal(found, [1, 2])


def test_gradients_go_to_where_elements_came_from():
    x = np.array([[3.0, 1.0, 2.0], [0.5, 4.0, -1.0]])
    weights = tg.asarray(np.array([1.0, 10.0, 100.0]))
    slope = tg.grad(lambda x: tg.sum(tg.sort(x) * weights))(tg.asarray(x))
    np.testing.assert_array_equal(slope.numpy(), [[100, 1, 10], [10, 100, 1]])
    check_grads(lambda x: tg.median(x, axis=1), [x], order=2)
    check_grads(lambda x: tg.topk(x, 2)[0] ** 2, [x], order=2)
    check_grads(lambda x: tg.cummax(x)[0] ** 2, [x], order=2)


def test_gradient_of_a_quantile_by_its_share():
    x = tg.asarray(np.array([1.0, 2.0, 4.0]))
    slope = tg.grad(lambda q: tg.quantile(x, q))(tg.asarray(np.array(0.75)))
    np.testing.assert_allclose(slope.numpy(), 4.0)


def test_mistakes_have_names():
    x = tg.ones((2, 3))
    with pytest.raises(tg.errors.IndexRangeError, match="the first 4 of 3"):
        tg.topk(x, 4)
    with pytest.raises(tg.errors.IndexRangeError, match="counts from 1"):
        tg.kthvalue(x, 0)
    with pytest.raises(tg.errors.ArgumentError, match="median"):
        tg.quantile(x, 0.5, method="median")
    with pytest.raises(tg.errors.ArgumentError, match="side"):
        tg.searchsorted(x[0], x, side="middle")
    with pytest.raises(tg.errors.AxisError, match="0-d"):
        tg.sort(tg.ones(()))


def test_one_compile_serves_every_size():
    function = tg.compile(lambda x: (tg.sort(x, axis=0), tg.median(x, axis=0), tg.topk(x, 2, axis=0)))
    rng = np.random.default_rng(10)
    for n in (5, 8, 21):
        x = rng.normal(size=(n, 3))
        line, middle, (top, _) = function(x)
        np.testing.assert_array_equal(np.asarray(line), np.sort(x, axis=0))
        np.testing.assert_allclose(np.asarray(middle), np.median(x, axis=0))
        np.testing.assert_array_equal(np.asarray(top), np.sort(x, axis=0)[: n - 3 : -1])
    assert sum(map(len, function.versions.values())) == 1
