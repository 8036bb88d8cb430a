"""Every scheduler gives PyTorch's rates and momenta over 66 steps, also after it was saved and loaded on the way."""

import math

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import optim

SCHEDULERS = {
    "LambdaLR": lambda o, s: s.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (1 + e)]),
    "MultiplicativeLR": lambda o, s: s.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda o, s: s.StepLR(o, 7, 0.3),
    "MultiStepLR": lambda o, s: s.MultiStepLR(o, [3, 9, 9, 40], 0.5),
    "ConstantLR": lambda o, s: s.ConstantLR(o, 0.25, 10),
    "LinearLR": lambda o, s: s.LinearLR(o, 0.1, 0.8, 25),
    "ExponentialLR": lambda o, s: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda o, s: s.PolynomialLR(o, 40, 1.7),
    "CosineAnnealingLR": lambda o, s: s.CosineAnnealingLR(o, 12, 0.001),
    "CosineAnnealingLR 1": lambda o, s: s.CosineAnnealingLR(o, 1),
    "CosineAnnealingWarmRestarts": lambda o, s: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.001),
    "CosineAnnealingWarmRestarts 1": lambda o, s: s.CosineAnnealingWarmRestarts(o, 7),
    "OneCycleLR": lambda o, s: s.OneCycleLR(o, [0.5, 0.3], total_steps=70),
    "OneCycleLR 3": lambda o, s: s.OneCycleLR(
        o, 0.5, epochs=7, steps_per_epoch=10, three_phase=True, anneal_strategy="linear", pct_start=0.2
    ),
    "CyclicLR": lambda o, s: s.CyclicLR(o, 0.01, 0.2, 5, 9),
    "CyclicLR 2": lambda o, s: s.CyclicLR(o, 0.01, [0.2, 0.3], 5, mode="triangular2"),
    "CyclicLR exp": lambda o, s: s.CyclicLR(o, 0.01, 0.2, 5, mode="exp_range", gamma=0.97, cycle_momentum=False),
    "CyclicLR fn": lambda o, s: s.CyclicLR(o, 0.01, 0.2, 5, scale_fn=lambda x: 1 / x),
    "CyclicLR fn of steps": lambda o, s: s.CyclicLR(
        o, 0.01, 0.2, 5, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "SequentialLR": lambda o, s: s.SequentialLR(
        o,
        [
            s.LinearLR(o, 0.1, 1, 5),
            s.CosineAnnealingLR(o, 20),
            s.ConstantLR(o, 0.5, 9),
            s.CosineAnnealingWarmRestarts(o, 4, 2),
            s.MultiplicativeLR(o, lambda e: 0.9),
        ],
        [5, 20, 33, 48],
    ),
    "ChainedScheduler": lambda o, s: s.ChainedScheduler(
        [s.LinearLR(o, 0.1, 1, 5), s.ExponentialLR(o, 0.95), s.MultiStepLR(o, [10, 20])]
    ),
}
METRICS = np.abs(np.random.default_rng(0).normal(size=66)) / (1 + np.arange(66))


def optimizer_of(library, name="SGD"):
    made = [library.nn.Parameter(library.ones(3)) for _ in range(2)]
    extra = {"momentum": 0.9} if name == "SGD" else {}
    return getattr(library.optim, name)([{"params": made[:1]}, {"params": made[1:], "lr": 0.02}], lr=0.1, **extra)


def numbers(optimizer):
    return [[g["lr"], g["betas"][0] if "betas" in g else g["momentum"]] for g in optimizer.param_groups]


@pytest.mark.filterwarnings("ignore")  # PyTorch warns where no step of the optimizer came first
@pytest.mark.parametrize("reload_at", [None, 31])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_rates_as_in_pytorch(name, kind, reload_at):
    torch = pytest.importorskip("torch")
    make = SCHEDULERS[name]
    mine, its = optimizer_of(tg, kind), optimizer_of(torch, kind)
    ours, theirs = make(mine, optim.lr_scheduler), make(its, torch.optim.lr_scheduler)
    for step in range(66):
        np.testing.assert_allclose(numbers(mine), numbers(its), rtol=1e-9, atol=1e-13, err_msg=f"step {step}")
        np.testing.assert_allclose(ours.get_last_lr(), theirs.get_last_lr(), rtol=1e-9, atol=1e-13)
        if step == reload_at:
            saved = {"optimizer": mine.state_dict(), "scheduler": ours.state_dict()}
            mine = optimizer_of(tg, kind)
            ours = make(mine, optim.lr_scheduler)
            mine.load_state_dict(saved["optimizer"])
            ours.load_state_dict(saved["scheduler"])
        ours.step()
        theirs.step()


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "cooldown": 3, "threshold_mode": "abs", "threshold": 0.01, "min_lr": [0.01, 0.005]},
        {"mode": "max", "patience": 3, "factor": 0.3, "eps": 1e-3},
        {"mode": "max", "patience": 0, "threshold_mode": "abs", "cooldown": 1},
    ],
    ids=str,
)
def test_plateau_as_in_pytorch(options):
    torch = pytest.importorskip("torch")
    mine, its = optimizer_of(tg), optimizer_of(torch)
    ours = optim.lr_scheduler.ReduceLROnPlateau(mine, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(its, **options)
    for step, metric in enumerate(METRICS):
        ours.step(tg.asarray(metric))
        theirs.step(metric)
        assert ours.in_cooldown == theirs.in_cooldown and ours.num_bad_epochs == theirs.num_bad_epochs
        np.testing.assert_allclose(numbers(mine), numbers(its), rtol=1e-12, err_msg=f"step {step}")
        np.testing.assert_allclose(ours.get_last_lr(), theirs.get_last_lr(), rtol=1e-12)
        if step == 20:
            saved = ours.state_dict()
            ours = optim.lr_scheduler.ReduceLROnPlateau(mine)
            ours.load_state_dict(saved)
    assert numbers(mine)[0][0] < 0.1


@pytest.mark.filterwarnings("ignore")
def test_restarts_at_fractions_of_an_epoch():
    torch = pytest.importorskip("torch")
    for multiple in (1, 2, 3):
        mine, its = optimizer_of(tg), optimizer_of(torch)
        ours = optim.lr_scheduler.CosineAnnealingWarmRestarts(mine, 4, multiple)
        theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(its, 4, multiple)
        for step in range(100):
            ours.step(step / 3)
            theirs.step(step / 3)
            np.testing.assert_allclose(numbers(mine), numbers(its), rtol=1e-9, atol=1e-12)


def test_state_dicts_can_be_saved(tmp_path):
    pytest.importorskip("safetensors")
    for name, make in SCHEDULERS.items():
        optimizer = optimizer_of(tg)
        scheduler = make(optimizer, optim.lr_scheduler)
        for _ in range(9):
            scheduler.step()
        tg.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / name)
        saved = tg.load(tmp_path / name)
        other = optimizer_of(tg)
        again = make(other, optim.lr_scheduler)
        other.load_state_dict(saved["optimizer"])
        again.load_state_dict(saved["scheduler"])
        for _ in range(30):
            scheduler.step()
            again.step()
        assert numbers(optimizer) == numbers(other), name


def test_a_callable_object_is_saved_by_its_attributes():
    class Warm:
        def __init__(self, over):
            self.over = over

        def __call__(self, epoch):
            return min(1.0, (epoch + 1) / self.over)

    for make in (
        lambda o, f: optim.lr_scheduler.LambdaLR(o, f),
        lambda o, f: optim.lr_scheduler.CyclicLR(o, 0.1, 1.0, 5, scale_fn=f),
    ):
        saved = make(optimizer_of(tg), Warm(7)).state_dict()
        other = Warm(3)
        make(optimizer_of(tg), other).load_state_dict(saved)
        assert other.over == 7


def test_a_run_goes_on_from_its_last_epoch():
    optimizer = optimizer_of(tg)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
    for _ in range(10):
        scheduler.step()
    other = optimizer_of(tg)
    with pytest.raises(tg.errors.ArgumentError, match="'initial_lr'"):
        optim.lr_scheduler.CosineAnnealingLR(other, 30, last_epoch=9)
    other.load_state_dict(optimizer.state_dict())
    resumed = optim.lr_scheduler.CosineAnnealingLR(other, 30, last_epoch=9)
    for _ in range(10):
        assert numbers(optimizer) == numbers(other)
        scheduler.step()
        resumed.step()


def test_combined_schedulers_may_be_nested():
    def make(o, s):
        up = s.ChainedScheduler([s.LinearLR(o, 0.1, 1.0, 4), s.ExponentialLR(o, 0.9)])
        down = s.SequentialLR(o, [s.ConstantLR(o, 0.5, 3), s.StepLR(o, 2, 0.5)], [4])
        return s.SequentialLR(o, [s.ConstantLR(o, 1.0, 1), up, down], [3, 8])

    optimizer = optimizer_of(tg)
    scheduler = make(optimizer, optim.lr_scheduler)
    rates = []
    for _ in range(16):
        rates.append(optimizer.param_groups[0]["lr"] / 0.1)
        scheduler.step()
    up = [(0.1 + 0.9 * min(e, 4) / 4) * 0.9**e for e in range(5)]
    down = [0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 0.5, 0.5]
    np.testing.assert_allclose(rates, [1, 1, 1, *up, *down], rtol=1e-12)


def test_a_schedule_between_compiled_steps_needs_no_trace():
    parameter = tg.Parameter(np.zeros(4))
    optimizer = optim.SGD([parameter], lr=0.5, momentum=0.5)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=20)

    @tg.compile
    def step(gradient):
        parameter.grad = gradient
        optimizer.step()

    expected = velocity = 0.0
    for _ in range(20):
        velocity = optimizer.param_groups[0]["momentum"] * velocity + 1.0
        expected -= optimizer.lr * velocity
        step(np.ones(4))
        scheduler.step()
    np.testing.assert_allclose(parameter.numpy(), expected, rtol=1e-12)
    assert "1 version compiled" in step.explain()


def test_a_rate_of_zero_can_be_left():
    optimizer = optimizer_of(tg)
    scheduler = optim.lr_scheduler.LinearLR(optimizer, 0.0, 1.0, 4)
    seen = []
    for _ in range(6):
        seen.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    np.testing.assert_allclose(seen, [0, 0.025, 0.05, 0.075, 0.1, 0.1])


def test_mistakes():
    s, optimizer = optim.lr_scheduler, optimizer_of(tg)
    plain = optim.Adagrad([tg.Parameter(np.ones(1))])
    for make, words in (
        (lambda: s.StepLR(tg.Parameter(np.ones(1)), 3), "schedules an optimizer, not Parameter"),
        (lambda: s.StepLR(optimizer, 0), "step_size"),
        (lambda: s.LinearLR(optimizer, 2.0), "start_factor"),
        (lambda: s.LambdaLR(optimizer, [math.sqrt] * 3), "lr_lambda must be one or 2"),
        (lambda: s.OneCycleLR(optimizer, 1.0), "total_steps"),
        (lambda: s.OneCycleLR(plain, 1.0, total_steps=3), "no momentum"),
        (lambda: s.CyclicLR(optimizer, 0.1, 1.0, mode="square"), "mode"),
        (lambda: s.CosineAnnealingWarmRestarts(optimizer, 0), "T_0"),
        (lambda: s.ReduceLROnPlateau(optimizer, factor=1.0), "factor"),
        (lambda: s.ReduceLROnPlateau(optimizer).step(), "needs the metric"),
        (lambda: s.SequentialLR(optimizer, [s.StepLR(optimizer, 3)], [4]), "one milestone less"),
        (lambda: s.ChainedScheduler([s.StepLR(optimizer, 3), s.StepLR(plain, 3)]), "another optimizer"),
        (lambda: s.ChainedScheduler([s.ReduceLROnPlateau(optimizer)]), "metric"),
        (lambda: s.StepLR(optimizer, 3).load_state_dict(s.ExponentialLR(optimizer, 0.9).state_dict()), "saved state"),
    ):
        with pytest.raises(tg.errors.ArgumentError, match=words):
            make()
    over = s.OneCycleLR(optimizer, 1.0, total_steps=2, cycle_momentum=False)
    over.step()
    over.step()
    with pytest.raises(tg.errors.ArgumentError, match="the schedule is over"):
        over.step()
    scheduler = s.ExponentialLR(optimizer, 0.9)
    with pytest.raises(tg.errors.UnsupportedError, match="after the compiled step"):
        tg.compile(lambda: scheduler.step())()
    assert scheduler.last_epoch == 0
