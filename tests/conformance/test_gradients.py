"""Gradients of every smooth op: against finite differences to order 2, and static against eager; keeps is honest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import tree
from engine.op import Op, Sample
from graph.phases import optimize
from tapegraph.testing import check_grads
from tests.conformance import cases
from tests.conformance.cases import ENTRIES, Entry
from tests.support import python_kernels, tracing

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

FLOAT = np.dtype(np.float64)
SMOOTH = [e.name for e in ENTRIES.values() if e.smooth and FLOAT in e.record.accepts]


def smooth_samples(entry: Entry) -> list[Sample]:
    """Samples with a float array of at least one element to differentiate by, and float64 results."""
    found = []
    for sample in cases.samples(entry, FLOAT):
        run, arrays = one_call(entry, sample)
        results = run(*map(tg.asarray, arrays))
        if results and all(y.dtype == FLOAT for y in results) and any(a.dtype.kind == "f" and a.size for a in arrays):
            found.append(sample)
    return found


def one_call(entry: Entry, sample: Sample) -> tuple[Any, list[Any]]:
    """The float results of a call as a function of its arrays, and the arrays; each call draws the same random numbers."""
    arrays, fill = cases.unpack([sample])

    def run(*arrays: Any) -> list[Any]:
        tg.manual_seed(0)
        (call,) = fill(arrays)
        found = tree.leaves([entry.call(*call.args, **call.attrs)])
        return [y for y in found if y.dtype.kind == "f"]

    return run, arrays


def gradients(entry: Entry, sample: Sample, order: int) -> tuple[Any, list[Any]]:
    """A function of arrays giving the gradients of order 1 (or of a product with those, for order 2) of one call."""
    run, arrays = one_call(entry, sample)
    floats = tuple(i for i, a in enumerate(arrays) if a.dtype.kind == "f")

    def scalar(*arrays: Any) -> Any:
        # + 0.0: the operand is then a computed value, which the tape keeps only if the op's rules may look at it
        arrays = [a + 0.0 if i in floats else a for i, a in enumerate(arrays)]
        return sum(tg.sum(y * (k + 1.5) * tg.sin(y)) for k, y in enumerate(run(*arrays)))

    def first(*arrays: Any) -> Any:
        return tg.grad(scalar, floats)(*arrays)

    def second(*arrays: Any) -> Any:
        return tg.grad(lambda *xs: sum(tg.sum(g * g) for g in first(*xs)), floats)(*arrays)

    return (first if order == 1 else second), arrays


@pytest.mark.parametrize("name", [n for n in SMOOTH if n != "stop_gradient"])  # whose gradient is a lie on purpose
def test_finite_differences(name):
    entry = ENTRIES[name]
    for sample in smooth_samples(entry):
        run, arrays = one_call(entry, sample)
        check_grads(run, arrays, order=2, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("order", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SMOOTH)
def test_static_is_eager(name, order):
    entry = ENTRIES[name]
    for sample in smooth_samples(entry):
        function, arrays = gradients(entry, sample, order)
        wanted = [np.asarray(g) for g in function(*map(tg.asarray, arrays))]
        graph = tracing.traced(lambda xs, function=function: list(function(*xs)), arrays)
        for made in (graph, optimize(graph, check=True)[0]):
            for found, g in zip(python_kernels.run(made, arrays), wanted, strict=True):
                assert (found.dtype, found.shape) == (g.dtype, g.shape)
                np.testing.assert_allclose(found, g, rtol=1e-11, atol=1e-12 * max(1, np.abs(g).max(initial=0)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOOTH)
def test_native_is_eager(name):
    entry = ENTRIES[name]
    programs = [gradients(entry, s, order) for s in smooth_samples(entry)[:2] for order in (1, 2)]
    found = tg.compile(lambda calls: [p(*xs) for (p, _), xs in zip(programs, calls, strict=True)])(
        [xs for _, xs in programs]
    )
    for (function, arrays), gs in zip(programs, found, strict=True):
        for g, wanted in zip(gs, function(*map(tg.asarray, arrays)), strict=True):
            wanted = np.asarray(wanted)
            np.testing.assert_allclose(
                np.asarray(g), wanted, rtol=1e-10, atol=1e-12 * max(1, np.abs(wanted).max(initial=0))
            )


# ------------------------------------------------------------------------------------------ what the tape keeps


PRIMITIVES = [n for n in SMOOTH if ENTRIES[n].op is not None and any(ENTRIES[n].op.vjp)]


def _gradient_of_sum(entry: Entry, sample: Sample) -> list[Any]:
    """Gradients through a loss that makes the tape keep nothing of its own."""
    run, arrays = one_call(entry, sample)
    floats = tuple(i for i, a in enumerate(arrays) if a.dtype.kind == "f")

    def loss(*arrays: Any) -> Any:
        return sum(tg.sum(y) for y in run(*[a + 0.0 if i in floats else a for i, a in enumerate(arrays)]))

    return [np.asarray(g) for g in tg.grad(loss, floats)(*map(tg.asarray, arrays))]


def _needs(op: Op, flag: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether some gradient fails, or comes out otherwise, once the tape is told to keep less."""
    entry = ENTRIES[op.name]
    for sample in smooth_samples(entry):
        wanted = _gradient_of_sum(entry, sample)
        with monkeypatch.context() as patch:
            patch.setattr(op, flag, False)
            try:
                found = _gradient_of_sum(entry, sample)
            except Exception:  # whatever the rule does with a value that is not there
                return True
        if not all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True)):
            return True
    return False


@pytest.mark.parametrize("name", PRIMITIVES)
def test_keeps_no_more_than_its_rules_need(name, monkeypatch):
    op = ENTRIES[name].op
    for flag in ("keeps_x", "keeps_y"):
        if getattr(op, flag):
            assert _needs(op, flag, monkeypatch), f"no rule of {name} looks at {flag[-1]}, which the tape keeps for it"
