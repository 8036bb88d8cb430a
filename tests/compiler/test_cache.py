"""The disk cache survives what happens to caches: races, damage, stale code, folders nobody may write to."""

import ast
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from compiler import cache, loader
from compiler.kernel import Kernel, Param

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
import numpy as np
from compiler import blas, cache, driver, loader
from compiler.kernel import Kernel, Param, pack

params = (Param("a", "ptr", "float32"), Param("o", "ptr", "float32"), Param("n", "int"))
text = "def kernel(a, o, n):\\n    for i in range(n):\\n        o[i] = a[i] * float32({}.0)\\n    return 0\\n"
kernels = [Kernel(text.format(j), params) for j in range(6)] + [blas.gemm_kernel("float32")]
found = loader.load(kernels)
a = np.arange(1000, dtype="f4")
outs = [np.empty_like(a) for _ in range(6)]
blocks = [pack(k, (a.ctypes.data, o.ctypes.data, a.size)) for k, o in zip(kernels[:6], outs)]
rows = driver.table(found[:6], [b.ctypes.data for b in blocks])
assert driver.decode(driver.runner()(rows.ctypes.data, 0, 6)) is None
for j, o in enumerate(outs):
    assert (o == a * np.float32(j)).all()
m = np.eye(3, dtype="f4")
c = np.empty((3, 3), "f4")
sizes = (1, 3, 3, 3, 0, 0, 3, 3, 3, 0, 0, 0, 1.0, 0.0)
assert driver.call(kernels[6], m.ravel(), m.ravel(), c.reshape(-1), *blas.addresses("float32"), *sizes) == 0
assert (c == m).all()
report = loader.total
print(json.dumps({"numba": "numba" in sys.modules, "scipy": "scipy" in sys.modules, "compiled": report.compiled,
                  "disk": report.disk, "rejected": cache.stats.rejected, "seconds": report.load_seconds}))
"""


def start(folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "TAPEGRAPH_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert not err, err
    return json.loads(out)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A folder filled by three processes that started together on an empty one."""
    folder = tmp_path_factory.mktemp("cache")
    reports = [finish(process) for process in [start(folder) for _ in range(3)]]
    return folder, reports


@pytest.fixture
def private(tmp_path, monkeypatch):
    """An empty cache for this test alone, with statistics from zero."""
    monkeypatch.setenv("TAPEGRAPH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_memory", {})
    monkeypatch.setattr(cache, "_warned", False)
    for name in vars(cache.stats):
        monkeypatch.setattr(cache.stats, name, 0)
    return tmp_path / "cache"


def test_processes_race_for_an_empty_folder(warm):
    folder, reports = warm
    assert any(report["compiled"] for report in reports)
    assert not any(report["rejected"] for report in reports)
    assert not list(folder.rglob("*.tmp"))
    assert len(list(folder.rglob("*.o"))) == reports[0]["compiled"] + reports[0]["disk"]


def test_a_warm_process_never_imports_numba(warm):
    report = finish(start(warm[0]))
    assert report["compiled"] == 0 and report["disk"] >= 8
    assert not report["numba"] and not report["scipy"]


def test_damaged_files_are_rebuilt_silently(warm):
    files = sorted(warm[0].rglob("*.o"))
    files[0].write_bytes(files[0].read_bytes()[:-100])
    files[1].write_bytes(b"garbage")
    files[2].write_bytes(b"")
    files[3].write_bytes(files[3].read_bytes()[:-1] + b"!")
    report = finish(start(warm[0]))
    assert report["rejected"] == report["compiled"] == 4
    assert finish(start(warm[0]))["compiled"] == 0


def test_store_and_fetch(private):
    assert cache.fetch("some key") is None
    cache.store("some key", b"code")
    assert cache.fetch("some key") == b"code"
    assert (cache.stats.hits, cache.stats.misses, cache.stats.stores) == (1, 1, 1)


def test_code_of_another_version_is_not_seen(private, monkeypatch):
    cache.store("some key", b"code")
    monkeypatch.setattr(cache, "environment", lambda: "another numba, another CPU, another vocabulary")
    assert cache.fetch("some key") is None
    monkeypatch.undo()


def test_environment_names_everything_code_depends_on(monkeypatch):
    before = cache.environment.__wrapped__()
    monkeypatch.setattr(cache, "_numba_version", lambda: "0.0")
    assert cache.environment.__wrapped__() != before
    monkeypatch.undo()
    monkeypatch.setattr(cache, "processor", lambda: ("triple", "another cpu", "+features"))
    assert cache.environment.__wrapped__() != before
    monkeypatch.undo()
    monkeypatch.setattr(cache, "SOURCES", cache.SOURCES[1:])
    assert cache.environment.__wrapped__() != before


def test_sources_are_all_that_the_toolchain_imports():
    here = Path(cache.__file__).parent
    found, ahead = set(), ["toolchain"]
    while ahead:
        if (name := ahead.pop()) in found:
            continue
        found.add(name)
        path = here / name if (here / name).is_dir() else here / f"{name}.py"
        for file in [path] if path.is_file() else path.glob("*.py"):
            imports = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom))
            ahead += [node.module.split(".")[1] for node in imports if (node.module or "").startswith("compiler.")]
    assert found == {name.removesuffix(".py") for name in cache.SOURCES} - {"words"}  # the driver's own language


def test_unwritable_folder_warns_once_and_keeps_working(private):
    private.write_text("a file where the folder should be")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache.store("one", b"1")
        cache.store("two", b"2")
    assert [str(w.message).count("TAPEGRAPH_CACHE_DIR") for w in caught] == [1]
    assert cache.fetch("one") == b"1" and cache.fetch("two") == b"2"
    kernel = Kernel(f"def kernel(n):\n    return n + {os.getpid()}\n", (Param("n", "int"),))
    assert loader.load([kernel])[0] > 0


def test_pruning_drops_the_oldest(private):
    for j in range(10):
        cache.store(f"key {j}", bytes(1000))
        os.utime(cache._path(f"key {j}"), (1000 + j, 1000 + j))
    size = next(stat.st_size for _, stat in cache.files())
    assert cache.prune(limit=5 * size + size // 2) == 5
    assert [cache.fetch(f"key {j}") is not None for j in range(10)] == [False] * 5 + [True] * 5


def test_the_folder_follows_the_environment(monkeypatch):
    monkeypatch.delenv("TAPEGRAPH_CACHE_DIR", raising=False)
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        assert cache.directory() == Path("/somewhere/tapegraph")
    monkeypatch.setenv("TAPEGRAPH_CACHE_DIR", "/chosen")
    assert cache.directory() == Path("/chosen")
