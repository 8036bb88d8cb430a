"""The special cases that the standard lists for each function, in eager mode and compiled."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest

import tapegraph as tg

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

inf, nan, pi, zero = math.inf, math.nan, math.pi, -0.0

# name: (operands ..., result); a result that is a tuple of two numbers may be either.
CASES: dict[str, list[tuple[Any, ...]]] = {
    "abs": [(nan, nan), (zero, 0.0), (-inf, inf)],
    "acos": [(nan, nan), (1.5, nan), (-1.5, nan), (1.0, 0.0)],
    "acosh": [(nan, nan), (0.5, nan), (-2.0, nan), (1.0, 0.0), (inf, inf)],
    "asin": [(nan, nan), (1.5, nan), (-1.5, nan), (0.0, 0.0), (zero, zero)],
    "asinh": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, inf), (-inf, -inf)],
    "atan": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, pi / 2), (-inf, -pi / 2)],
    "atanh": [(nan, nan), (-1.5, nan), (1.5, nan), (-1.0, -inf), (1.0, inf), (0.0, 0.0), (zero, zero)],
    "ceil": [(nan, nan), (inf, inf), (-inf, -inf), (0.0, 0.0), (zero, zero), (-0.5, zero), (1.2, 2.0)],
    "cos": [(nan, nan), (0.0, 1.0), (zero, 1.0), (inf, nan), (-inf, nan)],
    "cosh": [(nan, nan), (0.0, 1.0), (zero, 1.0), (inf, inf), (-inf, inf)],
    "exp": [(nan, nan), (0.0, 1.0), (zero, 1.0), (inf, inf), (-inf, 0.0)],
    "expm1": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, inf), (-inf, -1.0)],
    "floor": [(nan, nan), (inf, inf), (-inf, -inf), (0.0, 0.0), (zero, zero), (-0.5, -1.0)],
    "isfinite": [(inf, False), (-inf, False), (nan, False), (1.0, True), (zero, True)],
    "isinf": [(inf, True), (-inf, True), (nan, False), (1.0, False)],
    "isnan": [(nan, True), (inf, False), (0.0, False)],
    "log": [(nan, nan), (-1.0, nan), (0.0, -inf), (zero, -inf), (1.0, 0.0), (inf, inf)],
    "log10": [(nan, nan), (-1.0, nan), (0.0, -inf), (zero, -inf), (1.0, 0.0), (inf, inf)],
    "log1p": [(nan, nan), (-1.5, nan), (-1.0, -inf), (0.0, 0.0), (zero, zero), (inf, inf)],
    "log2": [(nan, nan), (-1.0, nan), (0.0, -inf), (zero, -inf), (1.0, 0.0), (inf, inf)],
    "negative": [(0.0, zero), (zero, 0.0), (inf, -inf), (nan, nan)],
    "positive": [(zero, zero), (inf, inf), (nan, nan)],
    "reciprocal": [(0.0, inf), (zero, -inf), (inf, 0.0), (-inf, zero), (nan, nan)],
    "round": [(nan, nan), (inf, inf), (zero, zero), (0.5, 0.0), (-0.5, zero), (1.5, 2.0), (2.5, 2.0), (-2.5, -2.0)],
    "sign": [(nan, nan), (-inf, -1.0), (inf, 1.0), (zero, 0.0), (0.0, 0.0), (-3.0, -1.0)],
    "signbit": [(0.0, False), (zero, True), (inf, False), (-inf, True), (2.0, False), (-2.0, True)],
    "sin": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, nan), (-inf, nan)],
    "sinh": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, inf), (-inf, -inf)],
    "sqrt": [(nan, nan), (-1.0, nan), (0.0, 0.0), (zero, zero), (inf, inf)],
    "square": [(zero, 0.0), (-inf, inf), (nan, nan)],
    "tan": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, nan), (-inf, nan)],
    "tanh": [(nan, nan), (0.0, 0.0), (zero, zero), (inf, 1.0), (-inf, -1.0)],
    "trunc": [(nan, nan), (inf, inf), (0.0, 0.0), (zero, zero), (-0.5, zero), (-1.7, -1.0)],
    "add": [(nan, 1.0, nan), (inf, -inf, nan), (-inf, inf, nan), (inf, inf, inf), (inf, 1.0, inf), (1.0, -inf, -inf),
            (zero, zero, zero), (zero, 0.0, 0.0), (0.0, zero, 0.0), (3.0, -3.0, 0.0)],
    "subtract": [(inf, inf, nan), (inf, -inf, inf), (zero, 0.0, zero), (3.0, 3.0, 0.0), (nan, 1.0, nan)],
    "multiply": [(nan, 1.0, nan), (inf, 0.0, nan), (zero, -inf, nan), (inf, -inf, -inf), (-2.0, 0.0, zero),
                 (-2.0, -inf, inf)],
    "divide": [(nan, 1.0, nan), (inf, -inf, nan), (0.0, zero, nan), (1.0, 0.0, inf), (1.0, zero, -inf),
               (-1.0, 0.0, -inf), (0.0, -2.0, zero), (inf, -2.0, -inf), (2.0, -inf, zero), (-2.0, -inf, 0.0)],
    "floor_divide": [(nan, 1.0, nan), (1.0, nan, nan), (inf, inf, nan), (-inf, inf, nan), (0.0, zero, nan),
                     (0.0, 2.0, 0.0), (zero, 2.0, zero), (0.0, -2.0, zero), (zero, -2.0, 0.0), (2.0, 0.0, inf),
                     (2.0, zero, -inf), (-2.0, 0.0, -inf), (-2.0, zero, inf), (inf, 2.0, inf), (inf, -2.0, -inf),
                     (-inf, 2.0, -inf), (-inf, -2.0, inf), (2.0, inf, 0.0), (2.0, -inf, zero), (-2.0, inf, zero),
                     (-2.0, -inf, 0.0), (7.0, 2.0, 3.0), (-7.0, 2.0, -4.0)],
    "remainder": [(nan, 1.0, nan), (inf, 2.0, nan), (-inf, inf, nan), (0.0, 0.0, nan), (2.0, zero, nan),
                  (0.0, 2.0, 0.0), (zero, 2.0, 0.0), (0.0, -2.0, zero), (zero, -2.0, zero), (2.0, inf, 2.0),
                  (2.0, -inf, -inf), (-2.0, inf, inf), (-2.0, -inf, -2.0), (7.0, -4.0, -1.0)],
    "pow": [(2.0, nan, nan), (nan, 0.0, 1.0), (nan, zero, 1.0), (nan, 2.0, nan), (2.0, inf, inf), (-2.0, -inf, 0.0),
            (1.0, inf, 1.0), (-1.0, -inf, 1.0), (0.5, inf, 0.0), (0.5, -inf, inf), (inf, 2.0, inf), (inf, -2.0, 0.0),
            (-inf, 3.0, -inf), (-inf, 2.0, inf), (-inf, -3.0, zero), (-inf, -2.0, 0.0), (0.0, 2.0, 0.0), (0.0, -2.0, inf),
            (zero, 3.0, zero), (zero, 2.0, 0.0), (zero, -3.0, -inf), (zero, -2.0, inf), (-2.0, 0.5, nan)],
    "atan2": [(nan, 1.0, nan), (1.0, nan, nan), (1.0, 0.0, pi / 2), (1.0, zero, pi / 2), (0.0, 1.0, 0.0),
              (0.0, 0.0, 0.0), (0.0, zero, pi), (0.0, -1.0, pi), (zero, 1.0, zero), (zero, 0.0, zero), (zero, zero, -pi),
              (zero, -1.0, -pi), (-1.0, 0.0, -pi / 2), (1.0, inf, 0.0), (1.0, -inf, pi), (-1.0, inf, zero),
              (-1.0, -inf, -pi), (inf, 1.0, pi / 2), (-inf, 1.0, -pi / 2), (inf, inf, pi / 4), (inf, -inf, 3 * pi / 4),
              (-inf, inf, -pi / 4), (-inf, -inf, -3 * pi / 4)],
    "copysign": [(0.0, zero, zero), (zero, 0.0, 0.0), (2.0, zero, -2.0), (-2.0, 0.0, 2.0), (inf, -1.0, -inf),
                 (nan, 1.0, nan), (-3.0, inf, 3.0)],
    "hypot": [(inf, nan, inf), (nan, -inf, inf), (1.0, nan, nan), (nan, nan, nan), (zero, zero, 0.0), (-3.0, 4.0, 5.0)],
    "logaddexp": [(nan, inf, nan), (1.0, nan, nan), (inf, 1.0, inf), (-inf, inf, inf), (inf, inf, inf),
                  (-inf, -inf, -inf), (-inf, 2.0, 2.0)],
    "maximum": [(nan, 1.0, nan), (1.0, nan, nan), (inf, 1.0, inf), (0.0, zero, (0.0, zero))],
    "minimum": [(nan, 1.0, nan), (1.0, nan, nan), (-inf, 1.0, -inf), (zero, 0.0, (0.0, zero))],
    "nextafter": [(nan, 1.0, nan), (1.0, nan, nan), (0.0, zero, zero), (zero, 0.0, 0.0), (2.0, 2.0, 2.0), (inf, inf, inf)],
    "equal": [(nan, nan, False), (0.0, zero, True), (inf, inf, True), (inf, -inf, False)],
    "not_equal": [(nan, nan, True), (0.0, zero, False), (inf, -inf, True)],
    "less": [(nan, 1.0, False), (zero, 0.0, False), (-inf, inf, True)],
    "less_equal": [(nan, nan, False), (0.0, zero, True), (inf, inf, True)],
    "greater": [(1.0, nan, False), (0.0, zero, False), (inf, -inf, True)],
    "greater_equal": [(nan, nan, False), (zero, 0.0, True), (inf, inf, True)],
    "logical_and": [(nan, 1.0, True), (0.0, 1.0, False), (zero, 1.0, False)],
    "logical_or": [(nan, 0.0, True), (0.0, zero, False)],
    "logical_xor": [(nan, 1.0, False), (inf, zero, True)],
    "logical_not": [(nan, False), (zero, True)],
}  # fmt: skip
DTYPES = ("float32", "float64")


def operands(name: str, dtype: str) -> list[np.ndarray]:
    return [np.array(column, dtype) for column in list(zip(*CASES[name], strict=True))[:-1]]


@functools.cache
def results(dtype: str, mode: str) -> dict[str, np.ndarray]:
    """What every function of the table makes of its cases."""
    given = [operands(name, dtype) for name in CASES]

    def run(given: Any) -> Any:
        return [getattr(tg, name)(*xs) for name, xs in zip(CASES, given, strict=True)]

    if mode == "static":
        found = tg.compile(run)(given)
    else:
        with np.errstate(all="ignore"):
            found = run([[tg.asarray(x) for x in xs] for xs in given])
    return {name: np.asarray(y) for name, y in zip(CASES, found, strict=True)}


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or math.isnan(wanted):
        return bool(found) == wanted if isinstance(wanted, bool) else math.isnan(found)
    near = found == wanted or abs(found - wanted) <= 4 * np.spacing(np.abs(found))
    return bool(near) and np.signbit(found) == np.signbit(np.float64(wanted))


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_listed_cases(name, dtype, mode):
    for case, found in zip(CASES[name], results(dtype, mode)[name], strict=True):
        *given, wanted = case
        either = wanted if isinstance(wanted, tuple) else (wanted,)
        assert any(same(found, w) for w in either), f"{name}{tuple(given)} gives {found}, not {wanted}"


def test_neighbours():
    for dtype in DTYPES:
        least = np.finfo(dtype).smallest_subnormal
        x = tg.asarray(np.array([0.0, 0.0, 1.0, 1.0, -1.0, inf, -inf, least], dtype))
        y = tg.asarray(np.array([1.0, -1.0, 2.0, 0.0, 0.0, 0.0, inf, -1.0], dtype))
        for f in (tg.nextafter, tg.compile(tg.nextafter)):
            np.testing.assert_array_equal(np.asarray(f(x, y)), np.nextafter(x.numpy(), y.numpy()))


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_reductions(mode):
    rows = tg.asarray([[nan, 1.0, 2.0], [inf, 1.0, 2.0], [inf, -inf, 0.0], [1.0, 2.0, 3.0]])

    def run(x: Any) -> Any:
        none = x[:, :0]
        return (
            [f(x, axis=1) for f in (tg.sum, tg.prod, tg.max, tg.min, tg.mean, tg.var, tg.std)],
            [f(none, axis=1) for f in (tg.sum, tg.prod, tg.mean, tg.var, tg.std)],
            [tg.var(x, axis=1, correction=3), tg.std(x, axis=1, correction=4.5), tg.var(x, axis=1, correction=1)],
            [tg.any(none, axis=1), tg.all(none, axis=1), tg.any(x, axis=1), tg.count_nonzero(x, axis=1)],
        )

    with np.errstate(all="ignore"):
        found = (tg.compile(run) if mode == "static" else run)(rows)
        x = rows.numpy()
        wanted = [f(x, axis=1) for f in (np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std)]
    for y, z in zip(found[0], wanted, strict=True):
        np.testing.assert_allclose(np.asarray(y), z, rtol=1e-6)
    empties = [np.unique(np.asarray(y)) for y in found[1]]
    assert [e.tolist() for e in empties[:2]] == [[0.0], [1.0]] and all(np.isnan(e).all() for e in empties[2:])
    assert all(np.isnan(np.asarray(y)).all() for y in found[2][:2]) and float(found[2][2][3]) == 1.0
    assert [np.asarray(y).tolist() for y in found[3]] == [[False] * 4, [True] * 4, [True] * 4, [3, 3, 2, 3]]
