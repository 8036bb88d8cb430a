"""Averaged models follow their formulas in both modes; SWALR gives PyTorch's rates."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn


def train(averaged, model, mode, steps=5):
    def step(noise):
        model.weight.assign(model.weight + noise)
        averaged.update_parameters(model)
        return model.weight.value

    run = tg.compile(step) if mode == "static" else step
    rng = np.random.default_rng(0)
    return [run(rng.standard_normal((2, 3)).astype("f4")).numpy().copy() for _ in range(steps)]


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_the_mean_of_all(mode):
    model = nn.Linear(3, 2)
    averaged = AveragedModel(model)
    seen = train(averaged, model, mode)
    np.testing.assert_allclose(averaged.module.weight.numpy(), np.mean(seen, axis=0), rtol=1e-5, atol=1e-6)
    assert averaged.n_averaged.item() == 5 and averaged.module.weight is not model.weight
    x = np.ones((4, 3), "f4")
    expected = x @ averaged.module.weight.numpy().T + averaged.module.bias.numpy()
    np.testing.assert_allclose(averaged(tg.asarray(x)).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_the_moving_mean(mode):
    model = nn.Linear(3, 2)
    averaged = AveragedModel(model, avg_fn=get_ema_avg_fn(0.8))
    seen = train(averaged, model, mode)
    expected = seen[0]
    for value in seen[1:]:
        expected = 0.8 * expected + 0.2 * value
    np.testing.assert_allclose(averaged.module.weight.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_buffers_and_saving():
    model = nn.Linear(2, 2)
    model.register_buffer("scale", np.float32([1.0]))
    without, averaged = AveragedModel(model), AveragedModel(model, use_buffers=True)
    for value in (2.0, 4.0):
        model.scale = np.float32([value])
        averaged.update_parameters(model)
        without.update_parameters(model)
    assert averaged.module.scale.item() == 3.0 and without.module.scale.item() == 1.0
    again = AveragedModel(nn.Sequential(model)[0], use_buffers=True)
    again.load_state_dict(averaged.state_dict())
    assert again.n_averaged.item() == 2 and again.module.scale.item() == 3.0
    with pytest.raises(tg.errors.ArgumentError, match="other parameters"):
        averaged.update_parameters(nn.Linear(3, 3))
    with pytest.raises(tg.errors.ArgumentError, match="decay"):
        get_ema_avg_fn(1.5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{}, {"anneal_epochs": 4, "anneal_strategy": "linear"}, {"anneal_epochs": 0}])
def test_rates_as_in_pytorch(options):
    torch = pytest.importorskip("torch")
    mine = optim.SGD([tg.Parameter(np.ones(1))], lr=0.1)
    its = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    ours, theirs = SWALR(mine, 0.02, **options), torch.optim.swa_utils.SWALR(its, 0.02, **options)
    for _ in range(15):
        np.testing.assert_allclose(mine.lr, its.param_groups[0]["lr"], rtol=1e-9)
        ours.step()
        theirs.step()
