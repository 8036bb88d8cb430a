"""Optimizer: groups, the learning rate as a state, saving, mistakes."""

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


def test_the_rate_is_a_state_in_float64():
    optimizer = optim.SGD(two(), lr=0.1)
    rate = optimizer.lr
    assert isinstance(rate, tg.State) and rate.item() == 0.1 and rate.dtype == np.float64
    optimizer.lr = 0.2
    assert rate.item() == 0.2 and optimizer.lr is rate
    optimizer.param_groups[0]["lr"] = 0.3
    assert rate.item() == 0.3
    optimizer.lr *= 0.5
    assert rate.item() == 0.15 and optimizer.lr is rate


def test_several_groups_have_several_rates():
    a, b = two()
    optimizer = optim.Adam([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.1)
    assert [g["lr"].item() for g in optimizer.param_groups] == [0.5, 0.1]
    with pytest.raises(tg.errors.ArgumentError, match="several groups"):
        optimizer.lr
    optimizer.lr = 0.2
    assert [g["lr"].item() for g in optimizer.param_groups] == [0.2, 0.2]
    assert "lr=0.2" in repr(optimizer) and "params=1" in repr(optimizer)


def test_other_options_stay():
    optimizer = optim.SGD(two(), momentum=0.9)
    optimizer.param_groups[0]["momentum"] = 0.9
    with pytest.raises(tg.errors.UnsupportedError, match="momentum"):
        optimizer.param_groups[0]["momentum"] = 0.5
    with pytest.raises(KeyError):
        optimizer.param_groups[0]["beta"] = 0.5


def test_a_step_records_nothing_and_keeps_the_dtypes():
    parameters = two()
    for optimizer in (optim.SGD(parameters, momentum=0.9, dampening=0.1), optim.AdamW(parameters, amsgrad=True)):
        trained(optimizer, parameters, 2)
        assert [p.dtype for p in parameters] == [np.float64, np.float32]
        slots = [s for held in optimizer.state.values() for s in held.values()]
        assert not any(s.requires_grad for s in slots) and all(s.name[:2] in ("a.", "b.") for s in slots)


def test_states_exist_from_the_start():
    parameters = two()
    optimizer = optim.Adam(parameters)
    slots = {id(s) for held in optimizer.state.values() for s in held.values()}
    trained(optimizer, parameters, 2)
    assert slots == {id(s) for held in optimizer.state.values() for s in held.values()}
    assert optimizer.param_groups[0]["step"].item() == 2


def test_without_any_gradient_nothing_happens():
    parameters = two()
    optimizer = optim.AdamW(parameters)
    optimizer.step()
    assert optimizer.param_groups[0]["step"].item() == 0 and parameters[0].numpy().tolist() == [1, 2]


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
        (optim.SGD(two()), "momentum=0.9, here it is 0.0"),
        (optim.Adam(two()), "group 0 was saved with|has no betas"),
        (optim.SGD(two()[:1], momentum=0.9), r"\[2\] parameters were saved, here are \[1\]"),
        (optim.SGD(two()[::-1], momentum=0.9), r"momentum of b is \(2,\), here it is \(1, 1\)"),
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
        (lambda: optim.SGD([{"params": [a], "beta": 1}]), "no option beta"),
        (lambda: optim.SGD([a], lr=-1), "lr must not be negative"),
        (lambda: optim.SGD([a], nesterov=True), "nesterov needs a momentum"),
        (lambda: optim.Adam([a], betas=(0.9, 1.0)), "betas"),
        (lambda: optim.Adam([a], eps=float("nan")), "eps"),
    ):
        with pytest.raises(tg.errors.ArgumentError, match=words):
            make()


def test_a_group_can_join_later():
    a, b = two()
    optimizer = optim.SGD([a], lr=0.1)
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    with pytest.raises(tg.errors.ArgumentError, match="twice"):
        optimizer.add_param_group({"params": [tg.Parameter(1.0), b]})
    assert len(optimizer.param_groups) == 2 and len(optimizer.state) == 2
    trained(optimizer, [a, b], 1)
    assert b.numpy().item() == pytest.approx(0.5 - 0.5 * 3 * 0.25)
