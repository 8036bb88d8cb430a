"""The dropout family: what is dropped, how much, with the same bits in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F

SHAPES = {
    "Dropout": (40, 50),
    "Dropout1d": (40, 50, 3),
    "Dropout2d": (40, 50, 3, 2),
    "Dropout3d": (40, 50, 3, 2, 2),
    "AlphaDropout": (40, 50),
    "FeatureAlphaDropout": (40, 50, 3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_both_modes_drop_the_same(name):
    layer = getattr(nn, name)(0.3)
    x = np.random.default_rng(0).standard_normal(SHAPES[name]).astype("float32")
    tg.manual_seed(5)
    eager = layer(x).numpy()
    tg.manual_seed(5)
    static = tg.compile(lambda x: layer(x))(x).numpy()
    if "Alpha" in name:
        np.testing.assert_allclose(static, eager, rtol=1e-6)
    else:
        assert np.array_equal(static, eager)
    assert not np.array_equal(eager, x)
    assert np.array_equal(layer.eval()(x).numpy(), x)


@pytest.mark.parametrize("name", ["Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"])
def test_whole_channels_are_dropped(name):
    tg.manual_seed(1)
    shape = SHAPES[name]
    y = getattr(nn, name)(0.3)(np.ones(shape, np.float32)).numpy().reshape(*shape[:2], -1)
    assert (y == y[..., :1]).all(), "a channel is kept or dropped as a whole"
    dropped = (y[..., 0] == y.min()).mean()
    assert abs(dropped - 0.3) < 0.03
    if name != "FeatureAlphaDropout":
        assert set(np.unique(y)) == {0.0, np.float32(1 / 0.7)}
        alone = getattr(F, name.lower())(np.ones(shape[1:], np.float32), 0.3).numpy()
        whole = alone if name == "Dropout2d" else alone.reshape(shape[1], -1)
        assert (whole == whole[..., :1]).all()


def test_alpha_dropout_keeps_mean_and_variance():
    tg.manual_seed(2)
    x = np.random.default_rng(0).standard_normal((200, 200))
    y = F.alpha_dropout(x, 0.4, training=True).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.functional.alpha_dropout(torch.tensor(x), 0.4, training=True).numpy()
    for found in (y, theirs):
        values, counts = np.unique(found.round(9), return_counts=True)
        assert counts.max() == pytest.approx(0.4 * x.size, rel=0.05)
        common = values[counts.argmax()]
        assert common == pytest.approx(values_of_dropped(0.4), rel=1e-7)


def values_of_dropped(p):
    """a' = scale * saturation + shift, where the saturation of selu is -1.7580993408473766."""
    saturation = -1.7580993408473766
    scale = ((1 - p) * (1 + p * saturation**2)) ** -0.5
    return scale * saturation * (1 - p)


def test_gradients_follow_what_was_kept():
    tg.manual_seed(3)
    x = tg.tensor(np.ones((20, 20)), requires_grad=True)
    y = F.dropout(x, 0.25)
    tg.sum(y).backward()
    assert np.array_equal(np.asarray(x.grad), y.numpy())


def test_a_generator_of_ones_own():
    x = np.ones((10, 10), np.float32)
    a = F.dropout(x, generator=tg.Generator(7)).numpy()
    assert np.array_equal(a, F.dropout(x, generator=tg.Generator(7)).numpy())


def test_mistakes():
    for bad in (lambda: nn.Dropout(1.5), lambda: nn.AlphaDropout(-0.1), lambda: F.dropout2d(np.ones((2, 3, 4, 5)), 2)):
        with pytest.raises(tg.errors.ArgumentError, match="p must lie in"):
            bad()
    with pytest.raises(tg.errors.ShapeError, match="takes 2 or 3 axes"):
        nn.Dropout1d()(np.ones((2, 3, 4, 5)))
