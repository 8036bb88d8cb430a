"""The shape of the code base: imports point down, importing the package is cheap, a file that hides a package is named."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("engine", "eager", "graph", "compiler", "tapegraph")
MAY_IMPORT = {
    "engine": {"engine"},
    "eager": {"engine", "eager"},
    "graph": {"engine", "graph"},
    "compiler": {"engine", "graph", "compiler"},
    "tapegraph": set(PACKAGES),
}
ONLY_IN = {"numba": {"compiler"}, "llvmlite": {"compiler"}, "networkx": {"graph"}}
SLOW_TO_IMPORT = ("numba", "networkx", "rich", "scipy", "llvmlite", "matplotlib")


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path):
    """(line, first part of the name) of everything a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.lineno, node.module.split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_down(package):
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources()
        if path.relative_to(ROOT).parts[0] == package
        for line, name in imported(path)
        if (name in PACKAGES and name not in MAY_IMPORT[package]) or package not in ONLY_IN.get(name, PACKAGES)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_import_test_sees_what_it_looks_for(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("def f():\n    from numba.core import types\n    import compiler.plan\n")
    assert list(imported(file)) == [(2, "numba"), (3, "compiler")]


def test_every_module_has_a_caption():
    missing = [
        str(p.relative_to(ROOT)) for p in sources() if not (ast.get_docstring(ast.parse(p.read_text())) or "").strip()
    ]
    assert not missing


def python(code, cwd=ROOT, **options):
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, **options)


def test_import_leaves_the_heavy_packages_alone():
    found = python(
        "import sys, json, tapegraph as tg\n"
        "x = tg.ones((2, 3)).requires_grad_()\n"
        "tg.sum(x * 2).backward()\n"
        "assert tg.function(lambda v: v + 1)(x).shape == (2, 3)\n"
        f"print(json.dumps([n for n in {SLOW_TO_IMPORT!r} if n in sys.modules]))"
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == []


def test_import_is_quick(tmp_path):
    # As installed: with the byte code that the first import leaves, even where the environment forbids to write it.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPYCACHEPREFIX": str(tmp_path)
    }
    clock = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
    ours, numpys = [], []
    python("import tapegraph", env=env)
    for _ in range(3):  # of the processor's time, which other programs change little; by turns for what they do
        numpys.append(float(python(clock.format("numpy"), env=env).stdout))
        ours.append(float(python(clock.format("tapegraph"), env=env).stdout))
    assert min(ours) - min(numpys) <= 0.35


@pytest.mark.parametrize("name", ["engine", "eager", "graph", "compiler"])
def test_a_file_that_hides_a_package_is_named(tmp_path, name):
    hiding = tmp_path / f"{name}.py"
    hiding.write_text("print('I am not the package')\n")
    code = f"import sys; sys.path.append({str(ROOT)!r}); import tapegraph"
    found = python(code, cwd=tmp_path)
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError") and str(hiding) in last and f"'{name}'" in last
    assert "I am not the package" not in found.stdout


def test_submodules_do_not_take_the_place_of_functions():
    found = python(
        "import tapegraph as tg, tapegraph.function, tapegraph.compare\n"
        "from tapegraph.function import Function\n"
        "assert callable(tg.function) and callable(tg.compare), (tg.function, tg.compare)"
    )
    assert found.returncode == 0, found.stderr


def test_what_runs_a_program_is_not_the_users(tmp_path):
    from engine.origin import is_user_file

    assert is_user_file(str(tmp_path / "train.py"))
    assert is_user_file("/tmp/ipykernel_1234/567.py")
    assert is_user_file("/x/site-packages/their_models/layers.py")
    hosts = (
        ast.__file__,
        pytest.__file__.replace("pytest", "_pytest"),
        "/x/site-packages/IPython/core/interactiveshell.py",
    )
    assert not any(map(is_user_file, [*hosts, str(ROOT / "tapegraph" / "cli.py"), "<frozen runpy>"]))
