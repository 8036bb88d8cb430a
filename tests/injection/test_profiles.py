"""Profiles of both modes side by side: the same rows, medians, and the program as it was."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

import tapegraph as tg
from tapegraph import nn
from tapegraph.comparison.profile_table import table
from tapegraph.comparison.profiles import side_by_side


def make():
    w = nn.Parameter(np.ones((8, 8), np.float32), name="w")

    @tg.function
    def step(x):
        h = tg.tanh(x @ w)
        loss = tg.sum(h * h)
        loss.backward()
        w.assign(w - 0.1 * w.grad)
        return loss

    return step, w, np.ones((4, 8), np.float32)


def test_lines_and_ops_of_both_modes_stand_in_one_row():
    step, w, x = make()
    before = np.array(w)
    found = side_by_side(step, x, seconds=0)
    assert np.array_equal(np.array(w), before) and w.grad is None and not step.versions
    line = next(row for row in found.line if "tg.tanh(x @ w)" in row.text)
    assert line.name.endswith("test_profiles.py:21") and line.eager_ms > 0 and line.static_ms > 0
    assert line.ratio == line.eager_ms / line.static_ms and line.bytes > 0
    matmul = next(row for row in found.op if row.name == "matmul")
    assert matmul.eager_calls >= 2 and matmul.static_calls >= 1  # forward and backward
    for mode in ("eager", "static"):
        assert found.calls[mode] >= 3 and found.watched[mode] > found.inside[mode] > 0
        assert np.isclose(found.inside[mode], sum(getattr(r, f"{mode}_ms") or 0 for r in found.line))


def test_a_program_that_cannot_be_compiled_has_the_profile_of_eager_mode():
    def step(x):
        return x * 2.0 if bool(tg.sum(x) > 0) else x

    found = side_by_side(step, tg.asarray(np.ones(3, np.float32)), seconds=0)
    assert list(found.call) == ["eager"] and "SymbolError" in found.left_out["static"]
    assert found.op[0].static_ms is None and found.op[0].ratio is None
    out = io.StringIO()
    Console(file=out, width=80).print(table(found, by="op"))
    assert "multiply" in out.getvalue() and "static" not in out.getvalue()
