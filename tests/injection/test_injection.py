"""Faults put into programs of all shapes: what is changed, what is said, and that nothing is left of it."""

from __future__ import annotations

import linecache
import os
import pickle
import random
import textwrap
import warnings

import numpy as np
import pytest

import tapegraph as tg
from engine.ops.random import default_generator
from tapegraph import nn, optim
from tapegraph.injection import inject
from tapegraph.reached import states_of

F = nn.functional
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="faults are tried in forked copies")


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return tg.tanh(self.linear(x))


class Training:
    """Keeps a count, a list and random numbers of its own, so that a run of it can be seen."""

    def __init__(self):
        tg.manual_seed(0)
        self.model = nn.Sequential(Block(6), nn.Dropout(0.1), Block(6), nn.Linear(6, 3))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.count, self.losses = 0, []

    def step(self, x, y):
        self.count += 1
        x = x + np.random.random() * 0.001 + random.random() * 0.001
        loss = F.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append(self.count)
        return loss


def batch():
    rng = np.random.default_rng(0)
    return rng.random((5, 6), np.float32), rng.integers(0, 3, 5)


def by_kind(found):
    return {fault.kind: fault for fault in reversed(found.found)}


def everything(training):
    """All that a run of the program could have moved, to the bit."""
    held = states_of([training.model, training.optimizer, default_generator])
    return pickle.dumps(
        (
            [(s._value.tobytes(), None if s.grad is None else np.array(s.grad).tobytes()) for s in held],
            training.count,
            training.losses,
            random.getstate(),
            np.random.get_state(),
            warnings.filters,
            linecache.getlines(__file__),
        )
    )


def test_a_training_step_is_left_as_it_was_to_the_bit():
    training = Training()
    step = tg.function(training.step)
    x, y = batch()
    with warnings.catch_warnings(), tg.mode("static"):
        warnings.simplefilter("ignore")
        step(x, y)
    code, versions, before = Training.step.__code__, dict(step.versions), everything(training)
    found = inject(step, x, y, kinds=("shape", "branch", "zero_grad"))
    assert {"shape", "branch", "zero_grad"} == {fault.kind for fault in found.found}
    assert everything(training) == before
    assert Training.step.__code__ is code and step.versions == versions
    assert all(set(fault.verdicts) == {"eager", "static"} for fault in found.found)


def test_both_modes_name_line_expression_and_values_of_a_wrong_shape():
    w = tg.asarray(np.ones((6, 3), np.float32))

    def program(x):
        return tg.sum(x @ w)

    fault = by_kind(inject(program, batch()[0], kinds=("shape",)))["shape"]
    assert (fault.before.strip(), fault.after.strip()) == ("return tg.sum(x @ w)", "return tg.sum(x[..., :-1] @ w)")
    assert fault.expression == "x[..., :-1] @ w" and fault.function.endswith("program")
    for said in fault.verdicts.values():
        assert (said.found, said.error, said.line, said.expression, said.values) == (
            "raised",
            "ShapeError",
            True,
            True,
            1,
        )
        assert "x[..., :-1]: float32[5, 5]" in said.message and said.points > 90
        assert "return tg.sum(x[..., :-1] @ w)" in said.report  # the traceback shows the line as it was changed


def test_what_the_program_prints_is_not_shown(capfd):
    def program(x):
        print("noise")
        os.write(2, b"noise")
        return tg.sum(x * x)

    inject(program, tg.asarray(batch()[0]), kinds=("shape",))
    assert capfd.readouterr() == ("", "")


def test_a_branch_on_data_is_allowed_line_by_line_and_refused_in_a_trace():
    def program(x):
        return tg.sum(tg.exp(x))

    said = by_kind(inject(program, batch()[0], kinds=("branch",)))["branch"].verdicts
    assert said["eager"].found == "allowed" and said["eager"].points == 100
    assert (said["static"].found, said["static"].error, said["static"].line) == ("raised", "SymbolError", True)


def written(text, name):
    """A function of a text that stands in no file, as in a notebook or behind exec."""
    text = textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names = {"tg": tg, "np": np}
    exec(compile(text, name, "exec"), names)
    return names


@pytest.mark.slow
def test_programs_without_a_file_lambdas_closures_and_loops():
    table = written(
        """
        table = tg.asarray(np.ones((7, 4), np.float32))
        def look(i):
            rows = table[i]
            def turn(h, row):
                h = tg.tanh(row + h)
                return h, h
            return tg.scan(turn, tg.zeros((4,)), rows)[0]
        first, second = (lambda x: x * 2.0), (lambda x: tg.log(x + 1.0) - x); third = 3
        """,
        "/tmp/ipykernel_5/77.py",
    )
    found = by_kind(inject(table["look"], np.array([0, 6]), seconds=60))
    assert found["index"].after.strip() == "rows = table[i + 7]"
    assert found["index"].verdicts["static"].error == "IndexRangeError" and found["index"].verdicts["static"].line
    assert any("turn" in fault.function for fault in found.values())  # the body of the loop
    assert found["nan"].verdicts["eager"].found == "warned"
    assert found["dtype"].verdicts["eager"].error == "DTypeError"
    found = by_kind(inject(table["second"], np.ones(3, np.float32), seconds=0))
    assert "lambda x: x * 2.0" in found["shape"].after and found["shape"].function == "<lambda>"
    assert found["shape"].verdicts["static"].line


def test_what_hangs_is_ended_and_what_changes_nothing_is_no_fault():
    def program(x):
        total = x
        while not bool(tg.all(total > 10.0)):  # never, where it is NaN
            total = total + x
        return tg.log(total)

    found = inject(program, tg.asarray(np.ones(3, np.float32)), kinds=("nan",), limit=1.0)
    assert found.found and all("static" in fault.absent for fault in found.found)
    assert "SymbolError" in found.found[0].absent["static"]
    assert all(fault.verdicts["eager"].found != "allowed" for fault in found.found)


def test_numbers_that_differ_in_each_run_make_no_fault():
    def program(x):
        return tg.sum(x.detach() * x), tg.asarray(np.random.default_rng().random(3, np.float32))

    found = inject(program, tg.asarray(batch()[0]), kinds=("branch",))
    assert found.found[0].verdicts["eager"].found == "allowed"


def test_kinds_that_do_not_fit_say_why_and_programs_without_source_too():
    found = inject(lambda x: tg.exp(x), np.ones(3, np.float32), kinds=("index", "slope"))
    assert "whole numbers" in found.left_out["index"] and found.left_out["slope"] == "no gradient is taken"
    names = {"tg": tg}
    exec("def bare(x): return tg.exp(x)", names)
    assert "no source" in inject(names["bare"], np.ones(3, np.float32)).left_out["all"]


def test_a_program_that_is_wrong_by_itself_raises_what_it_raises():
    with pytest.raises(ValueError, match="of mine"):
        inject(_wrong, np.ones(3))


def _wrong(x):
    raise ValueError("a mistake of mine")


def test_a_peer_gets_the_same_fault_at_its_argument():
    def program(x, y):
        return tg.sum(x * y)

    def numpys(a, b):
        return np.sum(a * b)

    x = np.ones((2, 4), np.float32)
    fault = by_kind(
        inject(
            program,
            tg.asarray(x),
            tg.asarray(x),
            kinds=("shape", "branch"),
            peers={"numpy": numpys},
            peer_args={"numpy": (x, x)},
        )
    )
    assert fault["shape"].verdicts["numpy"].error == "ValueError" and fault["shape"].verdicts["numpy"].line
    assert fault["branch"].verdicts["numpy"].found == "allowed"
