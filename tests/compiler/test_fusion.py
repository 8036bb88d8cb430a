"""Which loops the compiler makes of a program: where values are stored, in which order loops run."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from compiler.step import Step
from tapegraph import nn, optim

F = nn.functional


def steps(function: object, *args: object) -> list[Step]:
    """The kernels a traced function runs, after one call."""
    with tg.mode("static"):
        function(*args)
    return [s for s in function._latest().program.plan.steps if isinstance(s, Step) and not s.joins]


def training_step(batch: int, optimizer: str = "SGD"):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    opt = getattr(optim, optimizer)(model.parameters(), lr=0.1)

    @tg.function
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    rng = np.random.default_rng(0)
    return step, rng.random((batch, 6), np.float32), rng.integers(0, 3, batch)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_weights_are_written_where_they_lie(batch, optimizer):
    """Of one sample, the gradient of a weight is a product of elements that fuses with the update."""
    copies = [s.records[0] for s in steps(*training_step(batch, optimizer)) if s.records[0].op.name == "stop_gradient"]
    assert not [r for r in copies if len(r.shape) == 2]


def test_the_innermost_loop_walks_along_memory():
    """Four of five accesses are contiguous along the axis that the program names first."""
    scale = tg.Parameter(np.ones((3, 40, 30), np.float32))

    @tg.function
    def turned(x, y):
        moved = tg.permute_dims(x * tg.permute_dims(y, (0, 2, 1)), (0, 2, 1))
        scale.assign(scale + moved)
        return moved

    rng = np.random.default_rng(0)
    x, y = rng.random((3, 30, 40), np.float32), rng.random((3, 40, 30), np.float32)
    (step,) = steps(turned, x, y)
    inner = step.kernel.text[step.kernel.text.rindex("range(") :]
    assert inner.count("+ i2]") == 4, step.kernel.text
    np.testing.assert_allclose(scale.numpy(), 1 + x.transpose(0, 2, 1) * y, rtol=1e-6)


def test_sums_of_gradients_share_the_loops_of_their_values():
    """The gradient of a bias is added up where the gradient of the layer's result is computed, not in a pass of its own."""
    ops = [{r.op.name for r in s.records} for s in steps(*training_step(4))]
    assert {"sum"} not in ops
    assert sum({"where", "sum"} <= found for found in ops) >= 1


def forward_and_back(function):
    @tg.function
    def both(x, g):
        y, pull = tg.vjp(function, x)
        return y, pull(g)[0]

    rng = np.random.default_rng(0)
    return both, rng.random((6, 40), np.float32), rng.random((6, 40), np.float32)


def test_softmax_and_its_gradient_use_no_memory_but_their_results():
    """The exponentials lie where the gradient will."""
    (step,) = steps(*forward_and_back(F.softmax))
    assert {b.kind for b in step.writes} == {"output"}
    assert step.kernel.text.count("exp(") == 1


def test_layer_norm_and_its_gradients_are_one_loop_nest():
    """The gradient of the shift is a sum over rows of what arrives, read beside the rest."""
    scale, shift = tg.Parameter(np.ones(40, np.float32)), tg.Parameter(np.zeros(40, np.float32))

    @tg.function
    def both(x, g):
        y = F.layer_norm(x, (40,), scale, shift)
        return y, *tg.grad(lambda x, w, b: tg.sum(F.layer_norm(x, (40,), w, b) * g), argnums=(0, 1, 2))(x, scale, shift)

    rng = np.random.default_rng(0)
    assert len(steps(both, rng.random((6, 40), np.float32), rng.random((6, 40), np.float32))) == 1
