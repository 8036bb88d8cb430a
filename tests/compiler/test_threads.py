"""Static mode on several threads: the same bits for every number of threads, the same errors, and a pool that survives forks."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tapegraph as tg
from compiler import driver, pool
from compiler.words import translate
from tapegraph import nn, optim

ROOT = Path(__file__).parents[2]
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def fine():
    """Pieces of 20 ns, shared at once: what takes milliseconds elsewhere is cut here as well."""
    pool.address()
    before, threads = pool.words.copy(), pool.threads()
    pool.welcome(pool.dismiss())
    pool.words[[pool.PIECE, pool.GRAIN, pool.NAP]] = 20_000, 0, 0
    yield
    numbers = [pool.PIECE, pool.GRAIN, pool.NAP]
    pool.words[numbers] = before[numbers]
    pool.threads(threads)


def everywhere(program, *arrays, threads=(1, 2, 3, 8)):
    """The results of a program in static mode, the same bits for every number of threads."""
    found = []
    for count in threads:
        tg.set_num_threads(count)
        with tg.mode("static"):
            results = tg.function(program)(*map(tg.asarray, arrays))
        found.append([np.asarray(r.numpy()) for r in (results if isinstance(results, tuple) else (results,))])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return found[0]


def normal(*shape, dtype="f4"):
    return rng.standard_normal(shape).astype(dtype)


def test_elementwise_with_a_sum_over_everything():
    x = normal(1003, 17)

    def program(x):
        return tg.value_and_grad(lambda x: tg.mean(tg.tanh(x) * tg.exp(-x * x)))(x)

    value, grad = everywhere(program, x)
    wide = x.astype("f8")
    assert np.allclose(value, (np.tanh(wide) * np.exp(-wide * wide)).mean(), rtol=1e-5)
    with tg.mode("eager"):
        assert np.allclose(grad, program(tg.asarray(x))[1].numpy(), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("shape", [(700, 48), (3, 5000), (5000, 3), (1, 4000), (40, 6, 50)])
def test_sums_along_every_axis(shape):
    x = normal(*shape, dtype="f8")
    axes = range(len(shape))
    results = everywhere(lambda x: (*(tg.sum(x * x, axis=a) for a in axes), tg.max(x), tg.sum(x)), x)
    expected = [*((x * x).sum(a) for a in axes), x.max(), x.sum()]
    for found, wanted in zip(results, expected, strict=True):
        assert np.allclose(found, wanted, rtol=1e-12)


def test_integers_and_flags_fold_in_pieces():
    x = rng.integers(-9, 9, (4000,))
    results = everywhere(lambda x: (tg.sum(x), tg.min(x), tg.any(x > 8), tg.all(x < 9)), x)
    assert [r.item() for r in results] == [x.sum(), x.min(), False, True]


def test_rows_whose_sums_add_up_in_places_of_their_own():
    x, g = normal(900, 40), normal(900, 40)
    layer = nn.LayerNorm(40)

    def program(x, g):
        layer.zero_grad()
        tg.sum(layer(x) * g).backward()
        return layer.weight.grad * 1, layer.bias.grad * 1

    weight, bias = everywhere(program, x, g)
    wide = x.astype("f8")
    normed = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    assert np.allclose(weight, (normed * g).sum(0), rtol=1e-4, atol=1e-4)
    assert np.allclose(bias, g.sum(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1030, 40, 30), (30, 40, 1030), (600, 20, 600)])
@pytest.mark.parametrize("flip", [False, True])
def test_products_cut_along_the_longer_side(shape, flip):
    m, k, n = shape
    a, b = normal(m, k, dtype="f8"), normal(k, n, dtype="f8")

    def program(a, b):
        return a @ b if not flip else tg.matrix_transpose(a) @ tg.matrix_transpose(b)

    (found,) = everywhere(program, *((a.T.copy(), b.T.copy()) if flip else (a, b)))
    assert np.allclose(found, a @ b)


def test_products_cut_along_the_batch():
    a, b = normal(12, 7, 30), normal(12, 30, 9)
    (found,) = everywhere(lambda a, b: a @ b, a, b)
    assert np.allclose(found, a @ b, rtol=1e-4, atol=1e-5)
    (shared,) = everywhere(lambda a, b: a @ b, a, b[0])
    assert np.allclose(shared, a @ b[0], rtol=1e-4, atol=1e-5)


def test_a_training_step_with_states_in_place():
    def train(count):
        tg.set_num_threads(count)
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 600), nn.GELU(), nn.LayerNorm(600), nn.Linear(600, 5))
        adam = optim.AdamW(model.parameters(), lr=1e-2)

        @tg.function
        def step(x, y):
            loss = nn.functional.cross_entropy(model(x), y)
            adam.zero_grad()
            loss.backward()
            adam.step()
            return loss

        with tg.mode("static"):
            losses = [step(tg.asarray(x), tg.asarray(y)).item() for x, y in batches]
        return losses, {name: value.copy() for name, value in model.state_dict().items()}

    batches = [(normal(n, 20), rng.integers(0, 5, n)) for n in (64, 640, 64)]
    losses, states = train(1)
    for count in (2, 5):
        again, others = train(count)
        assert again == losses
        assert all(states[name].tobytes() == value.tobytes() for name, value in others.items())


def test_a_mistake_in_one_piece_is_the_same_error_and_changes_no_state():
    held = tg.State(np.zeros(3000, "i8"))

    @tg.function
    def divide(x, y):
        held.assign(held + x // y)
        return held

    x, y = np.arange(3000), np.ones(3000, "i8")
    y[[1700, 2900]] = 0
    messages = set()
    for count in (1, 3):
        tg.set_num_threads(count)
        with tg.mode("static"):
            divide(tg.asarray(x), tg.asarray(np.ones(3000, "i8")))
            before = held.numpy().copy()
            with pytest.raises(tg.errors.TapegraphError) as caught:
                divide(tg.asarray(x), tg.asarray(y))
        messages.add((type(caught.value), str(caught.value)))
        assert np.array_equal(held.numpy(), before)
    assert len(messages) == 1 and "x // y" in messages.pop()[1]


def test_many_python_threads_share_one_pool():
    tg.set_num_threads(3)

    @tg.function
    def program(x):
        return tg.sum(tg.exp(-x * x) @ x)

    data = [normal(600, 600) for _ in range(3)]
    with tg.mode("static"):
        expected = [program(tg.asarray(x)).item() for x in data]
    wrong = []

    def work(number):
        own = tg.function(lambda x: tg.sum(tg.exp(-x * x) @ x))
        with tg.mode("static"):
            for _ in range(20):
                for function in (own, program):
                    if function(tg.asarray(data[number])).item() != expected[number]:
                        wrong.append(number)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_pool_of_its_own():
    tg.set_num_threads(3)

    @tg.function
    def program(x):
        return tg.sum(tg.exp(x))

    x = tg.asarray(normal(3000))
    with tg.mode("static"):
        expected = program(x).item()
        assert pool.words[pool.STARTED] == 2
        child = os.fork()
        if child == 0:
            good = pool.words[pool.STARTED] == 0 and program(x).item() == expected and pool.words[pool.STARTED] == 2
            os._exit(0 if good else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert program(x).item() == expected and pool.words[pool.STARTED] == 2


def test_the_interpreter_ends_with_helpers_awake_and_asleep():
    code = """
import sys, time
import numpy as np
import tapegraph as tg
from compiler import pool
tg.set_num_threads(4)
pool.address()
pool.words[[pool.PIECE, pool.GRAIN, pool.NAP]] = 20_000, 0, 0
with tg.mode("static"):
    f = tg.function(lambda x: tg.sum(tg.exp(x)))
    f(tg.asarray(np.ones(4000, "f4")))
assert pool.words[pool.STARTED] == 3
time.sleep(float(sys.argv[1]))
"""
    for pause in ("0", "0.05"):
        found = subprocess.run(
            [sys.executable, "-c", code, pause], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert found.returncode == 0, found.stderr


def test_the_number_of_threads():
    tg.set_num_threads(2)
    assert tg.get_num_threads() == 2
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(tg.errors.ArgumentError, match="positive number of threads"):
            tg.set_num_threads(wrong)
    code = "import tapegraph as tg; print(tg.get_num_threads())"
    env = os.environ | {"TAPEGRAPH_NUM_THREADS": "7"}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=env)
    assert found.stdout == "7\n", found.stderr


def test_the_language_of_drivers():
    text = """
def triangle(n):
    total = 0
    i = 0
    while 1:
        i = i + 1
        if i > n:
            break
        else:
            total = total + i
    return total

def kernel(block):
    room = stack(4)
    room[3] = triangle(block[0])
    write(block + 8, room[3])
    before = increase(block + 8, 2)
    lower(block + 16, before // 3)
    block[3] = claim(block + 8, before + 2, 7) + 2 * claim(block + 8, 1, 2) + (swap(block + 32, 5) << 4)
    block[5] = least(0 - 1, 1) + most(0 - 1, 1) * 10
    return (block[1] == 7) and (block[2] >= 18)
"""
    block = np.array([10, 0, 99, 0, 3, 0], np.int64)
    kernel = driver.spoken(text)
    rows = driver.table([kernel], [block.ctypes.data])
    assert driver.decode(driver.runner()(rows.ctypes.data, 0, 1)) == (0, 1)
    assert block.tolist() == [10, 7, 18, 1 + (3 << 4), 5, 9]
    with pytest.raises(SyntaxError, match="a driver cannot say"):
        translate("def kernel(block):\n    return [block]\n", "x86_64-unknown-linux-gnu")
