"""Values and gradients of the tape against PyTorch's, first and second order, and what the quick way must not change."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

import tapegraph as tg
from eager.interpreter import RECORDING, SILENT
from engine import dispatch
from engine.errors import GradientError, SymbolError
from engine.op import OPS

torch = pytest.importorskip("torch")
F = torch.nn.functional
ROWS = np.array([2, 0, 2])
RNG = np.random.default_rng(3)
A = RNG.uniform(0.3, 2, (3, 4))
B = RNG.uniform(0.3, 2, (3, 4))
V = RNG.uniform(0.3, 2, (4,))
C = RNG.uniform(0.3, 2, (3, 1))

# name -> (ours, PyTorch's or None where the text is the same, operands)
CASES = {
    "add": (lambda a, b: a + b, None, (A, B)),
    "broadcast add": (lambda a, v: a + v, None, (A, V)),
    "broadcast both": (lambda c, v: c * v - c / v, None, (C, V)),
    "same operand twice": (lambda a: a * a - a / a, None, (A,)),
    "numbers on both sides": (lambda a: 2 * a - 1.5 / a + (3 - a) ** 2, None, (A,)),
    "zero and its sign": (lambda a: a * 0.0 + a * -0.0 + (0 - a), None, (A,)),
    "power": (lambda a, b: a**b, None, (A, B)),
    "power of a number": (lambda a: a**3 + a**-0.5 + 2.0**a, None, (A,)),
    "remainder": (lambda a, b: a % b, None, (A, B)),
    "tanh": (tg.tanh, torch.tanh, (A,)),
    "exp log": (lambda a: tg.log(tg.exp(a) + 1), lambda a: torch.log(torch.exp(a) + 1), (A,)),
    "sigmoid": (tg.sigmoid, torch.sigmoid, (A,)),
    "gelu": (tg.gelu, F.gelu, (A - 1,)),
    "softplus": (tg.softplus, F.softplus, (A - 1,)),
    "erf": (tg.erf, torch.erf, (A,)),
    "rsqrt": (tg.rsqrt, torch.rsqrt, (A,)),
    "maximum": (tg.maximum, torch.maximum, (A, B)),
    "relu": (lambda a: tg.relu(a - 1), lambda a: torch.relu(a - 1), (A,)),
    "clip": (lambda a: tg.clip(a, 0.5, 1.5), lambda a: torch.clip(a, 0.5, 1.5), (A,)),
    "where": (lambda a, b: tg.where(a > b, a * 2, b), lambda a, b: torch.where(a > b, a * 2, b), (A, B)),
    "abs sign": (lambda a: tg.abs(a - 1) * tg.sign(a - 1), lambda a: torch.abs(a - 1) * torch.sign(a - 1), (A,)),
    "matmul": (lambda a, b: a @ b.T, None, (A, B)),
    "matrix and vector": (lambda a, v: a @ v, None, (A, V)),
    "vector and matrix": (lambda v, a: v @ a.T, None, (V, A)),
    "batched matmul": (lambda a, b: (a @ b).sum(), None, (RNG.uniform(size=(2, 1, 3, 4)), RNG.uniform(size=(5, 4, 2)))),
    "linear": (tg.linear, F.linear, (A, B, C[:, 0])),
    "sum axis": (lambda a: a.sum(axis=0), None, (A,)),
    "mean keepdims": (lambda a: a - a.mean(axis=1, keepdims=True), None, (A,)),
    "var": (lambda a: tg.var(a, axis=1), lambda a: torch.var(a, dim=1, correction=0), (A,)),
    "max axis": (lambda a: tg.max(a, axis=1), lambda a: torch.amax(a, dim=1), (A,)),
    "prod": (lambda a: tg.prod(a, axis=1), lambda a: torch.prod(a, dim=1), (A,)),
    "logsumexp": (lambda a: tg.logsumexp(a, axis=1), lambda a: torch.logsumexp(a, dim=1), (A,)),
    "softmax": (tg.softmax, lambda a: torch.softmax(a, dim=-1), (A,)),
    "log softmax": (tg.log_softmax, lambda a: torch.log_softmax(a, dim=-1), (A,)),
    "cumulative sum": (lambda a: tg.cumulative_sum(a, axis=1), lambda a: torch.cumsum(a, 1), (A,)),
    "reshape": (lambda a: a.reshape(2, 6) * 2, None, (A,)),
    "transpose": (lambda a: a.T * 2, None, (A,)),
    "slice": (lambda a: a[1:, ::2] * a[0, 1], None, (A,)),
    "index arrays": (lambda a: a[ROWS] * 2, None, (A,)),
    "paired index arrays": (lambda a: a[ROWS, ROWS] * 2, None, (A,)),
    "concat": (lambda a, b: tg.concat([a, b, a], axis=1), lambda a, b: torch.cat([a, b, a], 1), (A, B)),
    "stack": (lambda a, b: tg.stack([a, b]), lambda a, b: torch.stack([a, b]), (A, B)),
    "flip": (lambda a: tg.flip(a, axis=1) * a, lambda a: torch.flip(a, (1,)) * a, (A,)),
    "layer norm": (lambda a, v: tg.layer_norm(a, 4, v, v), lambda a, v: F.layer_norm(a, (4,), v, v), (A, V)),
    "mse": (tg.mse_loss, F.mse_loss, (A, B)),
    "cross entropy": (
        lambda a: tg.cross_entropy(a, tg.asarray(ROWS)),
        lambda a: F.cross_entropy(a, torch.from_numpy(ROWS)),
        (A,),
    ),
    "embedding": (
        lambda a: tg.embedding(tg.asarray(ROWS), a),
        lambda a: F.embedding(torch.from_numpy(ROWS), a),
        (A,),
    ),
    "detach": (lambda a: a * a.detach(), None, (A,)),
    "cast": (lambda a: (a.astype("float32") * 2).astype("float64"), lambda a: (a.float() * 2).double(), (A,)),
}


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    return np.cos(np.arange(math.prod(shape))).reshape(shape)


@pytest.mark.parametrize("name", CASES)
def test_value_gradient_and_second_gradient_match_torch(name):
    ours, theirs, data = CASES[name]
    theirs = theirs or ours
    xs = [tg.tensor(d, requires_grad=True) for d in data]
    ts = [torch.tensor(d, requires_grad=True) for d in data]
    y, t = ours(*xs), theirs(*ts)
    tol = {"rtol": 1e-5, "atol": 1e-6} if name == "cast" else {"rtol": 1e-9, "atol": 1e-10}
    np.testing.assert_allclose(y.numpy(), t.detach().numpy(), **tol)
    w = _weights(y.shape)
    y.backward(tg.asarray(w))
    firsts = torch.autograd.grad(t, ts, torch.from_numpy(w), create_graph=True)
    for x, g in zip(xs, firsts):
        np.testing.assert_allclose(x.grad.numpy(), g.detach().numpy(), **tol)

    def first(*args):
        g = tg.grad(lambda *inner: (ours(*inner) * w).sum(), tuple(range(len(args))))(*args)
        return sum(((part * part).sum() for part in g), tg.tensor(0.0, dtype="float64"))

    seconds = tg.grad(first, tuple(range(len(data))))(*[tg.tensor(d) for d in data])
    total = sum((g * g).sum() for g in firsts)
    if total.requires_grad:
        expected = torch.autograd.grad(total, ts, allow_unused=True)
        for s, e in zip(seconds, expected):
            np.testing.assert_allclose(s.numpy(), 0 if e is None else e.numpy(), **tol | {"atol": 1e-8})


def test_the_graph_may_be_walked_twice_and_gradients_accumulate():
    x = tg.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad.item() == 12.0


def test_parameters_on_either_side():
    p = tg.Parameter([1.0, 2.0])
    for y in (
        p * 2,
        2 * p,
        p * p,
        p + tg.ones((2,)),
        tg.ones((2,)) - p,
        -p,
        tg.exp(p),
        p / p,
        p[0],
        tg.where(p > 1, p, 0.0),
    ):
        assert y.requires_grad, y
    p.requires_grad = False
    assert not (p * 2).requires_grad and not tg.exp(p).requires_grad
    p.requires_grad = True
    (p * p).sum().backward()
    assert p.grad.tolist() == [2.0, 4.0]


def test_a_choice_between_two_numbers_is_a_float32():
    assert tg.where(tg.tensor([True, False]), 0.0, 1.0).dtype == np.float32
    assert tg.where(tg.tensor([True, False]), 0, 1).dtype == np.int64


def test_no_grad_records_nothing():
    x = tg.tensor([1.0], requires_grad=True)
    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad
    with pytest.raises(GradientError):
        tg.tensor([1.0]).backward()


NUMBERS = [0, 1, -1, 2, True, 0.0, -0.0, 1.5, -2.5, math.inf, -math.inf, math.nan, 1e300]
DTYPES = ["bool", "int8", "uint8", "int64", "float32", "float64"]
BINARY = ["add", "subtract", "multiply", "divide", "pow", "maximum", "remainder", "less", "equal"]


@pytest.mark.parametrize("name", BINARY)
def test_the_quick_way_means_the_thorough_way(name):
    op = OPS[name]
    for dtype in DTYPES:
        x = tg.asarray(np.array([1, 0, 1]).astype(dtype))
        others = NUMBERS + [tg.asarray(np.array([1, 1, 0]).astype(d)) for d in DTYPES]
        for other in others:
            for args in ((x, other), (other, x)):
                results = []
                for way in (SILENT.apply, SILENT._thorough):
                    try:
                        with dispatch.interpret(SILENT):
                            results.append(way(op, args, {})._value)
                    except Exception as error:
                        results.append(type(error))
                quick, thorough = results
                if isinstance(thorough, type):
                    assert quick is thorough, args
                else:
                    assert quick.dtype == thorough.dtype, args
                    np.testing.assert_array_equal(quick, thorough)
                    np.testing.assert_array_equal(np.signbit(quick), np.signbit(thorough))


def test_the_table_of_numbers_does_not_grow_without_end():
    x = tg.ones((1,))
    for i in range(5000):
        x * (i + 0.5)
    from eager.interpreter import _NUMBERS

    assert len(_NUMBERS[np.dtype("float32")]) <= 4097


def test_a_symbol_of_a_trace_is_refused():
    graph = pytest.importorskip("graph.builder")
    trace = graph.Trace()
    symbol = trace.input("x", (2,), np.dtype("float32"))
    for use in (lambda: RECORDING.apply(OPS["add"], (symbol, tg.ones((2,))), {}), lambda: tg.exp(symbol)):
        with pytest.raises(SymbolError):
            use()


def test_a_long_tape_is_walked_and_freed_without_recursion():
    x = y = tg.tensor(1.0, requires_grad=True)
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y
    gc.collect()
