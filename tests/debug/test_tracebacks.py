"""What is printed when a program is wrong: the user's lines alone, the guilty expression, and values to look at."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import tapegraph as tg
from engine import landing, last, origin
from engine.errors import ArgumentError, IndexRangeError, ShapeError
from engine.notices import BroadcastWarning, warn

ROOT = Path(tg.__file__).parents[1]

PROGRAM = """\
import sys

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 4)
        self.second = nn.Linear(int(sys.argv[2]), 3)

    def forward(self, x):
        hidden = tg.relu(self.first(x))
        return self.second(hidden)


model = nn.Sequential(Encoder())


@tg.function
def step(x, y):
    scores = model(x)
    loss = F.cross_entropy(scores, y)
    loss.backward()
    return loss


with tg.mode(sys.argv[1]):
    for last in (2, int(sys.argv[3])):
        step(tg.ones((2, 8)), tg.tensor([0, last]))
"""

SHAPES = """\
Traceback (most recent call last):
  File "train.py", line 32, in <module>
    step(tg.ones((2, 8)), tg.tensor([0, last]))
  File "train.py", line 24, in step
    scores = model(x)
             ^^^^^^^^
  File "train.py", line 16, in forward
    return self.second(hidden)
           ^^^^^^^^^^^^^^^^^^^
engine.errors.ShapeError: linear: the layer takes 5 features, its input has 4
  hidden: float32[2, 4], made at train.py:15: hidden = tg.relu(self.first(x))
  0.second.weight: float32[3, 5]
  at train.py:16, in Encoder.forward: self.second(hidden)
  fix: make the last axis of the input 5 long, or build the layer for 4 features
"""

DATA = """\
Traceback (most recent call last):
  File "train.py", line 32, in <module>
    step(tg.ones((2, 8)), tg.tensor([0, last]))
  File "train.py", line 25, in step
    loss = F.cross_entropy(scores, y)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
engine.errors.IndexRangeError: cross_entropy: an index is out of range: 9, where the axis has size 3
  scores: float32[2, 3], made at train.py:24: scores = model(x)
  y: int64[2]
  at train.py:25, in step: F.cross_entropy(scores, y)
  fix: classes and positions must lie in [0, 3)
"""


def run(
    folder: Path, *arguments: str, said: str = "", options: tuple[str, ...] = (), **variables: str
) -> tuple[str, str]:
    """What a process prints that runs the program, as if a person had typed ``said`` afterwards."""
    (folder / "train.py").write_text(PROGRAM)
    found = subprocess.run(
        [sys.executable, *options, "train.py", *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )
    return found.stdout.replace(f"{folder}/", ""), found.stderr.replace(f"{folder}/", "")


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_a_traceback_shows_the_user_s_lines_alone(tmp_path, mode):
    assert run(tmp_path, mode, "5", "2")[1] == SHAPES
    assert run(tmp_path, mode, "4", "9")[1] == DATA


def test_all_frames_are_shown_on_request(tmp_path):
    shown = run(tmp_path, "static", "5", "2", TAPEGRAPH_TRACEBACK="full")[1]
    assert "tapegraph/function.py" in shown and shown.endswith(SHAPES[SHAPES.index("engine.errors") :])
    with pytest.raises(ArgumentError, match="short, full"):
        tg.debug.tracebacks("long")


SESSION = "import pdb; pdb.pm()\nw\np y.tolist(), scores.shape, float(scores.sum()) == float(scores.numpy().sum())\nq\n"


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_the_debugger_lands_on_the_expression_with_its_values(tmp_path, mode):
    out, _ = run(tmp_path, mode, "4", "9", said=SESSION, options=("-i",))
    assert "> train.py(25)step()\n-> loss = F.cross_entropy(scores, y)" in out
    assert "([0, 9], (2, 3), True)" in out


def test_a_trace_lands_with_values_as_well(tmp_path):
    out, _ = run(
        tmp_path,
        "static",
        "5",
        "2",
        said="import pdb; pdb.pm()\np hidden.numpy().shape\nu\np y.tolist()\nq\n",
        options=("-i",),
    )
    assert "(2, 4)" in out and "-> scores = model(x)" in out and "[0, 2]" in out


def user_lines(error):
    """The lines of a traceback below this module's own call, each with its file."""
    return [(e.tb_frame.f_code.co_filename, e.tb_lineno) for e in landing.entries(error)[1:]]


def index(x, i):
    y = x * 2
    return y[i] + 1


def in_a_loop(x, i):
    return tg.scan(lambda total, k: (total + index(x, k), k), tg.zeros((3,)), i)


def in_a_branch(x, i):
    return tg.cond(x[0, 0] < 9, lambda a: index(a, i).sum(), lambda a: a.sum(), x)


def in_its_gradient(x, i):
    return tg.grad(lambda a: tg.sum(index(a, i)))(x)


def in_a_batch(x, i):
    return tg.vmap(lambda k: index(x, k))(i)


def computed_again(x, i):
    return tg.checkpoint(index)(x, i)


@pytest.mark.parametrize("program", [index, in_a_loop, in_a_branch, in_its_gradient, in_a_batch, computed_again])
def test_a_mistake_in_the_data_is_told_alike_in_both_modes(program):
    x, i = tg.ones((4, 3)), tg.tensor([1, 7])
    said = []
    for call in (program, tg.compile(program)):
        with pytest.raises(IndexRangeError) as caught:
            call(x, i)
        error = caught.value
        assert error.place.line == index.__code__.co_firstlineno + 2
        said.append(re.sub(", made at .*", "", str(error)))
        lines = user_lines(error)
        assert {file for file, _ in lines} == {__file__}, lines
        frame = landing.entries(error)[-1].tb_frame
        assert frame.f_code.co_name == "index" and frame.f_locals["y"].dtype == np.float32
    # Where only the gradient is asked for, a compiled program has no use for the value: its gradient is what fails.
    assert said[0] == said[1] or (program is in_its_gradient and "(backward of gather)" in said[1])


F = tg.nn.functional


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss, lambda s, y: F.cross_entropy(s, y, label_smoothing=0.1)])
def test_a_class_out_of_range_is_found_where_only_the_gradient_is_asked_for(loss):
    gradient = tg.compile(tg.grad(loss))
    good = gradient(np.eye(3, dtype="f4"), np.array([0, 1, 2]))
    assert good.shape == (3, 3)
    with pytest.raises(IndexRangeError):
        gradient(np.eye(3, dtype="f4"), np.array([0, 1, 3]))


def test_a_library_s_mistake_keeps_its_frames():
    from engine.errors import InternalError

    @landing.entrance
    def broken():
        raise InternalError("broken")

    with pytest.raises(InternalError) as caught:
        broken()
    assert any(e.tb_frame.f_code.co_name == "call" for e in landing.entries(caught.value))


def test_a_call_with_wrong_arguments_ends_at_the_call():
    with pytest.raises(TypeError, match="softmax") as caught:
        tg.softmax(tg.ones((2,)), dim=0)
    assert len(landing.entries(caught.value)) == 1


def test_a_synthetic_frame_has_the_columns_of_the_expression():
    def somewhere():
        return (0, origin.capture())[1]

    error = landing.landed(ShapeError("no", origin=somewhere()), {"a": np.ones(2)})
    entry = landing.entries(error)[-1]
    positions = list(entry.tb_frame.f_code.co_positions())[entry.tb_lasti // 2]
    place = error.place
    assert (positions[0], positions[2], positions[3]) == (place.line, place.column, place.end_column)
    assert place.expression == "origin.capture()"
    assert isinstance(entry.tb_frame.f_locals["a"], tg.Tensor) and entry.tb_frame.f_globals is globals()


def wrong_product(x, w):
    h = tg.exp(x)
    return h @ w


@pytest.mark.parametrize("made", [lambda f: f, tg.compile])
def test_the_last_error_is_kept_with_its_values_and_little_else(made):
    x = tg.ones((2, 3), dtype="float32")
    kept = weakref.ref(x)
    with pytest.raises(ShapeError):
        made(wrong_product)(x, tg.ones((4, 5)))
    found = tg.debug.last()
    assert isinstance(found, ShapeError) and found.__traceback__ is None and found.place.expression == "h @ w"
    assert {n: v.shape for n, v in found.values.items()} == {"h": (2, 3), "w": (4, 5)} and "x" in found.scope
    del x
    gc.collect()
    assert kept() is None


def test_large_values_are_not_kept(monkeypatch):
    monkeypatch.setattr(last, "LIMIT", 30)
    with pytest.raises(ShapeError):
        wrong_product(tg.ones((2, 3)), tg.ones((4, 5)))
    found = tg.debug.last()
    assert found.values["h"].shape == (2, 3) and found.values["w"] == "float32[4, 5]"


def test_pm_looks_at_a_notice_as_at_an_error(monkeypatch):
    seen = []
    monkeypatch.setattr("pdb.post_mortem", lambda traceback: seen.append(traceback))
    h = tg.ones((3, 1))
    with pytest.warns(BroadcastWarning):
        warn(BroadcastWarning("both are repeated", op="add", operands=(h,)))
    tg.debug.pm()
    entry = seen[0]
    while entry.tb_next is not None:
        entry = entry.tb_next
    assert entry.tb_frame.f_code.co_name == "test_pm_looks_at_a_notice_as_at_an_error"
    assert entry.tb_frame.f_locals["h"].shape == (3, 1)


@pytest.mark.parametrize("made", [tg.function, tg.compile])
def test_a_function_called_with_too_few_arguments_ends_at_the_call(made):
    with (
        tg.mode("static"),
        pytest.raises(TypeError, match=r"index\(\) missing 1 required positional argument: 'i'") as caught,
    ):
        made(index)(tg.ones((2, 3)))
    assert len(landing.entries(caught.value)) == 1


def test_a_wrong_feed_is_told_with_what_was_fed():
    with tg.static() as g:
        x, y = g.input("x", ("batch", 4)), g.input("y", ("batch", 4))
        total = x + y
    run = g.compile(total)
    with pytest.raises(tg.errors.FeedError, match="'y' is missing") as caught:
        run(np.ones((2, 4), "f4"))
    assert "x: float32[2, 4]" in str(caught.value) and "y=..., float32[batch, 4]" in str(caught.value)
    assert len(landing.entries(caught.value)) == 1
    with pytest.raises(tg.errors.FeedError, match="axis 1 must be 4, got 3") as caught:
        run(np.ones((2, 4), "f4"), y=np.ones((2, 3), "f4"))
    assert caught.value.values["y"].shape == (2, 3) and "fix: feed an array of shape (batch, 4)" in str(caught.value)
