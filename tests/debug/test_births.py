"""Births of NaN and infinities: found by default in both modes, at the op that made them; silent where none reaches a result."""

from __future__ import annotations

import warnings
from weakref import WeakSet

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import NonFiniteError
from engine.notices import NonFiniteWarning
from tapegraph import nn, optim
from tapegraph.optim import watch

MODES = ("eager", "static")


def training(loss_of, start=(4.0, 1.0), rate=0.1):
    """A step that takes gradients and changes a parameter, and the parameter."""
    w = nn.Parameter(np.array(start, "f4"), name="w")

    @tg.function
    def step(x):
        loss = loss_of(w, x)
        w.grad = None
        loss.backward()
        w.assign(w - rate * w.grad)
        return loss

    return step, w


def calls(step, feeds, mode, level="default"):
    """What is told in these calls, each result looked at as a training loop does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with tg.mode(mode), tg.debug.level(level):
            for x in feeds:
                step(tg.asarray(x)).item()
    return [w.message for w in caught if isinstance(w.message, NonFiniteWarning)]


def feeds_with(bad, at, count):
    good = [np.ones(2, "f4") for _ in range(count)]
    good[at] = np.array(bad, "f4")
    return good


def masked_backward(w, x):
    return tg.sum(tg.where(x > 0, tg.log(w * x), 0.0))


# loss, what is fed at the step that goes wrong, op, guilty expression, whether the gradient is what is not finite
BORN = {
    "log(0)": (lambda w, x: tg.sum(tg.log(w * x)), [1, 0], "log", "tg.log(w * x)", False),
    "log(-1)": (lambda w, x: tg.sum(tg.log(w * x)), [1, -1], "log", "tg.log(w * x)", False),
    "division": (lambda w, x: tg.sum(w / x), [1, 0], "divide", "w / x", False),
    "overflow": (lambda w, x: tg.sum(tg.exp(w * x)), [1, 200], "exp", "tg.exp(w * x)", False),
    "sqrt at 0": (lambda w, x: tg.sum(tg.sqrt(w * x)), [1, 0], "divide", "tg.sqrt(w * x)", True),
    "0 * inf through where": (masked_backward, [1, 0], "divide", "tg.log(w * x)", True),
    "square, too large": (lambda w, x: tg.sum((w * x) ** 2), [1, 1e30], "square", "(w * x) ** 2", False),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BORN)
@pytest.mark.parametrize("at", [0, 1, 7])
def test_a_birth_is_told_with_op_and_expression(name, mode, at):
    loss, bad, op, expression, backward = BORN[name]
    step, _ = training(loss, rate=1e-3)
    told = calls(step, feeds_with(bad, at, at + 2), mode)
    assert told, "nothing was told"
    first = told[0]
    assert first.place.file == __file__ and first.place.expression == expression
    assert any(str(f).startswith("backward of") for f in first.origin) == backward
    assert first.op in (op, "power", "pow")


@pytest.mark.parametrize("name", BORN)
def test_both_modes_tell_the_same(name):
    loss, bad, *_ = BORN[name]
    found = []
    for mode in MODES:
        step, _ = training(loss, rate=1e-3)
        first = calls(step, feeds_with(bad, 3, 5), mode)[0]
        found.append((first.op, first.place, str(first).split("; that was")[0].splitlines()[0], list(first.values)))
    assert found[0] == found[1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BORN)
def test_checked_it_is_an_error_and_the_states_are_as_before(name, mode):
    loss, bad, _, expression, _ = BORN[name]
    step, w = training(loss, rate=1e-3)
    feeds = feeds_with(bad, 2, 3)
    with tg.mode(mode), tg.debug.level("checked"):
        step(feeds[0]), step(feeds[1])
        before = w.numpy().copy()
        with pytest.raises(NonFiniteError) as caught:
            step(feeds[2])
        assert caught.value.place.expression == expression
        np.testing.assert_array_equal(w.numpy(), before)
        values = [v for v in caught.value.values.values() if hasattr(v, "dtype")]
        assert values and all(np.isfinite(np.asarray(v)).all() for v in values)
        step(feeds[1])
        assert np.isfinite(w.numpy()).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_birth_long_after_the_start(mode):
    step, _ = training(lambda w, x: tg.sum(tg.sqrt(w * x)), rate=1e-4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with tg.mode(mode):
            for k in range(310):
                step(np.array([1, k != 300], "f4"))
    told = [w.message for w in caught if isinstance(w.message, NonFiniteWarning)]
    assert len(told) == 1 and told[0].place.expression == "tg.sqrt(w * x)"
    assert "which are 1 and 0 there" in str(told[0])


# Programs that compute with infinities on purpose, or whose NaN reaches nothing.
CLEAN = {
    "a masked logarithm": lambda w, x: tg.sum(tg.where(x > 0, tg.log(tg.where(x > 0, w * x, 1.0)), 0.0)),
    "a mask of infinities": lambda w, x: tg.sum(nn.functional.softmax(tg.where(x > 0, w * x, -np.inf), axis=-1) * w),
    "a maximum from infinity": lambda w, x: tg.max(tg.maximum(w * x, tg.full((2,), -np.inf))),
    "a sigmoid far out": lambda w, x: tg.sum(w * tg.sigmoid(x * -1000.0)),
    "logsumexp of large values": lambda w, x: tg.logsumexp(w * x * 1000.0),
    "saturated again": lambda w, x: tg.sum(w * tg.exp(-tg.exp(x * 100.0 + 50.0))) + 0 * tg.sum(w),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CLEAN)
def test_twins_are_silent(name, mode):
    step, w = training(CLEAN[name], rate=1e-3)
    assert not calls(step, feeds_with([1, 0], 2, 6), mode)
    assert np.isfinite(w.numpy()).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", ["default", "checked"])
def test_what_comes_in_not_finite_is_passed_on(mode, level):
    double = tg.function(lambda x: tg.sum(x * 2.0 + 1.0))
    assert not calls(double, [np.array([np.nan, 1], "f4"), np.array([np.inf, 1], "f4"), np.ones(2, "f4")], mode, level)


@pytest.mark.parametrize("mode", MODES)
def test_a_masked_birth_is_silent_and_a_later_one_is_told(mode):
    def loss(w, x):
        safe = tg.where(x > 0, tg.log(x), 0.0)
        return tg.sum(safe + w / (x - 2.0))

    step, _ = training(loss)
    assert not calls(step, [np.array([1, 0], "f4")] * 4, mode)
    told = calls(step, [np.array([2, 0], "f4")], mode)
    assert [t.op for t in told][:1] == ["divide"] and told[0].place.expression == "w / (x - 2.0)"


@pytest.mark.parametrize("mode", MODES)
def test_no_level_changes_a_result(mode):
    found = []
    for level in ("off", "default"):
        step, w = training(lambda w, x: tg.sum(tg.sqrt(w * x)))
        with tg.mode(mode), tg.debug.level(level), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            losses = [step(x).item() for x in feeds_with([1, 0], 3, 8)]
        found.append((np.array(losses), w.numpy()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("mode", MODES)
def test_off_says_nothing(mode):
    step, _ = training(lambda w, x: tg.sum(tg.log(w * x)))
    assert not calls(step, feeds_with([1, 0], 1, 4), mode, "off")


@pytest.mark.parametrize("mode", MODES)
def test_an_explosion_names_what_overflowed_and_what_helps(mode):
    step, _ = training(lambda w, x: tg.sum((w * x) ** 2), rate=30.0)
    told = calls(step, [np.ones(2, "f4")] * 40, mode)
    assert len(told) >= 1 and "learning rate" in told[0].fix
    assert told[0].place.expression == "(w * x) ** 2"


@pytest.mark.parametrize("mode", MODES)
def test_inside_a_loop_the_step_is_named(mode):
    w = nn.Parameter(np.float32(1.0))

    @tg.function
    def run(xs):
        def body(carry, x):
            carry = carry + tg.log(w * x)
            return carry, carry

        last, _ = tg.scan(body, tg.zeros(()), xs)
        return last

    told = calls(run, [np.array([1, 2, 3], "f4"), np.array([1, 2, 0], "f4")], mode)
    assert len(told) == 1 and told[0].op == "log" and told[0].place.expression == "tg.log(w * x)"
    if mode == "static":
        assert "in step 2 of the scan" in str(told[0])


def test_several_calls_in_one_are_recorded_too():
    step, _ = training(lambda w, x: tg.sum(tg.sqrt(w * x)), rate=1e-4)
    xs = np.ones((40, 2), "f4")
    xs[33, 1] = 0
    with warnings.catch_warnings(record=True) as caught, tg.mode("static"):
        warnings.simplefilter("always")
        step.many(xs)
    told = [w.message for w in caught if isinstance(w.message, NonFiniteWarning)]
    assert len(told) == 1 and told[0].place.expression == "tg.sqrt(w * x)" and "6 calls before" in str(told[0])


def test_a_graph_built_by_hand():
    with tg.static() as g:
        x = g.input("x", shape=("n",), dtype="float32")
        y = tg.log(x)
    f = g.compile(y)
    assert not calls(lambda x: tg.sum(f(x)), [np.ones(3, "f4")] * 3, "static")
    told = calls(lambda x: tg.sum(f(x)), [np.array([1, 0, 2], "f4")], "static")
    assert told and told[0].place.expression == "tg.log(x)"


def test_feeds_changed_in_place_are_owned_up_to():
    step, _ = training(lambda w, x: tg.sum(w * x), rate=1e-4)
    program_fed = np.ones(2, "f4")
    with tg.mode("static"):
        for _ in range(3):
            step(program_fed)
        recorder = step._latest().program.recorder
        recorder.words[1] = 100  # no copy of the states for a while
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step(program_fed)
            program_fed[:] = np.inf
            step(program_fed)
            program_fed[:] = 1
            step(program_fed)
    told = [w.message for w in caught if isinstance(w.message, NonFiniteWarning)]
    assert all("changed" in str(t) for t in told)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
@pytest.mark.parametrize("mode", MODES)
def test_with_an_optimizer_and_a_scheduler(kind, mode):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = kind(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)

    @tg.function
    def step(x):
        loss = tg.sum(tg.sqrt(tg.abs(model(x[:1]) * x[1])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    with warnings.catch_warnings(record=True) as caught, tg.mode(mode):
        warnings.simplefilter("always")
        for k in range(12):
            step(np.full((2, 3), k != 9, "f4")).item()
            scheduler.step()
    told = [w.message for w in caught if isinstance(w.message, NonFiniteWarning)]
    assert told and "tg.sqrt" in told[0].place.text and "backward of sqrt" in str(told[0])


def test_a_new_start_after_a_birth_is_watched_again():
    step, w = training(lambda w, x: tg.sum(tg.sqrt(w * x)), rate=1e-3)
    for mode in MODES:
        for _ in range(2):
            w.assign(tg.asarray(np.array([4, 1], "f4")))
            assert len(calls(step, feeds_with([1, 0], 4, 9), mode)) == 1


def test_eager_follows_nothing_for_long():
    from engine.followed import alive

    alive.clear()
    y = tg.log(tg.asarray([1.0, 0.0]))
    z = tg.where(tg.asarray([True, False]), y, 0.0)
    assert len(alive) == 1
    del y
    assert not alive and z.tolist() == [0, 0]


def test_inside_a_loop_a_masked_birth_is_passed_over():
    @tg.function
    def run(xs):
        def body(carry, x):
            safe = tg.where(x > 0, tg.log(x), 0.0)
            carry = carry + safe + 1.0 / (x - 2.0)
            return carry, carry

        return tg.scan(body, tg.zeros(()), xs)[0]

    assert not calls(run, [np.array([1, 0, 3], "f4")] * 2, "static")
    told = calls(run, [np.array([1, 0, 2], "f4")], "static")
    assert [t.place.expression for t in told] == ["1.0 / (x - 2.0)"] and "in step 2 of the scan" in str(told[0])


@pytest.mark.parametrize("mode", MODES)
def test_what_a_loop_stacks_and_nobody_reads_gives_birth_to_nothing(mode):
    @tg.function
    def run(x):
        def body(carry, _):
            new = carry * 10.0
            return new, tg.sum(new)  # overflows a step earlier

        return tg.mean(tg.scan(body, x, None, 40)[0])

    told = calls(run, [np.ones(4, "f4")], mode)
    assert [t.place.expression for t in told] == ["carry * 10.0"]
    assert mode == "eager" or "in step 38 of the scan" in str(told[0])


@pytest.mark.parametrize("mode", MODES)
def test_an_explosion_in_training_names_the_rate_and_where_it_was_given(mode, monkeypatch):
    monkeypatch.setattr(watch, "_alive", WeakSet())  # optimizers of other tests may live on
    w = nn.Parameter(np.zeros(4, "f4"), name="w")
    optimizer = optim.SGD([w], lr=20000.0)

    @tg.function
    def step(x):
        loss = tg.mean((x * w - 1.0) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    told = calls(step, [np.ones((8, 4), "f4")] * 12, mode)
    assert told[0].place.expression == "(x * w - 1.0) ** 2"
    assert "SGD has 20000, made at" in told[0].fix and "optim.SGD([w], lr=20000.0)" in told[0].fix


def test_a_result_that_is_an_input_is_nobodys_birth():
    same = tg.compile(lambda x: x)
    assert not calls(lambda x: tg.sum(same(x)), [np.array([np.nan], "f4")] * 3, "static")


def test_the_latest_notice_has_the_values():
    step, _ = training(lambda w, x: tg.sum(tg.log(w * x)))
    calls(step, feeds_with([1, 0], 1, 2), "static")
    assert isinstance(tg.debug.last(), NonFiniteWarning)
    np.testing.assert_array_equal(np.isfinite(np.asarray(tg.debug.last().values["w * x"])), True)


@pytest.mark.parametrize("mode", MODES)
def test_a_birth_is_found_where_gradients_add_up_and_no_state_changes(mode):
    w = nn.Parameter(np.array([4.0, 1.0], "f4"), name="w")

    @tg.function
    def step(x):
        loss = tg.sum(tg.log(w * x))
        loss.backward()
        return loss

    assert [m.place.expression for m in calls(step, feeds_with([1, -1], 2, 4), mode)] == ["tg.log(w * x)"]
