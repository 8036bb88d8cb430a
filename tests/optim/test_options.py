"""Options: numbers read as floats outside traces and as symbols inside; mistakes are told."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import optim


def two():
    return [tg.Parameter(np.array([1.0, 2.0]), name="a"), tg.Parameter(np.float32([[0.5]]), name="b")]


def test_a_group_reads_as_a_dict_of_floats():
    optimizer = optim.AdamW(
        [{"params": two()[:1], "lr": 0.5, "lr_scale": 3, "name": "first"}, {"params": two()[1:]}], lr=0.1
    )
    group = optimizer.param_groups[0]
    assert type(group["lr"]) is float and group["lr"] == 0.5 and f"{group['lr']:.3f}" == "0.500"
    group["lr"] *= 0.5
    group["lr"] -= 0.05
    assert group["lr"] == 0.2 and round(group["lr"] * group["lr_scale"], 3) == 0.6
    assert group["betas"] == (0.9, 0.999) and group["amsgrad"] is False
    group["betas"] = (0.5, *group["betas"][1:])
    assert group["betas"] == (0.5, 0.999) and optimizer.param_groups[1]["betas"] == (0.9, 0.999)
    group["name"] = "renamed"
    assert group["name"] == "renamed"
    assert set(group) == {*optimizer.defaults, "params", "lr_scale", "name"} and len(group) == len(set(group))
    assert group.get("momentum") is None and "eps" in group and "lr=0.2" in repr(optimizer)
    group.update(lr=0.3, eps=np.float32(0.25))
    assert (group["lr"], group["eps"]) == (0.3, 0.25)
    group["lr"] = tg.asarray(0.75)
    assert group["lr"] == 0.75
    del group["lr_scale"]
    assert "lr_scale" not in group


def test_one_rate_for_all():
    optimizer = optim.SGD(two(), lr=0.1)
    optimizer.lr *= 0.5
    assert type(optimizer.lr) is float and optimizer.lr == 0.05
    several = optim.Adam([{"params": p} for p in two()], lr=0.1)
    with pytest.raises(tg.errors.ArgumentError, match="several groups"):
        several.lr
    several.lr = 0.2
    assert [g["lr"] for g in several.param_groups] == [0.2, 0.2]


@pytest.mark.filterwarnings("ignore::engine.notices.TraceWarning")
def test_inside_a_trace_a_number_is_a_symbol():
    parameter = tg.Parameter(np.ones(3), name="p")
    optimizer = optim.SGD([parameter], lr=1.0)
    seen = []

    @tg.compile
    def step(gradient):
        parameter.grad = gradient
        seen.append(optimizer.lr)
        optimizer.step()
        optimizer.lr *= 0.5
        optimizer.param_groups[0]["lr"] = optimizer.lr.astype("float32")

    for _ in range(3):
        step(np.ones(3))
    assert len(seen) < 3 and not any(isinstance(rate, float) for rate in seen)
    assert optimizer.lr == 0.125 and parameter.tolist() == [-0.75] * 3


def test_mistakes_with_options():
    optimizer = optim.SGD(two(), momentum=0.9, nesterov=True)
    group = optimizer.param_groups[0]
    for name, value, words in (
        ("momentum", 0.0, "nesterov needs a momentum"),
        ("dampening", 0.5, "nesterov needs a momentum"),
        ("weight_decay", -1, "weight_decay must not be negative"),
        ("momentun", 0.5, "called 'momentum'"),
        ("LR", 0.5, "called 'lr'"),
    ):
        before = dict(group)
        with pytest.raises(tg.errors.ArgumentError, match=words):
            group[name] = value
        assert dict(group) == before
    with pytest.raises(tg.errors.ArgumentError, match="betas must be 2 numbers"):
        optim.Adam(two()).param_groups[0]["betas"] = (0.1, 0.2, 0.3)
    with pytest.raises(tg.errors.UnsupportedError, match="add_param_group"):
        group["params"] = []
    with pytest.raises(tg.errors.UnsupportedError, match="stays"):
        del group["lr"]


def test_what_decides_the_ops_cannot_change_inside_a_trace():
    optimizer = optim.SGD(two(), momentum=0.9)

    for name, value in (("momentum", 0.5), ("nesterov", True)):

        def step(x, name=name, value=value):
            optimizer.param_groups[0][name] = value
            return x

        with pytest.raises(tg.errors.UnsupportedError, match="between the calls"):
            tg.compile(lambda x: step(x))(np.ones(2))


def test_a_flag_that_needs_an_array_gets_it():
    parameters = two()
    optimizer = optim.Adam(parameters)
    optimizer.param_groups[0]["amsgrad"] = True
    for parameter, gradient in zip(parameters, ([1.0, 2.0], [[1.0]]), strict=True):
        parameter.grad = tg.asarray(gradient, dtype=parameter.dtype)
    optimizer.step()
    assert optimizer.state[parameters[0]]["max_exp_avg_sq"].numpy().all()
