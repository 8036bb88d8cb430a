"""Quiet mistakes of training are told at the guilty expression, in both modes; what is meant stays silent."""

from __future__ import annotations

import gc
import pickle
import warnings

import numpy as np
import pytest

import tapegraph as tg
from engine.notices import BroadcastWarning, GradientWarning, TapegraphWarning
from tapegraph import nn, optim

F = nn.functional
RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 3)).astype(np.float32)
COLUMN = RNG.standard_normal((5, 1)).astype(np.float32)
ROW = RNG.standard_normal(5).astype(np.float32)

both_modes = pytest.mark.parametrize("mode", ["eager", "static"])


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def told(kind, mode, run, calls=4):
    """The one warning of this kind, and which expression it names."""
    with tg.mode(mode), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(calls):
            run()
    found = [w.message for w in seen if issubclass(w.category, TapegraphWarning)]
    assert [type(w) for w in found] == [kind]
    return found[0], found[0].place.expression


def silent(mode, run, calls=3):
    with tg.mode(mode), warnings.catch_warnings():
        warnings.simplefilter("error", TapegraphWarning)
        for _ in range(calls):
            run()


# ---------------------------------------------------------------------------------------- broadcasts


@both_modes
@pytest.mark.parametrize(
    "loss, guilty",
    [
        (lambda out: tg.mean((out - ROW) ** 2), "out - ROW"),
        (lambda out: tg.mean((ROW - out) ** 2), "ROW - out"),
        (lambda out: tg.mean(tg.abs(tg.squeeze(out, axis=-1) - COLUMN)), "tg.squeeze(out, axis=-1) - COLUMN"),
        (lambda out: -tg.mean(ROW * tg.logsigmoid(out)), "ROW * tg.logsigmoid(out)"),
    ],
)
def test_a_prediction_paired_with_every_target_is_told(mode, loss, guilty):
    net = model()
    notice, expression = told(BroadcastWarning, mode, tg.function(lambda: loss(net(tg.asarray(X)))))
    assert expression == guilty
    assert "(5, 5)" in str(notice)


@both_modes
@pytest.mark.parametrize(
    "meant",
    [
        lambda out, row: out - row[:, None],
        lambda out, row: tg.squeeze(out, axis=-1)[:, None] - row,
        lambda out, row: tg.sum(out, axis=1, keepdims=True) + row,  # squared distances of all pairs
        lambda out, row: tg.squeeze(out, axis=-1) - row[:, None],
        lambda out, row: out + tg.squeeze(out, axis=-1),  # attention adds the scores of both ends
        lambda out, row: out - tg.permute_dims(out, (1, 0)),
        lambda out, row: out - row[:3],
        lambda out, row: out * 2.0 + row[0],
    ],
)
def test_broadcasts_that_are_meant_are_silent(mode, meant):
    net = model()
    silent(mode, tg.function(lambda: tg.mean(meant(net(tg.asarray(X)), tg.asarray(ROW)))))


@both_modes
def test_features_of_a_parameter_and_data_are_silent(mode):
    centers = nn.Parameter(np.linspace(-1, 1, 5, dtype=np.float32))
    silent(mode, tg.function(lambda: tg.sum(tg.exp(-tg.square(tg.asarray(COLUMN) - centers)))))


@both_modes
def test_a_loss_of_two_shapes_is_refused(mode):
    net = model()
    with tg.mode(mode), pytest.raises(tg.errors.ShapeError, match="same shape"):
        tg.function(lambda: F.mse_loss(net(tg.asarray(X)), tg.asarray(ROW)))()


# ---------------------------------------------------------------------------------------- zero_grad


def training(mode, body):
    """A step over a new model; ``body(optimizer, backward)``."""
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def backward():
        F.mse_loss(net(tg.asarray(X)), tg.asarray(COLUMN)).backward()

    return tg.function(lambda: body(optimizer, backward)), net


def _never_cleared(optimizer, backward):
    backward()
    optimizer.step()


def _cleared_early(optimizer, backward):
    backward()
    optimizer.zero_grad()
    optimizer.step()


@both_modes
def test_a_missing_zero_grad_is_told_where_gradients_are_added(mode):
    step, _ = training(mode, _never_cleared)
    notice, expression = told(GradientWarning, mode, step)
    assert expression.endswith(".backward()")
    assert "used by an earlier step" in str(notice) and "zero_grad()" in notice.fix


@both_modes
def test_it_is_told_though_gradients_are_clipped_and_the_loop_is_python_s(mode):
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    gradients = tg.function(lambda: F.mse_loss(net(tg.asarray(X)), tg.asarray(COLUMN)).backward())

    def step():
        gradients()
        nn.utils.clip_grad_norm_(net.parameters(), 0.01)
        optimizer.step()

    told(GradientWarning, mode, step)


def _accumulate(optimizer, backward):
    backward()
    backward()
    optimizer.step()
    optimizer.zero_grad()


def _zeros(optimizer, backward):
    backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)


def _cleared_late(optimizer, backward):
    backward()  # as the pass of a generator through its critic
    optimizer.zero_grad()
    backward()
    optimizer.step()


def _by_hand(optimizer, backward):
    backward()
    optimizer.step()
    for p in optimizer.param_groups[0]["params"]:
        p.grad = None


@both_modes
@pytest.mark.parametrize("body", [_accumulate, _zeros, _cleared_late, _by_hand])
def test_gradients_that_are_cleared_are_silent(mode, body):
    silent(mode, training(mode, body)[0], calls=4)


def test_a_gradient_zeroed_in_place_as_in_pytorch_is_silent():
    from tapegraph import torch

    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step():
        net(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        for p in net.parameters():
            p.grad.zero_()

    silent("eager", step)


# ---------------------------------------------------------------------------------------- steps of no length


@both_modes
@pytest.mark.parametrize("how", ["made", "set"])
def test_a_learning_rate_of_zero_is_told_where_it_was_given(mode, how):
    net = model()
    optimizer = optim.AdamW(net.parameters(), lr=1 // 100 if how == "made" else 0.1)
    if how == "set":
        optimizer.param_groups[0]["lr"] = 0.1 * (3 // 10)

    def body():
        optimizer.zero_grad()
        F.mse_loss(net(tg.asarray(X)), tg.asarray(COLUMN)).backward()
        optimizer.step()

    notice, _ = told(GradientWarning, mode, tg.function(body))
    assert ("1 // 100" if how == "made" else '["lr"] = ') in notice.place.text


@both_modes
def test_one_step_of_rate_zero_and_schedules_that_end_at_zero_are_silent(mode):
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=0.0)

    @tg.function
    def body():
        optimizer.zero_grad()
        F.mse_loss(net(tg.asarray(X)), tg.asarray(COLUMN)).backward()
        optimizer.step()

    silent(mode, body, calls=1)
    optimizer.lr = 0.1
    silent(mode, body)
    optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.0)
    silent(mode, body)


@both_modes
def test_steps_without_any_gradient_are_told(mode):
    step, _ = training(mode, _cleared_early)
    notice, expression = told(GradientWarning, mode, step)
    assert expression == "optimizer.step()"
    assert "no gradient at all" in str(notice)


def test_an_optimizer_is_pickled():
    optimizer = optim.Adam(model().parameters(), lr=0.0)
    assert pickle.loads(pickle.dumps(optimizer)).param_groups[0]["lr"] == 0.0


def test_off_is_silent():
    step, _ = training("eager", _never_cleared)
    with tg.debug.level("off"):
        silent("eager", step)


# ---------------------------------------------------------------------------------------- cut ways


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head, self.aux = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)


def forward_step(forward, parameters=lambda net: net.parameters()):
    net = Net()
    optimizer = optim.SGD(parameters(net), lr=0.1)

    @tg.function
    def step(x, y):
        optimizer.zero_grad()
        F.mse_loss(forward(net, x), y).backward()
        optimizer.step()

    return lambda: step(tg.asarray(X), tg.asarray(COLUMN)), net


def _detached(net, x):
    h = tg.tanh(net.encoder(x))
    return net.head(h.detach())


def _without_gradients(net, x):
    with tg.no_grad():
        h = tg.tanh(net.encoder(x))
    return net.head(h)


def _compared(net, x):
    return net.head(tg.astype(net.encoder(x) > 0, "float32"))


def _through_numpy(net, x):
    return net.head(tg.tensor(net.encoder(x).numpy()))


def _through_a_number(net, x):
    scale = float(tg.sum(net.encoder(x)))
    return tg.mean(x, axis=1, keepdims=True) * net.aux.bias * scale


CUTS = [(_detached, "h.detach()"), (_without_gradients, "with tg.no_grad():"), (_compared, "net.encoder(x) > 0")]
ROUND_TRIPS = [
    (_through_numpy, "tg.tensor(net.encoder(x).numpy())"),
    (_through_a_number, "tg.mean(x, axis=1, keepdims=True) * net.aux.bias * scale"),
]


@pytest.mark.parametrize(
    "mode, forward, guilty", [(m, *c) for m in ("eager", "static") for c in CUTS] + [("eager", *c) for c in ROUND_TRIPS]
)
def test_a_parameter_whose_way_to_the_loss_is_cut_is_told_in_the_first_step(mode, forward, guilty):
    step, _ = forward_step(forward)
    notice, _ = told(GradientWarning, mode, step, calls=1)
    assert guilty in notice.place.text
    assert "encoder.weight, encoder.bias" in str(notice)


def test_a_way_that_is_cut_later_is_told_in_the_step_after():
    cut = []
    step, _ = forward_step(lambda net, x: _detached(net, x) if cut else net.head(tg.tanh(net.encoder(x))))
    silent("eager", step)
    cut.append(True)
    told(GradientWarning, "eager", step, calls=2)


def _logged(net, x):
    h = tg.tanh(net.encoder(x))
    seen = net.aux(h)  # of no use to the loss
    seen.detach()
    with tg.no_grad():
        tg.mean(seen)
    return net.head(h)


def _straight_through(net, x):
    h = tg.tanh(net.encoder(x))
    return net.head(h + tg.stop_gradient(tg.round(h) - h))


@both_modes
@pytest.mark.parametrize("forward", [_logged, _straight_through])
def test_parameters_of_no_use_and_cuts_that_gradients_go_round_are_silent(mode, forward):
    silent(mode, forward_step(forward)[0])


@both_modes
def test_frozen_parameters_and_those_of_another_optimizer_are_silent(mode):
    silent(mode, forward_step(_detached, lambda net: net.head.parameters())[0])
    step, net = forward_step(_detached)
    net.encoder.requires_grad_(False)
    silent(mode, step)


@pytest.mark.filterwarnings("ignore::engine.notices.GradientWarning")
def test_values_are_followed_in_one_step_only():
    from eager.flow import FLOW
    from eager.interpreter import RECORDING, Eager

    for number in list(FLOW.waiting):
        FLOW._leave(number)
    step, _ = forward_step(_detached)
    assert type(RECORDING) is not Eager
    step()
    assert type(RECORDING) is Eager and not FLOW._links
    optimizer = optim.SGD(model().parameters(), lr=0.1)
    assert type(RECORDING) is not Eager
    del optimizer
    gc.collect()
    assert type(RECORDING) is Eager


def test_a_tensor_made_anew_of_another_is_a_cut_as_well():
    from tapegraph import torch

    net, head = torch.nn.Linear(3, 1), torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD([*net.parameters(), *head.parameters()], lr=0.1)

    def step():
        optimizer.zero_grad()
        head(torch.tensor(net(torch.ones(2, 3)))).sum().backward()
        optimizer.step()

    notice, _ = told(GradientWarning, "eager", step, calls=1)
    assert "torch.tensor(net(" in notice.place.text


@pytest.mark.parametrize("body", [_never_cleared])
@both_modes
def test_at_level_checked_it_is_an_error(mode, body):
    step, _ = training(mode, body)
    with tg.mode(mode), tg.debug.level("checked"):
        step()
        with pytest.raises(GradientWarning, match="used by an earlier step"):
            step()
