"""Every op x dtype x mode gives the values, dtype and shape that the op's NumPy kernel gives."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import dtypes, tree
from graph import reference
from graph.phases import optimize
from tests.conformance import cases
from tests.conformance.cases import ENTRIES, Entry
from tests.support import python_kernels, tracing

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

CORE = frozenset(cases.COMMON)
ULPS = 4  # of a compiled elementwise op, which has its own polynomials, against NumPy's
CANCELS = {"multi_dot": 4}  # products in a row may cancel to a number much smaller than those that were added
EPSILONS = 64  # of a compiled fold or composite, which adds in another order, relative to the largest result


def assert_equal(found: Any, wanted: Any, label: str) -> None:
    """Every bit but the payload of NaN; dtype and shape too."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), label
    np.testing.assert_array_equal(found, wanted, err_msg=label)
    if wanted.dtype.kind == "f":
        zero = wanted == 0
        np.testing.assert_array_equal(
            np.signbit(found[zero]), np.signbit(wanted[zero]), err_msg=f"{label}: sign of zero"
        )


def assert_close(entry: Entry, found: Any, wanted: Any, label: str) -> None:
    """As near as the op's kind promises: exact, a few ulp, or a few rounding errors of the largest element."""
    if wanted.dtype.kind != "f" or entry.moves:
        return assert_equal(found, wanted, label)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), label
    if entry.elementwise:
        return assert_within_ulps(found, wanted, label)
    finite = wanted[np.isfinite(wanted)]
    allowed = EPSILONS * CANCELS.get(entry.name, 1) * np.finfo(wanted.dtype).eps
    np.testing.assert_allclose(found, wanted, rtol=allowed, atol=allowed * np.abs(finite).max(initial=0), err_msg=label)


def assert_within_ulps(found: Any, wanted: Any, label: str) -> None:
    """Finite values within ULPS units in the last place; NaN and infinities at the same places."""
    limits = np.finfo(wanted.dtype)
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(found[~finite], wanted[~finite], err_msg=label)
    with np.errstate(all="ignore"):
        unit = np.maximum(np.spacing(np.abs(wanted[finite])), limits.smallest_subnormal)
        away = np.abs(found[finite] - wanted[finite]) / unit
    assert not away.size or np.all(away <= ULPS), (
        f"{label}: {np.nanmax(away):.3g} ulp, {found[finite][~(away <= ULPS)]} for {wanted[finite][~(away <= ULPS)]}"
    )


@functools.cache
def expected(name: str, dtype: str) -> list[Any]:
    """The results of all samples, node by node with NumPy kernels."""
    run, arrays = cases.program(ENTRIES[name], cases.samples(ENTRIES[name], np.dtype(dtype)))
    tg.manual_seed(0)
    graph = tracing.traced(run, arrays)
    return reference.run(graph, {f"x{i}": a for i, a in enumerate(arrays)}).outputs


@pytest.mark.parametrize("name, dtype", cases.pairs())
def test_eager_is_the_numpy_kernel(name, dtype):
    entry = ENTRIES[name]
    run, arrays = cases.program(entry, cases.samples(entry, np.dtype(dtype)))
    tg.manual_seed(0)
    found = cases.eager(run, arrays)
    assert len(found) == len(expected(name, dtype))
    for number, (y, wanted) in enumerate(zip(found, expected(name, dtype), strict=True)):
        if entry.op is not None and entry.op.expand is None:
            assert_equal(y, wanted, f"result {number}")
        else:  # eager takes some ops in one step that a graph spells out
            assert_close(entry, y, wanted, f"result {number}")


@pytest.mark.parametrize("name", [e.name for e in ENTRIES.values() if e.elementwise])
def test_kernel_is_called_with_the_operands(name):
    entry = ENTRIES[name]
    for dtype in sorted(entry.record.accepts, key=str):
        calls = cases.samples(entry, dtype)
        with np.errstate(all="ignore"):
            wanted = [np.asarray(entry.op.kernel(*s.args)) for s in calls]
        for number, (y, z) in enumerate(zip(expected(name, dtype.name), wanted, strict=True)):
            assert_equal(y, z, f"{dtype} sample {number}")


@pytest.mark.parametrize("name, dtype", cases.thin(cases.pairs()))
def test_kernels_in_python(name, dtype, phases=True):
    entry = ENTRIES[name]
    run, arrays = cases.program(entry, cases.samples(entry, np.dtype(dtype)))
    tg.manual_seed(0)
    graph = tracing.traced(run, arrays)
    graph = optimize(graph, check=True)[0] if phases else graph
    for number, (y, wanted) in enumerate(zip(python_kernels.run(graph, arrays), expected(name, dtype), strict=True)):
        assert_close(entry, y, wanted, f"result {number}")


@pytest.mark.parametrize("phases", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["phases", "bare"])
@pytest.mark.parametrize("name, dtype", cases.pairs(within=CORE))
def test_static(name, dtype, phases):
    entry = ENTRIES[name]
    run, arrays = cases.program(entry, cases.samples(entry, np.dtype(dtype)))
    tg.manual_seed(0)
    for number, (y, wanted) in enumerate(zip(cases.static(run, arrays, phases), expected(name, dtype), strict=True)):
        assert_close(entry, y, wanted, f"result {number}")


@pytest.mark.slow
@pytest.mark.parametrize("name, dtype", cases.pairs(within=CORE))
def test_bare_kernels_in_python(name, dtype):
    test_kernels_in_python(name, dtype, phases=False)


# ------------------------------------------------------------------------------------------ many ops in one kernel


def _batch(dtype: str) -> tuple[Any, list[Any], list[str]]:
    """A function of one sample of every op of a dtype; elementwise results are tied together, so that they share kernels."""
    names = [n for n, d in cases.pairs() if d == dtype]
    calls = [cases.samples(ENTRIES[n], np.dtype(dtype))[0] for n in names]
    arrays, fill = cases.unpack(calls)

    def run(arrays: Any) -> Any:
        results = [ENTRIES[n].call(*s.args, **s.attrs) for n, s in zip(names, fill(arrays), strict=True)]
        tie = tg.not_equal(results[0], results[0])
        for n, y in zip(names, results, strict=True):
            if ENTRIES[n].elementwise and y.shape == results[0].shape:
                tie = tg.logical_or(tie, tg.not_equal(y, y))
        return [results, tie]

    return run, arrays, names


@functools.cache
def batch(dtype: str, phases: bool) -> dict[str, list[Any]]:
    """The static results of one sample of every op of a dtype, by op."""
    run, arrays, names = _batch(dtype)
    function = tg.compile(run, phases=phases, specialize=True)
    tg.manual_seed(0)
    results, _ = function(arrays)
    return dict(zip(names, [[np.asarray(y) for y in tree.leaves([r])] for r in results], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("phases", [True, False], ids=["phases", "bare"])
@pytest.mark.parametrize("name, dtype", cases.pairs(within=dtypes.EVERY - CORE))
def test_static_in_a_batch(name, dtype, phases):
    for y, wanted in zip(batch(dtype, phases)[name], expected(name, dtype), strict=False):
        assert_close(ENTRIES[name], y, wanted, name)
