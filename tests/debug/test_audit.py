"""The audit finds what raises nothing, names it with numbers, leaves the states alone, and is silent on correct steps."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.models.reference import REFERENCE
from tapegraph.reached import states_of

F = nn.functional
RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 3)).astype(np.float32)
Y = RNG.standard_normal((16, 1)).astype(np.float32)

both_modes = pytest.mark.parametrize("mode", ["eager", "static"])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(3, 4), nn.Linear(4, 1)

    def forward(self, x):
        return self.head(tg.tanh(self.encoder(x)))


def trained(forward=None, *, lr=0.1, loss=F.mse_loss, clear=True, optimizer=None, net=None):
    net = net or Net()
    optimizer = optimizer(net) if optimizer else optim.SGD(net.parameters(), lr=lr)

    @tg.function
    def step(x, y):
        if clear:
            optimizer.zero_grad()
        value = loss((forward or Net.forward)(net, x), y)
        value.backward()
        optimizer.step()
        return value

    return step


def audited(step, *args, mode="eager", **options):
    tg.manual_seed(0)
    with tg.mode(mode):
        return tg.debug.audit(step, *(args or (X, Y)), **options)


def kinds(report):
    return [found.kind for found in report.findings]


@both_modes
def test_a_correct_step_has_no_findings_and_its_states_are_as_before(mode):
    step = trained()
    before = [np.array(s) for s in states_of([step])]
    report = audited(step, mode=mode)
    assert report.ok and str(report) == f"audit of step: 3 calls in {mode} mode, no findings"
    for state, value in zip(states_of([step]), before, strict=True):
        np.testing.assert_array_equal(np.array(state), value)
        assert state.grad is None


def _constant_scale(net, x):
    return net.head(tg.tanh(net.encoder(x))) * 0.0 + tg.sum(x, axis=1, keepdims=True)


def _dead(net, x):
    return net.head(tg.relu(net.encoder(x) - 100.0))


def _saturated(net, x):
    return net.head(tg.tanh(net.encoder(x) + 6.0))


def _doubles(net, x):
    return net.head(tg.tanh(net.encoder(x) * np.ones(4)))


def _ignores_input(net, x):
    return net.head(tg.tanh(net.encoder(tg.ones((16, 3)))))


def _detached(net, x):
    return net.head(tg.tanh(net.encoder(x)).detach())


class Late(Net):
    def __init__(self):
        super().__init__()
        self.late = None

    def forward(self, x):
        return self.late(self.head(tg.tanh(self.encoder(x))))


def _made_too_early(net):
    made = optim.SGD(net.parameters(), lr=0.1)
    net.late = nn.Linear(1, 1)
    return made


def _of_another_model(net):
    return optim.SGD([*net.parameters(), *Net().parameters()], lr=0.1)


class Dropping(Net):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.eval()

    def forward(self, x):
        return self.head(self.drop(tg.tanh(self.encoder(x))))


BUGS = [
    ({"forward": _constant_scale}, "zero gradient", ""),
    ({"forward": _dead}, "dead activation", "tg.relu(net.encoder(x) - 100.0)"),
    ({"forward": _saturated}, "saturated activation", "tg.tanh(net.encoder(x) + 6.0)"),
    ({"forward": _doubles}, "float64", "net.encoder(x) * np.ones(4)"),
    ({"forward": _ignores_input}, "unused input", ""),
    ({"forward": _detached}, "gradient", "tg.tanh(net.encoder(x)).detach()"),
    ({"clear": False}, "gradient", "value.backward()"),
    ({"lr": 0.0}, "no update", ""),
    ({"lr": 1e-6}, "tiny update", ""),
    ({"lr": 100.0}, "huge update", ""),
    ({"loss": lambda p, y: tg.mean((p - y[:, 0]) ** 2)}, "broadcast", ""),
    ({"loss": lambda p, y: F.mse_loss(p, y) * 1e6, "lr": 1e-9}, "exploding", ""),
    ({"loss": lambda p, y: tg.mean(tg.log(p))}, "not finite", "tg.log(p)"),
    ({"net": Late, "optimizer": _made_too_early, "forward": Late.forward}, "in no optimizer", ""),
    ({"optimizer": _of_another_model}, "of no model", ""),
    ({"net": Dropping, "forward": Dropping.forward}, "eval mode", ""),
]


@pytest.mark.parametrize("bug, kind, guilty", BUGS, ids=[f"{kind} {n}" for n, (_, kind, _) in enumerate(BUGS)])
def test_findings(bug, kind, guilty):
    tg.manual_seed(0)
    if "net" in bug:
        bug = bug | {"net": bug["net"]()}
    report = audited(trained(**bug))
    assert kind in kinds(report), str(report)
    found = next(f for f in report.findings if f.kind == kind)
    if guilty:
        assert found.place.expression.strip() == guilty
    assert found.fix and found.text in str(report) and "<pre>" in report._repr_html_()


def test_findings_in_static_mode_are_those_of_eager_mode():
    for bug in ({"forward": _detached}, {"lr": 0.0}, {"clear": False}):
        eager, static = (kinds(audited(trained(**bug), mode=mode)) for mode in ("eager", "static"))
        assert eager == static


def test_a_parameter_in_two_optimizers():
    net = Net()
    first, second = optim.SGD(net.parameters(), lr=0.1), optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        first.zero_grad()
        F.mse_loss(net(x), y).backward()
        first.step()
        second.step()

    assert "in two optimizers" in kinds(audited(step))


def test_a_plain_function_without_an_optimizer():
    assert audited(lambda x: tg.sum(tg.exp(x)), X).ok
    assert kinds(audited(lambda x, y: tg.sum(x), X, Y)) == ["unused input"]


def test_a_model_with_its_loss_and_no_optimizer():
    net = Net()
    assert audited(lambda x, y: F.mse_loss(net(x), y).backward()).ok
    report = audited(lambda x, y: F.mse_loss(_detached(net, x), y).backward())
    assert kinds(report) == ["gradient"] and "_detached" in report.findings[0].place.function
    report = audited(lambda x, y: F.mse_loss(_dead(net, x), y).backward())
    assert kinds(report) == ["zero gradient", "dead activation"]


QUICK = ("mlp", "lenet", "transformer classifier", "vae")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in REFERENCE])
def test_reference_models_have_no_findings(name):
    training = REFERENCE[name].start()
    report = audited(training.step, *REFERENCE[name].data())
    assert report.ok, str(report)
