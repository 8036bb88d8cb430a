"""A replay hands out every op of a call with its values, in eager mode and over graphs, and can be sent to a colleague."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError
from engine.level import level
from tapegraph import debug
from tapegraph.debug.replaying import GRAPHS
from tapegraph.debug.terminal import Terminal

X = np.array([[1, 2, 3], [2, 1, 0.5]], np.float32)


def program():
    w = tg.Parameter(np.array([0.5, 2.0, 1.0], np.float32), name="w")

    @tg.function
    def step(x):
        h = tg.log(x * w)
        loss = (tg.exp(h) ** 2).sum()
        w.grad = None
        loss.backward()
        tg.print("not in a replay")
        w.assign(w - w.grad * 0.1)
        return loss

    return step, w


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_op_forward_and_backward_with_its_values(graph, capsys):
    step, w = program()
    with tg.mode("static"):
        wanted = step.body(X) if graph == "eager" else None
        w.assign(np.array([0.5, 2.0, 1.0], np.float32))
        w.grad = None
    capsys.readouterr()
    r = debug.replay(step, X, graph=graph)
    assert capsys.readouterr().out == ""
    assert [e.op for e in r][:3] == ["multiply", "log", "exp"]
    assert {e.part for e in r} == {"forward", "backward"}
    assert r.current is r.entries[0] and r.current.place.expression == "x * w"
    np.testing.assert_array_equal(r.current.operands["x"], X)
    np.testing.assert_array_equal(r.current.result, X * w.numpy())
    np.testing.assert_allclose(r.values["h"], np.log(X * w.numpy()), rtol=1e-6)
    np.testing.assert_array_equal(r.values["w"], [0.5, 2.0, 1.0])
    total = next(e for e in r if e.op == "sum" and e.part == "forward").result
    assert wanted is None or np.allclose(total, wanted)
    np.testing.assert_array_equal(w.numpy(), [0.5, 2.0, 1.0])
    assert w.grad is None


@pytest.mark.parametrize("graph", GRAPHS)
def test_moving_about(graph):
    step, _ = program()
    r = debug.replay(step, X, graph=graph)
    assert r.back() is None
    assert r.step().op == "log" and r.step().op == "exp" and r.back().op == "log"
    line = r.current.place.line
    assert r.goto(f"test_replay.py:{line}").op == "divide" or r.current.part == "backward"
    assert r.goto("multiply") and r.goto(0).op == "multiply"
    assert r.goto(-1) is r.entries[-1] and r.step() is None
    r.goto(0)
    assert r.run("max > 7").op in ("pow", "square")
    assert r.run("nan") is None and r.at == len(r) - 1
    for target in (99, "tanh", "elsewhere.py:3"):
        with pytest.raises(ArgumentError):
            r.goto(target)
    with pytest.raises(KeyError):
        r.values["nothing"]


def test_the_mode_chooses():
    step, _ = program()
    assert debug.replay(step, X).title == "step, eager"
    with tg.mode("static"):
        assert debug.replay(step, X).title == "step, the graph as traced"
    assert debug.replay(tg.compile(lambda x: x + 1), X).title.endswith("the graph as traced")
    assert debug.replay(lambda x: x + 1, X).title.endswith("eager")
    with pytest.raises(ArgumentError, match="no graph"):
        debug.replay(step, X, graph="other")


def test_an_optimised_graph_says_where_ops_come_from():
    step, _ = program()
    found = [e.made_by for e in debug.replay(step, X, graph="optimised")]
    assert "a kernel of" in found[0]
    assert any(note.startswith("rule ") for note in found)


def test_loops_are_entered():
    def f(x):
        def body(c, t):
            c = tg.cond(t.sum() > 5, lambda: c + tg.exp(t), lambda: c - t)
            return c, c

        return tg.scan(body, tg.zeros(3), x)[0]

    r = debug.replay(f, X, graph="traced")
    assert r.goto("scan") and len(r.current.turns) == 2
    first, second = r.into(0), r.into(1)
    np.testing.assert_array_equal(second.values["t"], X[1])
    assert first.goto("switch") and [e.op for e in first.into()] == ["exp", "add"]
    assert second.goto("switch") and [e.op for e in second.into()] == ["subtract"]
    assert first.into().out() is first and first.out() is r
    assert "in scan 0 / switch 0" in str(first.into())
    with pytest.raises(ArgumentError, match="ran 2 subprograms"):
        r.into(2)
    eager = debug.replay(f, X, graph="eager")
    assert [e.op for e in eager if e.op in ("exp", "subtract")] == ["exp", "subtract"]


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_call_that_raises_is_replayed_up_to_there(graph):
    table = np.arange(4.0, dtype=np.float32)

    def f(i):
        return tg.exp(tg.take(table, i * 3)) + 1

    r = debug.replay(f, tg.asarray(np.array([0, 2])), graph=graph)
    assert r.run() is r.entries[-1] and "out of range" in r.current.error
    assert r.current.place.expression == "tg.take(table, i * 3)"
    assert next(e.op for e in r) == "multiply" and "exp" not in [e.op for e in r]
    assert "raised" in r.where()


def test_arguments_are_left_alone():
    def f(x):
        x[0] = 9.0
        return x.sum()

    x = tg.asarray(X)
    for graph in GRAPHS:
        debug.replay(f, x, graph=graph)
    np.testing.assert_array_equal(x, X)


def test_an_optimizer_is_left_alone():
    with level("off"):
        w = tg.Parameter(np.ones(3, np.float32), name="w")
        optimizer = tg.optim.Adam([w])

    def step(x):
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    before = [s.numpy().copy() for s in optimizer.states()]
    debug.replay(step, tg.ones((3,)), graph="eager")
    for state, held in zip(optimizer.states(), before, strict=True):
        assert np.array_equal(state.numpy(), held), state.name


def test_gradients_of_tensors_are_replayed():
    def slope(x):
        y = tg.sin(x)
        y.requires_grad_()
        (y * y).sum().backward()
        return y.grad

    r = debug.replay(slope, tg.ones((3,)), graph="eager")
    assert "backward" in {e.part for e in r}


def test_what_is_shown():
    step, _ = program()
    r = debug.replay(step, X, graph="traced")
    r.goto("exp")
    lines = str(r).splitlines()
    assert lines[0].startswith("step, the graph as traced:") and "forward" in lines[0]
    assert [line for line in lines if line.startswith(">")] == [f">    2  {'exp':24} float32[2, 3]"]
    assert r.where().splitlines()[2:4] == ["    loss = (tg.exp(h) ** 2).sum()", "            ^^^^^^^^^"]
    page = r._repr_html_()
    assert page.count("<tr") >= 8 and "float32[2, 3]" in page


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_file_holds_all_of_it(graph, tmp_path):
    step, _ = program()

    def f(x):
        return tg.scan(lambda c, t: (c + tg.exp(t), c), tg.zeros(3), x)[0].sum() + step.body(x)

    r = debug.replay(f, X, graph=graph)
    r.goto("exp" if graph == "eager" else "scan")
    r.save(tmp_path / "call.replay")
    q = debug.load_replay(tmp_path / "call.replay")
    assert str(q) == str(r) and q.where() == r.where()
    for a, b in zip(r, q, strict=True):
        np.testing.assert_array_equal(a.result, b.result) if not isinstance(a.result, list) else None
        assert a.place == b.place and a.operands.keys() == b.operands.keys() and len(a.turns) == len(b.turns)
    if graph != "eager":
        assert str(q.into(1)) == str(r.into(1))


@pytest.mark.slow
def test_a_colleague_has_neither_the_program_nor_its_lines(tmp_path):
    source = tmp_path / "theirs.py"
    source.write_text(
        "import numpy as np, tapegraph as tg, sys\n"
        "def f(x):\n    return tg.log(x).sum()\n"
        "tg.debug.replay(f, np.ones(3, np.float32), graph='traced').save(sys.argv[1])\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    file = tmp_path / "call.replay"
    subprocess.run([sys.executable, source, file], check=True, env={**os.environ, "PYTHONPATH": root}, timeout=60)
    source.unlink()
    assert "return tg.log(x).sum()\n           ^^^^^^^^^" in debug.load_replay(file).where()


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a").write_text("nonsense")
    np.savez(tmp_path / "b.npz", x=X)
    for name in ("a", "b.npz"):
        with pytest.raises(ArgumentError, match="is no replay"):
            debug.load_replay(tmp_path / name)


def test_the_terminal():
    r = debug.replay(lambda x: tg.scan(lambda c, t: (c + t, c), tg.zeros(3), x)[0] * 2, X, graph="traced")
    terminal = Terminal(r)
    terminal.stdout = out = io.StringIO()
    terminal.use_rawinput = False
    terminal.stdin = io.StringIO(
        "w\nb\ni 1\np t + 1\no\nn\nn\np result\np missing\ng scan\ng nowhere\nu norm > 1\nl\nxx\n\nhelp n\nq\n"
    )
    terminal.cmdloop()
    said = out.getvalue().split("(replay) ")
    assert said[1].startswith("op 0 of 2: forward scan") and said[2] == "the first op\n"
    assert "in scan 1" in said[3] and said[4].startswith("tensor([3. , 2. , 1.5]")
    assert "op 1 of 2: forward multiply" in said[6] and said[7] == "the last op\n"
    assert said[8].startswith("tensor(") and "NameError" in said[9]
    assert "op 0 of 2" in said[10] and "nowhere" in said[11] and "op 1 of 2" in said[12]
    assert "no command 'xx'" in said[14] and "the next op" in said[16]
