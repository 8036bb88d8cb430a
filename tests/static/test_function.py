"""tg.function: one compile for every size, states in place, gradients, ownership, reports."""

import gc
import threading

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim

F = nn.functional


def training(optimizer=optim.SGD, dropout=0.0, dtype="float32", **options):
    tg.manual_seed(3)
    layers = [nn.Linear(6, 8, dtype=dtype), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 4, dtype=dtype)]
    model = nn.Sequential(*layers)
    opt = optimizer(model.parameters(), **options)

    @tg.function
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return model, opt, step


def batch(n, seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return tg.asarray(rng.normal(size=(n, 6)).astype(dtype)), tg.asarray(rng.integers(0, 4, n))


def run(mode, sizes=(5, 5, 3), **options):
    model, _, step = training(**options)
    with tg.mode(mode):
        losses = [step(*batch(n, seed, options.get("dtype", "float32"))).item() for seed, n in enumerate(sizes)]
    return losses, [p.numpy() for p in model.parameters()], [p.grad.numpy() for p in model.parameters()], step


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": optim.SGD, "lr": 0.1},
        {"optimizer": optim.SGD, "lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"optimizer": optim.AdamW, "lr": 0.01},
        {"optimizer": optim.Adam, "lr": 0.01, "dropout": 0.5},
    ],
    ids=["sgd", "nesterov", "adamw", "dropout"],
)
def test_training_is_the_same_in_both_modes(options):
    eager = run("eager", dtype="float64", **options)
    static = run("static", dtype="float64", **options)
    np.testing.assert_allclose(static[0], eager[0], rtol=1e-12)
    for a, b in zip(static[1] + static[2], eager[1] + eager[2]):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


def test_one_compile_serves_every_batch_size():
    *_, step = run("static", sizes=(5, 5, 3, 7, 2), lr=0.1)
    assert "1 version compiled" in step.explain()
    assert "y.0 = x.0" in step.explain() and "x.1 = 6" in step.explain()


def test_each_retrace_is_explained():
    @tg.compile
    def f(x, scale):
        return x * scale

    x = tg.asarray([1.0, 2.0])
    f(x, 2.0)
    assert "cause: first call" in f.explain()
    f(x, 3.0)
    assert "argument 1: 3.0, before 2.0" in f.explain()
    f(tg.asarray([1, 2]), 3.0)
    assert "an array of int64" in f.explain()
    f(tg.asarray([[1, 2]]), 3.0)
    assert "number of dimensions" in f.explain()
    f(tg.asarray([1.0]), 3.0)
    assert "size of axis 0 is 1, which broadcasts" in f.explain()
    assert "5 versions" in f.explain()
    f(x, 3.0)
    assert "5 versions" in f.explain()


def test_sizes_the_program_depends_on_are_pinned():
    @tg.compile
    def f(x):
        return x.reshape(2, -1) if x.shape[0] == 4 else x * float(x.shape[0])

    assert f(tg.asarray(np.arange(4.0))).shape == (2, 2)
    np.testing.assert_allclose(f(tg.asarray(np.arange(3.0))).numpy(), [0, 3, 6])
    assert "2 versions" in f.explain()


def test_gradients_accumulate_where_nothing_clears_them():
    p = tg.Parameter(np.ones(3, "f8"))

    @tg.function
    def f(x):
        (p * x).sum().backward()

    x = tg.asarray(np.array([1.0, 2.0, 3.0]))
    with tg.mode("static"):
        f(x)
        f(x)
        f(x)
    np.testing.assert_allclose(p.grad.numpy(), [3, 6, 9])
    assert "has a gradient when the call begins" in f.explain()
    f(x)
    np.testing.assert_allclose(p.grad.numpy(), [4, 8, 12])


def test_a_held_gradient_keeps_its_value():
    model, _, step = training(lr=0.1)
    with tg.mode("static"):
        step(*batch(5))
        held = model[0].weight.grad
        before = held.numpy().copy()
        step(*batch(5, seed=1))
    np.testing.assert_array_equal(held.numpy(), before)
    assert not np.array_equal(model[0].weight.grad.numpy(), before)


@pytest.mark.parametrize("hold", [lambda p: p.numpy(), lambda p: p.value, lambda p: p.detach()])
def test_who_holds_an_old_value_keeps_it(hold):
    model, _, step = training(lr=0.1)
    weight = model[0].weight
    held = hold(weight)
    before = np.array(held)
    with tg.mode("static"):
        step(*batch(5))
        step(*batch(5))
    np.testing.assert_array_equal(np.array(held), before)
    assert not np.array_equal(weight.numpy(), before)


def test_a_group_reads_a_state_before_it_writes_over_it():
    state = tg.State(np.zeros(5, "f4"))

    @tg.function
    def step(x):
        old = state * 1.0
        y = tg.exp(x)
        state.assign(y + 1)  # stands in the graph before the old value's reader, and in the same kernel
        return y - old * 2

    found = {}
    for mode in ("eager", "static"):
        state.assign(tg.arange(5, dtype="float32"))
        with tg.mode(mode):
            found[mode] = step(np.zeros(5, "f4")).numpy()
    np.testing.assert_array_equal(found["static"], found["eager"])


def test_updates_are_written_in_place_where_nobody_else_looks():
    model, _, step = training(lr=0.1, momentum=0.9)
    weight = model[0].weight
    with tg.mode("static"):
        step(*batch(5))
        address, before = weight._value.ctypes.data, weight.numpy().copy()
        step(*batch(5))
    assert weight._value.ctypes.data == address
    assert not np.array_equal(weight._value, before)


def test_modes_may_alternate_within_one_training():
    model, _, step = training(lr=0.1, momentum=0.9, dtype="float64")
    for i in range(4):
        with tg.mode("static" if i % 2 else "eager"):
            step(*batch(5, i, "float64"))
    expected = run("eager", sizes=(5, 5, 5, 5), lr=0.1, momentum=0.9, dtype="float64")[1]
    for p, e in zip(model.parameters(), expected):
        np.testing.assert_allclose(p.numpy(), e, rtol=1e-11, atol=1e-13)


def test_a_new_learning_rate_needs_no_new_trace():
    model, opt, step = training(lr=0.1)
    with tg.mode("static"):
        step(*batch(5))
        opt.lr = 0.0
        before = [p.numpy().copy() for p in model.parameters()]
        step(*batch(5))
    assert "1 version compiled" in step.explain()
    for p, b in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.numpy(), b)


def test_freezing_a_parameter_is_seen():
    model, _, step = training(lr=0.1)
    with tg.mode("static"):
        step(*batch(5))
        model[0].weight.requires_grad = False
        before = model[0].weight.numpy().copy()
        step(*batch(5))
    np.testing.assert_array_equal(model[0].weight.numpy(), before)


def test_an_array_from_outside_that_is_assigned_to_is_seen():
    scale = tg.asarray(np.ones(3))
    run = tg.compile(lambda x: x * scale)
    np.testing.assert_array_equal(np.asarray(run(np.ones(3))), np.ones(3))
    scale[0] = 5.0
    np.testing.assert_array_equal(np.asarray(run(np.ones(3))), [5, 1, 1])
    assert "was assigned to" in str(run.explain())


def test_a_cotangent_given_as_an_argument_brings_its_sizes():
    p = tg.Parameter(np.ones(3))

    def step(x, cotangent):
        p.grad = None
        (p * x).backward(cotangent)
        return p.grad

    with tg.mode("static"):
        found = tg.function(step)(np.full((2, 3), 2.0), np.ones((2, 3)))
    np.testing.assert_array_equal(np.asarray(found), [4, 4, 4])


def test_a_gradient_dropped_unread_is_gone():
    used, unused = tg.Parameter(np.ones(3)), tg.Parameter(np.ones(3))

    def step(x):
        used.grad = None
        unused.grad = None
        tg.sum(used * x).backward()

    for _ in range(2):
        unused.grad = np.ones(3)
        with tg.mode("static"):
            tg.function(step)(np.ones(3))
        assert unused.grad is None
        assert used.grad is not None


def test_states_can_be_swapped():
    a, b = tg.State(np.zeros(2, "f4")), tg.State(np.ones(2, "f4"))

    @tg.compile
    def swap():
        old = a.value
        a.assign(b.value)
        b.assign(old)

    swap()
    assert a.numpy().tolist() == [1, 1] and b.numpy().tolist() == [0, 0]


def test_an_output_shows_the_state_before_or_after_as_written():
    s = tg.State(np.zeros(2, "f4"))

    @tg.compile
    def f(x):
        before = s.value
        s.assign(before + x)
        return before, s.value

    before, after = f(tg.asarray([1.0, 2.0]))
    assert before.tolist() == [0, 0] and after.tolist() == [1, 2] and s.numpy().tolist() == [1, 2]


def test_a_mistake_in_the_data_leaves_every_state_alone():
    model, _, step = training(lr=0.1)
    x, _ = batch(3)
    with tg.mode("static"):
        step(*batch(3))
        before = [p.numpy().copy() for p in model.parameters()]
        with pytest.raises(tg.errors.IndexRangeError, match="7, where the axis has size 4") as caught:
            step(x, tg.asarray([0, 7, 1]))
    assert caught.value.place.file == __file__ and "cross_entropy" in caught.value.place.text
    for p, b in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.numpy(), b)


def test_nonfinite_values_are_traced_to_their_line_in_both_modes():
    s = tg.Parameter(np.ones(2, "f4"))

    @tg.function
    def f(x):
        loss = tg.log(s * x).sum()
        s.grad = None
        loss.backward()
        s.assign(s - s.grad)
        return loss

    x = tg.asarray([1.0, -1.0])
    for mode in ("eager", "static"):
        with tg.mode(mode), tg.debug.detect_nonfinite(), pytest.raises(tg.errors.NonFiniteError) as caught:
            f(x)
        assert caught.value.op == "log" and caught.value.place.expression == "tg.log(s * x)"
        assert s.numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    "use, fix",
    [
        (lambda x: 1 if x.sum() > 0 else 2, "where"),
        (lambda x: float(x.sum()), "keep it as an array"),
        (lambda x: x.sum().item(), "return the array"),
        (lambda x: np.sin(x), None),
        (lambda x: np.asarray(x), "own function"),
    ],
)
def test_a_symbol_used_as_a_value_says_what_to_do(use, fix):
    with pytest.raises(TypeError, match=fix) as caught:
        tg.compile(use)(tg.asarray([1.0, 2.0]))
    if fix:
        assert caught.value.place.file == __file__


@pytest.mark.filterwarnings("ignore::engine.notices.TraceWarning")
def test_a_symbol_does_not_leave_its_function():
    kept = []

    @tg.compile
    def f(x):
        kept.append(x)
        return x + 1

    f(tg.asarray([1.0]))
    with pytest.raises(
        tg.errors.SymbolError, match=r"x is an input of it; it was put into kept\n(.*\n)*.*kept.append\(x\)"
    ):
        tg.compile(lambda y: y + kept[0])(tg.asarray([1.0]))
    with pytest.raises(TypeError):
        kept[0] + tg.asarray([1.0])


def test_structures_go_in_and_out():
    @tg.compile
    def f(pair, *, scale):
        return {"sum": pair[0] + pair["b" if isinstance(pair, dict) else 1] * scale, "n": 3, "none": None}

    out = f([tg.asarray([1.0]), tg.asarray([2.0])], scale=tg.asarray(10.0))
    assert out["sum"].tolist() == [21.0] and out["n"] == 3 and out["none"] is None


def test_functions_call_functions():
    inner = tg.function(lambda x: x * 2)
    outer = tg.function(lambda x: inner(x) + 1)
    with tg.mode("static"):
        assert outer(tg.asarray([1.0])).tolist() == [3.0]


def test_methods_can_be_functions():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = tg.Parameter(np.array([2.0], "f4"))

        @tg.function
        def forward(self, x):
            return x * self.w

    model = Model()
    with tg.mode("static"):
        assert model(tg.asarray([3.0])).tolist() == [6.0]
    assert "1 version compiled" in model.forward.explain()


def test_gradients_with_respect_to_arguments_compile():
    f = tg.compile(tg.grad(tg.grad(lambda x: (x**3).sum() if x.ndim else x**3)))
    assert f(tg.asarray(2.0)).item() == pytest.approx(12.0)


def test_dropout_masks_and_the_counter_agree():
    draw = tg.function(lambda x: F.dropout(x, 0.5))
    x = tg.ones((33, 7))
    found = {}
    for mode in ("eager", "static"):
        tg.manual_seed(11)
        with tg.mode(mode):
            found[mode] = [draw(x).numpy() for _ in range(3)]
        found[mode].append(tg.default_generator.counter.item())
    for a, b in zip(found["eager"], found["static"]):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(found["eager"][0], found["eager"][1])


def test_an_op_without_native_code_is_called_back_and_explain_says_so():
    from engine.op import OPS, Op
    from engine.spec import Spec

    op = Op("test_sorted", lambda x: np.sort(x), lambda x: Spec(x.shape, x.dtype), keeps="")
    try:
        f = tg.compile(lambda x: op(x * 2.0) + 1.0)
        assert f(tg.asarray([3.0, 1.0, 2.0])).tolist() == [3, 5, 7]
        assert "computed in Python, for want of native code: test_sorted" in f.explain()
    finally:
        del OPS["test_sorted"]


@pytest.mark.filterwarnings("ignore::engine.notices.GradientWarning")
def test_threads_share_one_function():
    _, _, step = training(lr=0.0)
    x, y = batch(5)
    losses = []

    def work():
        with tg.mode("static"):
            losses.extend(step(x, y).item() for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(losses) == 80 and len(set(losses)) == 1


def test_source_shows_the_users_lines():
    *_, step = run("static", lr=0.1)
    source = step.source()
    assert "test_function.py" in source and "def kernel(" in source and "backward of" in source


def test_wrong_options_get_a_sentence():
    with pytest.raises(tg.errors.ArgumentError, match="no fidelity 'exact'"):
        tg.function(lambda x: x, fidelity="exact")
    with (
        pytest.raises(tg.errors.ArgumentError, match="no mode 'lazy'"),
        tg.mode("lazy"),
    ):
        pass


def test_specialize_compiles_sizes_in():
    f = tg.compile(lambda x: x.sum(), specialize={"x": 0})
    f(tg.asarray([1.0, 2.0]))
    f(tg.asarray([1.0, 2.0, 3.0]))
    assert "2 versions" in f.explain() and "size of axis 0 is 3, compiled for 2" in f.explain()


@pytest.mark.parametrize("make", [tg.asarray, np.array], ids=["tensor", "ndarray"])
def test_assigning_to_an_argument_is_seen_by_the_caller_in_both_modes(make):
    @tg.function
    def f(x, y):
        x[1:] = y * 2.0
        return x.sum()

    seen = []
    for mode in ("eager", "static", "static"):
        x = make(np.zeros(3, "f4"))
        with tg.mode(mode):
            total = f(x, tg.asarray([1.0, 2.0]))
        seen.append((np.asarray(x).tolist(), float(total)))
    assert seen == [([0, 2, 4], 6.0)] * 3


def test_slots_of_a_local_value_can_be_assigned():
    @tg.compile
    def f(x):
        y = x * 1.0
        y[0] = 7.0
        y[..., -1] += 1.0
        return x, y

    x, y = f(tg.asarray([1.0, 2.0, 3.0]))
    assert x.tolist() == [1, 2, 3] and y.tolist() == [7, 2, 4]


def test_sizes_that_were_learned_from_each_other_are_checked_in_every_call():
    f = tg.compile(lambda a, b: tg.concat([a, a]) + b)
    three, four, six, eight = (tg.ones((n,)) for n in (3, 4, 6, 8))
    assert f(three, six).shape == (6,) and f(four, eight).shape == (8,)
    assert "b.0 = 2*a.0" in f.explain() and "1 version" in f.explain()
    with pytest.raises(tg.errors.ShapeError):
        f(four, six)


def test_cycles_are_collected_rarely_while_a_version_is_made_and_as_before_afterwards():
    usual, seen = gc.get_threshold(), []

    def body(x):
        seen.append(gc.get_threshold()[0])
        if x.shape[0] == 3:
            raise KeyError("planted")
        return tg.exp(x) + 1

    function = tg.compile(body)
    function(np.ones(2))
    assert gc.get_threshold() == usual and min(seen) > usual[0]
    with pytest.raises(KeyError, match="planted"):
        function(np.ones(3))
    assert gc.get_threshold() == usual
