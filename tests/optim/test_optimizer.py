"""Optimizer: groups, slots, closures, saving, mistakes."""

import copy
import pickle

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim


def trained(optimizer, parameters, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        sum((p * p * p).sum() for p in parameters).backward()
        optimizer.step()
    return [p.numpy().copy() for p in parameters]


def two():
    return [tg.Parameter(np.array([1.0, 2.0]), name="a"), tg.Parameter(np.float32([[0.5]]), name="b")]


def test_a_step_records_nothing_and_keeps_the_dtypes():
    parameters = two()
    for optimizer in (optim.SGD(parameters, momentum=0.9, dampening=0.1), optim.AdamW(parameters, amsgrad=True)):
        trained(optimizer, parameters, 2)
        assert [p.dtype for p in parameters] == [np.float64, np.float32]
        slots = [s for held in optimizer.state.values() for s in held.values()]
        assert not any(s.requires_grad for s in slots)
        assert {s.name[:2] for s in slots} == {"a.", "b.", "st"}


def test_states_exist_from_the_start():
    parameters = two()
    optimizer = optim.Adam(parameters)
    slots = {id(s) for held in optimizer.state.values() for s in held.values()}
    trained(optimizer, parameters, 2)
    assert slots == {id(s) for held in optimizer.state.values() for s in held.values()}
    assert optimizer.state[parameters[0]]["step"].item() == 2


def test_without_any_gradient_nothing_happens():
    parameters = two()
    optimizer = optim.AdamW(parameters)
    optimizer.step()
    assert optimizer.state[parameters[0]]["step"].item() == 0 and parameters[0].numpy().tolist() == [1, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.01, momentum=0.9, dampening=0.5),
        lambda p: optim.AdamW([{"params": p[:1]}, {"params": p[1:], "lr": 0.1}], amsgrad=True),
    ],
)
def test_a_resumed_run_goes_on_as_if_never_stopped(make, tmp_path):
    parameters = two()
    optimizer = make(parameters)
    trained(optimizer, parameters, 3)
    optimizer.param_groups[0]["lr"] = 0.02
    pytest.importorskip("safetensors")
    tg.save({"model": parameters, "optimizer": optimizer.state_dict()}, tmp_path / "run")
    expected = trained(optimizer, parameters, 3)
    saved = tg.load(tmp_path / "run")
    fresh = [tg.Parameter(v) for v in saved["model"]]
    other = make(fresh)
    other.load_state_dict(saved["optimizer"])
    for a, b in zip(trained(other, fresh, 3), expected, strict=True):
        assert np.array_equal(a, b)


def test_a_state_that_does_not_fit_is_refused_whole():
    parameters = two()
    optimizer = optim.SGD(parameters, momentum=0.9)
    trained(optimizer, parameters, 1)
    saved = optimizer.state_dict()
    for other, words in (
        (optim.Adam(two()), "group 0 was saved without betas"),
        (optim.SGD(two()[:1], momentum=0.9), r"\[2\] parameters were saved, here are \[1\]"),
        (optim.SGD(two()[::-1], momentum=0.9), r"momentum_buffer of b is \(2,\), here it is \(1, 1\)"),
    ):
        before = other.state_dict()
        with pytest.raises(tg.errors.ArgumentError, match=words):
            other.load_state_dict(saved)
        assert str(other.state_dict()) == str(before)


def test_mistakes():
    a, b = two()
    layer = nn.Linear(2, 2)
    drained = layer.parameters()
    list(drained)
    for make, words in (
        (lambda: optim.SGD([]), "no parameters"),
        (lambda: optim.SGD(drained), "iterator"),
        (lambda: optim.SGD([a, tg.State(1.0)]), "item 1 .* is no Parameter but State"),
        (lambda: optim.SGD([a, a]), "a was given twice"),
        (lambda: optim.SGD([{"params": [a]}, {"params": [b, a]}]), "a was given twice"),
        (lambda: optim.Adam([{"params": [a], "beta": 1}]), "no option beta"),
        (lambda: optim.SGD([a], lr=-1), "lr must not be negative"),
        (lambda: optim.SGD([a], nesterov=True), "nesterov needs a momentum"),
        (lambda: optim.Adam([a], betas=(0.9, 1.0)), "betas"),
        (lambda: optim.Adam([a], eps=float("nan")), "eps"),
    ):
        with pytest.raises(tg.errors.ArgumentError, match=words):
            make()


def test_options_come_back_with_the_state():
    parameters = two()
    optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9, dampening=0.5)
    trained(optimizer, parameters, 2)
    optimizer.param_groups[0]["tag"] = "first"
    other = optim.SGD(two(), lr=3.0, maximize=True)
    other.load_state_dict(optimizer.state_dict())
    group = other.param_groups[0]
    assert {k: v for k, v in group.items() if k != "params"} == {
        "lr": 0.1,
        "momentum": 0.9,
        "dampening": 0.5,
        "weight_decay": 0.0,
        "nesterov": False,
        "maximize": False,
        "tag": "first",
    }
    assert str(other.state_dict()) == str(optimizer.state_dict())
    with pytest.raises(tg.errors.UnsupportedError, match="outside the traced function"):
        tg.compile(lambda x: other.load_state_dict(optimizer.state_dict()))(np.ones(2))


def test_counts_that_differ_come_back():
    parameters = two()
    optimizer = optim.Adam(parameters)
    for present in (parameters, parameters[:1], parameters):
        trained(optimizer, present, 1)
    saved = optimizer.state_dict()
    assert [held["step"].item() for held in saved["state"]] == [3, 2]
    again = [tg.Parameter(p.numpy()) for p in parameters]
    other = optim.Adam(again)
    other.load_state_dict(saved)
    assert [other.state[p]["step"].item() for p in again] == [3, 2]
    for a, b in zip(trained(other, again, 2), trained(optimizer, parameters, 2), strict=True):
        assert np.array_equal(a, b)


def test_a_closure_computes_the_loss_before_the_step():
    parameters = two()
    optimizer = optim.SGD(parameters, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in parameters)
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 5.25
    np.testing.assert_allclose(parameters[0].numpy(), [0.8, 1.6])


def test_gradients_may_be_zeroed_or_forgotten():
    a, b = two()
    optimizer = optim.SGD([a, b])
    a.grad = tg.asarray([1.0, 2.0], dtype="float64")
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0, 0] and b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_named_parameters_are_taken():
    layer = nn.Linear(2, 2)
    assert list(optim.SGD(layer.named_parameters()).param_groups[0]["params"]) == list(layer.parameters())


def test_a_group_can_join_later():
    a, b = two()
    optimizer = optim.SGD([a], lr=0.1)
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    with pytest.raises(tg.errors.ArgumentError, match="twice"):
        optimizer.add_param_group({"params": [tg.Parameter(1.0), b]})
    assert len(optimizer.param_groups) == 2 and len(optimizer.state) == 2
    trained(optimizer, [a, b], 1)
    assert b.numpy().item() == pytest.approx(0.5 - 0.5 * 3 * 0.25)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_a_copy_of_model_and_optimizer_trains_on_its_own(copied):
    model = nn.Linear(2, 2)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    trained(optimizer, list(model.parameters()), 2)
    other, again = copied((model, optimizer))
    again.param_groups[0]["lr"] = 0.5
    before = model.weight.numpy().copy()
    trained(again, list(other.parameters()), 1)
    assert np.array_equal(before, model.weight.numpy()) and not np.array_equal(before, other.weight.numpy())
    assert optimizer.lr == 0.1 and again.state[other.weight]["step"].item() == 3
