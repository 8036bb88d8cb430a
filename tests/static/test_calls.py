"""Calls: the quick native one gives way where something changed, several in one equal a loop, new sizes share memory."""

import itertools
import sys
import weakref

import numpy as np
import pytest

import tapegraph as tg
from compiler import objects
from tapegraph import nn, optim

F = nn.functional


def training(seed=0):
    tg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
    optimizer = optim.AdamW(model.parameters(), lr=0.01)

    @tg.function
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def batches(count, size=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, size, 6)).astype("f4"), rng.integers(0, 4, (count, size))


def is_quick(step):
    return step._last is not None


pytestmark = pytest.mark.skipif(not objects.known(), reason="an interpreter whose objects are not known")


def test_quick_calls_train_as_eager_ones_do():
    xs, ys = batches(6)
    found = []
    for mode in ("eager", "static"):
        model, step = training()
        with tg.mode(mode):
            losses = [step(tg.asarray(x), tg.asarray(y)).item() for x, y in zip(xs, ys)]
        assert is_quick(step) == (mode == "static")
        found.append((losses, *(p.numpy() for p in model.parameters()), *(p.grad.numpy() for p in model.parameters())))
    for eager, static in zip(*found):
        np.testing.assert_allclose(static, eager, rtol=2e-5, atol=1e-6)


def test_a_quick_call_gives_way_to_whatever_differs():
    p = tg.Parameter(np.ones(3, "f4"))

    @tg.compile
    def f(x, y):
        return x + p, y * 2

    x, y = np.ones((2, 3), "f4"), tg.ones(3)
    f(x, y)
    assert f(x, y)[0].tolist() == [[2.0] * 3] * 2 and is_quick(f)
    assert f(x.T.copy().T, y)[0].tolist() == [[2.0] * 3] * 2  # not in row-major order
    assert f(np.ones((5, 3), "f4"), y)[0].shape == (5, 3)
    assert f(x.astype("f8"), y)[0].dtype == np.float64
    assert f(x, 4)[1] == 8
    assert f(y=y, x=x)[1].tolist() == [2.0] * 3
    with pytest.raises(TypeError):
        f(x)
    p.assign(p.value * 3)
    assert f(x, y)[0].tolist() == [[4.0] * 3] * 2
    with tg.no_grad():
        assert f(x, y)[0].tolist() == [[4.0] * 3] * 2


def test_a_quick_call_keeps_no_argument_and_no_result():
    @tg.compile
    def f(x):
        return x + 1.0, x * 2.0

    x = np.ones(4, "f4")
    f(x)
    before = sys.getrefcount(x), sys.getrefcount(x.dtype), sys.getrefcount(None)
    for _ in range(1000):
        f(x)
    after = sys.getrefcount(x), sys.getrefcount(x.dtype), sys.getrefcount(None)
    assert is_quick(f)
    assert all(abs(a - b) < 100 for a, b in zip(after, before))
    result = f(x)[0]
    owners = sys.getrefcount(result._value)  # outside the assertion, which holds what it looks at
    assert owners == 2 and result.tolist() == [2.0] * 4


LARGE = (256, 256)


def address_of(result):
    return result._value.ctypes.data


def inputs(value, plain):
    """An array for a large result; not in row-major order where the call is to go the plain way."""
    x = np.full(LARGE, value, "f4")
    return x.T if plain else x


@pytest.mark.parametrize("plain", [False, True])
def test_a_large_result_is_written_again_only_when_nobody_holds_it(plain):
    @tg.compile
    def f(x):
        return x + 1.0, x * 2.0

    def call(value):
        return f(inputs(value, plain))

    call(0)
    first, second = call(1), call(2)
    assert not np.shares_memory(first[0]._value, second[0]._value)
    assert [r.numpy().max() for r in (*first, *second)] == [2, 2, 3, 4]
    holders = {
        "the handle": lambda r: r,
        "a view of a view": lambda r: r.numpy().T[1:][::2],
        "a buffer": lambda r: memoryview(r.numpy()),
        "an array of another library": lambda r: r._value.__dlpack__(),
        "an op's view": lambda r: r[3:],
    }
    for name, hold in holders.items():
        result = call(5)[0]
        before = address_of(result)
        held = hold(result)
        del result
        assert before not in {address_of(call(6)[0]) for _ in range(4)}, name
        del held
    addresses = set()
    for _ in range(6):
        result = call(7)[0]  # the last is held while the next is made
        addresses.add(address_of(result))
    assert len(addresses) == 2 and (result.numpy() == 8).all()


@pytest.mark.parametrize("plain", [False, True])
def test_a_large_result_that_was_changed_is_not_written_again(plain):
    f = tg.compile(lambda x: x + 1.0)
    x = inputs(0, plain)
    changes = {
        "shape": lambda a: setattr(a, "shape", (-1,)),
        "flags": lambda a: a.setflags(write=False),
        "dtype": lambda a: setattr(a, "dtype", np.dtype("i4")),
        "resized": lambda a: a.resize((2, 2), refcheck=False),
    }
    f(x), f(x)
    for name, change in changes.items():
        change(f(x)._value)
        result = f(x)
        assert result._value.shape == LARGE and result._value.flags.writeable, name
        assert result._value.dtype == np.float32 and (result.numpy() == 1).all(), name
    watch = weakref.ref(f(x)._value)
    again = f(x)
    assert watch() is not again._value


def test_a_quick_call_that_fails_raises_at_the_line_and_changes_nothing():
    model, step = training()
    (x, *_), (y, *_) = batches(1)
    with tg.mode("static"):
        step(x, y)
        step(x, y)
        before = [p.numpy().copy() for p in model.parameters()]
        with pytest.raises(tg.errors.IndexRangeError) as caught:
            step(x, y + 4)
        assert caught.value.place.file == __file__
        for p, was in zip(model.parameters(), before):
            np.testing.assert_array_equal(p.numpy(), was)


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("as_list", [False, True])
def test_many_calls_in_one_equal_a_loop(mode, as_list):
    xs, ys = batches(7)
    model, step = training()
    with tg.mode(mode):
        looped = [step(x, y).item() for x, y in zip(xs, ys)]
        other, several = training()
        found = several.many(list(zip(xs, ys))) if as_list else several.many(tg.asarray(xs), y=ys)
    assert found.shape == (7,)
    np.testing.assert_array_equal(found.numpy(), np.array(looped, "f4"))
    for a, b in zip(model.parameters(), other.parameters()):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


def test_a_rate_set_inside_the_step_changes_between_the_batches_of_many():
    xs = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("f4")
    found = []
    for mode in ("eager", "static"):
        tg.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        @tg.function
        def step(x, model=model, optimizer=optimizer):
            loss = tg.mean(model(x) ** 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= 0.9
            return loss

        with tg.mode(mode):
            found.append(step.many(xs).numpy())
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.9**6)
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_many_takes_batches_of_several_sizes_and_structures():
    @tg.compile
    def f(pair, scale):
        return {"sum": tg.sum(pair["x"]) * scale, "what": scale}

    given = [({"x": np.full((n, 2), n, "f4")}, 3.0) for n in (2, 2, 4, 2)]
    found = f.many(iter(given))
    assert found["sum"].tolist() == [24.0, 24.0, 96.0, 24.0] and found["what"] == 3.0
    with pytest.raises(tg.errors.ShapeError, match="different numbers of batches"):
        f.many({"x": np.ones((3, 2), "f4")}, np.ones(4, "f4"))
    with pytest.raises(tg.errors.ArgumentError, match="first axis"):
        f.many({"x": np.float32(1)}, 2.0)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_an_error_in_many_names_the_batch(mode):
    xs, ys = batches(5)
    ys[3, 2] = 9
    model, step = training()
    with tg.mode(mode), pytest.raises(tg.errors.IndexRangeError) as caught:
        step.many(xs, ys)
    assert caught.value.__notes__ == ["in batch 3"] and caught.value.place.file == __file__
    other, three = training()
    with tg.mode(mode):
        three.many(xs[:3], ys[:3])
    for a, b in zip(model.parameters(), other.parameters()):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_new_sizes_share_one_arena_and_old_ones_stay_right():
    @tg.compile
    def f(x):
        def body(carry, row):
            carry = tg.tanh(carry + tg.sum(row * row) * 0.1)
            return carry, carry * row

        total, rows = tg.scan(body, tg.zeros(1), x)
        return total, tg.softmax(rows @ tg.permute_dims(rows, (1, 0)))

    def plain(x):
        with tg.mode("eager"):
            return f.body(x)

    rng = np.random.default_rng(0)
    given = [tg.asarray(rng.normal(size=(n, 3)).astype("f4")) for n in (4, 9, 5, 30, 2, 9, 4, 31)]
    for x in [*given, *given]:
        for a, b in zip(f(x), plain(x)):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    (program,) = (v.program for v in itertools.chain(*f.versions.values()))
    assert len({id(i.memory) for i in program.instances.values()}) == 1
    assert program.arena.bytes < 4 * 31 * 31 * 4 * 2 + 31 * 256
