"""Datasets of datasets, splits and collating do what PyTorch's do."""

import collections
import pickle

import data_programs as programs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegraph as tg
from tapegraph import data

Pair = collections.namedtuple("Pair", "x y")


def test_what_is_a_dataset():
    assert isinstance([1, 2], data.Dataset) and isinstance({0: 1}, data.Dataset)
    assert not isinstance(iter([1]), data.Dataset) and not isinstance([1], data.IterableDataset)
    assert isinstance(programs.Stream(), data.Dataset)
    with pytest.raises(TypeError, match="__getitem__"):
        type("Empty", (data.Dataset,), {})()
    with pytest.raises(TypeError, match="stream"):
        programs.Stream()[0]


def test_concat_stack_and_chain():
    a, b = data.TensorDataset(np.arange(3)), data.TensorDataset(np.arange(10, 14))
    both = a + b
    assert isinstance(both, data.ConcatDataset) and len(both) == 7 and both.cumulative_sizes == [3, 7]
    assert [int(both[i][0]) for i in range(-7, 7)] == 2 * [0, 1, 2, 10, 11, 12, 13]
    for outside in (7, -8):
        with pytest.raises(IndexError):
            both[outside]
    assert [int(data.ConcatDataset([[], [5], [], [6]])[i]) for i in range(2)] == [5, 6]

    side = data.StackDataset(a, ["p", "q", "r"])
    assert side[1][1] == "q" and int(side[1][0][0]) == 1 and len(side) == 3
    named = data.StackDataset(x=np.arange(3.0), y=a)
    assert set(named[0]) == {"x", "y"}
    (batch,) = data.DataLoader(named, 3)
    assert batch["x"].tolist() == [0, 1, 2] and batch["y"][0].tolist() == [0, 1, 2]

    chained = programs.Stream(2) + programs.Stream(3)
    assert isinstance(chained, data.ChainDataset) and list(chained) == [0, 1, 0, 1, 2] == list(chained)
    assert len(chained) == 5
    for wrong in (
        lambda: data.ConcatDataset([]),
        lambda: data.ConcatDataset([programs.Stream()]),
        lambda: data.ChainDataset([[1]]),
        lambda: data.StackDataset(),
        lambda: data.StackDataset([1], x=[1]),
        lambda: data.StackDataset([1], [1, 2]),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            wrong()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_concat_is_as_torchs(lengths):
    torch_data = pytest.importorskip("torch.utils.data")
    parts = [list(range(10 * i, 10 * i + n)) for i, n in enumerate(lengths)]
    ours, theirs = data.ConcatDataset(parts), torch_data.ConcatDataset(parts)
    assert len(ours) == len(theirs) and ours.cumulative_sizes == theirs.cumulative_sizes
    assert [ours[i] for i in range(-len(ours), len(ours))] == [theirs[i] for i in range(-len(ours), len(ours))]


@pytest.mark.filterwarnings("ignore:Length of split")
@given(st.integers(0, 50), st.lists(st.integers(0, 10), min_size=1, max_size=5))
def test_sizes_of_random_split_are_torchs(n, weights):
    torch_data = pytest.importorskip("torch.utils.data")
    total = sum(weights)
    if total == 0:
        return
    fractions = [w / total for w in weights]
    fractions[-1] = max(0.0, 1.0 - sum(fractions[:-1]))
    ours = data.random_split(range(n), fractions)
    if sum(fractions) <= 1:  # torch takes no sum that rounding made larger
        assert [len(p) for p in ours] == [len(p) for p in torch_data.random_split(range(n), fractions)]
    assert sorted(i for p in ours for i in p.indices.tolist()) == list(range(n))


def test_random_split_draws_from_a_generator():
    def split(generator=None, **options):
        return data.random_split(range(30), [20, 10], generator, **options)[0].indices.tolist()

    assert split(5) == split(seed=5) != split()
    generator = tg.Generator(1)
    first, second = split(generator), split(generator)
    assert first != second and split(generator.manual_seed(1)) == first
    assert split(np.random.default_rng(1)) == split(np.random.default_rng(1))
    with pytest.raises(tg.errors.ArgumentError, match="generator"):
        split("seed")


def test_split_without_shuffle_and_by_labels():
    x = np.arange(10)
    assert [p.tolist() for p in data.train_test_split(x, test_size=3, shuffle=False)] == [list(range(7)), [7, 8, 9]]
    labels = np.repeat(["a", "b", "c"], (60, 30, 10))
    train, test = data.train_test_split(labels, test_size=0.2, stratify=labels, seed=3)
    assert collections.Counter(test.tolist()) == {"a": 12, "b": 6, "c": 2} and len(train) == 80
    for options in ({"stratify": labels, "shuffle": False}, {"stratify": ["x"] + ["y"] * 99}, {"test_size": 2}):
        with pytest.raises(tg.errors.ArgumentError):
            data.train_test_split(labels, **({"stratify": labels} | options))
    with pytest.raises(tg.errors.ShapeError):
        data.train_test_split(labels, stratify=labels[1:])


@given(st.lists(st.integers(2, 30), min_size=1, max_size=5), st.floats(0.1, 0.9), st.integers(0, 99))
def test_each_label_has_its_share(counts, share, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    held = round(len(labels) * share)
    if not len(counts) <= held <= len(labels) - len(counts):
        return
    which = np.arange(len(labels))
    train, test = data.train_test_split(which, test_size=share, stratify=labels, seed=seed)
    assert len(test) == held and sorted([*train, *test]) == which.tolist()
    taken = np.bincount(labels[test], minlength=len(counts))
    assert np.all(np.abs(taken - np.array(counts) * held / len(labels)) < 1)


SAMPLES = {
    "arrays": [np.arange(3.0), np.arange(3.0) + 1],
    "ints": [1, 2],
    "floats": [1.0, 2.5],
    "mixed": [1, 2.5],
    "bools": [True, False],
    "numpy numbers": [np.float64(1), np.float64(2)],
    "strings": ["a", "b"],
    "bytes": [b"a", b"b"],
    "tuples": [(1, "a", np.ones(2)), (2, "b", np.zeros(2))],
    "lists": [[1, 2], [3, 4]],
    "named": [Pair(1, [2.0]), Pair(3, [4.0])],
    "dicts": [{"x": 1, "y": {"z": "a"}}, {"x": 2, "y": {"z": "b"}}],
    "ordered": [collections.OrderedDict(x=1), collections.OrderedDict(x=2)],
    "scalars": [np.array(1), np.array(2)],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_collate_is_as_torchs(name):
    torch_data = pytest.importorskip("torch.utils.data")
    samples = SAMPLES[name]
    assert_like_torch(data.default_collate(samples), torch_data.default_collate(samples))


def assert_like_torch(ours, theirs):
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys() and type(ours) is type(theirs)
        for key in ours:
            assert_like_torch(ours[key], theirs[key])
    elif isinstance(ours, tuple | list) and not isinstance(ours[0], str | bytes):
        assert hasattr(ours, "_fields") == hasattr(theirs, "_fields") and len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            assert_like_torch(a, b)
    elif isinstance(ours, np.ndarray):
        assert np.array_equal(ours, theirs.numpy()) and ours.shape == tuple(theirs.shape)
        # torch makes float64 of Python floats; the default float here is float32
        assert ours.dtype == theirs.numpy().dtype or (ours.dtype, theirs.numpy().dtype) == (np.float32, np.float64)
    else:
        assert ours == (list(theirs) if isinstance(theirs, tuple) else theirs)  # a tuple within tuples


def test_collate_keeps_the_structure():
    tuples = data.default_collate(SAMPLES["tuples"])
    assert isinstance(tuples, tuple) and isinstance(data.default_collate(SAMPLES["lists"]), list)
    assert type(data.default_collate(SAMPLES["named"])) is Pair
    assert data.default_collate([tg.tensor([1.0]), tg.tensor([2.0])]).tolist() == [[1], [2]]
    assert (
        data.default_collate([np.float64(1)]).dtype == np.float64 and data.default_collate([1, 2.5]).dtype == np.float32
    )
    assert data.collate is data.default_collate


def test_collate_mistakes_are_addressed():
    for samples, error, match in (
        ([{"x": (1, None)}, {"x": (1, None)}], tg.errors.DTypeError, r"sample\['x'\]\[1\] is NoneType"),
        ([{"x": 1}, {"y": 1}], tg.errors.ArgumentError, r"keys \['x'\] in one sample and \['y'\]"),
        ([(1, 2), (1,)], tg.errors.ShapeError, "tuple of 2 in one sample and of 1"),
        ([np.ones(2), np.ones(3)], tg.errors.ShapeError, "pad"),
        ([], tg.errors.ArgumentError, "no samples"),
    ):
        with pytest.raises(error, match=match):
            data.default_collate(samples)


def test_convert():
    pair = data.default_convert(Pair(np.ones(2), "a"))
    assert isinstance(pair, Pair) and isinstance(pair.x, tg.Tensor) and pair.y == "a"
    assert isinstance(data.default_convert(np.float32(2)), tg.Tensor) and data.default_convert(3) == 3
    words = np.array(["a", "b"])
    assert data.default_convert(words) is words


def test_datasets_can_be_pickled():
    for dataset in (data.TensorDataset(np.arange(4)), data.StackDataset(x=[1]), data.ConcatDataset([[1], [2]])):
        assert len(pickle.loads(pickle.dumps(dataset))) == len(dataset)
