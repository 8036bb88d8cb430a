"""Scattering, masks, whole positions, segments and counts against NumPy and PyTorch, in both modes."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.testing import check_grads
from tests.support.both_modes import both

TORCH = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin", "mean": "mean"}


def calls(seed: int, count: int = 12):
    """Random x, index, values and axis; the index is shorter than x on other axes in some."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        rank = int(rng.integers(1, 4))
        shape = rng.integers(1, 6, rank)
        axis = int(rng.integers(rank))
        window = [int(rng.integers(1, 9)) if i == axis else int(rng.integers(1, n + 1)) for i, n in enumerate(shape)]
        if number % 2:
            window = [m if i == axis else int(n) for i, (n, m) in enumerate(zip(shape, window, strict=True))]
        index = rng.integers(0, shape[axis], window)
        yield rng.uniform(0.5, 2, shape), index, rng.uniform(0.5, 2, window), axis


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", list(TORCH))
def test_reductions(reduce, include_self):
    torch = pytest.importorskip("torch")
    for x, index, v, axis in calls(1):
        for dtype in ("float64", "int64"):
            a, b = (x * 8).astype(dtype), (v * 8).astype(dtype)
            options = {"axis": axis, "reduce": reduce, "include_self": include_self}
            found = both(lambda a, i, b, o=options: tg.scatter(a, i, b, **o), a, index, b)
            wanted = torch.from_numpy(a).scatter_reduce(
                axis, torch.from_numpy(index), torch.from_numpy(b), TORCH[reduce], include_self=include_self
            )
            np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12)


def test_the_last_of_several_values_stays():
    for x, index, v, axis in calls(2):
        found = both(lambda x, i, v, a=axis: tg.scatter(x, i, v, axis=a), x, index, v)
        wanted = x.copy()
        window = wanted[tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(index.shape))]
        np.put_along_axis(window, index, v, axis)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("reduce", [None, "add", "mul", "max", "min", "mean"])
def test_gradients(reduce):
    x, index, v = np.random.default_rng(3).uniform(0.5, 2, (4, 3)), np.array([[0, 1, 3], [0, 2, -1]]), np.ones((2, 3))
    v = v * np.array([[0.7, 1.3, 0.9], [1.1, 0.6, 1.9]])
    check_grads(lambda x, v: tg.scatter(x, index, v, reduce=reduce) ** 2, [x, v], order=2)
    check_grads(lambda x, v: tg.scatter(x, index, v, reduce=reduce, include_self=False) ** 2, [x, v], order=2)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_gradient_of_a_product_with_zeros(zeros):
    torch = pytest.importorskip("torch")
    x, index, v = np.array([2.0, 3.0]), np.array([0, 0, 0, 1]), np.array([4.0, 5.0, 6.0, 7.0])
    v[:zeros] = 0
    found = tg.grad(lambda x, v: tg.sum(tg.scatter(x, index, v, reduce="mul")), (0, 1))(tg.asarray(x), tg.asarray(v))
    tx, tv = (torch.tensor(a, requires_grad=True) for a in (x, v))
    tx.scatter_reduce(0, torch.from_numpy(index), tv, "prod").sum().backward()
    np.testing.assert_allclose(found[0].numpy(), tx.grad.numpy())
    np.testing.assert_allclose(found[1].numpy(), tv.grad.numpy())


def test_overwritten_values_get_no_gradient():
    x, v, rows = tg.zeros((3, 2)), tg.ones((3, 2)), np.array([1, 1, 0])
    for write in (
        lambda v: tg.setitem(x, rows, v),
        lambda v: tg.index_copy(x, rows, v),
        lambda v: tg.scatter(x, np.stack([rows, rows], 1), v),
        lambda v: tg.scatter_nd(x, rows[:, None], v),
    ):
        slope = tg.grad(lambda v, write=write: tg.sum(write(v)))(v)
        np.testing.assert_array_equal(slope.numpy(), [[0, 0], [1, 1], [1, 1]])


def test_slices():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    for _ in range(10):
        shape, axis = rng.integers(1, 6, 3), int(rng.integers(3))
        rows = rng.integers(0, shape[axis], int(rng.integers(1, 4)))
        x = rng.normal(size=shape)
        v = rng.normal(size=[len(rows) if i == axis else n for i, n in enumerate(shape)])
        t, r, s = torch.from_numpy(x), torch.from_numpy(rows), torch.from_numpy(v)
        found = both(lambda x, r, v, a=axis: tg.index_add(x, r, v, axis=a), x, rows, v)
        np.testing.assert_allclose(found, t.index_add(axis, r, s).numpy())
        found = both(lambda x, r, a=axis: tg.index_select(x, r, axis=a), x, rows)
        np.testing.assert_array_equal(found, t.index_select(axis, r).numpy())
        rows = np.unique(rows)
        v = v.take(range(len(rows)), axis)
        found = both(lambda x, r, v, a=axis: tg.index_copy(x, r, v, axis=a), x, rows, v)
        wanted = t.index_copy(axis, torch.from_numpy(rows), torch.from_numpy(v))
        np.testing.assert_array_equal(found, wanted.numpy())


def test_masks():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for shape, mask_shape in [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 3, 4), (3, 1)), ((5,), (5,)), ((0, 3), (3,))]:
        x, mask = rng.normal(size=shape), rng.uniform(size=mask_shape) < 0.5
        t, m = torch.from_numpy(x), torch.from_numpy(mask)
        np.testing.assert_array_equal(both(lambda x, m: tg.masked_fill(x, m, -1.5), x, mask), t.masked_fill(m, -1.5))
        source = rng.normal(size=x.size)
        found = both(tg.masked_scatter, x, mask, source)
        np.testing.assert_array_equal(found, t.masked_scatter(m, torch.from_numpy(source)).numpy())
        np.testing.assert_array_equal(tg.masked_select(x, mask).numpy(), t.masked_select(m).numpy())
    slope = tg.grad(lambda x: tg.sum(tg.masked_select(x, np.array([True, False, True])) ** 2))(
        tg.asarray([1.0, 2.0, 3.0])
    )
    np.testing.assert_array_equal(slope.numpy(), [2, 0, 6])
    with pytest.raises(tg.errors.UnsupportedError, match="where"):
        tg.compile(tg.masked_select)(x, mask)


def test_whole_positions():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(4, 3, 5))
    for k in (1, 2, 3):
        index = np.stack([rng.integers(-n, n, (6, 2)) for n in x.shape[:k]], axis=-1)
        where = tuple(np.moveaxis(index, -1, 0))
        np.testing.assert_array_equal(both(tg.gather_nd, x, index), x[where])
        v = rng.normal(size=x[where].shape)
        for reduce, ufunc in [("add", np.add), ("mul", np.multiply), ("max", np.maximum), ("min", np.minimum)]:
            wanted = x.copy()
            ufunc.at(wanted, where, v)
            found = both(lambda x, i, v, r=reduce: tg.scatter_nd(x, i, v, reduce=r), x, index, v)
            np.testing.assert_allclose(found, wanted)
        wanted = x.copy()
        wanted[where] = v
        np.testing.assert_array_equal(both(tg.scatter_nd, x, index, v), wanted)
    index = rng.integers(0, 3, (4, 2, 1))
    found = both(lambda x, i: tg.gather_nd(x, i, batch_dims=1), x, index)
    np.testing.assert_array_equal(found, np.stack([x[b, index[b, :, 0]] for b in range(4)]))


def test_setitem():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(4, 5))
    for index in (1, (slice(None), 2), (slice(1, 4, 2), slice(None, None, -1)), ([0, 2], [1, 1]), (Ellipsis, -1)):
        wanted = x.copy()
        wanted[index] = 7.0
        np.testing.assert_array_equal(both(lambda x, i=index: tg.setitem(x, i, 7.0), x), wanted)


def test_segments():
    rng = np.random.default_rng(8)
    for shape in [(9,), (9, 2), (9, 2, 3), (0, 2)]:
        x, groups = rng.normal(size=shape), rng.integers(0, 5, shape[0])
        for name, ufunc, start in [
            ("sum", np.add, 0),
            ("prod", np.multiply, 1),
            ("max", np.maximum, -np.inf),
            ("min", np.minimum, np.inf),
        ]:
            wanted = np.full((6, *shape[1:]), start, float)
            ufunc.at(wanted, groups, x)
            found = both(lambda x, g, n=name: getattr(tg, f"segment_{n}")(x, g, 6), x, groups)
            np.testing.assert_allclose(found, wanted)
        found = both(lambda x, g: tg.segment_mean(x, g, 6), x, groups)
        for s in range(6):
            some = x[groups == s]
            np.testing.assert_allclose(found[s], some.mean(0) if len(some) else np.zeros(shape[1:]))
    assert tg.segment_sum(tg.ones((3,)), np.array([0, 4, 4])).shape == (5,)
    with pytest.raises(tg.errors.UnsupportedError, match="num_segments="):
        tg.compile(tg.segment_sum)(np.ones(3), np.array([0, 1, 1]))


def test_counts():
    rng = np.random.default_rng(9)
    for n in (0, 1, 20, 300):
        x, weights = rng.integers(0, 9, n), rng.normal(size=n)
        np.testing.assert_array_equal(both(lambda x: tg.bincount(x, length=9), x), np.bincount(x, minlength=9))
        np.testing.assert_array_equal(tg.bincount(x, minlength=3).numpy(), np.bincount(x, minlength=3))
        found = both(lambda x, w: tg.bincount(x, w, length=9), x, weights)
        np.testing.assert_allclose(found, np.bincount(x, weights, 9), atol=1e-12)


@pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")
def test_histogram():
    rng = np.random.default_rng(10)
    for n in (1, 7, 500):
        x, weights = rng.normal(size=n), rng.uniform(size=n)
        for bins, limits in [(10, None), (3, (-1.0, 1.0)), (7, (0.5, 0.5)), (np.array([-2.0, 0.0, 0.5, 3.0]), None)]:
            for options in ({}, {"weights": weights}, {"density": True}):
                with np.errstate(all="ignore"):
                    wanted = np.histogram(x, bins, limits, **options)
                found = both(lambda x, b=bins, r=limits, o=options: tg.histogram(x, b, range=r, **o), x, rtol=1e-13)
                np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)
                np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)
    inside, edges = both(tg.histogram, np.array([1.0, np.nan, 2.0])[[0, 2]])
    assert inside.sum() == 2 and edges[0] == 1 and edges[-1] == 2


def test_mistakes_have_names():
    x = tg.ones((3, 4))
    with pytest.raises(tg.errors.DTypeError, match="cannot hold values of float32"):
        tg.scatter(tg.ones((3,), dtype="int64"), np.array([0]), tg.ones((1,)))
    with pytest.raises(tg.errors.ShapeError, match="same number of axes"):
        tg.scatter(x, np.array([0]), tg.ones((1,)))
    with pytest.raises(tg.errors.ArgumentError, match="'median'"):
        tg.scatter(x, np.zeros((1, 4), int), x[:1], reduce="median")
    with pytest.raises(tg.errors.IndexRangeError, match="5, where the axis has size 3"):
        tg.index_add(x, np.array([5]), x[:1])
    for compiled in (False, True):
        function = tg.compile(tg.scatter_add) if compiled else tg.scatter_add
        with pytest.raises(tg.errors.IndexRangeError, match="3, where the axis has size 3"):
            function(np.ones((3, 4), "f4"), np.full((1, 4), 3), np.ones((1, 4), "f4"))
