"""A training of ours beside PyTorch's: equal parameters, equal gradients, the same options."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import optim

torch = pytest.importorskip("torch")

# PyTorch holds NAdam's product of momenta and ASGD's rate in float32, whatever the dtype of the parameter.
RTOL = {"NAdam": 1e-7, "ASGD": 1e-6}
SHAPES = ((3, 4), (5,), ())


def start(dtype="float64"):
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def gradients(step, dtype="float64"):
    """Random, of sizes that vary from element to element and with signs that turn, but not at each step."""
    rng = np.random.default_rng(1)
    scales = [np.exp(rng.normal(size=shape)) for shape in SHAPES]
    rng = np.random.default_rng(step // 3)
    return [np.asarray(s * (rng.normal(size=s.shape) + 0.1 * step % 1), dtype) for s in scales]


class Pair:
    """An optimizer of ours and PyTorch's over equal parameters."""

    def __init__(self, name, options, dtype="float64", mode="eager", group=lambda p: p, lr=0.05):
        self.name, self.dtype = name, dtype
        self.ours = [tg.Parameter(v, name=f"p{i}") for i, v in enumerate(start(dtype))]
        self.theirs = [torch.nn.Parameter(torch.tensor(v)) for v in start(dtype)]
        self.mine = getattr(optim, name)(group(self.ours), lr=lr, **options)
        self.its = getattr(torch.optim, name)(group(self.theirs), lr=lr, **options)
        self.step = tg.compile(self.body) if mode == "static" else self.body

    def body(self, *given):
        for parameter, gradient in zip(self.ours, given, strict=True):
            parameter.grad = gradient
        self.mine.step()
        self.mine.zero_grad()

    def advance(self, steps, present=lambda step: (True, True, True)):
        for step in steps:
            given = [g if here else None for g, here in zip(gradients(step, self.dtype), present(step), strict=True)]
            for parameter, gradient in zip(self.theirs, given, strict=True):
                parameter.grad = None if gradient is None else torch.tensor(gradient)
            self.its.step()
            self.step(*given)

    def assert_equal(self):
        rtol = max(RTOL.get(self.name, 0), 1e-11) if self.dtype == "float64" else 1e-5
        for a, b in zip(self.ours, self.theirs, strict=True):
            assert a.dtype == self.dtype
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=rtol, atol=rtol)

    @property
    def versions(self):
        return [v for known in self.step.versions.values() for v in known]
