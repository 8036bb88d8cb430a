"""Linear algebra against NumPy and PyTorch: values, gradients of order 1 and 2, both modes, batches and empty matrices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import tree

SQUARE = [(1, 1), (2, 2), (3, 3), (5, 5), (2, 3, 3), (2, 1, 2, 2), (3, 2, 2), (4, 4), (0, 0), (0, 2, 2), (2, 0, 0)]
ANY = [(1, 1), (3, 2), (2, 3), (4, 4), (2, 4, 3), (2, 2, 3), (5, 1), (1, 5), (2, 1, 3, 2), (0, 2, 3), (2, 5)]
COMPILED = [1, 4, 9]  # of each list, what the compiled function sees too


def regular(rng, shape):
    return rng.standard_normal(shape) + 3 * np.eye(*shape[-2:])


def definite(rng, shape):
    x = rng.standard_normal(shape)
    return x @ x.swapaxes(-1, -2) + np.eye(shape[-1])


def symmetric(rng, shape):
    q = np.linalg.qr(rng.standard_normal(shape))[0]
    return (q * (np.arange(shape[-1]) + rng.uniform(0, 0.5, shape[:-1]))[..., None, :]) @ q.swapaxes(-1, -2)


def spread(rng, shape):
    u, s, vh = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    return (u * (1 + np.arange(s.shape[-1])[::-1] + rng.uniform(0, 0.5, s.shape))[..., None, :]) @ vh


def one(make: Callable[..., Any], shapes: Any) -> Callable[..., Any]:
    return lambda rng: [(make(rng, shape),) for shape in shapes]


def systems(make: Callable[..., Any]) -> Callable[..., Any]:
    """Matrices with right sides as columns, every third a broadcast one."""

    def draw(rng):
        found = []
        for i, shape in enumerate(SQUARE):
            lead = () if i % 3 == 0 else shape[:-2]
            found.append((make(rng, shape), rng.standard_normal((*lead, shape[-1], i % 4))))
        return found

    return draw


def tall_systems(rng):
    return [(spread(rng, s), rng.standard_normal((*s[:-1], 2))) for s in ANY if s[-2] >= s[-1]] + [
        (spread(rng, (n + 2, n)), rng.standard_normal((n + 2, k))) for n, k in ((1, 1), (2, 0), (3, 1), (4, 2), (2, 3))
    ]


def condition(L, x, p):
    """PyTorch's own ``cond`` has no gradient for these orders: it overwrites the inverse that it needs."""
    if L.__name__.startswith("torch") and p in (1, "fro"):
        return L.matrix_norm(x, ord=p) * L.matrix_norm(L.inv(x), ord=p)
    return L.cond(x, p)


# Functions of a namespace (ours, NumPy's or PyTorch's) and arrays; what is determined up to signs is squared.
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "det": (lambda L, x: L.det(x), one(regular, SQUARE)),
    "slogdet": (lambda L, x: L.slogdet(x).logabsdet, one(regular, SQUARE)),
    "inv": (lambda L, x: L.inv(x), one(regular, SQUARE)),
    "solve": (lambda L, a, b: L.solve(a, b), systems(regular)),
    "cholesky": (lambda L, x: L.cholesky(x), one(definite, SQUARE)),
    "cholesky_upper": (lambda L, x: L.cholesky(x, upper=True), one(definite, SQUARE)),
    "qr": (lambda L, x: tuple(L.qr(x)), one(spread, [s for s in ANY if s[-2] >= s[-1]] + SQUARE)),
    "svd": (
        lambda L, x: [(f := L.svd(x, full_matrices=False)).U ** 2, f.S, f.Vh**2],
        one(spread, ANY),
    ),
    "svdvals": (lambda L, x: L.svdvals(x), one(spread, ANY)),
    "eigh": (lambda L, x: [(f := L.eigh(x)).eigenvalues, f.eigenvectors**2], one(symmetric, SQUARE)),
    "eigvalsh": (lambda L, x: L.eigvalsh(x), one(symmetric, SQUARE)),
    "pinv": (lambda L, x: L.pinv(x), one(spread, ANY)),
    "lstsq": (lambda L, a, b: L.lstsq(a, b)[0], tall_systems),
    "matrix_power": (lambda L, x: L.matrix_power(x, 5), one(regular, SQUARE)),
    "matrix_power_negative": (lambda L, x: L.matrix_power(x, -3), one(regular, SQUARE)),
    **{
        f"matrix_norm {ord}": (lambda L, x, ord=ord: L.matrix_norm(x, ord=ord), one(spread, ANY))
        for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    },
    **{
        f"cond {p}": (lambda L, x, p=p: condition(L, x, p), one(regular, [s for s in SQUARE if 0 not in s] + [(6, 6), (2, 5, 5), (3, 1, 1)]))
        for p in (None, -2, 1, "fro")
    },
    "solve_triangular": (lambda L, a, b: L.solve_triangular(a, b, upper=False), systems(regular)),
    "solve_triangular_unit": (lambda L, a, b: L.solve_triangular(a, b, upper=True, unitriangular=True), systems(lambda rng, s: rng.standard_normal(s) / 2)),
    "solve_triangular_right": (
        lambda L, a, b: L.solve_triangular(a, b, upper=True, left=False),
        lambda rng: [(a, b.swapaxes(-1, -2)) for a, b in systems(regular)(rng)],
    ),
    "lu": (lambda L, x: tuple(L.lu(x))[1:], one(spread, ANY)),
    "expm": (lambda L, x: (L.expm if hasattr(L, "expm") else L.matrix_exp)(x), one(lambda rng, s: rng.standard_normal(s) * 2, SQUARE)),
    "multi_dot": (
        lambda L, *xs: L.multi_dot(list(xs)),
        lambda rng: [
            tuple(rng.standard_normal(s) for s in pairwise(sizes))
            for sizes in ([2, 3, 4], [1, 5, 1, 5], [3, 2, 0, 2], [4, 1, 4, 1, 4], [2, 2, 2, 2, 2, 2], [0, 3, 2], [7, 1, 2, 9], [6, 5, 4, 3], [1, 1, 1], [5, 2, 8, 1])
        ],
    ),
}  # fmt: skip
NOT_IN_NUMPY = ("solve_triangular", "lu", "expm", "matrix_norm nuc")
FEWER = {"lstsq": 8}


def with_gradients(case: str, weights: list[Any], order: int) -> Callable[..., Any]:
    """Ours: a function of the arrays that gives the results and the gradients of order 1 and 2."""
    call = CASES[case][0]

    def scalar(*xs: Any) -> Any:
        return sum(tg.sum(y * w) for y, w in zip(tree.leaves([call(tg.linalg, *xs)]), weights, strict=True))

    def run(*xs: Any) -> Any:
        every = tuple(range(len(xs)))
        first = tg.grad(scalar, every)
        second = tg.grad(lambda *xs: sum(tg.sum(g * g) for g in first(*xs)), every)
        return [call(tg.linalg, *xs), first(*xs), *([second(*xs)] if order == 2 else [])]

    return run


def theirs(torch: Any, case: str, weights: list[Any], arrays: Any) -> list[Any]:
    """PyTorch's results and gradients of order 1 and 2."""
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    ys = tree.leaves([CASES[case][0](torch.linalg, *tensors)])
    loss = sum((y * torch.tensor(w)).sum() for y, w in zip(ys, weights, strict=True))
    first = torch.autograd.grad(loss, tensors, create_graph=True, materialize_grads=True)
    second: Any = [torch.zeros_like(t) for t in tensors]
    square = sum((g * g).sum() for g in first)
    if square.requires_grad:
        second = torch.autograd.grad(square, tensors, materialize_grads=True)
    return [t.numpy(force=True) for t in (*ys, *first, *second)]


def assert_close(found: Any, wanted: Any, rtol: float, label: str) -> None:
    found = np.asarray(found)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype, label
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * np.abs(wanted).max(initial=1e-3), err_msg=label)


def drawn(case: str) -> list[Any]:
    found = CASES[case][1](np.random.default_rng(len(case)))
    assert len(found) >= 10 or case in FEWER
    return found


@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_numpy(case):
    call = CASES[case][0]
    if case.startswith(NOT_IN_NUMPY[:3]):
        pytest.skip("NumPy has no such function")
    for number, arrays in enumerate(drawn(case)):
        for dtype, rtol in (("float64", 1e-10), ("float32", 1e-3)):
            given = [a.astype(dtype) for a in arrays]
            if case == "lstsq" and given[0].ndim > 2:
                continue  # NumPy's takes one matrix
            found = tree.leaves([call(tg.linalg, *map(tg.asarray, given))])
            wanted = tree.leaves([call(np.linalg, *given)])
            for y, z in zip(found, wanted, strict=True):
                z = np.asarray(z)
                z = z.astype(dtype) if case == "matrix_norm nuc" else z
                assert_close(y, z, rtol, f"{case} {number} of {[a.shape for a in given]} {dtype}")


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_torch(case):
    torch = pytest.importorskip("torch")
    symmetric = case.startswith(
        "eig"
    )  # PyTorch's gradient of eigh has a skew part, which moves along no symmetric matrix
    for number, arrays in enumerate(drawn(case)):
        rng = np.random.default_rng(number)
        ys = tree.leaves([CASES[case][0](tg.linalg, *map(tg.asarray, arrays))])
        weights = [rng.standard_normal(y.shape) for y in ys]
        order = 1 if symmetric else 2
        found = tree.leaves(with_gradients(case, weights, order)(*map(tg.asarray, arrays)))
        wanted = theirs(torch, case, weights, arrays)[: len(found)]
        for place, (y, z) in enumerate(zip(found, wanted, strict=True)):
            if symmetric and place >= len(ys):
                z = (z + z.swapaxes(-1, -2)) / 2
            assert_close(y, z, 1e-7, f"{case} {number} of {[a.shape for a in arrays]}: result {place}")


@pytest.mark.parametrize("case", CASES)
def test_static_is_eager(case):
    chosen = drawn(case)
    for number in [i for i in COMPILED if i < len(chosen)]:
        arrays = chosen[number]
        rng = np.random.default_rng(number)
        weights = [
            rng.standard_normal(y.shape) for y in tree.leaves([CASES[case][0](tg.linalg, *map(tg.asarray, arrays))])
        ]
        run = with_gradients(case, weights, order=1)
        wanted = [np.asarray(y) for y in tree.leaves(run(*map(tg.asarray, arrays)))]
        for y, z in zip(tree.leaves(tg.compile(run)(*arrays)), wanted, strict=True):
            assert_close(y, z, 1e-9, f"{case} of {[a.shape for a in arrays]}")
