"""The tables of names: what they call tapegraph's exists, and so does what they call PyTorch's and JAX's, where installed."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data, nn, optim
from tapegraph.nn import functional as F

PAGES = Path(__file__).parents[2] / "docs" / "coming_from"
ROW = re.compile(r"^\| (`.+?) \| (`.+?) \|.*\|$", re.MULTILINE)
OURS = {"tg": tg, "nn": nn, "optim": optim, "data": data, "F": F}
FRAMEWORKS = ("pytorch", "jax", "tensorflow", "keras")


def rows(page):
    return ROW.findall((PAGES / f"{page}.md").read_text(encoding="utf-8"))


def found(name, start=None):
    """The object of a dotted name; modules on the way are imported."""
    first, *rest = re.sub(r"\(.*", "", name).split(".")
    thing = start if start is not None else importlib.import_module(first)
    path = first
    for part in rest:
        path += f".{part}"
        try:
            thing = getattr(thing, part)
        except AttributeError:
            thing = importlib.import_module(path)
    return thing


def names(cell):
    return re.findall(r"`([A-Za-z_][\w.]*)", cell)


@pytest.mark.parametrize("page", FRAMEWORKS)
def test_our_names_exist(page):
    table = rows(page)
    assert len(table) >= 20
    for _, ours in table:
        assert names(ours), ours
        for name in names(ours):
            assert found(name, OURS[name.split(".")[0]]) is not None, name


@pytest.mark.slow
@pytest.mark.parametrize(("page", "module"), [("pytorch", "torch"), ("jax", "jax")])
def test_their_names_exist(page, module):
    pytest.importorskip(module)
    for theirs, _ in rows(page):
        for name in names(theirs):
            found(name)


def programs(page):
    """Our program on a page, and theirs."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return [
        "".join(re.findall(rf"^```{fence}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)) for fence in ("python", "py")
    ]


def run(source, **names):
    exec(compile(source, "page.py", "exec"), names)
    return names


@pytest.mark.slow
def test_the_steps_for_pytorch_agree():
    torch = pytest.importorskip("torch")
    ours, theirs = programs("pytorch")
    ours, calls = ours.split("with tg.mode")
    here, there = run(ours), run(theirs.replace("@torch.compile\n", ""))
    there["model"].load_state_dict({k: torch.tensor(v) for k, v in here["model"].state_dict().items()})
    x, y = here["x"], here["y"]
    for _ in range(3):
        loss = there["step"](torch.from_numpy(x), torch.from_numpy(y))
        np.testing.assert_allclose(float(here["step"](x, y)), loss.item(), rtol=1e-5)
    assert calls


@pytest.mark.slow
def test_the_functions_for_jax_agree():
    pytest.importorskip("jax")
    ours, theirs = programs("jax")
    here, there = run(ours), run(theirs)
    w, x = here["w"], here["x"]
    np.testing.assert_allclose(here["slope"](w, x).numpy(), there["slope"](w, x), rtol=1e-5, atol=1e-6)


def test_a_name_that_is_not_there_is_found_out():
    with pytest.raises((AttributeError, ImportError)):
        found("tg.no_such_function", tg)
    assert "tg.no_such_function" not in sys.modules
