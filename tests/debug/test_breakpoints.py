"""Stops, asked for by the program or set from outside, show the program's values in both modes; pdb opens at the line."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError
from tapegraph import debug

MODES = ["eager", "static"]
X = np.array([[1, 2, 3], [2, 1, 0.5]], np.float32)


def line_of(function, text):
    """file:line of the first line of a function that has a text."""
    code = function.__code__
    with open(code.co_filename) as file:
        for number, line in enumerate(file, 1):
            if number > code.co_firstlineno and text in line:
                return f"{os.path.basename(code.co_filename)}:{number}"
    raise AssertionError(text)


def stops(program, *places, calls=1, mode="static", **options):
    found = []
    with tg.mode(mode), debug.breakpoints(*places, on_stop=found.append, **options):
        for _ in range(calls):
            result = tg.function(program)(X)
    return found, np.asarray(result)


# ------------------------------------------------------------------------------------------ breakpoint_here


@pytest.mark.parametrize("mode", MODES)
def test_here_shows_variables_also_in_loops(mode):
    found = []

    @tg.function
    def step(x):
        count, pair = 3, {"a": [x * 2]}

        def body(c, t):
            debug.breakpoint_here(on_stop=found.append)
            return c + t, c

        last, _ = tg.scan(body, tg.zeros(3), x)
        debug.breakpoint_here(on_stop=found.append)
        return last * count + pair["a"][0].sum()

    with tg.mode(mode):
        step(X), step(X)
    assert len(found) == 6
    np.testing.assert_array_equal(found[1].names["t"], X[1])
    np.testing.assert_array_equal(found[4].names["c"], X[0])
    assert found[2].names["count"] == 3
    np.testing.assert_array_equal(found[2].names["pair"]["a"][0], X * 2)
    assert isinstance(found[2].locals["last"], tg.Tensor)
    assert found[2].place.function.endswith("step")


@pytest.mark.parametrize("mode", MODES)
def test_here_on_a_condition(mode):
    found = []

    @tg.function
    def step(x):
        total = x.sum()
        debug.breakpoint_here(when=total > 9, on_stop=found.append)
        debug.breakpoint_here(when=lambda names: names["total"] > 9, on_stop=found.append)
        debug.breakpoint_here(when="nan", on_stop=found.append)
        return total

    with tg.mode(mode):
        step(X)
        assert [s.place.line for s in found[1:]] == [found[0].place.line + 1]
        step(X / 2)
        assert len(found) == 2
        step(X * np.nan)
        assert len(found) == 3


# ------------------------------------------------------------------------------------------ from outside


def program(x):
    h = tg.log(x * 2)

    def body(c, t):
        c = c + t * t
        return c, c

    last, _ = tg.scan(body, tg.zeros(3), h)
    return tg.grad(lambda v: (tg.exp(v) * last).sum())(x).sum()


def test_both_modes_stop_at_the_same_places_with_the_same_values():
    place = line_of(program, "c = c + t * t")
    eager, plain = stops(program, place, "exp", mode="eager")
    static, result = stops(program, place, "exp", mode="static")
    assert [(s.part, s.op) for s in eager] == [("forward", "multiply"), ("forward", "add")] * 2 + [
        ("forward", "exp"),
        ("backward", "exp"),
    ]
    assert [(s.part, s.op, s.place) for s in eager] == [(s.part, s.op, s.place) for s in static]
    for a, b in zip(eager, static, strict=True):
        np.testing.assert_allclose(a.result, b.result, rtol=1e-6)
        assert a.operands.keys() == b.operands.keys()
    assert [s.turns for s in static] == [(0,), (0,), (1,), (1,), (), ()]
    assert list(static[1].operands) == ["c", "t * t"] and static[1].names["t"].shape == (3,)
    np.testing.assert_allclose(static[5].gradient, eager[5].gradient, rtol=1e-6)
    np.testing.assert_allclose(static[5].gradients["v"], eager[5].gradients["v"], rtol=1e-6)
    np.testing.assert_array_equal(result, np.asarray(tg.compile(program)(X)))
    np.testing.assert_allclose(result, plain, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_operands_keep_the_order_of_the_expression(mode):
    late = tg.Parameter(np.full(3, 7.0, np.float32))

    def program(x):
        y = late * x
        return (late + y).sum()

    found, _ = stops(program, "multiply", "add", mode=mode)
    assert [list(s.operands) for s in found] == [["late", "x"], ["late", "y"]]
    np.testing.assert_array_equal(found[0].operands["late"], late.numpy())
    np.testing.assert_array_equal(found[0].operands["x"], X)


@pytest.mark.parametrize("mode", MODES)
def test_backward_inside_a_loop(mode):
    def program(x):
        def loss(v):
            def body(c, t):
                return c + tg.exp(t), c

            return (tg.scan(body, tg.zeros(3), v)[0] ** 2).sum()

        return tg.grad(loss)(x)

    found, result = stops(program, "exp", mode=mode)
    back = [s for s in found if s.part == "backward"]
    assert len(found) == 4 and len(back) == 2
    np.testing.assert_allclose(back[0].gradients["t"], result[1], rtol=1e-5)
    np.testing.assert_allclose(back[1].gradients["t"], result[0], rtol=1e-5)
    np.testing.assert_allclose(back[1].operands["t"], X[0])
    assert [s for s in stops(program, "exp", mode=mode, backward=False)[0] if s.part == "backward"] == []


@pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")
@pytest.mark.parametrize("mode", MODES)
def test_conditions_choose_the_birth_of_a_nan(mode):
    def program(x):
        y = tg.sqrt(x - 1)
        return y * 2

    found, _ = stops(program, when="nan", mode=mode)
    assert [s.op for s in found] == ["sqrt", "multiply"]
    found, _ = stops(program, "multiply", when="norm > 100", mode=mode)
    assert found == []


@pytest.mark.parametrize("mode", MODES)
def test_every_call_stops_and_states_change_once(mode):
    total = tg.State(0.0)

    @tg.function
    def step(x):
        total.assign(total.value + tg.exp(x).sum())
        tg.print("step")
        return total.value

    found = []
    with tg.mode(mode):
        step(X)
        with debug.breakpoints("exp", on_stop=found.append):
            step(X), step(X)
        step(X)
    assert len(found) == 2
    np.testing.assert_allclose(total.item(), 4 * np.exp(X).sum(), rtol=1e-6)


def test_batches_and_compiled_graphs_stop():
    found = []
    many = tg.function(lambda x: tg.exp(x))
    with tg.static() as g:
        y = tg.exp(g.input("x", shape=("n",)))
    f = g.compile(y)
    x = np.ones((3, 2), np.float32)
    with tg.mode("static"):
        f(x[0]), f(x[0])
        with debug.breakpoints("exp", on_stop=found.append):
            many.many(x)
            assert len(found) == 3
            f(x[0]), f(x[0])
    assert len(found) == 5


@pytest.mark.parametrize("mode", MODES)
def test_in_vmap_a_stop_shows_whole_batches(mode):
    def program(x):
        def one(row):
            z = tg.exp(row)
            debug.breakpoint_here(on_stop=here.append)
            return z.sum()

        return tg.vmap(one)(x)

    here = []
    found, _ = stops(program, "exp", mode=mode)
    assert found[0].result.shape == here[0].names["z"].shape == (2, 3)


def test_what_the_handler_raises_leaves_states_alone():
    total = tg.State(1.0)

    @tg.function
    def step(x):
        total.assign(total.value * 2)
        return tg.exp(x)

    def stop(found):
        raise KeyError("enough")

    with tg.mode("static"), debug.breakpoints("exp", on_stop=stop), pytest.raises(KeyError, match="enough"):
        step(X)
    assert total.item() == 1.0


def test_an_error_behind_a_stop_is_the_calls_own():
    table = np.arange(4.0, dtype=np.float32)
    found = []
    with tg.mode("static"), debug.breakpoints("exp", on_stop=found.append), pytest.raises(IndexError):
        tg.function(lambda x, i: tg.take(table, i) + tg.exp(x).sum())(X, np.array([9]))
    assert len(found) <= 1


def test_places_must_be_lines_or_ops():
    with pytest.raises(ArgumentError, match="neither a line nor an op"), debug.breakpoints("nonsense"):
        pass


# ------------------------------------------------------------------------------------------ the debugger

SCRIPT = """
import sys
import numpy as np, tapegraph as tg
w = tg.Parameter(np.array([0.5, 2.0, 1.0], np.float32))

@tg.function
def step(x):
    n = 3
    h = tg.log(x * w)
    tg.debug.breakpoint_here()
    loss = (h * h).sum()
    w.grad = None
    loss.backward()
    return loss

def main():
    x = np.array([[1, 2, 3], [2, 1, 0.5]], np.float32)
    for i in range(2):
        loss = step(x)
        print("loss is", loss.item() > 0)

with tg.mode(sys.argv[1]):
    main()
"""


def session(tmp_path, mode, commands, script=SCRIPT, **env):
    """What a debugging session prints, command by command, and how the program ended."""
    file = tmp_path / "train.py"
    file.write_text(textwrap.dedent(script))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, str(file), mode],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": root, **env},
    )
    return [part.strip() for part in done.stdout.split("(Pdb)")], done


@pytest.mark.parametrize("mode", [pytest.param("eager", marks=pytest.mark.slow), "static"])
def test_pdb_opens_at_the_line_with_concrete_values(tmp_path, mode):
    said, done = session(tmp_path, mode, ["p h.shape, n", "p float(h[0, 1]), x", "up", "down", "c", "p h.shape", "c"])
    assert done.returncode == 0, done.stderr
    assert said[0].splitlines()[-1] == "-> tg.debug.breakpoint_here()" and "train.py(10)step()" in said[0]
    assert said[1] == "((2, 3), 3)"
    assert said[2].startswith("(1.386294") and "tensor(" in said[2]
    assert "train.py(19)main()" in said[3] and "-> loss = step(x)" in said[3]
    assert "train.py(10)step()" in said[4]
    assert said[5].startswith("loss is True") and "train.py(10)step()" in said[5]
    assert said[7] == "loss is True"


@pytest.mark.slow
def test_next_goes_on_in_the_users_code(tmp_path):
    said, done = session(tmp_path, "static", ["n", "n", "p loss.shape", "q"])
    assert "train.py(20)main()" in said[1]
    assert said[2].startswith("loss is True")
    assert said[3] == "()"
    assert done.returncode == 1 and "BdbQuit" in done.stderr
    said, _ = session(tmp_path, "eager", ["n", "p h.shape", "q"])
    assert "train.py(11)step()" in said[1] and said[2] == "(2, 3)"


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_line_from_outside_forward_and_backward(tmp_path, mode):
    script = SCRIPT.replace("    tg.debug.breakpoint_here()\n", "\n").replace(
        "with tg.mode(sys.argv[1]):", 'with tg.mode(sys.argv[1]), tg.debug.breakpoints("train.py:9"):'
    )
    said, done = session(
        tmp_path,
        mode,
        ["p operands['x'] @ operands['w']", "c", "p result.shape", "c", "p gradient.shape, gradients", "q"],
        script,
    )
    assert said[0].startswith("multiply\n  x: float32[2, 3]") and "train.py(9)step()" in said[0]
    assert said[1].startswith("tensor([7.5")
    assert said[2].startswith("log\n  x * w: float32[2, 3]") and said[3] == "(2, 3)"
    assert said[4].startswith("backward of log") and said[5].startswith("((2, 3), {'x * w': tensor(")
    assert done.returncode == 1


@pytest.mark.slow
def test_the_users_debugger_is_opened(tmp_path):
    (tmp_path / "own.py").write_text(
        "import sys\ndef hook():\n    print('own', sys._getframe(1).f_lineno, sys._getframe(1).f_locals['h'].shape)\n"
    )
    script = "import sys; sys.path.insert(0, '.')\n" + SCRIPT
    path = f"{tmp_path}{os.pathsep}{os.getcwd()}"
    said, done = session(tmp_path, "static", [], script, PYTHONBREAKPOINT="own.hook", PYTHONPATH=path)
    assert said[0].splitlines()[0] == "own 11 (2, 3)", done.stderr
    said, _ = session(tmp_path, "static", [], PYTHONBREAKPOINT="0")
    assert said == ["loss is True\nloss is True"]
