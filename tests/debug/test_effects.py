"""Effects (tg.print, watch) come in the program's order, each once, with the program's values, in both modes."""

import threading

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, IndexRangeError
from tapegraph import debug
from tapegraph.debug.conditions import condition
from tapegraph.debug.summary import summary

MODES = ["eager", "static"]
X = np.arange(6, dtype=np.float32).reshape(2, 3) / 6


@pytest.fixture(autouse=True)
def fresh():
    debug.forget()
    yield
    debug.forget()


def both(program, capsys, calls=2):
    """What a program prints in both modes, which must be the same, and its last results."""
    texts, results = [], []
    for mode in MODES:
        debug.forget()
        function = tg.function(program)
        with tg.mode(mode):
            for _ in range(calls):
                result = function(X)
        results.append(np.asarray(result))
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)
    return texts[0].splitlines()


# ------------------------------------------------------------------------------------------ print


def test_print_speaks_pythons_and_format_strings(capsys):
    def program(x):
        y = x * 2
        tg.print("y", y[0], 3, sep=", ", end=";\n")
        tg.print("y={:.2f} n={n} {{}}", y[1], n=y.sum())
        tg.print({"a": y[0, 1], "b": [1, "two"]}, None)
        tg.print("{}")
        return y

    assert both(program, capsys, calls=1) == [
        "y, [0.         0.33333334 0.6666667 ], 3;",
        "y=[1.00 1.33 1.67] n=5.0 {}",
        "{'a': 0.33333334, 'b': [1, 'two']} None",
        "{}",
    ]


def test_print_goes_to_a_file(tmp_path):
    @tg.function
    def program(x):
        tg.print(x.sum(), file=out, flush=True)
        return x

    with open(tmp_path / "out.txt", "w") as out, tg.mode("static"):
        program(X), program(X)
    assert (tmp_path / "out.txt").read_text() == "2.5\n2.5\n"


# ------------------------------------------------------------------------------------------ where effects may stand


def test_loops_branches_and_the_backward_pass_keep_their_order(capsys):
    w = tg.Parameter(np.ones(3, np.float32))

    def program(x):
        def step(carry, row):
            carry = carry + debug.watch(row * w, "row", grad=True)
            return carry, tg.cond(carry.sum() > 1, lambda: (tg.print("large"), carry * 2)[1], lambda: carry)

        last, _ = tg.scan(step, tg.zeros(3), x)
        tg.print("last", last)
        last = tg.while_loop(lambda c: c.sum() < 20, lambda c: (tg.print("twice", c), c * 2)[1], last)
        w.grad = None
        loss = tg.scan(lambda c, row: (c + debug.watch(tg.exp(row * w), "e", grad=True, print=False).sum(), c), 0.0, x)[
            0
        ]
        loss.backward()
        tg.print("grad {:.3f}", w.grad)
        return loss

    lines = both(program, capsys)
    assert [line.split()[0] for line in lines[:7]] == ["[0]", "[0.1]", "large", "last", "twice", "twice", "twice"]
    assert lines[7].startswith("grad [")
    seen = debug.watched()
    assert [(s.call, s.step) for s in seen["e"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(seen["grad of e"]) == 4 and "grad of row" not in seen


def test_a_bounded_while_loop_has_the_effects_of_its_steps_only(capsys):
    def program(x):
        return tg.grad(
            lambda v: tg.while_loop(
                lambda c: c.sum() < 9, lambda c: (tg.print("step", c.sum()), c * 2)[1], v, max_steps=9
            ).sum()
        )(x)

    assert both(program, capsys, calls=1) == ["step 2.5", "step 5.0"]


def test_gradients_are_watched_where_they_arrive(capsys):
    def program(x):
        return tg.grad(lambda v: (debug.watch(v * 3, "v", grad=True) ** 2).sum())(x)

    both(program, capsys)
    seen = debug.watched()
    np.testing.assert_array_equal(seen["grad of v"][1].array, X * 6)
    np.testing.assert_array_equal(seen["v"][1].array, X * 3)


def test_second_derivatives_and_tangents_go_through_a_watch():
    def f(x):
        return (debug.watch(x, "x", grad=True, print=False) ** 3).sum()

    def second(x):
        return tg.grad(lambda v: tg.grad(f)(v).sum())(x)

    for mode in MODES:
        with tg.mode(mode):
            np.testing.assert_allclose(tg.function(second)(X), 6 * X, rtol=1e-6)
            _, tangent = tg.function(lambda x: tg.jvp(f, (x,), (tg.ones_like(x),)))(X)
            np.testing.assert_allclose(tangent, (3 * X**2).sum(), rtol=1e-6)


def test_checkpoint_computes_again_without_effects(capsys):
    def program(x):
        def block(v):
            tg.print("forward", v.sum())
            return debug.watch(tg.exp(v), "e", grad=True)

        return tg.grad(lambda v: tg.checkpoint(block)(v).sum())(x)

    lines = both(program, capsys, calls=1)
    assert [line.split()[0] for line in lines] == ["forward", "[0]", "[0]"]
    assert "grad of e" in lines[2]


def test_in_vmap_once_for_the_whole_batch(capsys):
    def program(x):
        return tg.vmap(lambda row: debug.watch(row * 2, "row", grad=True).sum())(x) + tg.vmap(
            tg.grad(lambda row: (debug.watch(row, "other", grad=True) ** 2).sum())
        )(x).sum(axis=1)

    lines = both(program, capsys, calls=1)
    assert [line.split()[2:4] for line in lines] == [["row", "float32[2,"], ["other", "float32[2,"], ["grad", "of"]]


def test_effects_in_a_scan_with_an_op_that_has_no_native_code(capsys):
    def program(x):
        def step(carry, row):
            values = tg.linalg.eigvalsh(tg.outer(row, row))
            tg.print("step", row[0])
            return carry + values.sum(), row

        return tg.scan(step, tg.zeros(()), x)[0]

    assert both(program, capsys) == ["step 0.0", "step 0.5"] * 2


def test_nested_functions_are_one_call(capsys):
    inner = tg.function(lambda x: debug.watch(x + 1, "inner"))
    lines = both(lambda x: inner(x) + inner(x * 2), capsys)
    assert [line.split()[0] for line in lines] == ["[0]", "[0.1]", "[1]", "[1.1]"]


def test_many_batches(capsys):
    total = tg.State(0.0)

    @tg.function
    def step(x):
        total.assign(total.value + x.sum())
        tg.print("total", total.value)
        return total.value

    for mode in MODES:
        total.assign(0.0)
        with tg.mode(mode):
            step.many(np.ones((3, 2), np.float32))
        assert capsys.readouterr().out == "total 2.0\ntotal 4.0\ntotal 6.0\n"


def test_a_tiered_start(capsys):
    @tg.function(tiered=True)
    def step(x):
        return debug.watch(x * 2, "y")

    with tg.mode("static"):
        for _ in range(3):
            step(X)
        step.wait()
        step(X)
    assert [(s.call, s.step) for s in debug.watched("y")] == [(0, 0), (1, 0), (2, 0), (3, 0)]


def test_a_graph_defined_by_hand(capsys):
    with tg.static() as g:
        x = g.input("x", shape=("n",))
        y = tg.exp(x)
        tg.print("y has", y.sum())
        y = y * 2
    f = g.compile(y)
    f(np.zeros(2, np.float32)), f(np.zeros(3, np.float32))
    assert capsys.readouterr().out == "y has 2.0\ny has 3.0\n"


def test_every_thread_has_its_own(capsys):
    step = tg.function(lambda x: debug.watch(x.sum(), "sum", print=False))
    with tg.mode("static"):
        step(X)

    def run():
        with tg.mode("static"):
            for _ in range(20):
                step(X)

    threads = [threading.Thread(target=run) for _ in range(3)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert len(debug.watched("sum")) == 61


def test_torch_programs_may_use_them(capsys):
    from tapegraph import torch

    def program(x):
        t = torch.tensor(x, requires_grad=True)
        y = debug.watch(t * 2, "y", grad=True)
        tg.print("y", y[0, 1])
        (y**2).sum().backward()
        return t.grad

    program(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["[0]", "y", "[0]"] and "grad of y" in lines[2]


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("mode", MODES)
def test_effects_come_before_the_error_of_a_later_op_and_once(mode, capsys):
    table = np.arange(4.0, dtype=np.float32)

    @tg.function
    def step(x, index):
        tg.print("first", x.sum())
        y = tg.take(table, index)
        tg.print("second", y)

        def body(carry, i):
            tg.print("step", i)
            return carry + tg.take(table, i), i

        return tg.scan(body, tg.zeros(()), index + 1)[0]

    with tg.mode(mode):
        step(X, np.array([0, 1]))
        capsys.readouterr()
        with pytest.raises(IndexRangeError):
            step(X, np.array([2, 3, 1]))
        assert capsys.readouterr().out == "first 2.5\nsecond [2. 3. 1.]\nstep 3\nstep 4\n"
        with pytest.raises(IndexRangeError):
            step(X, np.array([2, 9, 1]))
        assert capsys.readouterr().out == "first 2.5\n"


@pytest.mark.parametrize("mode", MODES)
def test_what_a_predicate_raises_reaches_the_caller_and_states_stay(mode):
    total = tg.State(1.0)

    @tg.function
    def step(x):
        total.assign(total.value * 2)
        return debug.watch(x, "x", when=lambda a: 1 / 0)

    with tg.mode(mode), pytest.raises(ZeroDivisionError):
        step(X)
    assert mode == "eager" or total.item() == 1.0


def test_a_predicate_may_call_the_function_that_is_running():
    @tg.function
    def step(x):
        return debug.watch(
            x * 2, "y", when=lambda a: float(step.body(a).sum()) > 0 if a.sum() < 9 else True, print=False
        )

    with tg.mode("static"):
        np.testing.assert_array_equal(step(X), X * 2)


def test_looking_for_non_finite_values_repeats_no_effect(capsys):
    def step(x):
        tg.print("x")
        return tg.log(x)

    with tg.mode("static"), tg.debug.detect_nonfinite():
        with pytest.raises(tg.errors.NonFiniteError):
            tg.function(step)(X)
        assert capsys.readouterr().out == "x\n"
        tg.function(step)(np.full((2, 3), np.nan, np.float32))
        assert capsys.readouterr().out == "x\n"


# ------------------------------------------------------------------------------------------ results, words


def test_a_program_without_effects_gives_the_same_bits():
    def step(x, look):
        h = look(tg.tanh(x @ x.T))
        return look(tg.softmax(h, axis=1)).sum(axis=0), tg.grad(lambda v: look(tg.exp(v) * v).sum())(x)

    with tg.mode("static"):
        x = np.random.default_rng(0).standard_normal((33, 17)).astype(np.float32)
        plain = tg.function(lambda x: step(x, lambda v: v))(x)
        seen = tg.function(lambda x: step(x, lambda v: debug.watch(v, "v", grad=True, print=False)))(x)
    for a, b in zip(plain, seen, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_and_when():
    @tg.function
    def step(x):
        debug.watch(x, "third", every=3, print=False)
        debug.watch(x, "large", when="norm > 10", print=False)
        return x

    for mode in MODES:
        debug.forget()
        with tg.mode(mode):
            for n in range(7):
                step(np.full(4, n, np.float32))
        assert [s.call for s in debug.watched("third")] == [0, 3, 6]
        assert [s.array[0] for s in debug.watched("large")] == [6]


def test_structures_and_names(capsys):
    both(lambda x: debug.watch({"a": x, "b": [x + 1]})["b"][0] + debug.watch(x.sum()), capsys)
    assert list(debug.watched()) == ["{'a': x, 'b': [x + 1]}[0]", "{'a': x, 'b': [x + 1]}[1]", "x.sum()"]


def test_what_is_remembered_is_bounded(monkeypatch):
    for n in range(1200):
        debug.watch(np.zeros(2), "small", print=False)
    assert len(debug.watched("small")) == 1000 and debug.watched("small")[0].call == 200
    for n in range(4):
        debug.watch(np.zeros(5 << 20, np.float32), "large", print=False)
    assert len(debug.watched("large")) == 3


def test_mistakes_are_told():
    with pytest.raises(ArgumentError, match="cannot tell"):
        debug.watch(X, when="larger than 3")
    with pytest.raises(ArgumentError, match="every"):
        debug.watch(X, every=0)
    with pytest.raises(ArgumentError, match="watched under 'nothing'"):
        debug.watched("nothing")


def test_conditions():
    inf = np.array([1.0, np.inf], np.float32)
    assert condition("nonfinite", "op")(inf) and not condition("nan", "op")(inf)
    assert condition("max>=2", "op")(np.array([1, 2])) and not condition("absmax < 2", "op")(np.array([1, -2]))
    assert not condition("norm > 0", "op")(np.zeros(0))


def test_summaries():
    assert summary(np.zeros((0, 3))) == "float64[0, 3]  empty"
    assert summary(np.array([[1, 2], [3, 4]])) == "int64[2, 2]  [[1, 2], [3, 4]]"
    assert summary(np.ones(9, bool)) == "bool[9]  9 of 9 true"
    x = np.array([1, 2, np.nan, np.inf, -np.inf, np.nan, 0, 3], np.float32)
    assert summary(x) == "float32[8]  min nan  mean nan  max nan  norm nan  2 nan  2 inf"


def test_bisect_walks_over_effects(capsys):
    def step(x):
        y = debug.watch(tg.exp(x), "y")
        tg.print("sum", y.sum())
        return y * 2

    assert not debug.bisect(step, X)
    assert capsys.readouterr().out == ""
