"""Worker processes: the same batches as without, errors with their address, and no process left behind."""

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import data_programs as programs
import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data
from tapegraph.data.messages import RemoteTraceback

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def plain(batch):
    """A batch as something to compare."""
    if isinstance(batch, tg.Tensor):
        return batch.dtype.name, batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return [plain(part) for part in batch]
    return batch


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4},
        {"batch_size": 3, "shuffle": True, "seed": 5},
        {"batch_size": 4, "drop_last": True},
        {"batch_size": None},
        {"sampler": [3, 1, 1, 0], "batch_size": 3},
        {"batch_sampler": data.BucketSampler(range(11), 2, seed=1)},
    ],
    ids=lambda options: ",".join(options),
)
def test_batches_do_not_depend_on_workers(options, workers):
    def epochs(**more):
        loader = data.DataLoader(programs.Squares(), **options, **more)
        loader.epoch = 0
        found = [[plain(b) for b in loader] for _ in range(2)]
        assert len(found[0]) == len(loader)
        return found

    assert epochs(num_workers=workers, prefetch_factor=1 + workers % 2) == epochs()


def test_order_holds_where_workers_finish_out_of_order():
    batches = list(data.DataLoader(programs.Uneven(), 1, num_workers=4))
    assert [b.item() for b in batches] == list(range(12))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    collate = functools.partial(data.pad_collate, padding_value=-1)
    options = {"batch_size": 2, "collate_fn": collate, "shuffle": True}
    context = multiprocessing.get_context(method)
    with_workers = data.DataLoader(programs.Ragged(), num_workers=1, multiprocessing_context=context, **options)
    assert [plain(b) for b in with_workers] == [plain(b) for b in data.DataLoader(programs.Ragged(), **options)]


def test_what_cannot_be_sent_to_a_spawned_worker_is_told():
    loader = data.DataLoader([1, 2], num_workers=1, collate_fn=lambda s: s, multiprocessing_context="spawn")
    with pytest.raises(tg.errors.ArgumentError, match="top of a module"):
        list(loader)


def test_arrays_larger_than_a_pipe_and_tasks_larger_than_a_pipe():
    for loader in (data.DataLoader(programs.Large(), 2, num_workers=2), data.DataLoader(programs.Large(), 2)):
        assert [b[0, 0, 0].item() for b in loader] == list(range(0, 16, 2))
    order = list(range(60_000))[::-1]
    (a, b) = data.DataLoader(programs.Numbered(60_000), 30_000, sampler=order, num_workers=1, prefetch_factor=2)
    assert a.tolist() + b.tolist() == order


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_say_which_item(workers):
    with pytest.raises(KeyError) as caught:
        list(data.DataLoader(programs.Broken(programs.key_error), 4, num_workers=workers))
    assert caught.value.args == ("no such file",) and "item 7 of Broken" in caught.value.__notes__[0]
    if workers:
        cause = caught.value.__cause__
        assert isinstance(cause, RemoteTraceback) and "raise self.make()" in str(cause)
        assert "worker 1 of 2 (process " in caught.value.__notes__[-1]
    with pytest.raises(RuntimeError, match="item 7 of Broken raised StopIteration"):
        list(data.DataLoader(programs.Broken(programs.stop), 4, num_workers=workers))
    with pytest.raises(tg.errors.ShapeError, match="pad them") as caught:
        list(data.DataLoader(programs.Ragged(), 4, num_workers=workers))
    assert caught.value.specs == ("float64[1]", "float64[2]") and "items 0:4" in caught.value.__notes__[0]


def test_errors_that_cannot_be_sent():
    with pytest.raises(data.WorkerError, match="Unpicklable: strange") as caught:
        list(data.DataLoader(programs.Broken(programs.unpicklable), 4, num_workers=1))
    assert "raise self.make()" in str(caught.value.__cause__)
    with pytest.raises(Exception, match="lambda") as caught:
        list(data.DataLoader([1, 2], collate_fn=programs.with_lambda, num_workers=1))
    assert "what pickle knows" in caught.value.__notes__[0]


def test_batches_before_the_error_arrive():
    found = []
    with pytest.raises(KeyError):
        for batch in data.DataLoader(programs.Broken(programs.key_error), 2, num_workers=2):
            found += batch.tolist()
    assert found == [0, 1, 2, 3, 4, 5]


def test_a_worker_that_dies_is_named():
    with pytest.raises(data.WorkerError, match=r"died by signal SIGKILL on the batch of items \[2, 3\]"):
        list(data.DataLoader(programs.Dies(), 2, num_workers=2))


def test_timeout():
    start = time.perf_counter()
    loader = data.DataLoader(programs.Slow(30, slow=2), 2, num_workers=1, timeout=0.3)
    with pytest.raises(TimeoutError, match=r"items \[2, 3\]"):
        list(loader)
    assert time.perf_counter() - start < 10


def test_leaving_early_ends_the_workers():
    for batch in data.DataLoader(programs.Large(), 1, num_workers=2, prefetch_factor=4):
        assert len(multiprocessing.active_children()) == 2
        break
    assert multiprocessing.active_children() == [] and batch.shape == (1, 300, 300)

    def fails():
        for _ in data.DataLoader(programs.Squares(), num_workers=2):
            raise ValueError("the loop itself")

    with pytest.raises(ValueError, match="the loop itself"):
        fails()
    assert multiprocessing.active_children() == []
    half = iter(data.DataLoader(programs.Squares(), num_workers=2))
    next(half)
    assert len(multiprocessing.active_children()) == 2
    del half
    assert multiprocessing.active_children() == []
    iter(data.DataLoader(programs.Squares(), num_workers=2))
    assert multiprocessing.active_children() == []


def ended(pid):
    """Whether a process is gone, or only waits for its parent to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_workers_do_not_outlive_their_parent(end):
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]\n"
        "import multiprocessing, time, data_programs\n"
        "from tapegraph import data\n"
        "it = iter(data.DataLoader(data_programs.Large(), 1, num_workers=3))\n"
        "next(it)\n"
        "print(*[p.pid for p in multiprocessing.active_children()], flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 3 and not any(ended(pid) for pid in workers)
        os.kill(parent.pid, end)
        parent.wait(20)
        deadline = time.monotonic() + 10
        while not all(ended(pid) for pid in workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert all(ended(pid) for pid in workers)
    finally:
        parent.kill()
        parent.stdout.close()
        parent.wait()


def test_persistent_workers_stay_and_start_anew():
    loader = data.DataLoader(programs.Identity(), 2, shuffle=True, num_workers=2, persistent_workers=True)
    first = list(loader)
    for _ in loader:
        break  # what the workers had prepared must not reach the next epoch
    second = list(loader)
    pids = [{int(p) for b in epoch for p in b[1].numpy()} for epoch in (first, second)]
    assert pids[0] == pids[1] and len(pids[0]) == 2
    expected = data.DataLoader(programs.Identity(), 2, shuffle=True)
    orders = [[int(i) for b in epoch for i in b[0].numpy()] for epoch in (expected, expected, expected)]
    assert [[int(i) for b in epoch for i in b[0].numpy()] for epoch in (first, second)] == [orders[0], orders[2]]
    together = [(a[0].tolist(), b[0].tolist()) for a, b in zip(loader, loader)]  # a second loop has workers of its own
    assert len(together) == 4 and len(multiprocessing.active_children()) == 2
    del loader
    assert multiprocessing.active_children() == []


def test_persistent_workers_after_an_error():
    loader = data.DataLoader(programs.Broken(programs.key_error), 4, num_workers=1, persistent_workers=True)
    for _ in range(2):
        with pytest.raises(KeyError):
            list(loader)


def test_generators_of_workers_are_seeded():
    def draws(**options):
        loader = data.DataLoader(programs.Identity(), 2, num_workers=2, **options)
        return [[(n.tolist(), p.tolist()) for _, _, n, p in loader] for _ in range(2)]

    first, second = draws(seed=1)
    assert [first, second] == draws(seed=1) == draws(seed=1, persistent_workers=True)
    assert first != second and first != draws(seed=2)[0]
    assert first[0] != first[1]  # the two workers draw different numbers
    assert draws(generator=tg.Generator(1)) == draws(generator=tg.Generator(1))


def test_worker_info_and_init():
    assert data.get_worker_info() is None
    loader = data.DataLoader(programs.Worker(), 1, num_workers=2, worker_init_fn=programs.mark_worker)
    assert [[part[0] if isinstance(part, list) else part.item() for part in b] for b in loader] == [
        [i % 2, 2, True, f"worker {i % 2}"] for i in range(4)
    ]
    with pytest.raises(OSError, match="finds no disk"):
        list(data.DataLoader(programs.Worker(), num_workers=1, worker_init_fn=programs.fail_at_start))


@pytest.mark.parametrize("size", [1, 3, 4, 20, None])
@pytest.mark.parametrize("drop_last", [False, True])
def test_streams(size, drop_last):
    if size is None and drop_last:
        return

    def batches(**options):
        return [plain(b) for b in data.DataLoader(programs.Stream(), size, drop_last=drop_last, **options)]

    alone = batches()
    assert alone == batches(num_workers=1) == batches(num_workers=3)
    assert len(alone) == len(data.DataLoader(programs.Stream(), size, drop_last=drop_last))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_streams_that_divide_themselves_are_as_torchs(size, workers):
    torch_data = pytest.importorskip("torch.utils.data")

    class Theirs(torch_data.IterableDataset):
        def __iter__(self):
            info = torch_data.get_worker_info()
            return iter(range(11)) if info is None else iter(range(info.id, 11, info.num_workers))

    theirs = torch_data.DataLoader(
        Theirs(), size, num_workers=workers, multiprocessing_context="fork" if workers else None
    )
    ours = data.DataLoader(programs.Sharded(), size, num_workers=workers)
    assert [b.tolist() for b in ours] == [b.tolist() for b in theirs]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_that_tears(workers):
    found = []
    with pytest.raises(KeyError) as caught:
        for batch in data.DataLoader(programs.BrokenStream(), 2, num_workers=workers):
            found += batch.tolist()
    assert found == [0, 1, 2, 3] and "sample 5 of the stream BrokenStream" in caught.value.__notes__[0]


def test_a_persistent_stream():
    loader = data.DataLoader(programs.Stream(), 4, num_workers=2, persistent_workers=True)
    for _ in range(2):
        assert [b.tolist() for b in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_arrays_from_workers_can_be_written_to():
    loader = data.DataLoader([np.ones(3), np.ones(3)], None, collate_fn=lambda s: (s, "kept"), num_workers=1)
    assert [b[0].tolist() for b in loader] == [[1, 1, 1], [1, 1, 1]]
    from tapegraph.data.messages import packed, receive, send

    here, there = multiprocessing.Pipe()
    send(here, packed({"x": np.arange(4.0), "empty": np.zeros((0, 3)), "turned": np.ones((3, 2)).T}))
    found = receive(there)
    found["x"][0] = 7
    assert found["x"].tolist() == [7, 1, 2, 3] and found["empty"].shape == (0, 3) and found["turned"].shape == (2, 3)
    here.close()
    there.close()
