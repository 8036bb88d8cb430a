"""The profile adds up, names ops and lines in both modes, and writes a trace that viewers open."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, UnsupportedError
from engine.op import OPS
from engine.work import multiply_adds, work
from tapegraph import nn, optim

both_modes = pytest.mark.parametrize("mode", ["eager", "static"])


def training():
    net = nn.Sequential(nn.Linear(64, 96), nn.Tanh(), nn.Linear(96, 10))
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = tg.asarray(np.random.default_rng(0).standard_normal((256, 64)).astype(np.float32))
    y = tg.asarray(np.arange(256) % 10)

    @tg.function
    def step():
        optimizer.zero_grad()
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def profiled(mode, run, calls=2):
    with tg.mode(mode):
        run()
        run()
        with tg.debug.profile() as found:
            for _ in range(calls):
                run()
    return found


@both_modes
def test_ops_and_lines_forward_and_backward(mode):
    found = profiled(mode, training())
    ops = {row.name: row for row in found.rows("op")}
    product = ops["linear" if mode == "eager" else "matmul"]
    assert product.forward > 0 and ops["matmul"].backward > 0
    flops = 2 * 2 * 256 * (64 * 96 + 96 * 10)  # of the forward pass, in two calls
    assert product.flops == (flops if mode == "eager" else product.flops) >= flops
    lines = {row.name.split(": ", 1)[1]: row for row in found.rows("line")}
    forward, update = lines["logits = net(x)"], lines["optimizer.step()"]
    assert forward.forward > 0 and forward.backward > 0 and update.backward == 0
    assert any(name.endswith("step") for name in (row.name for row in found.rows("module")))
    for by in ("op", "line", "kernel", "module"):
        assert sum(row.seconds for row in found.rows(by)) == pytest.approx(found.seconds)
    assert found.seconds + found.elsewhere + found.overhead == pytest.approx(found.wall, rel=1e-6)
    text = str(found)
    assert "logits = net(x)" in text and "taken by the watching" in text
    assert "<pre>" in found._repr_html_()
    with pytest.raises(ArgumentError, match="op, line, kernel, module"):
        found.table("day")


def test_results_and_programs_are_as_before():
    step = training()
    with tg.mode("static"):
        before = [float(step()) for _ in range(3)]
        program = step._latest().program
        runner = program.runner
        with tg.debug.profile():
            during = float(step())
        assert program.runner is runner and "call_back" not in vars(program)
        assert during < before[-1] and float(step()) < during


def test_compiling_is_told_apart():
    step = training()
    with tg.mode("static"), tg.debug.profile() as found:
        step()
    assert {"trace", "optimise", "plan"} <= found.compiling.keys()
    assert "compiling (trace" in found.summary
    assert not any(row.name == "trace" for row in found.rows("kernel"))


@both_modes
def test_the_body_of_a_loop_is_found_at_its_lines(mode):
    w = nn.Parameter(np.eye(16, dtype=np.float32))

    @tg.function
    def run(xs):
        def body(h, x):
            h = tg.tanh(h @ w + x)
            return h, h

        return tg.scan(body, tg.zeros((8, 16)), xs)[1]

    xs = tg.ones((5, 8, 16))
    found = profiled(mode, lambda: run(xs))
    line = next(row for row in found.rows("line") if "h @ w + x" in row.name)
    assert line.flops >= 2 * 5 * 2 * 8 * 16 * 16
    assert line.seconds > 0


@both_modes
def test_a_chrome_trace(mode, tmp_path):
    found = profiled(mode, training())
    written = json.loads(found.chrome_trace(tmp_path / "trace.json").read_text())
    events = written["traceEvents"]
    complete = [e for e in events if e["ph"] == "X"]
    assert {e["ph"] for e in events} == {"M", "X"} and len(complete) == len(found.spans)
    for e in complete:
        assert isinstance(e["name"], str) and e["ts"] >= 0 and e["dur"] >= 0
        assert isinstance(e["pid"], int) and isinstance(e["tid"], int)
    assert any("backward" in e["cat"] for e in complete)
    assert any("logits = net(x)" in line for e in complete for line in e["args"]["lines"])
    json.dumps(found.to_json())


def test_not_inside_a_trace():
    @tg.compile
    def run(x):
        with tg.debug.profile():
            return x

    with pytest.raises(UnsupportedError, match="around the call"):
        run(np.ones(3))


def test_work_of_products_and_convolutions():
    assert multiply_adds(OPS["matmul"], [(2, 3, 4), (4, 5)], (2, 3, 5)) == 120
    assert multiply_adds(OPS["conv"], [(1, 3, 8, 8), (6, 3, 5, 5)], (1, 6, 4, 4)) == 96 * 75
    assert multiply_adds(OPS["conv_weight"], [(1, 3, 8, 8), (1, 6, 4, 4)], (6, 3, 5, 5)) == 96 * 75
    assert multiply_adds(OPS["add"], [(3,), (3,)], (3,)) == 0
    assert work(OPS["add"], [(4, 3), (3,)], [4, 4], [(4, 3)], 4) == (12, 12, 4 * 27)
    assert work(OPS["sum"], [(4, 3)], [8], [()], 8).flops == 12
    assert work(OPS["reshape"], [(4, 3)], [8], [(12,)], 8).bytes == 0
