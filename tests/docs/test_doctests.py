"""The examples in docstrings (``>>>``) print what stands behind them."""

import ast
import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

import tapegraph as tg

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "eager", "graph", "compiler", "tapegraph")


def documented():
    """The modules with an example in some docstring."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if ">>> " not in text:
                continue
            kinds = ast.FunctionDef | ast.ClassDef | ast.Module
            if any(">>> " in (ast.get_docstring(n) or "") for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)):
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = list(documented())


def examples(module):
    """The docstrings of a module with an example, read from its source: decorators may have put other objects in place."""
    path = Path(importlib.import_module(module).__file__)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ">>> " in (ast.get_docstring(node) or ""):
            name = getattr(node, "name", module)
            yield doctest.DocTestParser().get_doctest(ast.get_docstring(node), {"tg": tg, "np": np}, name, str(path), 0)


def test_there_are_examples():
    assert sum(1 for module in MODULES for _ in examples(module)) >= 30


@pytest.mark.parametrize("module", MODULES)
def test_examples_print_what_they_show(module):
    for example in examples(module):
        said = []
        found = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(
            example, out=said.append
        )
        assert found.failed == 0, "".join(said)


def test_a_wrong_example_is_found_out():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda text: None).failed == 1
