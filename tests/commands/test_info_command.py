"""``tapegraph info``: it says what counts, is quick, imports no peer, and knows every variable that the sources read."""

import json
import os
import re
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from tapegraph.commands.main import main
from tapegraph.inventory import OTHERS, VARIABLES, inventory

ROOT = Path(__file__).parents[2]


def test_it_says_what_counts(capsys):
    assert main(["info"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        f"numpy {metadata.version('numpy')}",
        f"numba {metadata.version('numba')}",
        f"{os.cpu_count()}, {len(os.sched_getaffinity(0))} of them",
        "TAPEGRAPH_CACHE_DIR",
        "vectors of",
    ):
        assert text in shown
    assert not any(line.startswith(" " * 60) for line in shown.splitlines())


def test_json_is_the_inventory(capsys, monkeypatch):
    monkeypatch.setenv("TAPEGRAPH_TIERED", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(inventory())
    assert found["environment"]["TAPEGRAPH_TIERED"] == "1" and found["environment"]["OMP_NUM_THREADS"] == "3"
    assert found["environment"]["TAPEGRAPH_NUM_THREADS"] == os.environ.get("TAPEGRAPH_NUM_THREADS")
    assert found["packages"]["scipy"] == metadata.version("scipy")
    assert set(found["peers"]) == {"torch", "jax", "tensorflow", "pytensor"}
    assert "jinja2" in found["extras"]["report"] and "tapegraph" not in found["extras"]["docs"]
    assert found["threads"]["compiled functions"] >= 1


def test_every_variable_of_the_sources_is_told():
    read = set()
    for package in ("engine", "eager", "graph", "compiler", "tapegraph"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            read |= set(re.findall(r"""(?:environ(?:\.get\(|\[)|chosen\()["'](TAPEGRAPH_\w+)["'](?!\]? =)""", text))
    assert read == set(VARIABLES) and not set(VARIABLES) & set(OTHERS)


def test_a_folder_that_is_not_installed(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    found = inventory()
    assert list(found["packages"]) == ["numpy", "scipy", "numba", "networkx", "rich", "llvmlite"]
    assert found["extras"] == {}


def test_a_cache_that_cannot_be_written_is_told(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAPEGRAPH_CACHE_DIR", str(tmp_path / "file"))
    assert main(["info"]) == 0
    assert "(CANNOT BE WRITTEN)" in " ".join(capsys.readouterr().out.split())


def test_it_is_quick_and_imports_nothing_slow():
    """In seconds of the processor: the clock of a shared machine says little."""
    code = "import sys; from tapegraph.commands.main import main; main(['info', '--json']); print(*sys.modules, file=sys.stderr)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    taken = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    slow = {"torch", "jax", "tensorflow", "numba", "scipy", "networkx", "matplotlib", "rich"}
    assert not slow & set(found.stderr.split())
    assert taken < 3  # 0.5 s, and 1.2 s where Python keeps no bytecode
