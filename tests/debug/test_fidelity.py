"""explain(fidelity=True) lists all that may change a bit: where rounding and bitwise differ, the list is not empty."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from compiler.inexact import inexact
from engine import tree
from tests.conformance import cases
from tests.conformance.cases import ENTRIES

X = np.linspace(0.1, 2, 12, dtype=np.float32).reshape(3, 4)


def test_rules_and_kernels_are_listed_with_their_lines():
    def program(x):
        third = x / 3.0
        return tg.sum(tg.tanh(third))

    compiled = tg.compile(program)
    compiled(X)
    text = compiled.explain(fidelity=True)
    (rule,) = (line for line in text.splitlines() if "over_constant" in line)
    assert "≤ 8 ulp" in rule and "x / 3.0" in rule
    (kernel,) = (line for line in text.splitlines() if "kernel tanh" in line)
    assert "2.7 ulp in float32" in kernel and "tg.tanh(third)" in kernel
    assert "order of additions" in text and "kernel divide" not in text
    assert "over_constant" not in compiled.explain()


def test_assumptions_of_finite_values_are_listed():
    compiled = tg.compile(lambda x: tg.exp(x * 0), fidelity="finite")
    compiled(X)
    assert "assumes finite values" in compiled.explain(fidelity=True)


def test_what_is_written_in_other_ops_is_listed():
    compiled = tg.compile(tg.softmax)
    compiled(X)
    assert "written in other ops" in compiled.explain(fidelity=True)


def test_inside_loops_too():
    compiled = tg.compile(lambda xs: tg.scan(lambda h, x: (tg.tanh(h + x), h), tg.zeros((4,)), xs)[0])
    compiled(X)
    assert "kernel tanh" in compiled.explain(fidelity=True)


def test_nothing_is_listed_where_nothing_may_change():
    compiled = tg.compile(lambda x: tg.sqrt(x * 2) + x)
    compiled(X)
    assert "nothing in it may change a bit" in compiled.explain(fidelity=True)
    literal = tg.compile(lambda x: tg.tanh(x), fidelity="bitwise")
    literal(X)
    assert "nothing in it may change a bit" in literal.explain(fidelity=True)


def bits(values):
    """As integers, NaN being one of them, zeros without sign: which of them is larger, NumPy leaves to the machine."""
    arrays = [np.asarray(v) for v in tree.leaves(values)]
    return [np.where(np.isnan(a), np.nan, a + 0.0) if a.dtype.kind == "f" else a for a in arrays]


NAMES = sorted(e.name for e in ENTRIES.values() if np.dtype("float32") in e.record.accepts)


def compare(names):
    for name in names:
        entry = ENTRIES[name]
        calls = cases.samples(entry, np.dtype("float32"))
        if not calls:
            continue
        run, arrays = cases.program(entry, calls)
        results = []
        for fidelity in ("bitwise", "rounding"):
            compiled = tg.compile(run, fidelity=fidelity)
            tg.manual_seed(3)
            results.append(bits(compiled(arrays)))
        equal = all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(*results, strict=True))
        assert equal or inexact(compiled._latest().program, "rounding", True), name


def test_nothing_is_missing():
    compare(NAMES[::12])


@pytest.mark.slow
@pytest.mark.parametrize("start", range(2))
def test_nothing_is_missing_elsewhere(start):
    compare(NAMES[start::20])  # one op in ten: each takes about a second
