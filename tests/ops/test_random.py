"""Random draws: the same bits in both modes, and the laws they claim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import tapegraph as tg
from engine.ops.bits import random_bits
from engine.ops.laws import exponential_of, gumbel_of, normal_of, quantile_of, unit_of

P = np.array([0.1, 0.0, 0.4, 0.2, 0.3])
ROWS = np.array([[1.0, 2.0, 3.0, 0.0], [5.0, 0.1, 0.1, 5.0]])

DRAWS = {
    "uniform": lambda **k: tg.uniform((7, 11), **k),
    "uniform_range": lambda **k: tg.uniform((1001,), -3.0, 0.1, **k),
    "uniform_arrays": lambda **k: tg.uniform(None, np.zeros((3, 1), "f4"), np.arange(1, 5, dtype="f4"), **k),
    "uniform_64": lambda **k: tg.uniform((33,), -1.0, 1e-3, dtype="float64", **k),
    "normal": lambda **k: tg.normal((7, 11), **k),
    "normal_moved": lambda **k: tg.normal((1001,), 3.0, 0.3, **k),
    "normal_64": lambda **k: tg.normal((33,), -1.0, 1e-3, dtype="float64", **k),
    "exponential": lambda **k: tg.exponential((50,), 2.5, **k),
    "gumbel": lambda **k: tg.gumbel((50,), 1.0, 2.5, dtype="float64", **k),
    "truncated_normal": lambda **k: tg.truncated_normal((50,), 1.0, 2.0, -1.0, 3.0, **k),
    "bernoulli": lambda **k: tg.bernoulli(0.3, (40,), **k),
    "bernoulli_array": lambda **k: tg.bernoulli(P, **k),
    "randint": lambda **k: tg.randint(-5, 9, (41,), **k),
    "randint_wide": lambda **k: tg.randint(-(2**63), 2**63 - 1, (41,), **k),
    "randint_whole": lambda **k: tg.randint(0, 2**64, (5,), dtype="uint64", **k),
    "randint_narrow": lambda **k: tg.randint(-128, 128, (41,), dtype="int8", **k),
    "randint_arrays": lambda **k: tg.randint(np.array([[0], [5]]), np.array([1, 7, 2**40]) + 5, **k),
    "permutation": lambda **k: tg.permutation(33, **k),
    "permutation_array": lambda **k: tg.permutation(ROWS, axis=1, **k),
    "categorical": lambda **k: tg.categorical(np.log(ROWS + 1e-30), **k),
    "categorical_probs": lambda **k: tg.categorical(probs=ROWS, axis=0, shape=(6, 4), **k),
    "multinomial": lambda **k: tg.multinomial(ROWS, 3, **k),
    "multinomial_again": lambda **k: tg.multinomial(ROWS, 50, True, **k),
    "choice": lambda **k: tg.choice(np.arange(10.0), (2, 3), **k),
    "choice_once": lambda **k: tg.choice(10, (2, 3), replace=False, **k),
    "choice_by_weight": lambda **k: tg.choice(5, (20,), p=P, **k),
}


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", DRAWS)
def test_both_modes_draw_the_same_bits(name):
    draw = DRAWS[name]
    generator = tg.Generator(11)
    eager = [draw(generator=generator) for _ in range(3)]
    generator.manual_seed(11)
    static = tg.compile(lambda: [draw(generator=generator) for _ in range(3)])()
    assert all(map(same_bits, eager, static))
    assert not same_bits(eager[0], eager[1]) or eager[0].size < 6
    counter = generator.counter.item()
    generator.manual_seed(11)
    for _ in range(3):
        draw(generator=generator)
    assert generator.counter.item() == counter > 0


@pytest.mark.parametrize("name", DRAWS)
def test_keys_are_functions(name):
    draw, before = DRAWS[name], tg.default_generator.counter.item()
    key = tg.random_key(11)
    first = draw(key=key)
    assert same_bits(first, draw(key=key)) and same_bits(first, draw(generator=tg.Generator(11)))
    assert same_bits(first, tg.compile(lambda key: draw(key=key))(key))
    assert tg.default_generator.counter.item() == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name, law",
    [("uniform", stats.uniform), ("normal", stats.norm), ("exponential", stats.expon), ("gumbel", stats.gumbel_r)],
)
def test_a_million_draws(name, law, dtype):
    draw, n = getattr(tg, name), 1_000_000
    eager = np.asarray(draw((n,), dtype=dtype, key=tg.random_key(5)))
    static = tg.compile(lambda key: draw((n,), dtype=dtype, key=key))(tg.random_key(5))
    assert eager.dtype == dtype and same_bits(eager, static)
    x = eager.astype("f8")
    assert stats.kstest(x, law.cdf).pvalue > 1e-3
    mean, variance, _, kurtosis = (float(m) for m in law.stats(moments="mvsk"))
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
    assert abs(x.var() / variance - 1) < 5 * np.sqrt((kurtosis + 2) / n)
    for p in (1e-4, 1e-3, 0.999, 0.9999):
        share = (x < law.ppf(p)).mean()
        assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / n)
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 5 / np.sqrt(n)


def exact(name, bits):
    """What a law should give, in long double or by SciPy, from the bits."""
    width = bits.dtype.itemsize * 8
    k = (bits >> bits.dtype.type(1)).astype(np.longdouble) + np.longdouble(0.5)
    q = k / np.longdouble(2) ** (width - 1)
    p = (np.longdouble(2) ** (width - 1) - k) / np.longdouble(2) ** (width - 1)
    waiting = np.where(q < 0.5, -np.log1p(-q), -np.log(p))
    sign = np.where(bits & bits.dtype.type(1), -1, 1)
    return {
        "exponential": lambda: waiting,
        "gumbel": lambda: -np.log(waiting),
        "normal": lambda: sign * -special.ndtri((p / 2).astype("f8")),
    }[name]()


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("name, op", [("exponential", exponential_of), ("gumbel", gumbel_of), ("normal", normal_of)])
def test_laws_are_precise_to_their_ends(name, op, width):
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**width - 1, 100_000, f"uint{width}")
    shifts = rng.integers(0, width, bits.shape).astype(bits.dtype)
    ends = np.array([0, 1, 2, 3], bits.dtype)
    bits = np.concatenate([bits, bits >> shifts, ~(bits >> shifts), ends, ~ends])
    found, wanted = op.kernel(bits), exact(name, bits)
    assert np.isfinite(found).all()
    away = np.abs(found - wanted)
    # Near a zero of the law, where its argument is as coarse as the numbers near 1 are.
    tolerance = np.finfo(found.dtype).eps * (4 * np.abs(wanted) + 2)
    assert (away <= tolerance).all(), away.max()


def test_the_inverse_of_the_normal_distribution():
    p = np.concatenate([np.logspace(-300, -0.5, 500), np.linspace(0.3, 0.7, 101), 1 - np.logspace(-15, -0.5, 200)])
    np.testing.assert_allclose(quantile_of.kernel(p), special.ndtri(p), rtol=1e-12, atol=1e-15)
    assert np.isfinite(quantile_of.kernel(np.array([0.0, 1.0]))).all()


def test_unit_numbers_stay_below_one():
    for width, digits in ((32, 24), (64, 53)):
        top = np.array([2**width - 1, 0], f"uint{width}")
        assert unit_of.kernel(top).tolist() == [1 - 2.0**-digits, 0.0]


def test_bits_are_those_of_numpy():
    key = np.array([3, 4], np.uint64)
    found = random_bits.kernel(key, np.uint64(9), shape=(10,), dtype=np.dtype("u8"), lane=0)
    assert same_bits(found, np.random.Philox(key=key, counter=[9, 0, 0, 0]).random_raw(10))


# ---------------------------------------------------------------------------------------- discrete laws


def fits(counts, p, n):
    """Whether counts are those of n draws by weights p."""
    some = p > 0
    assert (counts[~some] == 0).all()
    return stats.chisquare(counts[some], n * p[some] / p.sum()).pvalue > 1e-3


def test_classes_come_by_their_weight():
    n, key = 200_000, tg.random_key(2)
    p = P / P.sum()
    with np.errstate(divide="ignore"):
        logits = np.log(P) + 3
    for drawn in (
        tg.categorical(logits, shape=(n,), key=key),
        tg.categorical(logits.astype("f4"), shape=(n,), key=key),
        tg.categorical(probs=7 * P, shape=(n,), key=key),
        tg.multinomial(7 * P, n, True, key=key),
        tg.choice(5, (n,), p=P, key=key),
    ):
        assert fits(np.bincount(drawn.numpy(), minlength=5), p, n)
    assert fits(np.bincount(tg.multinomial(np.tile(P, (n, 1)), 1, key=key).numpy()[:, 0], minlength=5), p, n)


def test_no_class_twice():
    drawn = tg.multinomial(np.tile(P, (5000, 1)), 4, key=tg.random_key(3)).numpy()
    assert (np.sort(drawn, axis=1) == [0, 2, 3, 4]).all()
    # The second of two draws, by hand: sum over the first of its weight times the rest's share.
    p = P[P > 0]
    second = np.array([sum(p[i] * p[j] / (1 - p[i]) for i in range(4) if i != j) for j in range(4)])
    counts = np.bincount(drawn[:, 1], minlength=5)[[0, 2, 3, 4]]
    assert stats.chisquare(counts, 5000 * second).pvalue > 1e-3


def test_integers_are_equally_likely():
    n = 300_000
    for low, high, dtype in [(0, 7, "int64"), (-3, 3, "int32"), (250, 256, "uint8"), (-128, 128, "int8")]:
        x = tg.randint(low, high, (n,), dtype=dtype, key=tg.random_key(4)).numpy()
        assert x.dtype == dtype and x.min() == low and x.max() == high - 1
        assert stats.chisquare(np.bincount(x.astype(int) - low)).pvalue > 1e-3
    # A third of 2**64 more than half of it: scaling without refusal would favour a third of the numbers.
    x = tg.randint(0, 3 * 2**62, (n,), dtype="uint64", key=tg.random_key(5)).numpy()
    assert stats.chisquare(np.bincount((x // np.uint64(2**61)).astype(int), minlength=6)).pvalue > 1e-3
    assert stats.chisquare(np.bincount((x % np.uint64(3)).astype(int))).pvalue > 1e-3
    assert tg.randint(5, key=tg.random_key(1)).item() in range(5)


def test_permutations():
    key = tg.random_key(6)
    assert sorted(tg.permutation(100, key=key).numpy()) == list(range(100))
    orders = [tuple(tg.permutation(3, generator=tg.Generator(i)).numpy()) for i in range(3000)]
    assert stats.chisquare(list(np.unique(orders, axis=0, return_counts=True)[1])).pvalue > 1e-3
    x = tg.permutation(ROWS, axis=1, key=key).numpy()
    assert np.array_equal(np.sort(x, axis=1), np.sort(ROWS, axis=1)) and x.shape == ROWS.shape
    assert sorted(map(tuple, x.T)) == sorted(map(tuple, ROWS.T))


def test_truncated_normal():
    for low, high in [(-2.0, 2.0), (0.5, 0.6), (3.0, 9.0), (-8.0, -4.0), (-np.inf, 1.0)]:
        x = tg.truncated_normal((50_000,), 1.0, 2.0, low, high, dtype="float64", key=tg.random_key(7)).numpy()
        assert (x >= 1 + 2 * low).all() and (x <= 1 + 2 * high).all()
        assert stats.kstest((x - 1) / 2, stats.truncnorm(low, high).cdf).pvalue > 1e-3


# ---------------------------------------------------------------------------------------- keys and streams


def test_keys_are_independent():
    key = tg.random_key(8)
    keys = [key, *tg.split_key(key, 3), tg.fold_in(key, 0), tg.fold_in(key, 1), *tg.split_key(tg.fold_in(key, 1))]
    draws = np.stack([tg.uniform((2000,), key=k).numpy() for k in keys])
    apart = np.corrcoef(draws) - np.eye(len(keys))
    assert np.abs(apart).max() < 5 / np.sqrt(2000)
    assert same_bits(tg.fold_in(key, 5), tg.fold_in(key, np.array(5)))
    assert same_bits(tg.fold_in(key, 5), tg.compile(tg.fold_in)(key, np.array(5, np.int32)))
    assert same_bits(tg.split_key(key, 3), tg.compile(lambda key: tg.split_key(key, 3))(key))
    assert not same_bits(tg.random_key(0), tg.random_key(2**64))


def test_a_stream_goes_on_from_a_state():
    generator = tg.Generator(9)
    generator.bits((5,), np.dtype("u4"))
    state = generator.get_state()
    wanted = tg.normal((4,), generator=generator)
    assert same_bits(wanted, tg.normal((4,), generator=tg.Generator(1).set_state(state)))
    assert same_bits(wanted, tg.normal((4,), generator=tg.Generator(1).set_state(np.asarray(state))))
    other = tg.Generator(0)

    def again(state):
        other.set_state(state)
        return tg.normal((4,), generator=other), other.get_state()

    drawn, after = tg.compile(again)(state)
    assert same_bits(drawn, wanted) and same_bits(after, generator.get_state())


def test_a_generator_splits():
    generator = tg.Generator(10)
    children = generator.split(3) + generator.split(2)
    draws = np.stack([tg.uniform((2000,), generator=g).numpy() for g in [generator, *children]])
    assert np.abs(np.corrcoef(draws) - np.eye(6)).max() < 5 / np.sqrt(2000)
    with pytest.raises(tg.errors.UnsupportedError, match="split_key"):
        tg.compile(lambda x: x + tg.uniform((), generator=generator.split()[0]))(np.float32(1))


def test_named_sizes_draw_the_same():
    function = tg.compile(lambda x: (x + tg.normal(x.shape), tg.randint(0, 9, x.shape), tg.permutation(x, axis=0)))
    for n in (4, 7, 30):
        x = np.zeros((n, 3), "f4")
        tg.manual_seed(n)
        found = function(x)
        tg.manual_seed(n)
        wanted = (tg.normal(x.shape), tg.randint(0, 9, x.shape), tg.permutation(x, axis=0))
        assert all(map(same_bits, found, wanted))
    assert sum(map(len, function.versions.values())) == 1


def test_mistakes_have_names():
    key = tg.random_key(0)
    for call, kind, words in [
        (lambda: tg.uniform((2,), key=key, generator=tg.Generator(0)), tg.errors.ArgumentError, "not both"),
        (lambda: tg.uniform((2,), key=3), tg.errors.DTypeError, "uint64"),
        (lambda: tg.uniform((2,), key=tg.split_key(key)), tg.errors.ShapeError, "two words"),
        (lambda: tg.normal((2,), dtype="int64"), tg.errors.ArgumentError, "float32 or float64"),
        (lambda: tg.randint(5, 5), tg.errors.ArgumentError, "no range"),
        (lambda: tg.randint(0, 300, dtype="uint8"), tg.errors.ArgumentError, "no range of uint8"),
        (lambda: tg.randint(0.5, 2), tg.errors.DTypeError, "integers"),
        (lambda: tg.multinomial(P, 6), tg.errors.ArgumentError, "replacement=True"),
        (lambda: tg.categorical(), tg.errors.ArgumentError, "logits or probs"),
        (lambda: tg.categorical(ROWS, shape=(3,)), tg.errors.ShapeError, "must end with"),
        (lambda: tg.choice(3, (4,), replace=False), tg.errors.ArgumentError, "4 of 3"),
        (lambda: tg.choice(3, (4,), p=P), tg.errors.ShapeError, "one weight for each"),
        (lambda: tg.truncated_normal((2,), low=1.0, high=0.0), tg.errors.ArgumentError, "no range"),
        (lambda: tg.default_generator.set_state(np.zeros(2)), tg.errors.ArgumentError, "three words"),
    ]:
        with pytest.raises(kind, match=words):
            call()
