"""Interpolation, shuffles and grids give PyTorch's values and gradients, in both modes and for any batch and size."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, ShapeError

F = tg.nn.functional
RANKS = {"linear": (1,), "bilinear": (2,), "trilinear": (3,), "bicubic": (2,)}
MODES = ["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_interpolate_against_torch(mode, dtype):
    torch = pytest.importorskip("torch")
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rank = int(rng.choice(RANKS.get(mode, (1, 2, 3))))
        more = {"mode": mode}
        if seed % 3 == 0:
            more["scale_factor"] = tuple(float(s) for s in rng.choice([0.5, 0.7, 1.0, 1.3, 2.0, 3.0], rank))
            if mode != "area" and seed % 2:
                more["recompute_scale_factor"] = True
        else:
            more["size"] = tuple(int(n) for n in rng.integers(1, 12, rank))
        if mode in RANKS and rng.integers(2):
            more["align_corners"] = True
        x = rng.uniform(-1, 1, (2, 2, *rng.integers(2, 8, rank))).astype(dtype)
        theirs, ours = torch.tensor(x, requires_grad=True), tg.tensor(x, requires_grad=True)
        wanted = torch.nn.functional.interpolate(theirs, **more)
        pull = rng.uniform(-1, 1, wanted.shape).astype(dtype)
        wanted.backward(torch.tensor(pull))
        found = F.interpolate(ours, **more)
        assert found.shape == tuple(wanted.shape), more
        found.backward(tg.asarray(pull))
        tolerance = 1e-5 if dtype == "float32" else 1e-11
        np.testing.assert_allclose(
            np.asarray(found), wanted.detach().numpy(), rtol=0, atol=tolerance, err_msg=str(more)
        )
        unmoved = any(
            n == m and s != 1
            for n, m, s in zip(x.shape[2:], found.shape[2:], more.get("scale_factor", ()), strict=False)
        )
        if mode == "nearest" and unmoved:
            continue  # PyTorch's gradient takes such an axis for untouched, its forward pass does not
        np.testing.assert_allclose(np.asarray(ours.grad), theirs.grad.numpy(), rtol=0, atol=5 * tolerance)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("corners", [False, True])
def test_antialias_against_torch(mode, corners):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for size in ((3, 4), (5, 11), (9, 2), (20, 20)):
        x = rng.uniform(-1, 1, (2, 2, 9, 11))
        wanted = torch.nn.functional.interpolate(
            torch.tensor(x), size, mode=mode, antialias=True, align_corners=corners
        ).numpy()
        found = F.interpolate(tg.asarray(x), size, mode=mode, antialias=True, align_corners=corners)
        np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-12)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_one_compile_serves_every_batch_and_size(mode):
    more = {"size": (5, 3)} if mode == "area" else {"scale_factor": 2}

    def slope(x):
        return tg.grad(lambda x: tg.sum(tg.sin(F.interpolate(x, mode=mode, **more))))(x)

    compiled = tg.compile(slope)
    for shape in ((2, 3, 4, 5), (5, 3, 7, 6)):
        x = np.random.default_rng(0).uniform(-1, 1, shape)
        np.testing.assert_allclose(np.asarray(compiled(x)), np.asarray(slope(tg.asarray(x))), rtol=1e-12, atol=1e-12)
    assert [len(v) for v in compiled.versions.values()] == [1]
    assert "in Python" not in compiled.explain()


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_grid_sample_against_torch(mode, padding, corners):
    torch = pytest.importorskip("torch")
    for seed, (sizes, results) in enumerate([((5, 6), (4, 7)), ((3, 4, 5), (2, 3, 2))]):
        rng = np.random.default_rng(seed)
        x, grid = rng.uniform(-1, 1, (2, 3, *sizes)), rng.uniform(-1.6, 1.6, (2, *results, len(sizes)))
        theirs = [torch.tensor(a, requires_grad=True) for a in (x, grid)]
        ours = [tg.tensor(a, requires_grad=True) for a in (x, grid)]
        more = {"mode": mode, "padding_mode": padding, "align_corners": corners}
        wanted, found = torch.nn.functional.grid_sample(*theirs, **more), F.grid_sample(*ours, **more)
        np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), atol=1e-12)
        pull = rng.uniform(-1, 1, wanted.shape)
        wanted.backward(torch.tensor(pull))
        found.backward(tg.asarray(pull))
        np.testing.assert_allclose(np.asarray(ours[0].grad), theirs[0].grad.numpy(), atol=1e-12)
        if mode == "bilinear":
            np.testing.assert_allclose(np.asarray(ours[1].grad), theirs[1].grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("corners", [False, True])
def test_affine_grid_against_torch(corners):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for size in ((2, 3, 4, 5), (2, 1, 3, 2, 4), *([] if corners else [(1, 1, 1, 3)])):
        theta = rng.uniform(-1, 1, (size[0], len(size) - 2, len(size) - 1))
        wanted = torch.nn.functional.affine_grid(torch.tensor(theta), size, align_corners=corners).numpy()
        np.testing.assert_allclose(np.asarray(F.affine_grid(tg.asarray(theta), size, corners)), wanted, atol=1e-12)


def test_shuffles_against_torch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).uniform(-1, 1, (2, 12, 4, 6))
    for ours, theirs, n in (
        (F.pixel_shuffle, torch.nn.functional.pixel_shuffle, 2),
        (F.pixel_unshuffle, torch.nn.functional.pixel_unshuffle, 2),
        (F.channel_shuffle, torch.nn.functional.channel_shuffle, 3),
    ):
        np.testing.assert_array_equal(np.asarray(ours(tg.asarray(x), n)), theirs(torch.tensor(x), n).numpy())
    np.testing.assert_array_equal(np.asarray(F.pixel_unshuffle(F.pixel_shuffle(tg.asarray(x), 2), 2)), x)


def test_mistakes_are_named():
    x = tg.ones((1, 3, 4, 4))
    with pytest.raises(ArgumentError, match="either size or scale_factor"):
        F.interpolate(x)
    with pytest.raises(ShapeError, match="mode 'trilinear' takes an input of 5 axes"):
        F.interpolate(x, scale_factor=2, mode="trilinear")
    with pytest.raises(ArgumentError, match="align_corners has no meaning"):
        F.interpolate(x, scale_factor=2, align_corners=False)
    with pytest.raises(ShapeError, match="3 channels do not divide into 4"):
        F.pixel_shuffle(x, 2)
    with pytest.raises(ShapeError, match="the grid for an input"):
        F.grid_sample(x, tg.ones((1, 2, 2, 3)))
