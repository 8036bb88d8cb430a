"""Datasets, loaders and the digits: right samples, right order, the same for ever."""

import time

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data
from tapegraph.data.order import permutation


def test_digits_are_those_of_the_repository():
    images, labels = data.digits()
    assert images.shape == (1797, 64) and images.dtype == np.float32 and images.min() == 0 and images.max() == 1
    assert labels.dtype == np.int64 and np.bincount(labels).tolist() == [
        178,
        182,
        177,
        183,
        181,
        182,
        181,
        179,
        174,
        180,
    ]
    assert (images * 16).astype(int)[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert labels[:10].tolist() == list(range(10)) and (images * 16).sum() == 561718


def test_split_is_fixed_and_complete():
    x, y = np.arange(10) * 2, np.arange(10)
    x_train, x_test, y_train, y_test = data.train_test_split(x, y, test_size=0.3, seed=4)
    assert len(x_train) == 7 and len(x_test) == 3
    assert np.array_equal(x_train, 2 * y_train) and np.array_equal(x_test, 2 * y_test)
    assert sorted([*y_train, *y_test]) == list(range(10))
    again = data.train_test_split(x, y, test_size=3, seed=4)
    assert np.array_equal(again[1], x_test)
    assert not np.array_equal(data.train_test_split(x, test_size=3, seed=5)[1], x_test)
    for wrong in ({"test_size": 0.0}, {"test_size": 10}, {"test_size": 0.01}):
        with pytest.raises(tg.errors.ArgumentError):
            data.train_test_split(x, **wrong)
    with pytest.raises(tg.errors.ShapeError):
        data.train_test_split(x, y[:5])


def test_the_shuffle_never_changes():
    assert permutation(8, 0).tolist() == [0, 2, 1, 5, 4, 3, 6, 7]
    assert permutation(8, 0, 1).tolist() == [5, 3, 7, 2, 4, 1, 0, 6]


def test_tensor_dataset_and_subset():
    images, labels = np.arange(12.0).reshape(6, 2), np.arange(6)
    dataset = data.TensorDataset(images, tg.asarray(labels))
    assert len(dataset) == 6 and dataset[2][0].tolist() == [4, 5] and dataset[2][1] == 2
    assert isinstance(dataset, data.Dataset)
    part = data.Subset(dataset, [5, 0])
    assert len(part) == 2 and part[0][1] == 5 and part[-1][1] == 0 and part.batch(slice(0, 2))[1].tolist() == [5, 0]
    with pytest.raises(tg.errors.ShapeError):
        data.TensorDataset(images, labels[:3])
    with pytest.raises(tg.errors.ArgumentError):
        data.TensorDataset()
    with pytest.raises(tg.errors.ArgumentError):
        data.Subset(dataset, [6])


def test_random_split():
    dataset = data.TensorDataset(np.arange(10))
    parts = data.random_split(dataset, [0.5, 0.25, 0.25], seed=1)
    assert [len(p) for p in parts] == [6, 2, 2]
    assert sorted(int(p[i][0]) for p in parts for i in range(len(p))) == list(range(10))
    assert [len(p) for p in data.random_split(dataset, [7, 3])] == [7, 3]
    for wrong in ([5, 4], [0.5, 0.6], [-1, 11]):
        with pytest.raises(tg.errors.ArgumentError):
            data.random_split(dataset, wrong)


def test_loader_in_order():
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    loader = data.DataLoader(data.TensorDataset(x, np.arange(5)), 2)
    batches = list(loader)
    assert len(loader) == len(batches) == 3 and [len(b[1]) for b in batches] == [2, 2, 1]
    assert all(isinstance(part, tg.Tensor) for batch in batches for part in batch)
    assert np.array_equal(np.concatenate([b[0] for b in batches]), x) and batches[0][1].dtype == np.int64
    short = data.DataLoader(data.TensorDataset(x), 2, drop_last=True)
    assert len(short) == len(list(short)) == 2


def test_loader_shuffles_each_epoch_by_its_own_seed():
    def epochs(loader, n):
        return [[int(i) for batch in loader for i in batch[0].numpy()] for _ in range(n)]

    dataset = data.TensorDataset(np.arange(20))
    first = data.DataLoader(dataset, 6, shuffle=True, seed=3)
    counter = tg.default_generator.counter.item()
    a, b = epochs(first, 2)
    assert tg.default_generator.counter.item() == counter
    assert a != b and sorted(a) == sorted(b) == list(range(20))
    tg.manual_seed(99)
    assert epochs(data.DataLoader(dataset, 6, shuffle=True, seed=3), 2) == [a, b]
    assert epochs(data.DataLoader(dataset, 6, shuffle=True, seed=4), 1) != [a]
    resumed = data.DataLoader(dataset, 6, shuffle=True, seed=3)
    resumed.epoch = 1
    assert epochs(resumed, 1) == [b]


def test_loader_of_samples_one_by_one():
    class Squares:
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return {"x": np.full(2, i, np.float32), "y": i * i, "z": i / 2}

    batch = next(iter(data.DataLoader(Squares(), 3, shuffle=True)))
    assert batch["x"].shape == (3, 2) and batch["y"].dtype == np.int64 and batch["z"].dtype == np.float32
    assert np.array_equal(batch["x"].numpy()[:, 0] ** 2, batch["y"].numpy())
    listed = data.DataLoader(list(range(5)), 2, collate_fn=sum)
    assert list(listed) == [1, 5, 4]
    assert [b.tolist() for b in data.DataLoader(data.Subset([10, 20, 30], [2, 0]), 2)] == [[30, 10]]
    with pytest.raises(tg.errors.ShapeError, match="pad them"):
        next(iter(data.DataLoader([np.ones(2), np.ones(3)], 2)))


def test_loader_mistakes():
    with pytest.raises(tg.errors.ArgumentError, match="batch_size"):
        data.DataLoader([1], 0)
    with pytest.raises(tg.errors.ArgumentError, match="TensorDataset"):
        data.DataLoader(iter([1]), 1)
    assert list(data.DataLoader([], 4)) == [] and len(data.DataLoader([], 4)) == 0


def test_batches_are_sliced_not_looped():
    dataset = data.TensorDataset(np.zeros((200_000, 4), np.float32), np.zeros(200_000, np.int64))
    start = time.perf_counter()
    assert sum(len(x) for x, _ in data.DataLoader(dataset, 1000, shuffle=True)) == 200_000
    assert time.perf_counter() - start < 1
