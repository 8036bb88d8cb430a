"""Clipped gradients and parameters as one vector, in both modes, as in PyTorch."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim

VALUES = [np.array([[3.0, -4.0], [0.5, 1.0]]), np.array([2.0]), np.array(-1.5)]


def parameters():
    made = [tg.Parameter(v, name=f"p{i}") for i, v in enumerate(VALUES)]
    return [*made, tg.Parameter(np.ones(2), name="unused")]


def clipped(action, mode, dtype="float64"):
    """The gradients after ``action(parameters)``, and what it returned."""
    held = parameters()

    def run(*gradients):
        for parameter, gradient in zip(held, gradients):
            parameter.grad = gradient
        return action(held)

    result = (tg.compile(run) if mode == "static" else run)(*map(tg.asarray, VALUES))
    assert held[-1].grad is None
    return [p.grad.numpy() for p in held[:-1]], result


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, float("inf")])
@pytest.mark.parametrize("bound", [0.7, 100.0])
def test_norms_as_in_pytorch(norm_type, bound, mode):
    torch = pytest.importorskip("torch")
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in VALUES]
    for parameter, value in zip(theirs, VALUES):
        parameter.grad = torch.tensor(value)
    expected = torch.nn.utils.clip_grad_norm_(theirs, bound, norm_type)
    grads, norm = clipped(lambda held: nn.utils.clip_grad_norm_(held, bound, norm_type), mode)
    np.testing.assert_allclose(norm.numpy(), expected.numpy(), rtol=1e-12)
    for ours, parameter in zip(grads, theirs):
        np.testing.assert_allclose(ours, parameter.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_values(mode):
    grads, _ = clipped(lambda held: nn.utils.clip_grad_value_(held, 1), mode)
    for ours, value in zip(grads, VALUES):
        np.testing.assert_array_equal(ours, np.clip(value, -1, 1))


def test_norms_of_mixed_dtypes_and_of_nothing():
    arrays = [tg.asarray([3.0], dtype="float32"), tg.asarray([4.0], dtype="float64")]
    for p, expected in ((2.0, 5.0), (float("inf"), 4.0)):
        norm = nn.utils.get_total_norm(arrays, p)
        assert norm.item() == expected and norm.dtype == np.float64 and norm.shape == ()
    assert nn.utils.get_total_norm(arrays[0]).item() == 3.0
    assert nn.utils.clip_grad_norm_([tg.Parameter(np.ones(2))], 1.0).item() == 0.0
    held = tg.Parameter(np.ones(1, np.float32))
    held.grad = arrays[0]
    nn.utils.clip_grads_with_norm_(held, 1.5, tg.asarray(3.0, dtype="float64"))
    assert held.grad.item() == pytest.approx(1.5) and held.grad.dtype == np.float32


def test_a_norm_that_is_not_finite():
    held = tg.Parameter(np.ones(2))
    held.grad = tg.asarray([1.0, float("inf")], dtype="float64")
    assert nn.utils.get_total_norm([held.grad]).item() == float("inf")
    with pytest.raises(tg.errors.NonFiniteError, match="total norm of order 2"):
        nn.utils.clip_grad_norm_(held, 1.0, error_if_nonfinite=True)
    assert held.grad.tolist() == [1.0, float("inf")]
    with pytest.raises(tg.errors.UnsupportedError, match="return the norm"):
        clipped(lambda p: nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True), "static")
    with pytest.raises(tg.errors.ArgumentError, match="norm_type"):
        nn.utils.get_total_norm([held.grad], 0)


def test_a_clipped_step_is_the_same_in_both_modes():
    model = nn.Linear(3, 2)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        return loss, norm

    tg.testing.assert_modes_agree(step, np.random.default_rng(0).standard_normal((5, 3)).astype("f4"), calls=3)


def test_a_vector_and_back():
    held = parameters()
    vector = nn.utils.parameters_to_vector(held)
    assert vector.tolist() == [3, -4, 0.5, 1, 2, -1.5, 1, 1]
    (vector * vector).sum().backward()
    assert held[0].grad.tolist() == [[6, -8], [1, 2]]

    @tg.compile
    def double(bias):
        nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(held) * 2 + bias, held)

    double(np.zeros(()))
    assert held[0].tolist() == [[6, -8], [1, 2]] and held[2].tolist() == -3
    nn.utils.vector_to_parameters(np.arange(8.0), held)
    assert [p.tolist() for p in held] == [[[0, 1], [2, 3]], [4], 5, [6, 7]]
    with pytest.raises(tg.errors.ShapeError, match="hold 8 numbers"):
        nn.utils.vector_to_parameters(np.ones(9), held)
