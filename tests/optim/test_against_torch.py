"""Sixty steps of every optimizer with several sets of options give PyTorch's parameters to rounding, in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import optim

torch = pytest.importorskip("torch")
from tests.optim.pair import Pair, gradients, start

OPTIONS = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.5},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True},
    ],
    "Adam": [
        {},
        {"betas": (0.8, 0.95), "eps": 1e-4, "maximize": True},
        {"amsgrad": True, "weight_decay": 0.1, "betas": (0.5, 0.9)},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [{}, {"amsgrad": True, "weight_decay": 0.3, "betas": (0.5, 0.9), "maximize": True}],
    "Adamax": [{}, {"weight_decay": 0.1, "maximize": True, "betas": (0.8, 0.9), "eps": 1e-3}],
    "NAdam": [
        {},
        {"weight_decay": 0.1, "momentum_decay": 0.1, "betas": (0.8, 0.9)},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RAdam": [
        {},
        {"weight_decay": 0.1, "betas": (0.8, 0.9)},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True, "betas": (0.5, 0.6)},
    ],
    "Adagrad": [
        {},
        {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-3, "maximize": True},
    ],
    "Adadelta": [{}, {"rho": 0.8, "weight_decay": 0.1, "maximize": True, "eps": 1e-3}],
    "RMSprop": [{}, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}, {"alpha": 0.9, "maximize": True}],
    "Rprop": [{}, {"etas": (0.3, 1.5), "step_sizes": (1e-4, 0.1), "maximize": True}],
    "ASGD": [{}, {"lambd": 0.1, "t0": 5, "weight_decay": 0.1, "alpha": 0.5, "maximize": True}],
}
CASES = [(name, options) for name, sets in OPTIONS.items() for options in sets]
COUNTING = ["SGD", "Adam", "Adamax", "NAdam", "RAdam", "Adagrad", "ASGD"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_sixty_eager_steps(name, options, dtype):
    pair = Pair(name, options, dtype)
    pair.advance(range(60))
    pair.assert_equal()


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_sixty_static_steps(name, options):
    pair = Pair(name, options, mode="static")
    pair.advance(range(60))
    pair.assert_equal()
    assert len(pair.versions) == 1


@pytest.mark.parametrize("name", OPTIONS)
def test_sixty_static_steps_in_float32(name):
    pair = Pair(name, OPTIONS[name][-1], "float32", "static")
    pair.advance(range(60))
    pair.assert_equal()


@pytest.mark.parametrize("name", OPTIONS)
def test_groups_with_options_of_their_own(name):
    # In PyTorch the sums of all groups start from the same value.
    shared = ("initial_accumulator_value",)
    own = {k: v for k, v in OPTIONS[name][-1].items() if not isinstance(v, bool) and k not in shared}

    def grouped(p):
        return [{"params": p[:1], "lr": 0.2}, {"params": p[1:], **own}]

    pair = Pair(name, {}, group=grouped, lr=0.01)
    pair.advance(range(30))
    pair.mine.param_groups[1]["lr"] = pair.its.param_groups[1]["lr"] = 0.1
    pair.advance(range(30, 60))
    pair.assert_equal()


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("name", COUNTING)
def test_steps_are_counted_for_each_parameter(name, mode):
    options = {"momentum": 0.9, "dampening": 0.4} if name == "SGD" else {}
    pair = Pair(name, options, mode=mode)
    pair.advance(range(12), lambda step: (True, step >= 3, step in (5, 6, 10)))
    pair.assert_equal()
    counted = [pair.mine.state[p]["step"].item() for p in pair.ours]
    assert counted == [12, 9, 3]


def test_a_step_counted_twice_in_one_trace_and_divided_between():
    pair = Pair("Adam", {})

    def body(*given):
        pair.body(*given)
        pair.body(given[0], None, given[2])

    compiled = tg.compile(body)
    for step in range(4):
        given = gradients(step)
        compiled(*given)
        for present in (given, [given[0], None, given[2]]):
            for parameter, gradient in zip(pair.theirs, present, strict=True):
                parameter.grad = None if gradient is None else torch.tensor(gradient)
            pair.its.step()
    assert [pair.mine.state[p]["step"].item() for p in pair.ours] == [8, 4, 8]
    pair.assert_equal()


@pytest.mark.parametrize("maximize", [False, True])
def test_lion_follows_its_paper(maximize):
    ours = [tg.Parameter(v) for v in start()]
    optimizer = optim.Lion(ours, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, maximize=maximize)
    expected, means = start(), [0.0, 0.0, 0.0]
    for step in range(50):
        given = gradients(step)
        for number, gradient in enumerate(given):
            ours[number].grad = tg.asarray(gradient)
            g = -gradient if maximize else gradient
            move = np.sign(0.8 * means[number] + (1 - 0.8) * g)
            expected[number] = expected[number] - 0.01 * (move + 0.1 * expected[number])
            means[number] = 0.95 * means[number] + (1 - 0.95) * g
        optimizer.step()
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-12)
