"""Manipulation functions against NumPy: every arrangement of axes, 0-d and empty arrays, and static mode on a few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegraph as tg
from engine.errors import ArgumentError, AxisError, DTypeError, ShapeError, UnsupportedError
from tests.array_api.arrays import EVERY, NUMERIC, SHAPES, assert_same, axes_of, of

quick = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
ANY = of(EVERY)


@quick
@given(ANY, st.data())
def test_one_array(x, data):
    t, rank = tg.asarray(x), x.ndim
    axis = data.draw(axes_of(rank))
    assert_same(tg.flip(t, axis=axis), np.flip(x, axis=axis))
    places = (axis,) if isinstance(axis, int) else axis or ()
    shift = data.draw(st.integers(-5, 5))
    assert_same(tg.roll(t, shift, axis=axis), x if axis == () else np.roll(x, shift, axis=axis))
    shifts = tuple(data.draw(st.integers(-5, 5)) for _ in places)
    if places:
        assert_same(tg.roll(t, shifts, axis=tuple(places)), np.roll(x, shifts, axis=tuple(places)))
    order = tuple(data.draw(st.permutations(range(rank))))
    signed = tuple(a - rank if a % 2 else a for a in order)
    assert_same(tg.permute_dims(t, signed), np.transpose(x, order))
    new = data.draw(st.lists(st.integers(0, rank + 1), unique=True, min_size=2, max_size=2))
    assert_same(tg.expand_dims(t, axis=tuple(new)), np.expand_dims(x, tuple(new)))
    assert_same(tg.expand_dims(t, axis=-1), x[..., None])
    wide = tg.expand_dims(t, axis=tuple(new))
    assert_same(tg.squeeze(wide, axis=tuple(new)), x)
    assert_same(tg.reshape(t, (-1,) if x.size else x.shape[::-1]), x.reshape((-1,) if x.size else x.shape[::-1]))
    target = tuple(data.draw(st.permutations(range(rank))))
    assert_same(tg.moveaxis(t, signed, target), np.moveaxis(x, order, target))
    times = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    assert_same(tg.tile(t, times), np.tile(x, times))
    if rank:
        along = data.draw(st.integers(-rank, rank - 1))
        counts = data.draw(hnp.arrays("int64", x.shape[along], elements=st.integers(0, 3)))
        assert_same(tg.repeat(t, 2, axis=along), np.repeat(x, 2, axis=along))
        assert_same(tg.repeat(t, tg.asarray(counts), axis=along), np.repeat(x, counts, axis=along))
        parts = tg.unstack(t, axis=along)
        assert isinstance(parts, tuple) and len(parts) == x.shape[along]
        for part, wanted in zip(parts, np.moveaxis(x, along, 0), strict=True):
            assert_same(part, wanted)
        assert_same(tg.concat([t, t], axis=along), np.concatenate([x, x], axis=along))
    assert_same(tg.repeat(t, 3), np.repeat(x, 3))
    assert_same(tg.concat((t, t), axis=None), np.concatenate((x, x), axis=None))
    stacked = data.draw(st.integers(-rank - 1, rank))
    assert_same(tg.stack([t, t], axis=stacked), np.stack([x, x], axis=stacked))


@quick
@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, min_side=0, max_side=3), st.data())
def test_broadcasting(shapes, data):
    xs = [data.draw(of(EVERY, shape)) for shape in shapes.input_shapes]
    found = tg.broadcast_arrays(*map(tg.asarray, xs))
    assert isinstance(found, tuple)
    assert tg.broadcast_shapes(*shapes.input_shapes) == shapes.result_shape
    for y, z in zip(found, np.broadcast_arrays(*xs), strict=True):
        assert_same(y, z)
    assert_same(tg.broadcast_to(tg.asarray(xs[0]), shapes.result_shape), np.broadcast_to(xs[0], shapes.result_shape))


@quick
@given(of(NUMERIC, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)), st.data())
def test_diff(x, data):
    axis, n = data.draw(st.integers(-x.ndim, x.ndim - 1)), data.draw(st.integers(0, 5))
    with np.errstate(all="ignore"):
        assert_same(tg.diff(tg.asarray(x), axis=axis, n=n), np.diff(x, axis=axis, n=n))
        found = tg.diff(tg.asarray(x), axis=axis, prepend=tg.asarray(x), append=tg.asarray(x))
        assert_same(found, np.diff(x, axis=axis, prepend=x, append=x))


@quick
@given(st.lists(of(EVERY, hnp.array_shapes(min_dims=1, max_dims=1, min_side=0, max_side=3)), min_size=1, max_size=3))
def test_meshgrid(xs):
    for indexing in ("xy", "ij"):
        found = tg.meshgrid(*map(tg.asarray, xs), indexing=indexing)
        assert isinstance(found, tuple)
        for y, z in zip(found, np.meshgrid(*xs, indexing=indexing), strict=True):
            assert_same(y, z)


@quick
@given(of(NUMERIC, hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4)), st.integers(-5, 5))
def test_triangles(x, k):
    assert_same(tg.tril(tg.asarray(x), k=k), np.tril(x, k=k))
    assert_same(tg.triu(tg.asarray(x), k=k), np.triu(x, k=k))
    assert_same(tg.matrix_transpose(tg.asarray(x)), np.swapaxes(x, -1, -2))


def test_broadcast_shapes_of_nothing_and_of_what_does_not_fit():
    assert tg.broadcast_shapes() == () and tg.broadcast_shapes((2, 1), (3,)) == (2, 3)
    for use in (lambda: tg.broadcast_shapes((2,), (3,)), lambda: tg.broadcast_arrays(tg.ones(2), tg.ones(3))):
        with pytest.raises(ShapeError, match="do not fit"):
            use()


def test_copy_of_reshape_and_astype():
    x = tg.ones((2, 3))
    for same in (
        tg.reshape(x, (2, 3), copy=True),
        tg.astype(x, "float32"),
        tg.asarray(x, copy=True),
        tg.positive(x),
        x[...],
    ):
        same[0, 0] = 5.0
        assert x[0, 0] == 1.0
    assert tg.astype(x, "float32", copy=False) is x
    assert tg.reshape(x, (6,), copy=False).shape == (6,)
    with pytest.raises(ValueError, match="without a copy"):
        tg.reshape(x.T, (6,), copy=False)
    leaf = tg.tensor([1.0, 2.0], requires_grad=True)
    again = tg.asarray(leaf, copy=True)
    again[0] = again[1] * 3
    again.sum().backward()
    assert leaf.tolist() == [1.0, 2.0] and leaf.grad.tolist() == [0.0, 4.0]
    whole = tg.asarray([1, 2])
    floored = tg.floor(whole)
    floored[0] = 7
    assert whole.tolist() == [1, 2]


def test_mistakes():
    x = tg.ones((2, 3))
    wrong = [
        (lambda: tg.expand_dims(x, axis=3), IndexError),
        (lambda: tg.expand_dims(x, axis=(0, 0)), ArgumentError),
        (lambda: tg.squeeze(x, 0), ValueError),
        (lambda: tg.flip(x, axis=2), AxisError),
        (lambda: tg.permute_dims(x, (0, 0)), ArgumentError),
        (lambda: tg.repeat(x, tg.asarray([1.5])), DTypeError),
        (lambda: tg.repeat(x, [1, 2, 3, 4], axis=1), ShapeError),
        (lambda: tg.repeat(x, tg.asarray([-1, 2, 3]), axis=1), ArgumentError),
        (lambda: tg.meshgrid(x), ShapeError),
        (lambda: tg.meshgrid(tg.ones(2), indexing="ji"), ArgumentError),
        (lambda: tg.diff(tg.asarray(1.0)), AxisError),
        (lambda: tg.stack([x, tg.ones(3)]), ShapeError),
    ]
    for use, error in wrong:
        with pytest.raises(error):
            use()


def test_repeats_in_static_mode():
    x = tg.asarray([1.0, 2.0, 3.0])
    assert tg.compile(lambda x: tg.repeat(x, (2, 0, 1)))(x).tolist() == [1.0, 1.0, 3.0]
    with pytest.raises(UnsupportedError, match="depends on the data"):
        tg.compile(lambda x, n: tg.repeat(x, n))(x, tg.asarray([2, 0, 1]))
    assert tg.grad(lambda x: tg.sum(tg.repeat(x, tg.asarray([2, 0, 1])) ** 2))(x).tolist() == [4.0, 0.0, 6.0]


def test_static_mode_serves_other_sizes():
    @tg.compile
    def run(x, y):
        both = tg.concat([tg.roll(x, 1, axis=0), tg.flip(y, axis=1)], axis=0)
        grid = tg.meshgrid(x[:, 0], y[0])
        return [tg.tile(both, (2, 1)), tg.diff(both, axis=0), tg.stack([x, x]), tg.repeat(y, 2, axis=1), *grid]

    def wanted(x, y):
        both = np.concatenate([np.roll(x, 1, axis=0), np.flip(y, axis=1)], axis=0)
        grid = np.meshgrid(x[:, 0], y[0])
        return [np.tile(both, (2, 1)), np.diff(both, axis=0), np.stack([x, x]), np.repeat(y, 2, axis=1), *grid]

    for rows in (2, 5):
        x, y = np.arange(rows * 3.0).reshape(rows, 3), np.arange(6.0).reshape(2, 3)
        for found, z in zip(run(x, y), wanted(x, y), strict=True):
            assert_same(found, z)


@quick
@given(SHAPES, st.sampled_from(EVERY), st.data())
def test_creation(shape, dtype, data):
    x = tg.ones(shape, dtype=dtype, device="cpu")
    assert_same(x, np.ones(shape, dtype))
    assert_same(tg.zeros(shape, dtype=dtype), np.zeros(shape, dtype))
    assert_same(tg.zeros_like(x), np.zeros(shape, dtype))
    assert_same(tg.ones_like(x, dtype="float64", device="cpu"), np.ones(shape))
    value = data.draw(hnp.from_dtype(np.dtype(dtype))).item()
    assert_same(tg.full(shape, value, dtype=dtype), np.full(shape, value, dtype))
    assert_same(tg.full_like(x, value), np.full(shape, value, dtype))
    assert tg.empty(shape, dtype=dtype).shape == tg.empty_like(x).shape == shape
    assert tg.empty_like(x).dtype == dtype


@quick
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.sampled_from(NUMERIC))
def test_arange(start, stop, step, dtype):
    if dtype.startswith("u"):
        start, stop, step = abs(start), abs(stop), abs(step)
    assert_same(tg.arange(start, stop, step, dtype=dtype), np.arange(start, stop, step, dtype=dtype))
    assert_same(tg.arange(start, stop, step), np.arange(start, stop, step))
    found = tg.arange(start / 4, stop / 4, step / 4)
    assert_same(found, np.arange(start / 4, stop / 4, step / 4).astype("float32"))
    assert tg.arange(abs(stop)).tolist() == list(range(abs(stop)))


def test_arange_of_large_integers():
    assert tg.arange(2**64 - 3, 2**64 - 1, dtype="uint64").tolist() == [2**64 - 3, 2**64 - 2]
    assert tg.arange(2**62, 2**62 + 2).tolist() == [2**62, 2**62 + 1]
    assert tg.arange(5, 0, -2, dtype="uint8").tolist() == [5, 3, 1]
    with pytest.raises(ArgumentError, match="step"):
        tg.arange(1, 2, 0)


@quick
@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
)
def test_linspace(start, stop, num, endpoint, dtype):
    found = tg.linspace(start, stop, num, endpoint=endpoint, dtype=dtype)
    wanted = np.linspace(start, stop, num, endpoint=endpoint).astype(dtype)
    assert_same(found, wanted, rtol=2 * np.finfo(dtype).eps)
    if num > 1 and endpoint:
        assert found[-1] == np.asarray(stop, dtype)
    if num:
        assert found[0] == np.asarray(start, dtype)


def test_linspace_over_the_whole_range():
    most = np.finfo("float64").max
    found = tg.linspace(-most, most, 5, dtype="float64")
    np.testing.assert_allclose(np.asarray(found), [-most, -most / 2, 0, most / 2, most], atol=1e293)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (3, 2), (0, 2)])
def test_eye(shape):
    for k in (-4, -1, 0, 2):
        assert_same(tg.eye(*shape, k=k, dtype="int8"), np.eye(*shape, k=k, dtype="int8"))
    assert tg.eye(2, device="cpu").dtype == tg.float32


def test_there_is_one_device():
    x = tg.ones(2)
    assert x.to_device("cpu").tolist() == [1.0, 1.0] and x.device == "cpu"
    uses = [lambda: tg.ones(2, device="gpu"), lambda: x.to_device("gpu"), lambda: tg.astype(x, "int8", device="gpu"),
            lambda: tg.from_dlpack(x, device="gpu"), lambda: x.to_device("cpu", stream=1)]  # fmt: skip
    for use in uses:
        with pytest.raises(ArgumentError):
            use()
