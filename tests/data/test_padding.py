"""Padding and packing are PyTorch's, there and back, and gradients flow through them."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegraph as tg
from tapegraph import data
from tapegraph.testing import check_grads

lengths_lists = st.lists(st.integers(1, 6), min_size=1, max_size=6)


def sequences(lengths, features=2):
    return [np.random.default_rng(n + 10 * i).normal(size=(n, features)) for i, n in enumerate(lengths)]


@given(lengths_lists, st.booleans(), st.sampled_from(["left", "right"]), st.sampled_from([0, -1.5]))
def test_pad_is_torchs_and_comes_back(lengths, batch_first, side, value):
    given_ones = sequences(lengths)
    padded = data.pad_sequence(given_ones, batch_first, value, side)
    back = data.unpad_sequence(padded, lengths, batch_first, padding_side=side)
    assert all(np.array_equal(a, b) for a, b in zip(given_ones, back, strict=True))
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.rnn.pad_sequence([torch.tensor(s) for s in given_ones], batch_first, value, side)
    assert np.array_equal(padded, theirs.numpy())
    mask = data.sequence_mask(lengths, padding_side=side)
    assert np.all(padded[~mask if batch_first else ~mask.T] == value) and mask.sum() == sum(lengths)
    tensors = data.pad_sequence([tg.asarray(s) for s in given_ones], batch_first, value, side)
    assert isinstance(tensors, tg.Tensor) and np.array_equal(tensors.numpy(), padded)


@given(lengths_lists, st.booleans())
def test_pack_is_torchs_and_comes_back(lengths, batch_first):
    given_ones = sequences(lengths)
    packed = data.pack_sequence(given_ones, enforce_sorted=False)
    assert all(np.array_equal(a, b) for a, b in zip(given_ones, data.unpack_sequence(packed), strict=True))
    rnn = pytest.importorskip("torch.nn.utils.rnn")
    torch = pytest.importorskip("torch")
    padded = data.pad_sequence(given_ones, batch_first)
    ours = data.pack_padded_sequence(padded, lengths, batch_first, enforce_sorted=False)
    theirs = rnn.pack_padded_sequence(torch.tensor(padded), lengths, batch_first, enforce_sorted=False)
    assert np.array_equal(ours.batch_sizes, theirs.batch_sizes.numpy())
    # Which of two equally long sequences comes first is left open; what is padded again tells.
    for total in (None, 9):
        again, found = data.pad_packed_sequence(ours, batch_first, 7.0, total)
        expected, known = rnn.pad_packed_sequence(theirs, batch_first, 7.0, total)
        assert np.array_equal(again, expected.numpy()) and found.tolist() == known.tolist() == lengths
    falling = sorted(lengths, reverse=True)
    rows = sequences(falling)
    ours, theirs = data.pack_sequence(rows), rnn.pack_sequence([torch.tensor(s) for s in rows])
    assert np.array_equal(ours.data, theirs.data.numpy()) and ours.sorted_indices is None


def test_gradients_flow_through_padding_and_packing():
    def pad(a, b):
        return data.pad_sequence([a, b], batch_first=True, padding_side="left")

    def pack(a, b):
        return data.pack_sequence([a, b], enforce_sorted=False).data

    def pack_and_back(a, b):
        return data.pad_packed_sequence(data.pack_sequence([a, b], enforce_sorted=False))[0]

    arrays = sequences([2, 3])
    for f in (pad, pack, pack_and_back):
        check_grads(f, arrays)
    a, b = (tg.asarray(x).requires_grad_() for x in arrays)
    packed = data.pack_sequence([a, b], enforce_sorted=False)
    assert np.array_equal(pad_both := packed.data.numpy(), data.pack_sequence(arrays, enforce_sorted=False).data)
    assert pad_both.shape == (5, 2) and len(data.unpack_sequence(packed)) == 2


def test_padding_and_packing_in_a_compiled_function():
    @tg.function
    def there_and_back(a, b):
        packed = data.pack_sequence([a, b], enforce_sorted=False)
        padded, lengths = data.pad_packed_sequence(packed, batch_first=True, padding_value=-1)
        return padded, data.unpad_sequence(padded, lengths, batch_first=True)[1], data.pad_sequence([a, b])

    with tg.mode("static"):
        for n, m in ((2, 3), (4, 1), (3, 3)):
            a, b = sequences([n, m])
            padded, back, time_first = there_and_back(a, b)
            assert np.array_equal(padded, data.pad_sequence([a, b], True, -1.0)) and np.array_equal(back, b)
            assert np.array_equal(time_first, data.pad_sequence([a, b]))


def test_pad_collate():
    samples = [(np.arange(n), np.ones(n), "abc"[n - 1], n) for n in (3, 1, 2)]
    padded, lengths, mask, ones, names, numbers = data.pad_collate(samples, padding_value=(-1, 0.0, 0, 0))
    assert padded.tolist() == [[0, 1, 2], [0, -1, -1], [0, 1, -1]] and lengths.tolist() == [3, 1, 2]
    assert np.array_equal(mask, padded >= 0) and np.array_equal(ones, mask) and names == ["c", "a", "b"]
    assert numbers.tolist() == [3, 1, 2] and padded.dtype == lengths.dtype == np.int64 and mask.dtype == bool
    padded, lengths, mask = data.pad_collate([[1, 2], [3]], batch_first=False, padding_side="left")
    assert padded.tolist() == [[1, 0], [2, 3]] and mask.tolist() == [[True, False], [True, True]]
    loader = data.DataLoader([np.arange(n) for n in (1, 4, 2)], 3, collate_fn=data.pad_collate)
    assert all(isinstance(part, tg.Tensor) for part in next(iter(loader)))


def test_bucket_collate_makes_few_shapes():
    items = [np.ones(n) for n in range(1, 31)]
    sampler = data.BucketSampler([len(x) for x in items], 4, boundaries=[8, 16])
    collate = functools.partial(data.bucket_collate, boundaries=[8, 16])
    widths = set()
    for padded, lengths, mask in data.DataLoader(items, batch_sampler=sampler, collate_fn=collate):
        assert np.array_equal(mask.numpy().sum(1), lengths.numpy()) and np.array_equal(
            padded.numpy() == 1, mask.numpy()
        )
        widths.add(padded.shape[1] if padded.shape[1] <= 16 else int(lengths.numpy().max()) - padded.shape[1] + 99)
    assert widths == {8, 16, 99}


def test_mistakes():
    two = [np.ones((2, 3)), np.ones((3, 3))]
    for wrong, error in (
        (lambda: data.pad_sequence([]), tg.errors.ArgumentError),
        (lambda: data.pad_sequence(two, padding_side="top"), tg.errors.ArgumentError),
        (lambda: data.pad_sequence([np.ones((2, 3)), np.ones((2, 4))]), tg.errors.ShapeError),
        (lambda: data.pad_sequence([1, 2]), tg.errors.ShapeError),
        (lambda: data.pad_sequence(two, length=2), tg.errors.ShapeError),
        (lambda: data.pad_sequence([np.arange(3)], padding_value=0.5), tg.errors.DTypeError),
        (lambda: data.pad_sequence([np.arange(3)], padding_value=np.nan), tg.errors.DTypeError),
        (lambda: data.pad_sequence([np.arange(3, dtype=np.uint8)], padding_value=-1), tg.errors.DTypeError),
        (lambda: data.unpad_sequence(np.ones((3, 2)), [3]), tg.errors.ShapeError),
        (lambda: data.unpad_sequence(np.ones((3, 2)), [3, 4]), tg.errors.ArgumentError),
        (lambda: data.unpad_sequence(np.ones((3, 2)), [3, 3], padding_side="up"), tg.errors.ArgumentError),
        (lambda: data.pad_collate([]), tg.errors.ArgumentError),
        (lambda: data.pad_collate([{"x": np.ones(2)}]), tg.errors.ArgumentError),
        (lambda: data.pad_collate([1, 2]), tg.errors.ArgumentError),
        (lambda: data.pad_collate([(np.ones(2), 1)], padding_value=[0]), tg.errors.ArgumentError),
        (lambda: data.pack_sequence(two), tg.errors.ArgumentError),
        (lambda: data.pack_padded_sequence(np.ones((3, 2)), [3, 0]), tg.errors.ArgumentError),
        (lambda: data.pack_padded_sequence(np.ones((3, 2)), [3]), tg.errors.ShapeError),
        (lambda: data.pad_packed_sequence(data.pack_sequence(two[:1]), total_length=1), tg.errors.ArgumentError),
    ):
        with pytest.raises(error):
            wrong()
