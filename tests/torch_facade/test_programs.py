"""Programs written for PyTorch give the same losses under tapegraph.torch, line by line and compiled."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
from tests.torch_facade.program_runner import FOLDER, NAMES, losses, rewritten

COMPILED = [name for name in NAMES if re.search(r"@compile|compile\(", (FOLDER / f"{name}.py").read_text())]


def test_there_are_programs():
    assert len(NAMES) >= 12 and len(COMPILED) >= 8


def test_only_import_lines_differ():
    for name in NAMES:
        source = (FOLDER / f"{name}.py").read_text()
        pairs = zip(source.splitlines(), rewritten(source).splitlines(), strict=True)
        changed = [(a, b) for a, b in pairs if a != b]
        assert changed and all(re.match(r"(import|from) torch", a) for a, _ in changed)


@pytest.mark.parametrize("name", NAMES)
def test_the_losses_are_those_of_pytorch(name):
    wanted, start = losses(name, facade=False)
    found, _ = losses(name, facade=True, start=start)
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_step_gives_the_same_losses(name, recwarn):
    compiled = []

    def compile(step):
        compiled.append(facade.compile(step))
        return compiled[-1]

    wanted, start = losses(name, facade=True)
    found, _ = losses(name, facade=True, start=start, compile=compile)
    assert compiled and all(step.compiled.versions for step in compiled)
    assert not [w for w in recwarn if "line by line" in str(w.message)]
    np.testing.assert_allclose(found, wanted, rtol=5e-4, atol=1e-5)
