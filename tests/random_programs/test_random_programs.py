"""Random programs mean the same eagerly, node by node, optimised, as kernels in Python, and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import tapegraph as tg
from engine import tree
from graph import reference
from graph.phases import optimize
from tests.random_programs.programs import ERROR, Program, programs
from tests.support import python_kernels, tracing


def assert_agree(program: Program, found: list[Any], wanted: list[Any], label: str) -> None:
    """Same dtypes and shapes; integers and bools equal; floats within what the drafter bounded their rounding errors to."""
    assert len(found) == len(wanted)
    eps = np.finfo(program.dtype).eps
    for number, (y, z) in enumerate(zip(found, wanted, strict=True)):
        assert (y.dtype, y.shape) == (z.dtype, z.shape), f"{label}, result {number}"
        if z.dtype.kind != "f":
            np.testing.assert_array_equal(y, z, err_msg=f"{label}, result {number}")
            continue
        assert np.isfinite(z).all(), f"the program is not well conditioned: {z}"
        allowed = 4 * ERROR * eps if number < len(program.results) else 1e6 * eps  # gradients
        scale = max(1.0, np.abs(z).max(initial=0))
        np.testing.assert_allclose(y, z, rtol=allowed, atol=allowed * scale, err_msg=f"{label}, result {number}")


def eagerly(program: Program) -> tuple[list[Any], list[Any]]:
    """The arrays a program starts from, and its results in eager mode."""
    arrays = program.arrays()
    return arrays, [np.asarray(y) for y in tree.leaves(program([tg.asarray(a) for a in arrays]))]


def check_in_python(program: Program) -> None:
    """Eager mode, the reference run of both graphs, and the kernels of both in Python."""
    arrays, wanted = eagerly(program)
    graph = tracing.traced(program, arrays)
    optimised, _ = optimize(graph, check=True)
    feeds = {f"x{i}": a for i, a in enumerate(arrays)}
    assert_agree(program, reference.run(graph, feeds).outputs, wanted, "reference run")
    assert_agree(program, reference.run(optimised, feeds).outputs, wanted, "reference run, optimised")
    assert_agree(program, python_kernels.run(graph, arrays), wanted, "kernels in Python")
    assert_agree(program, python_kernels.run(optimised, arrays), wanted, "kernels in Python, optimised")


def check_compiled(program: Program) -> None:
    """Eager mode against native code."""
    arrays, wanted = eagerly(program)
    for phases in (True, False):
        found = tree.leaves(tg.compile(program.__call__, phases=phases)(arrays))
        assert_agree(program, [np.asarray(y) for y in found], wanted, f"compiled, {phases=}")


@settings(max_examples=200)
@given(programs())
def test_in_python(program):
    check_in_python(program)


@settings(max_examples=30)
@given(programs(longest=25))
def test_compiled(program):
    check_compiled(program)


@pytest.mark.slow
@settings(max_examples=2000)
@given(programs())
def test_many_in_python(program):
    check_in_python(program)


@pytest.mark.slow
@settings(max_examples=300)
@given(programs())
def test_many_compiled(program):
    check_compiled(program)
