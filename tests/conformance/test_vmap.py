"""vmap of every op gives the results of the calls one by one: all arguments batched, and the first alone; gradients too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import dtypes, tree
from engine.errors import TapegraphError
from engine.op import Sample
from graph.phases import optimize
from tests.conformance import cases
from tests.conformance.cases import ENTRIES, Entry
from tests.conformance.test_gradients import SMOOTH, gradients, smooth_samples
from tests.conformance.test_values import assert_close
from tests.support import python_kernels, tracing

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

NAMES = [n for n in ENTRIES if n not in ("iota", "size_of")]  # those take no array
CHANGES = {"batch_norm", "instance_norm"}  # running statistics, which then must be batched too
FACTORS = (1.0, 0.875, 1.125)  # of the floats of each entry of the batch: order, symmetry and rank stay


def dtype_of(entry: Entry) -> Any:
    return dtypes.float32 if dtypes.float32 in entry.record.accepts else min(entry.record.accepts, key=str)


def calls(name: str) -> list[Sample]:
    """The samples of an op that have arrays."""
    entry = ENTRIES[name]
    return [s for s in cases.samples(entry, dtype_of(entry)) if cases.unpack([s])[0]]


def one(entry: Entry, sample: Sample) -> tuple[Callable[..., list[Any]], list[Any]]:
    """A call as a function of its arrays that returns a flat list and draws the same random numbers each time; its arrays."""
    run, arrays = cases.program(entry, [sample])

    def call(*arrays: Any) -> list[Any]:
        tg.manual_seed(0)
        return tree.leaves(run(list(arrays)))

    return call, arrays


def variant(array: Any, number: int, turned: bool) -> Any:
    """Another array of the same shape: floats scaled; other elements, which may be places, in another order or as they are."""
    if array.dtype.kind == "f":
        return (array * array.dtype.type(FACTORS[number])).astype(array.dtype)
    return np.roll(array, number) if turned else array


def wanted(call: Callable[..., Any], arrays: list[Any], axes: list[Any]) -> tuple[list[Any], list[Any]]:
    """The arrays with those of a batch stacked, and the results of the calls with each entry, stacked."""
    for turned in (True, False):
        entries = [
            [a if axis is None else variant(a, i, turned) for a, axis in zip(arrays, axes, strict=True)]
            for i in range(len(FACTORS))
        ]
        try:
            results = [[np.asarray(y) for y in call(*map(tg.asarray, e))] for e in entries]
        except (TapegraphError, ValueError):
            continue  # elements whose order matters: offsets, sorted places
        if all([y.shape for y in r] == [y.shape for y in results[0]] for r in results):
            break
    columns = zip(*entries, strict=True)
    stacked = [c[0] if axis is None else np.stack(c) for c, axis in zip(columns, axes, strict=True)]
    return stacked, [np.stack(column) for column in zip(*results, strict=True)]


def ways(name: str, arrays: list[Any]) -> Iterator[list[Any]]:
    """All arguments batched, and the first alone."""
    yield [0] * len(arrays)
    if len(arrays) > 1 and name not in CHANGES:
        yield [0] + [None] * (len(arrays) - 1)


def batched(call: Callable[..., Any], axes: list[Any]) -> Callable[..., Any]:
    return tg.vmap(call, tuple(axes), randomness="same")


@pytest.mark.parametrize("name", NAMES)
def test_eager(name):
    entry = ENTRIES[name]
    for number, sample in enumerate(calls(name)):
        call, arrays = one(entry, sample)
        for axes in ways(name, arrays):
            with np.errstate(all="ignore"):
                stacked, results = wanted(call, arrays, axes)
                found = [np.asarray(y) for y in batched(call, axes)(*map(tg.asarray, stacked))]
            assert len(found) == len(results)
            for y, z in zip(found, results, strict=True):
                assert_close(entry, y, z, f"{name}, sample {number}, axes {axes}")


@pytest.mark.parametrize("name", NAMES)
def test_kernels_in_python(name):
    entry = ENTRIES[name]
    for sample in calls(name)[:1]:
        call, arrays = one(entry, sample)
        for axes in ways(name, arrays):
            stacked, results = wanted(call, arrays, axes)
            graph = tracing.traced(lambda xs, call=call, axes=axes: batched(call, axes)(*xs), stacked)
            graph = optimize(graph, check=True)[0]
            for y, z in zip(python_kernels.run(graph, stacked), results, strict=True):
                assert_close(entry, y, z, f"{name}, axes {axes}")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_native(name):
    entry = ENTRIES[name]
    for sample in calls(name)[:1]:
        call, arrays = one(entry, sample)
        for axes in ways(name, arrays):
            stacked, results = wanted(call, arrays, axes)
            found = tg.compile(batched(call, axes))(*stacked)
            for y, z in zip(found, results, strict=True):
                assert_close(entry, np.asarray(y), z, f"{name}, axes {axes}")


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    for sample in smooth_samples(ENTRIES[name])[:1]:
        function, arrays = gradients(ENTRIES[name], sample, 1)
        for axes in ways(name, arrays):
            stacked, results = wanted(function, arrays, axes)
            found = [np.asarray(g) for g in batched(function, axes)(*map(tg.asarray, stacked))]
            for g, z in zip(found, results, strict=True):
                assert (g.dtype, g.shape) == (z.dtype, z.shape)
                np.testing.assert_allclose(g, z, rtol=1e-10, atol=1e-12 * max(1, np.abs(z).max(initial=0)))
