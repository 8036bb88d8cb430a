"""What the machine code of a compiled function is made of can be asked for: its lanes, LLVM's text, its instructions."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from compiler.machine import vector_bytes

X = np.ones((8, 64), np.float32)


def gate(x):
    return tg.tanh(x) * x


def test_lanes_of_a_loop_that_is_vectorised():
    run = tg.compile(gate)
    run(X)
    found = run.vectors()
    (kernel,) = found.kernels
    assert found.register == 8 * vector_bytes()
    assert kernel.ops == ("tanh", "multiply")
    assert kernel.widest >= 4 and kernel.instructions[kernel.widest, 32] > 10
    assert f"{kernel.widest} x 32: {kernel.instructions[kernel.widest, 32]}" in str(found)


def test_lanes_in_the_body_of_a_scan():
    run = tg.compile(lambda x: tg.scan(lambda h, v: (tg.tanh(h + v), h), tg.zeros(64), x))
    run(X)
    assert [k.step for k in run.vectors().kernels if "tanh" in k.ops] == ["1a.0"]


def test_where_nothing_is_native_the_table_says_so():
    run = tg.compile(gate, fidelity="bitwise")
    run(X)
    assert "no kernel is native code" in str(run.vectors())


def test_forms_of_the_source():
    run = tg.compile(gate)
    run(X)
    assert f"<{run.vectors().kernels[0].widest} x float>" in run.source("llvm")
    assert "def kernel" not in run.source("assembly") and "\n# step 0: " in run.source("assembly")
    with pytest.raises(tg.errors.ArgumentError, match="'assembly'"):
        run.source("c")
