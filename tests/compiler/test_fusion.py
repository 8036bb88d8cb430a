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
    return [s for s in function._latest().program.plan.steps if isinstance(s, Step)]


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
