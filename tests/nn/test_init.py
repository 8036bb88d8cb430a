"""Initialisers draw from the distributions that PyTorch documents."""

import math

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import init

SHAPE = (200, 300)


@pytest.fixture
def weight():
    tg.manual_seed(0)
    return tg.Parameter(np.zeros(SHAPE), dtype="float64")


def is_uniform(p, bound):
    x = p.numpy()
    return (
        -bound <= x.min() < -0.99 * bound
        and 0.99 * bound < x.max() < bound
        and abs(x.std() * 3**0.5 / bound - 1) < 0.02
    )


def is_normal(p, std):
    x = p.numpy()
    return abs(x.std() / std - 1) < 0.02 and abs(x.mean()) < 0.02 * std and 3 * std < abs(x).max() < 6 * std


def test_distributions(weight):
    assert is_uniform(init.uniform_(weight, -2, 2), 2)
    assert is_normal(init.normal_(weight, 0, 3), 3)
    assert is_uniform(init.xavier_uniform_(weight, gain=2), 2 * math.sqrt(6 / 500))
    assert is_normal(init.xavier_normal_(weight), math.sqrt(2 / 500))
    assert is_uniform(init.kaiming_uniform_(weight, a=math.sqrt(5)), 1 / math.sqrt(300))
    assert is_uniform(init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="relu"), math.sqrt(6 / 200))
    assert is_normal(init.kaiming_normal_(weight, nonlinearity="relu"), math.sqrt(2 / 300))
    assert (init.constant_(weight, 4).numpy() == 4).all() and (init.ones_(weight).numpy() == 1).all()
    assert (init.zeros_(weight).numpy() == 0).all()
    assert np.array_equal(init.eye_(weight).numpy(), np.eye(*SHAPE))
    q = init.orthogonal_(weight, gain=2).numpy()
    np.testing.assert_allclose(q @ q.T, 4 * np.eye(200), atol=1e-12)


def test_gains_match_torch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


def test_layers_are_drawn_as_in_torch():
    tg.manual_seed(3)
    layer = nn.Linear(300, 200)
    assert is_uniform(layer.weight, 1 / math.sqrt(300))
    assert abs(layer.bias.numpy()).max() <= 1 / math.sqrt(300) and layer.bias.numpy().std() > 0.02
    table = nn.Embedding(200, 300, padding_idx=7)
    assert is_normal(table.weight, 1) and not table.weight.numpy()[7].any()
    tg.manual_seed(3)
    assert np.array_equal(nn.Linear(300, 200).weight.numpy(), layer.weight.numpy())
    assert nn.Linear(0, 3)(np.ones((2, 0), np.float32)).numpy().tolist() == [[0, 0, 0]] * 2


def test_a_generator_of_ones_own_leaves_the_default_alone(weight):
    before = tg.default_generator.counter.item()
    a = init.normal_(weight, generator=tg.Generator(5)).numpy().copy()
    assert tg.default_generator.counter.item() == before
    assert np.array_equal(a, init.normal_(weight, generator=tg.Generator(5)).numpy())


def test_mistakes():
    vector = tg.Parameter(np.zeros(3))
    for bad in (
        lambda: init.kaiming_uniform_(vector),
        lambda: init.xavier_normal_(vector),
        lambda: init.eye_(vector),
        lambda: init.kaiming_normal_(tg.Parameter(np.zeros((2, 2))), mode="fan"),
        lambda: init.calculate_gain("step"),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            bad()


def test_truncated_normal(weight):
    x = init.trunc_normal_(weight, mean=1, std=2, a=-1, b=2).numpy()
    assert -1 <= x.min() < -0.99 and 1.99 < x.max() <= 2
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.truncnorm(-1, 0.5, loc=1, scale=2)
    assert abs(x.mean() - wanted.mean()) < 0.01 and abs(x.std() - wanted.std()) < 0.01
    assert stats.kstest(x.reshape(-1)[::7], wanted.cdf).pvalue > 0.01
    single = init.trunc_normal_(tg.Parameter(np.zeros(5, np.float32)))
    assert single.dtype == np.float32 and np.abs(single.numpy()).max() <= 2


def test_dirac_matches_torch():
    torch = pytest.importorskip("torch")
    for shape, groups in (((4, 3, 5), 1), ((4, 2, 3, 3), 2), ((2, 4, 1, 2, 3), 1)):
        wanted = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
        assert np.array_equal(init.dirac_(tg.Parameter(np.ones(shape, np.float32)), groups).numpy(), wanted)


def test_sparse(weight):
    x = init.sparse_(weight, 0.25, std=2).numpy()
    assert ((x == 0).sum(axis=0) == 50).all() and abs(x[x != 0].std() - 2) < 0.05
    assert len({tuple(column) for column in (x == 0).T[:20]}) == 20, "each column has its own zeros"


def test_mistakes_of_the_rarer_ones(weight):
    for bad in (
        lambda: init.trunc_normal_(weight, a=1, b=1),
        lambda: init.dirac_(weight),
        lambda: init.dirac_(tg.Parameter(np.zeros((3, 2, 1))), groups=2),
        lambda: init.sparse_(tg.Parameter(np.zeros(3)), 0.1),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            bad()
