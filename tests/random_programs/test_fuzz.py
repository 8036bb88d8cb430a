"""The fuzzer finds differences that are there, explains those that are none, and makes programs short."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import graph.phases as phases
from engine.op import OPS
from tapegraph.commands.main import main
from tapegraph.fuzz import search as searching
from tapegraph.fuzz import ways
from tapegraph.fuzz.difference import judge
from tapegraph.fuzz.examine import Examined, examine
from tapegraph.fuzz.outcome import Call, Failure, line_by_line, lines_run, run
from tapegraph.fuzz.program import HEAD
from tapegraph.fuzz.report import save
from tapegraph.fuzz.search import Found, Tally
from tapegraph.fuzz.shrink import shrink
from tapegraph.fuzz.ways import lines_computed

ARRAY = "np.array([0.5, -1.25, 2.0], 'float32')"


def program(body: str, calls: str = f"({ARRAY},),", setup: str = "", parameters: str = "x") -> str:
    """The text of a program."""
    body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return f"{HEAD}{setup}\n\ndef program({parameters}):\n{body}\n\n\ncalls = [{calls}]\n"


@pytest.fixture
def wrong_sine(monkeypatch):
    """Static mode computes sin as cos where a node runs by itself."""
    monkeypatch.setattr(ways, "optimize", lambda g, **_: (_replaced(phases.optimize(g)[0]), None))


def _replaced(graph):
    for record in graph.nodes:
        if record.op is OPS["sin"]:
            object.__setattr__(record, "op", OPS["cos"])
    return graph


def test_a_wrong_value_is_found_and_shrunk(wrong_sine):
    text = program("a = tg.exp(x)\ndef f(b):\n    c = b * a\n    return tg.sum(tg.sin(c))\nreturn a, f(x)")
    assert examine(text, ["graph"]).found["graph"].kind == "value"
    short = shrink(text, lambda t: "graph" in examine(t, ["graph"]).found, seconds=60)
    assert "tg.sin" in short and "tg.exp" not in short and "tg.grad" not in short
    assert len(short.splitlines()) <= 6


def test_last_bits_are_explained():
    for body in (
        "return tg.sum(x) * 3.0",
        "return tg.exp(x) @ tg.exp(x)",
        "y = tg.exp(x)\nreturn (y - 1.6487212) * 1e6",
    ):
        assert examine(program(body), ["graph", "kernels"]).found == {}


def _outcomes(text, change):
    """The eager outcome, and one in which its first result is another."""
    eager, other = run(text, line_by_line), run(text, line_by_line)
    other[0].values["result 0"] = change(other[0].values["result 0"])
    return eager, other


@pytest.mark.parametrize(
    "body, factor, found",
    [
        ("return tg.exp(x)", 1 + 2e-7, False),
        ("return tg.exp(x)", 1 + 1e-4, True),
        ("return x + 0", 1 + 2e-7, True),  # nothing is computed on the way to 0.5 + 0
        ("return tg.flip(x)", 1 + 2e-7, True),
        ("return tg.exp(x) - tg.exp(x + 1e-6)", 1.3, False),  # a difference of equals
        ("return tg.sum(tg.exp(x)) - 9.29", 1 + 1e-3, True),
    ],
)
def test_what_rounding_explains(body, factor, found):
    text = program(body)
    eager, other = _outcomes(text, lambda y: (y * np.float32(factor)).astype("float32"))
    assert (judge(text, eager, other).difference is not None) == found
    assert judge(text, eager, other, bitwise=True).difference is not None


def test_a_decision_on_last_bits_is_unstable_and_one_on_exact_numbers_is_not():
    chaotic = program("return tg.floor(tg.exp(x) / tg.exp(x) * 2), tg.floor(x)")
    eager, other = _outcomes(chaotic, lambda y: y - 1)
    assert judge(chaotic, eager, other).difference is None
    other[0].values["result 1"] = other[0].values["result 1"] - 1
    assert judge(chaotic, eager, other).difference.label == "result 1"


@pytest.mark.parametrize(
    "body, why",
    [
        ("y = x.detach()\ny.requires_grad_()\nreturn y", "refused"),
        ("i = tg.asarray(x, dtype='int64')\nj = i // (i - i)\nreturn x", "dead"),
        ("y = x * 1\ny[9] = 2.0\nz = y + 1\nreturn x", "dead"),
        ("def f(h, a):\n    b = h[[9]]\n    return h, a\nreturn tg.scan(f, x, x)", "dead"),
        ("def f(a):\n    return a + tg.ones((7,))\nreturn tg.cond(tg.sum(x) > 9, f, lambda a: a, x)", "branch"),
    ],
)
def test_documented_limits_are_explained(body, why):
    examined = examine(program(body), ["graph"])
    assert examined.found == {} and examined.why[0][1].startswith(why)


def test_zeros_from_a_branch_that_is_not_taken_are_told_from_a_lost_gradient():
    branching = (
        "def f(a):\n    return a * q\ntg.sum(tg.cond(tg.sum(x) > 9, f, lambda a: a * p, x)).backward()\nreturn x"
    )
    text = program(branching, setup="p, q = tg.Parameter(2.0), tg.Parameter(3.0)\n")
    examined = examine(text, ["graph"])
    assert examined.found == {} and examined.why[0][1].startswith("branch")

    eager = run(text, line_by_line)
    filled = [Call({**eager[0].values, "gradient of q": np.zeros((), "float32")})]
    plain = program("tg.sum(x * p).backward()\nreturn x", setup="p, q = tg.Parameter(2.0), tg.Parameter(3.0)\n")
    assert judge(text, eager, filled).difference is None
    assert judge(plain, eager, filled).difference.kind == "present in one mode"
    filled = [Call({**eager[0].values, "gradient of q": np.ones((), "float32")})]
    assert judge(text, eager, filled).difference.kind == "present in one mode"


def test_a_mistake_in_a_value_that_is_needed_is_not_dead():
    for body in (
        "y = x * 1\ny[9] = 2.0\nreturn y",
        "y = tg.take(x, tg.asarray([9]), axis=0)\nreturn tg.sum(y) * 0 + x",
    ):
        text = program(body)
        eager, other = run(text, line_by_line), run(program("return x * 1"), line_by_line)
        assert judge(text, eager, other).difference.kind == "error in one mode"


def test_the_same_mistake_must_be_told_in_the_same_words():
    text = program("y = x * 2\nreturn y + tg.ones((7,))")
    eager, other = run(text, line_by_line), run(text, line_by_line)
    assert judge(text, eager, other).difference is None
    failure = eager[0].failure
    for wrong, kind in [
        (Failure("ValueError", failure.message, failure.line), "class of the error"),
        (Failure(failure.kind, "add: no", failure.line), "message of the error"),
        (Failure(failure.kind, failure.message, failure.line - 1), "line of the error"),
    ]:
        assert judge(text, eager, [Call(failure=wrong)]).difference.kind == kind


def test_states_gradients_and_arguments_are_compared():
    text = program(
        "x[0] = 3.0\ns.assign(s + tg.sum(x))\np.grad = None\ntg.sum(p * x).backward()\nreturn tg.uniform(())",
        setup="s = tg.State(np.zeros((), 'float32'))\np = tg.Parameter(np.ones(3, 'float32'))\n",
    )
    values = run(text, line_by_line)[0].values
    assert values["argument 0"][0] == 3.0 and float(values["state s"]) == 3.75
    assert values["gradient of p"].tolist() == [3.0, -1.25, 2.0]
    assert any(v.dtype == np.uint64 and v.size == 1 and v > 0 for k, v in values.items() if "random.counter" in k)
    assert examine(text, ["graph", "kernels"]).found == {}


def test_states_are_put_back_after_a_call_that_fails():
    text = program(
        "s.assign(s + 1)\nreturn tg.take(x, i, axis=0)",
        calls=f"({ARRAY}, np.array([9])), ({ARRAY}, np.array([1]))",
        setup="s = tg.State(np.zeros((), 'float32'))\n",
        parameters="x, i",
    )
    outcome = run(text, line_by_line)
    assert outcome[0].failure.kind == "IndexRangeError" and outcome[1].values["state s"] == 1


def test_lines_that_ran():
    text = program("if x.shape[0] > 2:\n    return x\nreturn x + 1")
    ran = lines_run(text, 0)
    numbers = {line: n for n, line in enumerate(text.splitlines(), 1)}
    assert numbers["        return x"] in ran and numbers["    return x + 1"] not in ran


def test_lines_of_branches_have_a_part_in_the_graph():
    text = """\
import numpy as np
import tapegraph as tg
def program(x):
    def f(a):
        return a * 2
    def g(a):
        return tg.take(a, tg.asarray([0]))
    return tg.cond(tg.sum(x) > 9, f, g, x)
calls = [(np.ones(1, 'float32'),)]
"""
    assert lines_computed(text, 0) == {5, 7, 8}


@pytest.mark.slow
def test_a_worker_that_crashes_is_told_and_replaced(tmp_path):
    script = tmp_path / "crashing.py"
    script.write_text(CRASHING)
    paths = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100, env=paths)
    assert ended.stdout.split() == ["4", "crash", "exit", "code", "-11"], ended.stderr


CRASHING = """\
import os, signal
from tapegraph.fuzz import search

def examine(text, ways, real=search.examine):
    if text == search.program(2026, 2):
        os.kill(os.getpid(), signal.SIGSEGV)
    return real(text, ways)

search.examine = examine
search.shortest = lambda found: "short"
if __name__ == "__main__":
    tally = search.search(2026, 4, ways=["graph"])
    print(tally.programs, *(f"{f.difference.kind} {f.difference.other}" for f in tally.found.values()))
"""


def test_equal_differences_are_counted_not_shrunk_again():
    tally = Tally()
    text = program("return x + tg.ones((7,))")
    failing = run(text, line_by_line)
    difference = judge(text, failing, [Call(failure=Failure("ValueError", "no", failing[0].failure.line))]).difference
    assert len(tally.add(0, Examined(text, found={"graph": difference}))) == 1
    assert tally.add(1, Examined(text, found={"native": difference})) == []
    assert next(iter(tally.found.values())).times == 2


def test_a_saved_difference_is_a_test(tmp_path):
    text = program("return tg.sin(x)")
    eager, other = _outcomes(text, lambda y: y + 1)
    path = save(tmp_path, 1, Found(2, "graph", judge(text, eager, other).difference, text))
    names: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    assert "call 0, result 0: value" in names["__doc__"]
    names["test_modes_agree"]()


def test_the_command_prints_the_program_and_ends_with_1(monkeypatch, capsys, tmp_path):
    text = program("return tg.sin(x)")
    eager, other = _outcomes(text, lambda y: y + 1)
    difference = judge(text, eager, other).difference

    def fake(seed, programs, progress, **_):
        tally = Tally(found={"m": Found(5, "graph", difference, text)})
        tally.add(5, Examined(text, ways=["graph"]))
        progress(tally)
        return tally

    monkeypatch.setattr("tapegraph.fuzz.search.search", fake)
    file = tmp_path / "f.json"
    assert main(["fuzz", "--save", str(file), "--tests", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "program 5 of seed 0, way 'graph'" in printed and "return tg.sin(x)" in printed
    assert json.loads(file.read_text())["found"][0]["number"] == 5


def test_the_command_refuses_ways_there_are_not(capsys):
    with pytest.raises(SystemExit):
        main(["fuzz", "--ways", "sideways"])
    assert re.search("no way 'sideways'; choose from graph", capsys.readouterr().err)


def test_ops_of_ones_own_are_used(monkeypatch):
    from tapegraph import extend
    from tapegraph.fuzz import vocabulary

    @extend.op(spec=lambda x: extend.Spec(x.shape, x.dtype), name="fuzzed_cube")
    def fuzzed_cube(x):
        return x**3

    monkeypatch.setitem(sys.modules, "my_ops", SimpleNamespace(cube=fuzzed_cube))
    monkeypatch.setattr(vocabulary, "OWN", {})
    vocabulary.learn(["my_ops"])
    assert vocabulary.OWN == {"fuzzed_cube": "my_ops.cube"}
    assert searching.program is not None
    OPS.pop("fuzzed_cube")
