"""A place in a notebook is told by the cell's number, as IPython tells it, and can be asked for by it."""

from __future__ import annotations

import builtins
import linecache
from types import SimpleNamespace

import numpy as np
import pytest

import tapegraph as tg

CELL = "/tmp/ipykernel_7/1234.py"
SOURCE = """def step(x):
    y = tg.log(x)
    return tg.sum(y @ tg.ones(5))
"""


@pytest.fixture
def step(monkeypatch):
    """A function defined in the third cell of a notebook."""
    names = {CELL: ("Cell", "In[3]")}
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=names.get))
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setitem(linecache.cache, CELL, (len(SOURCE), None, SOURCE.splitlines(True), CELL))
    made = {"tg": tg}
    exec(compile(SOURCE, CELL, "exec"), made)
    return made["step"]


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_an_error_names_the_cell(step, mode):
    with tg.mode(mode), pytest.raises(tg.errors.ShapeError) as told:
        tg.function(step)(np.ones(4, np.float32))
    assert "at In[3]:3, in step" in str(told.value)
    assert "ipykernel" not in str(told.value)


def test_listings_and_replays_name_the_cell(step):
    run = tg.compile(step)
    run(np.ones(5, np.float32))
    assert "In[3]:2  tg.log(x)" in run.source()
    replay = tg.debug.replay(step, np.ones(5, np.float32))
    assert "In[3]:3" in str(replay) and replay.goto("In[3]:3").place.line == 3


def test_a_breakpoint_is_set_in_a_cell(step):
    stops = []
    with tg.debug.breakpoints("In[3]:2", on_stop=stops.append):
        step(np.ones(5, np.float32))
    assert len(stops) == 1
