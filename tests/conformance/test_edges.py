"""Special values through every elementwise op: NaN, infinities, zeros of both signs, subnormals, the largest, integer limits."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from graph.phases import optimize
from tests.conformance import cases
from tests.conformance.cases import ENTRIES
from tests.conformance.test_values import assert_equal, assert_within_ulps
from tests.support import python_kernels, tracing

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

ELEMENTWISE = [e.name for e in ENTRIES.values() if e.elementwise]
MODES = {"static": {}, "bare": {"phases": False}, "bitwise": {"fidelity": "bitwise"}}
TIED = 16  # ops in one kernel
ZEROS_EQUAL = {
    "maximum",
    "minimum",
    "clamp",
    "saturate",
}  # which of 0.0 and -0.0 is larger, NumPy leaves to the machine


def names_of(dtype: str) -> list[str]:
    return [n for n in ELEMENTWISE if np.dtype(dtype) in ENTRIES[n].record.accepts]


@functools.cache
def meaning(name: str, dtype: str) -> tuple[tuple[Any, ...], Any]:
    """Operands that pair all special values, and what the NumPy kernel makes of them."""
    op = ENTRIES[name].op
    operands = cases.edges(op, np.dtype(dtype))
    with np.errstate(all="ignore"):
        return operands, np.asarray(op.kernel(*operands))


def assert_same_edge(found: Any, wanted: Any, name: str) -> None:
    """A few ulp where the value is finite; the same infinities, NaN and signs of zero."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), name
    if wanted.dtype.kind != "f":
        return assert_equal(found, wanted, name)
    assert_within_ulps(found, wanted, name)
    if name not in ZEROS_EQUAL:
        zero = (wanted == 0) & (found == 0)
        np.testing.assert_array_equal(
            np.signbit(found[zero]), np.signbit(wanted[zero]), err_msg=f"{name}: sign of zero"
        )


@pytest.mark.parametrize("name, dtype", cases.pairs(lambda e: e.elementwise))
def test_eager(name, dtype):
    operands, wanted = meaning(name, dtype)
    with np.errstate(all="ignore"):
        found = np.asarray(ENTRIES[name].call(*[tg.asarray(a) for a in operands]))
    assert_equal(found, wanted, name)


@pytest.mark.parametrize("name, dtype", cases.thin(cases.pairs(lambda e: e.elementwise)))
def test_kernels_in_python(name, dtype):
    operands, wanted = meaning(name, dtype)
    graph = tracing.traced(lambda xs: ENTRIES[name].call(*xs), list(operands))
    for made in (graph, optimize(graph)[0]):
        (found,) = python_kernels.run(made, operands)
        assert_same_edge(found, wanted, name)


@functools.cache
def batch(dtype: str, mode: str) -> dict[str, Any]:
    """The static results of all elementwise ops of a dtype, by op; many ops share each kernel, which saves compiling."""
    names = names_of(dtype)
    operands = [meaning(n, dtype)[0] for n in names]

    def run(operands: Any) -> Any:
        results = [ENTRIES[n].call(*xs) for n, xs in zip(names, operands, strict=True)]
        ties = []
        for shape in {y.shape for y in results}:
            alike = [y for y in results if y.shape == shape]
            for first in range(0, len(alike), TIED):
                tie = tg.not_equal(alike[first], alike[first])
                for y in alike[first + 1 : first + TIED]:
                    tie = tg.logical_or(tie, tg.not_equal(y, y))
                ties.append(tie)
        return results, ties

    results, _ = tg.compile(run, specialize=True, **MODES[mode])([list(xs) for xs in operands])
    return {n: np.asarray(y) for n, y in zip(names, results, strict=True)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name, dtype", cases.pairs(lambda e: e.elementwise))
def test_static(name, dtype, mode):
    assert_same_edge(batch(dtype, mode)[name], meaning(name, dtype)[1], name)
