"""Samplers give the right numbers, the right number of times, in an order that is the same for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import tapegraph as tg
from tapegraph import data
from tapegraph.data.order import Draws, permutation


def test_sequential_and_batches_are_torchs():
    torch_data = pytest.importorskip("torch.utils.data")
    for n in (0, 1, 5, 6):
        for size in (1, 3, 7):
            for drop in (False, True):
                ours = data.BatchSampler(data.SequentialSampler(range(n)), size, drop)
                theirs = torch_data.BatchSampler(torch_data.SequentialSampler(range(n)), size, drop)
                assert list(ours) == list(theirs) and len(ours) == len(theirs)


def test_random_order_follows_seed_and_epoch():
    sampler = data.RandomSampler(range(8), seed=0)
    assert list(sampler) == permutation(8, 0).tolist() and list(sampler) == permutation(8, 0, 1).tolist()
    sampler.set_epoch(0)
    assert list(sampler) == permutation(8, 0).tolist()
    generator = tg.Generator(3)
    drawn = data.RandomSampler(range(30), generator=generator)
    first, second = list(drawn), list(drawn)
    generator.manual_seed(3)
    assert first != second and list(drawn) == first and sorted(first) == list(range(30))


@given(st.integers(1, 20), st.integers(1, 60), st.booleans(), st.integers(-5, 2**70))
def test_random_sampler_draws_what_it_says(n, wanted, replacement, seed):
    sampler = data.RandomSampler(range(n), replacement, wanted, seed=seed)
    found = list(sampler)
    assert len(found) == len(sampler) == wanted and set(found) <= set(range(n))
    if not replacement:  # as evenly as can be
        counts = np.bincount(found, minlength=n)
        assert counts.max() - counts.min() <= 1
        for start in range(0, wanted - n + 1, n):
            assert sorted(found[start : start + n]) == list(range(n))


def test_draws_are_uniform():
    found = list(data.RandomSampler(range(10), True, 20_000))
    assert stats.chisquare(np.bincount(found, minlength=10)).pvalue > 1e-3
    draws = Draws(1)
    assert stats.kstest(draws.uniform(5000), "uniform").pvalue > 1e-3
    assert stats.kstest(draws.normal(5000), "norm").pvalue > 1e-3
    orders = np.array([permutation(4, seed) for seed in range(2400)])
    assert stats.chisquare(np.unique(orders @ [64, 16, 4, 1], return_counts=True)[1]).pvalue > 1e-3


def test_the_bits_are_those_of_numpy_for_ever():
    assert Draws(0).words(2).tolist() == np.random.Philox(key=0).random_raw(2).tolist()
    assert Draws(0).integers(10, 8).tolist() == [0, 2, 1, 5, 5, 2, 9, 9]


def test_subset_in_random_order():
    sampler = data.SubsetRandomSampler([3, 5, 9, 20], seed=1)
    first, second, third = list(sampler), list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == [3, 5, 9, 20] and len(sampler) == 4 and not first == second == third


def test_weights():
    weights = [0.0, 1.0, 3.0, 0.0, 4.0, 0.0]
    found = list(data.WeightedRandomSampler(weights, 8000))
    counts = np.bincount(found, minlength=6)
    assert counts[[0, 3, 5]].tolist() == [0, 0, 0]
    assert stats.chisquare(counts[[1, 2, 4]], [1000, 3000, 4000]).pvalue > 1e-3
    once = data.WeightedRandomSampler(weights, 2, replacement=False)
    pairs = [tuple(once) for _ in range(4000)]
    assert all(len({a, b}) == 2 and {a, b} <= {1, 2, 4} for a, b in pairs)
    # P(first, then second) = w1 / 8 * w2 / (8 - w1)
    expected = {
        (a, b): 4000 * weights[a] / 8 * weights[b] / (8 - weights[a]) for a in (1, 2, 4) for b in (1, 2, 4) if a != b
    }
    assert stats.chisquare([pairs.count(p) for p in expected], list(expected.values())).pvalue > 1e-3
    assert len(list(data.WeightedRandomSampler([1e-300, 1e-300], 5))) == 5
    for arguments in (([1.0, -1.0], 1), ([0.0], 1), ([np.inf], 1), ([[1.0]], 1), ([1.0, 0.0], 2, False), ([1.0], 0)):
        with pytest.raises(tg.errors.ArgumentError):
            data.WeightedRandomSampler(*arguments)


lengths_lists = st.lists(st.integers(0, 40), max_size=60)


@given(lengths_lists, st.integers(1, 7), st.booleans(), st.booleans(), st.sampled_from([None, [5], [3, 10, 30]]))
def test_buckets_hold_every_sample_once(lengths, size, shuffle, drop_last, boundaries):
    sampler = data.BucketSampler(
        lengths, size, boundaries=boundaries, pool=3, shuffle=shuffle, drop_last=drop_last, seed=2
    )
    for _ in range(2):
        batches = list(sampler)
        assert len(batches) == len(sampler) and all(0 < len(b) <= size for b in batches)
        found = sorted(i for b in batches for i in b)
        assert len(set(found)) == len(found) and set(found) <= set(range(len(lengths)))
        assert all(len(b) == size for b in batches) if drop_last else found == list(range(len(lengths)))
        if boundaries:
            assert all(len({np.searchsorted(boundaries, lengths[i]) for i in b}) == 1 for b in batches)


def test_buckets_save_padding_and_change_each_epoch():
    lengths = Draws(5).integers(100, 2000) + 1

    def waste(batches):
        return sum(int(lengths[b].max()) * len(b) for b in batches) / lengths.sum() - 1

    sampler = data.BucketSampler(lengths, 20, pool=10)
    first, second = list(sampler), list(sampler)
    sampler.set_epoch(0)
    assert first != second and list(sampler) == first
    assert waste(first) < 0.15 < 0.7 < waste(np.array(list(data.BatchSampler(range(2000), 20, False))))
    still = list(data.BucketSampler(lengths, 20, shuffle=False))
    assert still == list(data.BucketSampler(lengths, 20, shuffle=False)) and waste(still) < 0.02
    for options in ({"boundaries": []}, {"boundaries": [4, 4]}, {"boundaries": [1.5]}, {"pool": 0}):
        with pytest.raises(tg.errors.ArgumentError):
            data.BucketSampler(lengths, 20, **options)
    with pytest.raises(tg.errors.ArgumentError, match="lengths"):
        data.BucketSampler([1.5], 20)


def test_sampler_mistakes():
    for wrong in (
        lambda: data.BatchSampler(range(3), 0, False),
        lambda: data.BatchSampler(range(3), True, False),
        lambda: data.RandomSampler(range(3), num_samples=0),
        lambda: list(data.RandomSampler([], num_samples=2)),
        lambda: data.RandomSampler(range(3), seed="a"),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            wrong()
