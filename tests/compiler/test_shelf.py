"""The disk cache as people see it: what each file computes and whom it serves; deleting touches nothing but its own files."""

import os
import threading
import time

import pytest

from compiler import cache, shelf
from compiler.gist import gist
from compiler.kernel import Kernel, Param
from compiler.loader import load

ADD = "def kernel(p0, p1, n0):\n    for i0 in range(n0):\n        x0 = p0[i0]\n        p1[i0] = x0 + float32(1)\n    return 0\n"
PARAMS = (Param("p0", "ptr", "float32"), Param("p1", "ptr", "float32"), Param("n0", "int"))


@pytest.fixture
def private(tmp_path, monkeypatch):
    """An empty cache for this test alone."""
    monkeypatch.setenv("TAPEGRAPH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_memory", {})
    return tmp_path / "cache"


def test_an_item_says_what_it_computes_and_for_whom(private, monkeypatch):
    kernel = Kernel(ADD + f"# {os.getpid()}\n", PARAMS)  # not in the memory of this process
    load([kernel])
    (item,) = shelf.items()
    assert (item.key, item.text, item.about, item.usable) == (kernel.key, kernel.text, "a + 1", True)
    assert item.stamps["numba"][0].isdigit() and item.bytes > 500 and time.time() - item.made < 100
    monkeypatch.setattr(cache, "environment", lambda: "another numba")
    assert not next(shelf.items()).usable


def test_clearing_deletes_its_own_files_only(private):
    foreign = [private / "ab" / "thesis.o", private / "notes.txt", private / "ab" / f"{'0' * 40}.txt"]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    for key in ("one", "two"):
        cache.store(key, b"code")
    os.utime(cache._path("one"), (1000, 1000))
    unfinished = private / "ab" / f"{'0' * 40}.1.2.tmp"
    unfinished.write_text("another process is writing this")
    assert shelf.clear(older_than=3600).files == 1
    assert (cache.fetch("one"), cache.fetch("two")) == (None, b"code")
    assert shelf.clear().files == 1
    assert unfinished.exists() and {f for f in private.rglob("*") if f.is_file()} == {*foreign, unfinished}
    assert cache.prune(0) == 1, "neither does pruning"
    assert {f for f in private.rglob("*") if f.is_file()} == set(foreign)


def test_clearing_while_another_stores_and_fetches(private):
    stop, failures = threading.Event(), []

    def use():
        number = 0
        while not stop.is_set():
            number += 1
            cache.store(f"key {number % 7}", b"code")
            if cache.fetch(f"key {number % 7}") not in (None, b"code"):
                failures.append(number)

    thread = threading.Thread(target=use)
    thread.start()
    deleted = 0
    while deleted < 50:
        deleted += shelf.clear().files
    stop.set()
    thread.join()
    assert not failures and not cache._memory, "nothing had to be kept in memory"


def test_no_folder_is_an_empty_cache(private):
    assert list(shelf.items()) == [] and shelf.clear().files == 0


def test_damaged_and_older_files_are_told_as_such(private):
    cache.store("one", b"code")
    cache._path("one").write_bytes(b"tapegraph object 1\n")
    (item,) = shelf.items()
    assert (item.about, item.usable, item.stamps) == ("of another version, or damaged", False, {})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    p1[0] = maximum(p0[0] + p2[0], float32(0))", "maximum(a + b, 0)"),
        ("    f = float32(0)\n    for i in range(n):\n        f = radd(f, p0[i] * p1[i])\n    p2[0] = f", "sum(a * b)"),
        ("    for i in range(n):\n        p0[i] = radd(p0[i], p1[i])", "sum(a)"),
        ("    if n > 3:\n        p0[0] = blas_gemm(n)\n    minimum(n, 1)", "loops with blas_gemm, minimum"),
        ("    return 0", "loops"),
    ],
)
def test_a_kernel_in_a_line(body, said):
    assert gist(f"def kernel(p0, p1, p2, n):\n{body}\n    return 0\n") == said


def test_an_expression_that_doubles_at_every_step_is_cut():
    lines = "\n".join(f"    v{i + 1} = v{i} * v{i}" for i in range(40))
    started = time.perf_counter()
    assert len(gist(f"def kernel(p0, p1):\n    v0 = p0[0]\n{lines}\n    p1[0] = v40\n    return 0\n")) < 400
    assert time.perf_counter() - started < 2
