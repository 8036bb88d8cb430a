"""What Python holds and does outside of a graph: told where compiled calls differ, with the line, and only then."""

import random
import warnings
from pathlib import Path

import numpy as np
import pytest

import tapegraph as tg
from engine.notices import TraceWarning
from tests.debug import outside_programs as programs

X = np.ones((2, 3), np.float32)


def line_of(function, word="guilty"):
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if f"# {word}" in line)


def told(act):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [w.message for w in caught if isinstance(w.message, TraceWarning)]


def calls(function, number=2, between=None, x=X):
    compiled = function if isinstance(function, tg.function(lambda x: x).__class__) else tg.compile(function)

    def act():
        for n in range(number):
            if n == number - 1 and between is not None:
                between()
            compiled(x)

    return told(act)


def assert_at(notice, line, expression):
    assert Path(notice.place.file).name == "outside_programs.py"
    assert notice.place.line == line
    assert notice.place.expression == expression


@pytest.mark.parametrize("after", [2, 7, 40])
@pytest.mark.parametrize(
    ("function", "name", "value", "expression"),
    [
        (programs.reads_a_global, "use_dropout", False, "use_dropout"),
        (programs.reads_an_array, "limit", np.zeros(3, np.float32), "limit"),
    ],
)
def test_a_global_that_changes_is_told_at_the_line_that_read_it(monkeypatch, function, name, value, expression, after):
    was = getattr(programs, name)
    monkeypatch.setattr(programs, name, was)
    (notice,) = calls(function, after, lambda: setattr(programs, name, value))
    assert_at(notice, line_of(function), expression)
    assert f"{name} was" in str(notice) and "as an argument" in notice.fix


def test_an_attribute_and_an_entry(monkeypatch):
    monkeypatch.setattr(programs.config, "scale", 2.0)
    monkeypatch.setitem(programs.config.rates, "noise", 0.5)
    (notice,) = calls(programs.reads_an_attribute, 3, lambda: setattr(programs.config, "scale", 3.0))
    assert_at(notice, line_of(programs.reads_an_attribute), "config.scale")
    assert "config.scale was 2.0 when reads_an_attribute was traced and is 3.0 now" in str(notice)
    assert notice.values == {"config.scale": 3.0}
    monkeypatch.setattr(programs.Settings, "scale", 2.0)
    (notice,) = calls(programs.reads_an_attribute_of_a_class, 3, lambda: setattr(programs.Settings, "scale", 3.0))
    assert_at(notice, line_of(programs.reads_an_attribute_of_a_class), "Settings.scale")
    (notice,) = calls(programs.reads_an_entry, 3, lambda: programs.config.rates.update(noise=0.1))
    assert_at(notice, line_of(programs.reads_an_entry), 'config.rates["noise"]')


def test_a_variable_of_the_function_around():
    flag = True

    def switched(x):
        return x * 2 if flag else x

    compiled = tg.compile(switched)

    def act():
        nonlocal flag
        compiled(X)
        flag = False
        compiled(X)

    (notice,) = told(act)
    assert notice.place.expression == "flag" and notice.place.function.endswith("switched")


def test_a_flag_of_a_module_and_an_option_of_a_layer():
    net = programs.Net()
    (notice,) = calls(lambda x: net(x), 3, lambda: setattr(net, "doubled", False))
    assert notice.place.expression == "self.doubled"
    (notice,) = calls(lambda x: net(x), 3, lambda: setattr(net.drop, "p", 0.5))
    assert "drop.p was 0.0" in str(notice)
    (notice,) = calls(lambda x: net(x), 3, lambda: setattr(net, "layer", tg.nn.Linear(3, 3)))
    assert "self.layer was a Linear" in str(notice)
    assert not calls(lambda x: net(x), 3, net.eval)  # that the library looks after itself


def test_a_value_that_changes_without_consequence_is_passed_over(monkeypatch):
    monkeypatch.setattr(programs.config, "scale", 2.0)

    def count():
        programs.config.scale += 1.0

    assert not calls(programs.logs_a_global, 3, count)


@pytest.mark.parametrize(
    ("function", "expression"),
    [
        (programs.draws, "np.random.rand(3)"),
        (programs.draws_in_python, "random.uniform(0.5, 1)"),
        (programs.draws_from_its_own, "rng.normal()"),
        (programs.reads_the_clock, "time.time()"),
    ],
)
def test_a_draw_that_was_frozen_is_told(function, expression):
    (notice,) = calls(function)
    assert_at(notice, line_of(function), expression)
    assert list(notice.values) == [expression]
    assert not calls(function, 1)  # one call uses what was drawn once


def test_a_draw_in_a_helper():
    (notice,) = calls(programs.draws_in_a_helper)
    assert_at(notice, line_of(programs.helper), "np.random.rand()")


def test_looking_again_moves_no_generator():
    compiled = tg.compile(programs.draws)
    compiled(X)
    numpy_before, python_before = np.random.get_state(), random.getstate()
    assert told(lambda: compiled(X))
    assert np.random.get_state()[2] == numpy_before[2] and random.getstate() == python_before


def test_a_clock_that_the_graph_does_not_use():
    assert not calls(programs.times_itself, 4)


@pytest.mark.parametrize(
    ("function", "expression"),
    [
        (programs.counts_in_a_global, "counter += 1"),
        (programs.counts_in_a_dict, 'counts["steps"] += 1'),
        (programs.appends, "history.append(y)"),
        (programs.prints_a_symbol, 'print("y is", y)'),
    ],
)
def test_a_side_effect_that_compiled_calls_do_not_repeat(function, expression, capsys):
    (notice,) = calls(function, 3)
    assert_at(notice, line_of(function), expression)
    assert "compiled calls do not run this line" in str(notice)


def test_a_symbol_in_an_f_string(capsys):
    (notice,) = calls(programs.formats_a_symbol)
    assert notice.place.line == line_of(programs.formats_a_symbol)


def test_effects_in_methods_of_other_objects():
    (notice,) = calls(programs.meets_a_meter)
    assert notice.place.function == "Meter.update" and notice.place.expression == "self.total += value"
    (notice,) = calls(programs.appends_a_shape)
    assert notice.place.expression == "self.seen.append(shape)"


def test_a_count_in_a_module():
    net = programs.Counting()
    (notice,) = calls(lambda x: net(x), 3)
    assert notice.place.expression == "self.calls += 1"


def test_a_value_kept_for_the_next_call():
    net = programs.Recurrent()
    (notice,) = calls(lambda x: net(x), 3)
    assert notice.place.expression == "self.hidden" and "tg.State" in notice.fix


def test_what_is_no_mistake_is_not_told(capsys):
    caching = programs.Caching()
    for function in (
        programs.uses_locals,
        programs.prints_a_word,
        lambda x: caching(x),
        lambda x: programs.Net()(x[:1]),
    ):
        assert not calls(function, 4), function


@pytest.mark.filterwarnings("ignore::engine.notices.TraceWarning")
def test_a_leftover_symbol_says_where_it_was_put():
    programs.history.clear()
    tg.compile(programs.appends)(X)
    with pytest.raises(
        tg.errors.SymbolError, match=r"put into history\n(.*\n)*.*instead of .*: history.append\(y\)"
    ) as caught:
        programs.history[0] + 1
    assert "return the value" in caught.value.fix
    programs.history.clear()


def test_levels():
    with tg.debug.level("off"):
        assert not calls(programs.draws, 3)
    compiled = tg.compile(programs.draws)
    with tg.debug.level("checked"):
        compiled(X)
        for _ in range(2):
            with pytest.raises(TraceWarning, match=r"np\.random\.rand"):
                compiled(X)


def test_at_level_checked_a_difference_without_a_known_cause_is_told():
    hidden = iter(range(1, 100))
    compiled = tg.compile(lambda x: x * next(hidden))
    compiled(X)
    with tg.debug.level("checked"), pytest.raises(TraceWarning, match=r"another graph .*a number is 2\.0, before 1\.0"):
        compiled(X)


def test_many_calls_look_again(monkeypatch):
    monkeypatch.setattr(programs.config, "scale", 2.0)
    compiled = tg.compile(programs.reads_an_attribute)

    def act():
        compiled.many(np.stack([X] * 4))
        programs.config.scale = 5.0
        compiled.many(np.stack([X] * 4))

    (notice,) = told(act)
    assert "config.scale was 2.0" in str(notice)
