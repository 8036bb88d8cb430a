"""Programs for the tests of graphs: a training step, random expressions, a long chain."""

from __future__ import annotations

import numpy as np

import tapegraph as tg
from engine import dispatch
from engine.sizes import Dim
from graph.builder import Builder
from graph.trace import Trace


def traced(function, **inputs):
    """The graph of a function of inputs given as (shape, dtype)."""
    trace = Trace()
    with dispatch.interpret(Builder(trace)):
        symbols = [trace.input(name, shape, np.dtype(dtype)) for name, (shape, dtype) in inputs.items()]
        out = function(*symbols)
    return trace.finish([o._record for o in (out if isinstance(out, tuple | list) else [out])])


class Network:
    """A layer-normed network with AdamW written out, twice the same from the same seed."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)

        def parameter(name, *shape):
            return tg.Parameter((rng.standard_normal(shape) * 0.3).astype("f4"), name=name)

        self.w, self.b = parameter("w", 16, 12), parameter("b", 16)
        self.scale, self.shift = parameter("scale", 16), parameter("shift", 16)
        self.v, self.e = parameter("v", 5, 16), parameter("e", 5)
        self.parameters = [self.w, self.b, self.scale, self.shift, self.v, self.e]
        self.first = [tg.State(np.zeros(p.shape, "f4"), name=f"{p.name}.first") for p in self.parameters]
        self.second = [tg.State(np.zeros(p.shape, "f4"), name=f"{p.name}.second") for p in self.parameters]
        self.count = tg.State(np.float32(0), name="count")

    @property
    def states(self):
        return [*self.parameters, *self.first, *self.second, self.count]

    def loss(self, x, y):
        h = tg.gelu(tg.layer_norm(tg.linear(x, self.w, self.b), 16, self.scale, self.shift))
        gate = tg.softmax(h, axis=-1) * h + tg.softplus(h) * 0.5 + tg.leaky_relu(h)
        return tg.cross_entropy(tg.linear(gate, self.v, self.e), y)

    def step(self, x, y):
        loss = self.loss(x, y)
        for p in self.parameters:
            p.grad = None
        loss.backward()
        with tg.no_grad():
            self.count.assign(self.count.value + 1)
            t = self.count.value
            for p, m, v in zip(self.parameters, self.first, self.second, strict=True):
                m.assign(m * 0.9 + p.grad * 0.1)
                v.assign(v * 0.999 + p.grad * p.grad * 0.001)
                step = m / (1 - 0.9**t) / (tg.sqrt(v / (1 - 0.999**t)) + 1e-8)
                p.assign(p * (1 - 1e-3) - 1e-2 * step)
        return loss

    def graph(self):
        return traced(self.step, x=((Dim("batch"), 12), "f4"), y=((Dim("batch"),), "i8"))


def batch(seed=0, size=7):
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((size, 12)).astype("f4"), "y": rng.integers(0, 5, size)}


def random_program(seed):
    """A function of x [n, 6], y [n, 6], r [6] and s [] made of random ops on values kept within reason."""

    def program(x, y, r, s):
        rng = np.random.default_rng(seed)
        pool = [x, y, r, s, x * 1, y + 0]

        def any_():
            return pool[rng.integers(len(pool))]

        unary = [tg.exp, tg.tanh, tg.abs, tg.square, tg.relu, tg.sigmoid, tg.log1p, tg.sqrt, lambda a: -a, lambda a: a**2,
                 lambda a: a * 2 * 3, lambda a: a / 3, lambda a: 1 / (1 + tg.exp(-a)), lambda a: a**0.5, lambda a: a - 0,
                 lambda a: tg.log(tg.exp(a) / tg.sum(tg.exp(a))), lambda a: 1 / tg.sqrt(tg.abs(a) + 1)]  # fmt: skip
        safe = {6: tg.abs, 7: tg.abs, 13: tg.abs}
        binary = [tg.add, tg.subtract, tg.multiply, tg.maximum, tg.minimum, lambda a, b: tg.where(a > b, a, b),
                  lambda a, b: a / (tg.abs(b) + 1), lambda a, b: a + (-b), lambda a, b: (-a) * b]  # fmt: skip
        for _ in range(25):
            pick = rng.integers(5)
            a = tg.tanh(any_()) if rng.integers(2) else any_()
            if pick == 0:
                number = int(rng.integers(len(unary)))
                new = unary[number](safe.get(number, tg.tanh)(a))
            elif pick in (1, 2):
                new = binary[rng.integers(len(binary))](a, any_())
            elif pick == 3 and a.ndim:
                axis = int(rng.integers(a.ndim))
                fold = [tg.sum, tg.max, tg.mean, tg.min][rng.integers(4)]
                new = fold(tg.tanh(a), axis=axis, keepdims=True)
                new = tg.broadcast_to(new, a.shape) if rng.integers(2) else new
            elif a.ndim == 2:
                new = tg.matrix_transpose(tg.exp(tg.matrix_transpose(tg.tanh(a))))
                new = tg.reshape(tg.reshape(new, (-1,)) * 2, new.shape)
            else:
                continue
            pool.append(new)
        return tuple(pool[-4:])

    return program


PROGRAM_INPUTS = {"x": ((Dim("n"), 6), "f8"), "y": ((Dim("n"), 6), "f8"), "r": ((6,), "f8"), "s": ((), "f8")}
