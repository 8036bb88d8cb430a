"""Hooks: what they see, how they nest, the detective and the stopwatch."""

from __future__ import annotations

import numpy as np
import pytest

import eager
import tapegraph as tg
from engine.errors import NonFiniteError, UnsupportedError


def test_events_forward_and_backward():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    with eager.hooks(
        before=lambda e: seen.append(("before", e.op.name, e.result)),
        after=lambda e: seen.append(("after", e.op.name, e.result.tolist())),
    ):
        y = x * 3.0
    assert seen == [("before", "multiply", None), ("after", "multiply", [3.0, 6.0])]
    steps = []
    with eager.hooks(
        before_backward=lambda e: steps.append((e.op.name, e.gradient.tolist())),
        after_backward=lambda e: steps.append([None if g is None else g.tolist() for g in e.gradients]),
    ):
        y.sum().backward()
    assert steps[-2:] == [("multiply", [1.0, 1.0]), [[3.0, 3.0], None]]
    assert steps[0][0] == "reshape" and x.grad.tolist() == [3.0, 3.0]


def test_an_event_knows_the_user_s_line():
    events = []
    x = tg.tensor([4.0], requires_grad=True)
    with eager.hooks(after=events.append):
        y = tg.sqrt(x)  # the line
        y.backward()
    assert events[0].place.file == __file__ and events[0].place.expression == "tg.sqrt(x)"
    assert events[0].record is y._record
    derived = [e for e in events if "backward of sqrt" in e.origin]
    assert derived and all(e.place.expression == "tg.sqrt(x)" for e in derived)


def test_hooks_nest_and_end_and_follow_no_grad():
    calls = []
    with eager.hooks(before=lambda e: calls.append("outer in"), after=lambda e: calls.append("outer out")):
        with eager.hooks(before=lambda e: calls.append("inner in"), after=lambda e: calls.append("inner out")):
            tg.ones((2,)) + 1
        with tg.no_grad():
            calls.append("no_grad")
            tg.exp(tg.tensor(1.0))
    tg.exp(tg.tensor(1.0))
    once = ["outer in", "inner in", "inner out", "outer out"]
    assert calls == [*once, *once, "no_grad", "outer in", "outer out"]


def test_ops_of_a_callback_are_not_watched():
    with eager.hooks(after=lambda e: e.result + 1):
        assert (tg.tensor(1.0) * 2).item() == 2.0


def test_same_gradients_with_hooks():
    def gradient():
        x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        (tg.softmax(x @ x) * x).sum().backward()
        return x.grad.numpy()

    with eager.hooks(before=lambda e: None, before_backward=lambda e: None):
        watched = gradient()
    np.testing.assert_array_equal(watched, gradient())


def test_hooks_inside_a_trace_are_refused():
    builder = pytest.importorskip("graph.builder")
    from engine import dispatch

    with dispatch.interpret(builder.Builder(builder.Trace())), pytest.raises(UnsupportedError), eager.hooks():
        pass


def test_the_detective_names_the_first_culprit_forward():
    x = tg.tensor([1.0, -4.0, 9.0])
    with pytest.raises(NonFiniteError) as caught, eager.detect_nonfinite():
        y = x + 1
        z = tg.sqrt(y)
        z * 2
    text = str(caught.value)
    assert text.startswith("sqrt: makes a NaN at index [1]") and "-3 there" in text
    assert "y: float32[3], made at " in text and ": tg.sqrt(y)\n" in text


def test_the_detective_names_the_forward_line_in_the_backward_pass():
    x = tg.tensor([1.0, 0.0], requires_grad=True)
    with pytest.raises(NonFiniteError) as caught, eager.detect_nonfinite():
        y = tg.sqrt(x)
        total = y.sum()
        total.backward()
    text = str(caught.value)
    assert ": tg.sqrt(x) (backward of sqrt)\n" in text


def test_the_detective_lets_given_infinities_pass():
    with eager.detect_nonfinite():
        x = tg.tensor([np.inf, 1.0])
        tg.exp(x)
        tg.full((2,), np.inf)
        tg.clip(tg.tensor([1.0]), 0.0)
        tg.tensor([1, 2]) + 1
    with pytest.raises(NonFiniteError, match="an infinity"), eager.detect_nonfinite():
        tg.exp(tg.tensor(1000.0))
    with pytest.raises(NonFiniteError, match="matmul"), eager.detect_nonfinite():
        tg.full((2, 2), 1e38) @ tg.full((2, 2), 1e38)
