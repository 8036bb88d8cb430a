"""Options that change in the middle of a run: numbers without a new trace, switches with one, as PyTorch has it."""

import pytest

pytest.importorskip("torch")
from tests.optim.pair import Pair

CHANGES = {
    "SGD": {"lr": 0.01, "momentum": 0.5, "dampening": 0.3, "weight_decay": 0.2},
    "Adam": {"lr": 0.2, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3},
    "AdamW": {"weight_decay": 0.5, "eps": 1e-2},
    "Adamax": {"betas": (0.5, 0.9), "eps": 1e-1},
    "NAdam": {"momentum_decay": 0.2, "betas": (0.7, 0.9)},
    "RAdam": {"betas": (0.7, 0.99), "eps": 1e-2},
    "Adagrad": {"lr_decay": 0.5, "eps": 1e-1},
    "Adadelta": {"rho": 0.5, "eps": 1e-3, "lr": 2.0},
    "RMSprop": {"alpha": 0.5, "momentum": 0.3, "weight_decay": 0.3},
    "Rprop": {"etas": (0.2, 1.1), "step_sizes": (1e-3, 0.02)},
    "ASGD": {"lambd": 0.3, "alpha": 0.5, "lr": 0.1, "t0": 8.0},
}
STARTS = {
    "SGD": {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1},
    "Adam": {"weight_decay": 0.1},
    "RMSprop": {"momentum": 0.9, "weight_decay": 0.1},
}


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("name", CHANGES)
def test_numbers_change_in_the_middle_of_a_run(name, mode):
    pair = Pair(name, STARTS.get(name, {}), mode=mode)
    pair.advance(range(10))
    for option, value in CHANGES[name].items():
        pair.mine.param_groups[0][option] = value
        pair.its.param_groups[0][option] = value
        pair.advance(range(10, 15))
    pair.assert_equal()
    if mode == "static":
        assert len(pair.versions) == 1


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize(
    "name, option, value",
    [
        ("SGD", "momentum", 0.9),
        ("SGD", "weight_decay", 0.1),
        ("SGD", "maximize", True),
        ("RMSprop", "weight_decay", 0.5),
        ("Adam", "weight_decay", 0.3),
    ],
)
def test_what_is_switched_on_is_traced_anew_once(name, option, value, mode):
    pair = Pair(name, {}, mode=mode)
    pair.advance(range(5))
    before = pair.mine.param_groups[0][option]
    for now in (value, before, value):
        pair.mine.param_groups[0][option] = pair.its.param_groups[0][option] = now
        pair.advance(range(5, 10))
    pair.assert_equal()
    if mode == "static":
        assert len(pair.versions) == 2
        assert f"param_groups[0].{option} is {'True' if value is True else 'nonzero'}, before" in pair.step.explain()


def test_a_momentum_that_comes_later_is_counted_from_there():
    pair = Pair("SGD", {"dampening": 0.5})
    pair.advance(range(4))
    pair.mine.param_groups[0]["momentum"] = pair.its.param_groups[0]["momentum"] = 0.9
    pair.advance(range(4, 8))
    pair.assert_equal()
