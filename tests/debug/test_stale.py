"""stale_check: a second trace, compared; trace_report: all that a trace met outside."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.nn import functional as F
from tests.debug import outside_programs as programs

X = np.ones((2, 3), np.float32)


def test_a_function_that_depends_on_its_arguments_alone():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
    optimizer = optim.AdamW(net.parameters(), lr=1e-3)

    @tg.function
    def step(x, y):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, {"size": x.shape[0]}

    y = np.array([0, 1])
    found = tg.debug.stale_check(step, X, y)
    assert found.ok and "the graph is the same" in str(found)
    with tg.mode("static"):
        before = [np.array(p) for p in net.parameters()]
        step(X, y)
        after = [np.array(p) for p in net.parameters()]
        assert tg.debug.stale_check(step, X, y).ok
        assert all((a == b.numpy()).all() for a, b in zip(after, net.parameters(), strict=True))
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("compiled", [False, True])
def test_a_frozen_draw_names_the_draw_and_its_use(compiled):
    function = tg.compile(programs.draws)
    if compiled:
        function(X)
    found = tg.debug.stale_check(function, X)
    (finding,) = found.findings
    assert finding.place.expression == "np.random.rand(3)"
    assert "return x + noise" in str(found) and found.difference.new.op.name == "leaf"
    assert "<pre>" in found._repr_html_()


def test_a_flag(monkeypatch):
    monkeypatch.setattr(programs, "use_dropout", True)
    function = tg.compile(programs.reads_a_global)
    function(X)
    assert tg.debug.stale_check(function, X).ok
    programs.use_dropout = False
    (finding,) = tg.debug.stale_check(function, X).findings
    assert finding.place.expression == "use_dropout" and "was True" in str(finding)


def test_effects_are_found_and_undone():
    programs.history[:] = [1]
    programs.counter = 5
    assert "history.append(y)" in str(tg.debug.stale_check(programs.appends, X))
    assert "counter went from 5 to 6" in str(tg.debug.stale_check(programs.counts_in_a_global, X))
    assert programs.history == [1] and programs.counter == 5
    programs.history.clear()


def test_a_count_that_the_graph_uses():
    net = programs.Counting()
    (finding,) = tg.debug.stale_check(lambda x: net(x) * net.calls, X).findings
    assert "net.calls" in str(finding) or "self.calls" in str(finding)
    assert net.calls == 0


def test_a_returned_python_value():
    kept = []

    def grows(x):
        kept.append(0)
        return x, len(kept)

    found = tg.debug.stale_check(grows, X)
    assert "2 is returned, before 1" in str(found) and not kept


def test_control_flow_bodies_are_compared(monkeypatch):
    monkeypatch.setattr(programs.config, "scale", 2.0)

    def loop(x):
        return tg.scan(lambda c, row: (c + row * programs.config.scale, c), tg.zeros(3), x)[0]

    function = tg.compile(loop)
    function(X)
    assert tg.debug.stale_check(function, X).ok
    programs.config.scale = 3.0
    (finding,) = tg.debug.stale_check(function, X).findings
    assert finding.place.expression == "programs.config.scale"


def test_trace_report(capsys):
    def step(x):
        print("tracing")
        programs.counts["steps"] += 1
        return x * programs.config.scale + np.random.rand()

    function = tg.compile(step)
    with pytest.raises(tg.errors.UnsupportedError, match="nothing was traced"):
        tg.debug.trace_report(function)
    function(X)
    assert "outside the graph, once: 2 values read, 1 changes made, 1 draws and clocks" in function.explain()
    report = str(tg.debug.trace_report(function))
    for said in (
        "reads   programs.config.scale = 2.0",
        'counts  programs.counts["steps"]',
        "draws   np.random.rand",
        "calls   print",
    ):
        assert said in report.replace("['steps']", '["steps"]'), report
