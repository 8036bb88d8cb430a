"""Convolutions give PyTorch's values and gradients, for drawn arguments, in both modes and for any batch and length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, ShapeError

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def drawn(seed: int, rank: int, transposed: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Shapes of input, weight and bias, and arguments that fit them."""
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 2, 3]))
    inputs, outputs = groups * int(rng.integers(1, 5)), groups * int(rng.integers(1, 10))
    stride, dilation = (tuple(int(n) for n in rng.integers(1, 4, rank)) for _ in range(2))
    window = tuple(int(n) for n in rng.integers(1, 5 if rank < 3 else 3, rank))
    padding = tuple(int(n) for n in rng.integers(0, 3, rank))
    sizes = tuple(int(n) + (k - 1) * d for n, k, d in zip(rng.integers(2, 9, rank), window, dilation, strict=True))
    weight = (inputs, outputs // groups, *window) if transposed else (outputs, inputs // groups, *window)
    more: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        more["output_padding"] = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True))
        more["padding"] = tuple(min(p, (k - 1) * d) for p, k, d in zip(padding, window, dilation, strict=True))
    return ((2, inputs, *sizes), weight, (outputs,)), more


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "transpose"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_eager_against_torch(rank, transposed, dtype):
    torch = pytest.importorskip("torch")
    name = f"conv{'_transpose' * transposed}{rank}d"
    for seed in range(12):
        shapes, more = drawn(seed, rank, transposed)
        rng = np.random.default_rng(seed)
        arrays = [rng.uniform(-1, 1, s).astype(dtype) for s in shapes]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        wanted = getattr(torch.nn.functional, name)(*theirs, **more)
        pull = rng.uniform(-1, 1, wanted.shape).astype(dtype)
        wanted.backward(torch.tensor(pull))
        ours = [tg.tensor(a, requires_grad=True) for a in arrays]
        found = getattr(tg, name)(*ours, **more)
        assert found.shape == tuple(wanted.shape), more
        found.backward(tg.asarray(pull))
        for a, b in zip([found, *(o.grad for o in ours)], [wanted, *(t.grad for t in theirs)], strict=True):
            b = b.detach().numpy()
            np.testing.assert_allclose(np.asarray(a), b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * np.abs(b).max())


@pytest.mark.parametrize("name, seed", [("conv2d", 1), ("conv2d", 4), ("conv1d", 2), ("conv_transpose2d", 3)])
def test_static_is_eager(name, seed):
    rank, transposed = int(name[-2]), "transpose" in name
    shapes, more = drawn(seed, rank, transposed)
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1, 1, s) for s in shapes]

    def slopes(x, w, b):
        return tg.grad(lambda *xs: tg.sum(tg.sin(getattr(tg, name)(*xs, **more))), (0, 1, 2))(x, w, b)

    for found, wanted in zip(tg.compile(slopes)(*arrays), slopes(*map(tg.asarray, arrays)), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("padding", ["same", "valid", 2, ((1, 2), (0, 3))])
def test_one_compile_serves_every_batch_and_size(padding):
    w = tg.tensor(np.random.default_rng(0).uniform(-1, 1, (4, 3, 3, 2)))
    step = tg.compile(lambda x: tg.sum(tg.sin(tg.conv2d(x, w, padding=padding))))
    slope = tg.compile(lambda x: tg.grad(lambda x: tg.sum(tg.sin(tg.conv2d(x, w, padding=padding))))(x))
    for shape in ((2, 3, 7, 9), (5, 3, 11, 6), (3, 3, 4, 4)):
        x = np.random.default_rng(1).uniform(-1, 1, shape)
        eager = tg.tensor(x, requires_grad=True)
        loss = tg.sum(tg.sin(tg.conv2d(eager, w, padding=padding)))
        loss.backward()
        np.testing.assert_allclose(float(step(x)), float(loss), rtol=1e-11)
        np.testing.assert_allclose(np.asarray(slope(x)), np.asarray(eager.grad), rtol=1e-10, atol=1e-12)
    assert [len(v) for v in step.versions.values()] == [1]
    assert [len(v) for v in slope.versions.values()] == [1]


def test_named_time_and_batch():
    rng = np.random.default_rng(0)
    w, b = tg.tensor(rng.uniform(-1, 1, (4, 2, 3))), tg.tensor(rng.uniform(-1, 1, 4))
    with tg.static() as g:
        x = g.input("x", shape=("batch", 2, "time"), dtype="float64")
        y = tg.conv1d(x, w, b, stride=2, padding=1)
    assert str(y.shape[2]) == "(1 + time)//2"
    run = g.compile(y)
    for batch, time in ((1, 5), (3, 8), (2, 1)):
        data = rng.uniform(-1, 1, (batch, 2, time))
        np.testing.assert_allclose(
            np.asarray(run(data)), np.asarray(tg.conv1d(tg.asarray(data), w, b, stride=2, padding=1)), rtol=1e-12
        )


def test_asymmetric_padding_is_padding_first():
    rng = np.random.default_rng(0)
    x, w = tg.asarray(rng.uniform(-1, 1, (2, 3, 5, 6))), tg.asarray(rng.uniform(-1, 1, (2, 3, 3, 3)))
    for stride in (1, 2):
        found = tg.conv(x, w, padding=((2, 0), (1, 3)), stride=stride)
        wanted = tg.conv(tg.pad(x, ((0, 0), (0, 0), (2, 0), (1, 3))), w, stride=stride)
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-12)


def test_wide_windows_and_many_channels():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for x, w, groups in (((2, 5, 40), (11, 5, 17), 1), ((3, 16, 9), (16, 1, 8), 16), ((2, 20, 30), (18, 10, 1), 2)):
        a, b = rng.uniform(-1, 1, x), rng.uniform(-1, 1, w)
        wanted = torch.conv1d(torch.tensor(a), torch.tensor(b), stride=2, padding=3, groups=groups).numpy()
        convolve = tg.compile(lambda a, b, groups=groups: tg.conv1d(a, b, stride=2, padding=3, groups=groups))
        np.testing.assert_allclose(np.asarray(convolve(a, b)), wanted, rtol=1e-11, atol=1e-12)


def test_nonfinite_elements_reach_only_their_windows():
    x = np.zeros((1, 1, 6, 6))
    x[0, 0, 2, 5] = np.inf
    w = tg.asarray(np.ones((1, 1, 3, 3)))
    for run in (tg.conv2d, tg.compile(tg.conv2d)):
        y = np.asarray(run(tg.asarray(x), w, padding=1))
        assert np.isinf(y).sum() == 6 and not np.isnan(y).any()


def test_mistakes_are_named():
    x, w = tg.ones((2, 3, 8, 8)), tg.ones((4, 3, 3, 3))
    with pytest.raises(ShapeError, match="takes 3 channels, the input has 8"):
        tg.conv2d(tg.permute_dims(x, (0, 3, 1, 2)), w)
    with pytest.raises(ShapeError, match=r"takes \[batch, channels, height, width\]"):
        tg.conv2d(tg.ones((8, 8)), w)
    with pytest.raises(ShapeError, match="a window of 3 does not fit into an axis of 2"):
        tg.conv2d(tg.ones((2, 3, 2, 8)), w)
    with pytest.raises(ShapeError, match="4 output channels do not divide into 3 groups"):
        tg.conv2d(tg.ones((2, 9, 8, 8)), w, groups=3)
    with pytest.raises(ArgumentError, match="output_padding 2"):
        tg.conv_transpose2d(tg.ones((2, 4, 8, 8)), w, output_padding=2, stride=2)
    with pytest.raises(ShapeError, match="does not fit"):
        tg.compile(tg.conv2d)(np.ones((2, 3, 2, 8), "float32"), np.ones((4, 3, 3, 3), "float32"))


BLOCKS = [  # x, weight, stride, padding, groups: what makes the native loops take another way
    ((3, 12, 9, 9), (7, 12, 3, 3), 1, 1, 1),  # more terms than are added at once, several images together
    ((2, 3, 20, 20), (4, 3, 3, 3), 2, 1, 1),  # strides deal the image out
    ((2, 4, 15, 17), (16, 2, 3, 2), 3, (2, 0), 2),  # by single elements; groups
    ((1, 2, 6, 40), (40, 2, 1, 5), 1, (0, 2), 1),  # lines brought together, more than one strip of channels
    ((5, 6, 13, 13), (6, 1, 3, 3), 1, 1, 6),  # a row and a column for each group
    ((2, 33, 7, 11), (5, 33, 1, 1), 1, 0, 1),  # lines joined
    ((2, 5, 9, 8), (3, 5, 1, 1), 2, 0, 1),  # elements that no window sees
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_native_loops_against_torch(dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for x, w, stride, padding, groups in BLOCKS:
        arrays = [rng.uniform(-1, 1, s).astype(dtype) for s in (x, w, w[:1])]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        wanted = torch.nn.functional.conv2d(*theirs, stride, padding, 1, groups)
        pull = rng.uniform(-1, 1, wanted.shape).astype(dtype)
        wanted.backward(torch.tensor(pull))

        @tg.compile
        def both(x, w, b, pull, stride=stride, padding=padding, groups=groups):
            y, back = tg.vjp(lambda *xs: tg.conv2d(*xs, stride, padding, 1, groups), x, w, b)
            return y, *back(pull)

        for a, b in zip(both(*arrays, pull), [wanted, *(t.grad for t in theirs)], strict=True):
            b = b.detach().numpy()
            np.testing.assert_allclose(np.asarray(a), b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * np.abs(b).max())


def test_every_convolution_shares_three_kernels():
    def keys(shape, weight, **how):
        def slopes(x, w):
            return tg.grad(lambda x, w: tg.sum(tg.sin(tg.conv2d(x, w, **how))), (0, 1))(x, w)

        step = tg.compile(slopes)
        step(np.ones(shape, "float32"), np.ones(weight, "float32"))
        (version,) = [v for kind in step.versions.values() for v in kind]
        return {k.key for k in version.program.plan.kernels if "tile_sums" in k.text}

    first = keys((2, 3, 8, 8), (4, 3, 3, 3), padding=1)
    assert len(first) == 3
    assert keys((3, 8, 12, 9), (6, 4, 5, 2), stride=2, groups=2, dilation=(1, 2)) == first


def test_threads_share_convolutions_without_changing_them():
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-1, 1, (32, 16, 16, 16)).astype("float32"), rng.uniform(-1, 1, (16, 16, 3, 3)).astype("float32")
    slopes = tg.compile(lambda x, w: tg.grad(lambda x, w: tg.sum(tg.sin(tg.conv2d(x, w, padding=1))), (0, 1))(x, w))
    before, found = tg.get_num_threads(), []
    try:
        for count in (1, 2):
            tg.set_num_threads(count)
            found.append([np.asarray(a) for a in slopes(x, w)])
    finally:
        tg.set_num_threads(before)
    for alone, shared in zip(*found, strict=True):
        np.testing.assert_array_equal(alone, shared)
