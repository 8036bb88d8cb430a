"""Pooling gives PyTorch's values, places and gradients, for drawn arguments, in both modes and for any batch and size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, ShapeError

NAMES = [f"{kind}_pool{rank}d" for kind in ("max", "avg", "lp", "adaptive_avg", "adaptive_max") for rank in (1, 2, 3)]


def drawn(name: str, seed: int) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of an input, and arguments that fit it."""
    rng = np.random.default_rng(seed)
    rank = int(name[-2])
    sizes = tuple(int(n) for n in rng.integers(6, 12 if rank < 3 else 8, rank))
    if name.startswith("adaptive"):
        return sizes, {"output_size": tuple(int(n) for n in rng.integers(1, 9, rank))}
    window = tuple(int(n) for n in rng.integers(1, 4, rank))
    more: dict[str, Any] = {"kernel_size": window, "stride": tuple(int(n) for n in rng.integers(1, 4, rank))}
    more["ceil_mode"] = bool(rng.integers(2))
    if name.startswith("lp"):
        return sizes, more | {"norm_type": float(rng.choice([1, 2, 3]))}
    more["padding"] = tuple(int(rng.integers(0, k // 2 + 1)) for k in window)
    if name.startswith("max"):
        more["dilation"] = tuple(int(n) for n in rng.integers(1, 3, rank))
    else:
        more["count_include_pad"] = bool(rng.integers(2))
        if rank > 1 and rng.integers(3) == 0:
            more["divisor_override"] = 5
    if name == "lp_pool1d" or (name.startswith("lp") and rank == 1):
        more = {k: v[0] if isinstance(v, tuple) else v for k, v in more.items()}
    return sizes, more


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_eager_against_torch(name, dtype):
    torch = pytest.importorskip("torch")
    for seed in range(12):
        sizes, more = drawn(name, seed)
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.2, 2, (2, 3, *sizes)).astype(dtype)
        x.reshape(-1)[::7] = 1.5  # ties
        theirs = torch.tensor(x, requires_grad=True)
        args = {k: v[0] if name == "lp_pool1d" and isinstance(v, tuple) else v for k, v in more.items()}
        wanted = getattr(torch.nn.functional, name)(theirs, **args)
        pull = rng.uniform(-1, 1, wanted.shape).astype(dtype)
        wanted.backward(torch.tensor(pull))
        ours = tg.tensor(x, requires_grad=True)
        found = getattr(tg, name)(ours, **more)
        assert found.shape == tuple(wanted.shape), more
        found.backward(tg.asarray(pull))
        tolerance = 3e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), rtol=tolerance, err_msg=str(more))
        np.testing.assert_allclose(np.asarray(ours.grad), theirs.grad.numpy(), rtol=tolerance, atol=tolerance)
        if "max" in name:
            places = getattr(tg, name)(x, **more, return_indices=True)[1]
            theirs_at = getattr(torch.nn.functional, name)(theirs, **more, return_indices=True)[1]
            np.testing.assert_array_equal(np.asarray(places), theirs_at.numpy())


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool1d"])
def test_one_compile_serves_every_batch_and_size(name):
    rank = int(name[-2])
    more = {"output_size": (3, 2)[:rank]} if "adaptive" in name else {"kernel_size": 3, "stride": 2, "padding": 1}
    more |= {"count_include_pad": False, "ceil_mode": True} if name.startswith("avg") else {}

    def slope(x):
        return tg.grad(lambda x: tg.sum(tg.sin(getattr(tg, name)(x, **more))))(x)

    compiled = tg.compile(slope)
    for shape in ((2, 3, 7, 9), (4, 3, 12, 5), (3, 2, 6, 6)):
        x = np.random.default_rng(0).uniform(-1, 1, shape[: rank + 2])
        np.testing.assert_allclose(np.asarray(compiled(x)), np.asarray(slope(tg.asarray(x))), rtol=1e-12, atol=1e-12)
    assert [len(v) for v in compiled.versions.values()] == [1]
    assert "in Python" not in compiled.explain()


def test_unbatched_is_a_batch_of_one():
    x = tg.asarray(np.random.default_rng(0).uniform(-1, 1, (3, 6, 7)))
    for pool in (
        lambda x: tg.max_pool2d(x, 2),
        lambda x: tg.avg_pool2d(x, 3, 1, 1),
        lambda x: tg.adaptive_max_pool2d(x, 2),
    ):
        np.testing.assert_array_equal(np.asarray(pool(x)), np.asarray(pool(x[None]))[0])


def test_nan_is_largest_and_global_pools():
    x = np.ones((1, 1, 4, 4), "float32")
    x[0, 0, 1, 1] = np.nan
    for pool in (tg.max_pool2d, tg.compile(lambda x, k: tg.max_pool2d(x, k))):
        y = np.asarray(pool(tg.asarray(x), 2))
        assert np.isnan(y).sum() == 1 and np.isnan(y[0, 0, 0, 0])
    z = tg.asarray(np.arange(24.0).reshape(1, 2, 3, 4))
    np.testing.assert_allclose(np.asarray(tg.nn.functional.global_avg_pool(z)).ravel(), [5.5, 17.5])
    np.testing.assert_allclose(np.asarray(tg.nn.functional.global_max_pool(z)).ravel(), [11, 23])


def test_unfold_and_fold_against_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for window, more in (((2, 3), {}), ((3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)})):
        x = rng.uniform(-1, 1, (2, 3, 6, 7))
        wanted = torch.nn.functional.unfold(torch.tensor(x), window, **more)
        columns = tg.nn.functional.unfold(tg.asarray(x), window, **more)
        np.testing.assert_array_equal(np.asarray(columns), wanted.numpy())
        back = torch.nn.functional.fold(wanted, (6, 7), window, **more).numpy()
        np.testing.assert_allclose(np.asarray(tg.nn.functional.fold(columns, (6, 7), window, **more)), back, rtol=1e-12)
    for axis, size, step in ((0, 3, 2), (1, 2, 1), (-1, 4, 3)):
        a = rng.uniform(-1, 1, (5, 4, 8))
        wanted = torch.tensor(a).unfold(axis, size, step).numpy()
        np.testing.assert_array_equal(np.asarray(tg.sliding_window(tg.asarray(a), size, step, axis)), wanted)


def test_mistakes_are_named():
    x = tg.ones((2, 3, 4, 4))
    with pytest.raises(ShapeError, match="a window of 5 does not fit into an axis of 4"):
        tg.max_pool2d(x, 5)
    with pytest.raises(ArgumentError, match="more than half of the window"):
        tg.avg_pool2d(x, 2, padding=2)
    with pytest.raises(ArgumentError, match="output_size must be 2 ints"):
        tg.adaptive_avg_pool2d(x, (1, 2, 3))
    with pytest.raises(ShapeError, match=r"takes \[batch, channels, length\]"):
        tg.max_pool1d(x, 2)
    with pytest.raises(ArgumentError, match="divisor_override"):
        tg.avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(ShapeError, match="windows of 4 elements"):
        tg.nn.functional.fold(tg.ones((1, 12, 5)), (4, 4), 2)
