"""DataLoader in one process: arguments, resuming, and the same batches as PyTorch's."""

import data_programs as programs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegraph as tg
from tapegraph import data


@given(st.integers(0, 20), st.integers(1, 7), st.booleans())
def test_batches_are_torchs(n, size, drop_last):
    torch_data = pytest.importorskip("torch.utils.data")
    ours = data.DataLoader(programs.Squares(n), size, drop_last=drop_last)
    theirs = torch_data.DataLoader(programs.Squares(n), size, drop_last=drop_last)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a["name"] == b["name"] and all(np.array_equal(a[k].numpy(), b[k].numpy()) for k in "xyz")


def test_without_batches():
    found = list(data.DataLoader(data.TensorDataset(np.arange(3.0), np.arange(3)), None))
    assert [(x.item(), y.item()) for x, y in found] == [(0, 0), (1, 1), (2, 2)] and found[0][0].shape == ()
    assert list(data.DataLoader([4, 5], batch_size=None, collate_fn=lambda s: -s)) == [-4, -5]


def test_samplers_of_the_users_own():
    assert [b.tolist() for b in data.DataLoader(range(9), 2, sampler=[8, 0, 4])] == [[8, 0], [4]]
    loader = data.DataLoader(range(9), batch_sampler=[[1], [2, 3]])
    assert [b.tolist() for b in loader] == [[1], [2, 3]] and len(loader) == 2 and loader.batch_size is None
    assert [b.tolist() for b in data.DataLoader({"a": 1, "b": 2}, 2, sampler=["b", "a"])] == [[2, 1]]
    weighted = data.WeightedRandomSampler([0, 1, 0], 4)
    assert [b.tolist() for b in data.DataLoader(range(3), 4, sampler=weighted)] == [[1, 1, 1, 1]]


def test_epoch_is_told_to_the_sampler():
    sampler = data.BucketSampler(np.arange(40), 4, seed=1)
    loader = data.DataLoader(range(40), batch_sampler=sampler)
    epochs = [[b.tolist() for b in loader] for _ in range(3)]
    loader.epoch = 1
    assert [b.tolist() for b in loader] == epochs[1] != epochs[0] and loader.epoch == 2


def test_generator_gives_each_epoch_its_seed():
    def epochs(generator):
        loader = data.DataLoader(range(20), 20, shuffle=True, generator=generator)
        return [next(iter(loader)).tolist() for _ in range(2)]

    first, second = epochs(tg.Generator(7))
    assert first != second and epochs(tg.Generator(7)) == [first, second] != epochs(tg.Generator(8))
    assert epochs(np.random.default_rng(7)) == epochs(np.random.default_rng(7))
    with tg.mode("static"):
        assert epochs(tg.Generator(7)) == [first, second]


def test_getitems_and_batch_are_asked_for():
    class Many(programs.Numbered):
        def __getitems__(self, indices):
            assert indices == [0, 1, 2]
            return [10 * i for i in indices]

    class Whole(programs.Numbered):
        def batch(self, indices):
            return {"from": np.arange(3)[indices]}

    assert next(iter(data.DataLoader(Many(3), 3))).tolist() == [0, 10, 20]
    assert next(iter(data.DataLoader(Whole(3), 3, shuffle=True)))["from"].shape == (3,)
    assert next(iter(data.DataLoader(Whole(3), 3, collate_fn=list))) == [0, 1, 2]


def test_what_collate_fn_makes_becomes_tensors_where_it_is_arrays():
    words = np.array(["a"])
    loader = data.DataLoader([1], collate_fn=lambda s: (np.array(s), words, {"n": 3}))
    array, text, rest = next(iter(loader))
    assert isinstance(array, tg.Tensor) and text is words and rest == {"n": 3}


def test_a_batch_in_order_is_no_copy():
    x = np.arange(8.0)
    assert np.shares_memory(next(iter(data.DataLoader(data.TensorDataset(x), 4)))[0].numpy(), x)


def test_arguments_that_contradict_each_other():
    stream, numbers = programs.Stream(), [1, 2]
    for dataset, options in (
        (stream, {"shuffle": True}),
        (stream, {"sampler": [1]}),
        (stream, {"batch_sampler": [[1]]}),
        (numbers, {"sampler": [1], "shuffle": True}),
        (numbers, {"batch_sampler": [[1]], "batch_size": 2}),
        (numbers, {"batch_sampler": [[1]], "drop_last": True}),
        (numbers, {"batch_size": None, "drop_last": True}),
        (numbers, {"num_workers": -1}),
        (numbers, {"timeout": -1}),
        (numbers, {"timeout": 1}),
        (numbers, {"prefetch_factor": 2}),
        (numbers, {"prefetch_factor": 0, "num_workers": 1}),
        (numbers, {"persistent_workers": True}),
        (numbers, {"batch_size": 1.5}),
        (numbers, {"seed": 0.5}),
        (type("NoLength", (data.Dataset,), {"__getitem__": lambda self, i: i})(), {}),
        (3, {}),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            data.DataLoader(dataset, **options)


def test_pin_memory_is_accepted():
    assert [b.tolist() for b in data.DataLoader([1, 2], 2, pin_memory=True)] == [[1, 2]]
