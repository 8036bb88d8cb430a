"""LBFGS takes PyTorch's iterations, evaluation by evaluation, and its closure may be compiled."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import optim

START = [-1.2, 1.0]


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def problem(options, dtype="float64", compiled=False, start=START):
    parameter = tg.Parameter(np.array(start, dtype), name="x")
    optimizer = optim.LBFGS([parameter], **options)

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(parameter)
        loss.backward()
        return loss

    return parameter, optimizer, tg.compile(closure) if compiled else closure


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "static"])
@pytest.mark.parametrize(
    "options, steps",
    [
        ({"lr": 0.05}, 5),
        ({"lr": 0.002, "history_size": 3, "max_iter": 7}, 10),
        ({"line_search_fn": "strong_wolfe"}, 6),
        ({"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 4, "max_eval": 6}, 12),
    ],
    ids=str,
)
def test_rosenbrock_as_in_pytorch(options, steps, compiled):
    torch = pytest.importorskip("torch")
    ours, mine, closure = problem(options, compiled=compiled)
    theirs = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    its = torch.optim.LBFGS([theirs], **options)

    def their_closure():
        its.zero_grad()
        loss = rosenbrock(theirs)
        loss.backward()
        return loss

    for _ in range(steps):
        loss, expected = mine.step(closure), its.step(their_closure)
        np.testing.assert_allclose(float(loss), expected.item(), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-6)
    held = its.state[theirs]
    assert (mine.memory.func_evals, mine.memory.n_iter) == (held["func_evals"], held["n_iter"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_converges(dtype):
    parameter, optimizer, closure = problem({"line_search_fn": "strong_wolfe", "max_iter": 50}, dtype)
    for _ in range(3):
        optimizer.step(closure)
    np.testing.assert_allclose(parameter.numpy(), [1, 1], rtol=1e-4)
    assert parameter.dtype == dtype


def test_several_parameters_are_one_vector():
    rng = np.random.default_rng(0)
    matrix, target = rng.standard_normal((20, 3)), rng.standard_normal(20)
    weight, bias = tg.Parameter(np.zeros(3)), tg.Parameter(np.zeros(()))
    unused = tg.Parameter(np.ones(2, np.float32))
    optimizer = optim.LBFGS([weight, bias, unused], line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    @tg.compile
    def closure():
        optimizer.zero_grad()
        loss = ((tg.asarray(matrix) @ weight + bias - tg.asarray(target)) ** 2).mean()
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
    best = np.linalg.lstsq(np.c_[matrix, np.ones(20)], target, rcond=None)[0]
    np.testing.assert_allclose([*weight.numpy(), bias.item()], best, rtol=1e-6)
    assert unused.tolist() == [1, 1]


@pytest.mark.parametrize("after", [0, 2])
def test_a_resumed_run_goes_on_as_if_never_stopped(after, tmp_path):
    pytest.importorskip("safetensors")
    options = {"lr": 0.05, "max_iter": 5, "history_size": 4}
    parameter, optimizer, closure = problem(options)
    for _ in range(after):
        optimizer.step(closure)
    tg.save(optimizer.state_dict(), tmp_path / "run")
    other_parameter, other, other_closure = problem({"lr": 3.0}, start=parameter.tolist())
    other.load_state_dict(tg.load(tmp_path / "run"))
    for _ in range(3):
        assert float(optimizer.step(closure)) == float(other.step(other_closure))
    assert parameter.tolist() == other_parameter.tolist()


def test_mistakes():
    parameter, optimizer, closure = problem({})
    with pytest.raises(tg.errors.ArgumentError, match="needs a closure"):
        optimizer.step()
    with pytest.raises(tg.errors.UnsupportedError, match="outside traced functions"):
        tg.compile(lambda: optimizer.step(closure))()
    with pytest.raises(tg.errors.ArgumentError, match="one group"):
        optim.LBFGS([{"params": parameter}, {"params": tg.Parameter(np.ones(1))}])
    with pytest.raises(tg.errors.ArgumentError, match="strong_wolfe"):
        optim.LBFGS([parameter], line_search_fn="armijo")
    with pytest.raises(tg.errors.ArgumentError, match="max_iter"):
        optimizer.param_groups[0]["max_iter"] = -1
    optimizer.param_groups[0]["max_iter"] = 3
    other = optim.LBFGS([tg.Parameter(np.ones(3))])
    optimizer.step(closure)
    with pytest.raises(tg.errors.ArgumentError, match="does not fit 3 numbers"):
        other.load_state_dict(optimizer.state_dict())
    assert other.memory.d is None
