"""Normalisation layers give PyTorch's results, gradients and running statistics, in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tests.support.torch_twin import agree, twins

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape) * 2 + 1


CASES = [
    ("BatchNorm1d", (3,), {}, (5, 3)),
    ("BatchNorm1d", (3,), {"momentum": None}, (5, 3, 4)),
    ("BatchNorm2d", (3,), {"momentum": 0.3, "eps": 0.1}, (5, 3, 2, 4)),
    ("BatchNorm2d", (3,), {"affine": False}, (5, 3, 2, 4)),
    ("BatchNorm3d", (3,), {"track_running_stats": False}, (2, 3, 2, 2, 3)),
    ("InstanceNorm1d", (3,), {"affine": True}, (5, 3, 4)),
    ("InstanceNorm1d", (3,), {"track_running_stats": True}, (5, 3, 4)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (3, 2, 4)),
    ("InstanceNorm3d", (3,), {"momentum": None, "track_running_stats": True}, (2, 3, 2, 2, 3)),
    ("GroupNorm", (3, 6), {}, (4, 6, 5)),
    ("GroupNorm", (2, 6), {"affine": False, "eps": 0.1}, (4, 6)),
    ("GroupNorm", (6, 6), {}, (4, 6, 2, 3)),
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ((3, 4),), {"bias": False, "eps": 1e-3}, (2, 3, 4)),
    ("RMSNorm", (4,), {}, (2, 3, 4)),
    ("RMSNorm", ((3, 4),), {"eps": 0.1, "elementwise_affine": False}, (2, 3, 4)),
    ("LocalResponseNorm", (3,), {"alpha": 0.5}, (2, 5, 4)),
    ("LocalResponseNorm", (4,), {"k": 2.0, "beta": 0.5}, (2, 5, 4, 3)),
]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name, args, options, shape", CASES)
def test_against_torch(name, args, options, shape, training):
    if not training and not ("Batch" in name or options.get("track_running_stats")):
        pytest.skip("the same as while training")

    def make(dtype):
        return getattr(nn, name)(*args, **options, **({} if name == "LocalResponseNorm" else {"dtype": dtype}))

    agree(
        make,
        lambda: getattr(torch.nn, name)(*args, **options),
        draw(*shape),
        training=training,
        dtypes=("float64",) if not training else ("float64", "float32"),
        calls=3 if training and "Norm1d" in name else 1,
    )


def test_evaluation_uses_what_training_has_seen():
    ours, theirs = twins(lambda dtype: nn.BatchNorm1d(3, dtype=dtype), lambda: torch.nn.BatchNorm1d(3), "float64")
    for _ in range(4):
        x = draw(6, 3)
        ours(tg.asarray(x)), theirs(torch.tensor(x))
    x = draw(2, 3)
    found, wanted = ours.eval()(tg.asarray(x)), theirs.eval()(torch.tensor(x))
    np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), rtol=1e-12)
    assert ours.num_batches_tracked.item() == 4 and ours.num_batches_tracked.dtype == np.int64
    ours.reset_parameters()
    assert ours.num_batches_tracked.item() == 0 and ours.running_var.numpy().tolist() == [1, 1, 1]


def test_one_compile_serves_every_batch():
    layer = nn.Sequential(nn.BatchNorm2d(3), nn.GroupNorm(3, 3), nn.InstanceNorm2d(3), nn.Flatten(2), nn.LayerNorm(20))
    twin = nn.Sequential(nn.BatchNorm2d(3), nn.GroupNorm(3, 3), nn.InstanceNorm2d(3), nn.Flatten(2), nn.LayerNorm(20))

    def step(x):
        y = layer(x)
        tg.sum(y * y * y).backward()
        return y

    step = tg.compile(step)
    for n in (2, 5, 3):
        x = draw(n, 3, 4, 5).astype("float32")
        found, wanted = step(x), twin(tg.asarray(x))
        tg.sum(wanted * wanted * wanted).backward()
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-4, atol=1e-5)
    assert sum(map(len, step.versions.values())) == 2, step.explain()  # the second finds gradients already there
    for a, b in zip(layer.buffers(), twin.buffers(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    for a, b in zip(layer.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(np.asarray(a.grad), np.asarray(b.grad), rtol=1e-3, atol=1e-3)


def test_running_statistics_carry_no_gradient():
    layer, x = nn.BatchNorm1d(2), tg.tensor(draw(4, 2), dtype="float32", requires_grad=True)
    layer(x)
    assert not layer.running_mean.requires_grad
    tg.sum(layer.running_mean + x).backward()
    assert np.asarray(x.grad).tolist() == [[1, 1]] * 4


def test_mistakes():
    for make in (
        lambda: nn.BatchNorm1d(0),
        lambda: nn.GroupNorm(4, 6),
        lambda: nn.LayerNorm(0),
        lambda: nn.RMSNorm(3, dtype="int64"),
        lambda: nn.LocalResponseNorm(0),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            make()
    for layer, shape, text in (
        (nn.BatchNorm2d(3), (2, 3, 4), "takes 4 axes, not 3"),
        (nn.BatchNorm1d(3), (2, 4), "each of 4 channels"),
        (nn.BatchNorm1d(3), (1, 3), "more than one value"),
        (nn.InstanceNorm1d(3), (2, 3, 1), "more than one value"),
        (nn.LayerNorm(3), (2, 4), r"must be \(3,\)"),
    ):
        with pytest.raises(tg.errors.ShapeError, match=text):
            layer(tg.zeros(shape))
    with pytest.raises(tg.errors.ArgumentError, match="states, not ndarray"):
        nn.functional.batch_norm(np.ones((2, 3), "f"), np.ones(3, "f"), None, training=True)
