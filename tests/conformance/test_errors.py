"""Mistakes raise the same error class, naming the op, in eager and in static mode."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import dtypes, tree
from engine.errors import AxisError, DTypeError, ShapeError, TapegraphError
from engine.op import Sample
from tests.conformance import cases
from tests.conformance.cases import ENTRIES, Entry

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

MAIN = np.dtype(np.float32)


def dtype_of(entry: Entry) -> Any:
    """A dtype the op takes: float32 where it does."""
    return MAIN if MAIN in entry.record.accepts else sorted(entry.record.accepts, key=str)[0]


def outcome(entry: Entry, call: Sample, compiled: bool) -> Any:
    """The class, op, place and text of the error a call raises, or its results."""
    run, arrays = cases.program(entry, [call])
    try:
        return tree.leaves((cases.static if compiled else cases.eager)(run, arrays))
    except TapegraphError as error:
        return type(error), error.op, error.place, str(error)


def assert_parity(entry: Entry, call: Sample) -> Any:
    """The outcome of a call, the same in both modes."""
    eager, static = outcome(entry, call, False), outcome(entry, call, True)
    if isinstance(eager, tuple) or isinstance(static, tuple):
        assert eager == static, f"{eager[-1]}\n{static[-1]}"
        assert eager[2] is not None and eager[2].file == cases.__file__, f"{entry.name}: the error names no line"
    return eager


@pytest.mark.parametrize("name", [e.name for e in ENTRIES.values() if e.record.errors])
def test_declared_mistakes(name):
    entry = ENTRIES[name]
    for dtype in sorted(entry.record.accepts, key=str):
        for call in cases.errors(entry, dtype):
            found = assert_parity(entry, call)
            assert isinstance(found, tuple) and issubclass(found[0], call.error), f"{call}: {found}"


@pytest.mark.parametrize("name", [e.name for e in ENTRIES.values() if e.elementwise and e.op.arity > 1])
def test_shapes_that_do_not_broadcast(name):
    entry = ENTRIES[name]
    good = cases.samples(entry, dtype_of(entry))[3].args
    bad = [np.zeros((2, 4), good[0].dtype), *good[1:]]
    assert assert_parity(entry, Sample(tuple(bad)))[:2] == (ShapeError, name)


@pytest.mark.parametrize("name", [e.name for e in ENTRIES.values() if e.elementwise])
def test_dtypes_it_does_not_take(name):
    entry = ENTRIES[name]
    op = entry.op
    chosen = range(op.arity)[op.casts]
    for dtype in sorted(dtypes.EVERY - op.accepts, key=str):
        good = cases.samples(entry, dtype_of(entry))[0].args
        bad = tuple(np.ones((2,), dtype) if i in chosen else np.ones((2,), a.dtype) for i, a in enumerate(good))
        found = assert_parity(entry, Sample(bad))
        converted = op.floating and dtypes.kind_rank(dtype) < 2
        if entry.call is op and not converted:
            assert found[:2] == (DTypeError, name)


@pytest.mark.parametrize("name", [e.name for e in ENTRIES.values() if e.axis and e.call is not e.op])
@pytest.mark.parametrize("axis", [9, -9])
def test_axes_outside_the_array(name, axis):
    entry = ENTRIES[name]
    first = cases.samples(entry, dtype_of(entry))[0]
    names = parameters(entry)
    args = first.args[: names.index("axis")] if "axis" in names[: len(first.args)] else first.args
    found = assert_parity(entry, Sample(args, {**first.attrs, "axis": axis}))
    assert found[:2] == (AxisError, name)


def parameters(entry: Entry) -> list[str]:
    """The names of the parameters of the public function, in order."""
    return list(inspect.signature(entry.call).parameters)


def test_data_that_is_a_mistake():
    whole = np.array([1, 2, 0])
    for name, args in [
        ("floor_divide", (whole, whole)),
        ("remainder", (whole, whole)),
        ("pow", (whole + 2, whole - 2)),
    ]:
        found = assert_parity(ENTRIES[name], Sample(args))
        assert isinstance(found, tuple) and found[1] == name
    assert tg.current_mode() == "eager"
