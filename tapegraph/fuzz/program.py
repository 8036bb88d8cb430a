"""A program as text that a person can read and paste, and how it is loaded."""

from __future__ import annotations

import linecache
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.ops.random import default_generator
from engine.state import State
from tapegraph.reached import states_of

HEAD = """\
import numpy as np

import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.nn import functional as F

tg.manual_seed(0)
"""


@dataclass
class Loaded:
    """A program that has been executed: its function, the arguments of each call, and the states it can reach."""

    function: Callable[..., Any]
    calls: Sequence[tuple[Any, ...]]
    states: dict[str, State]  # by the name of the global, else by their own
    file: str


def load(text: str) -> Loaded:
    """Execute the text of a program, which defines a function ``program`` and a list of tuples ``calls``."""
    file = register(text)
    names: dict[str, Any] = {"__name__": "__fuzz__"}
    exec(compile(text, file, "exec"), names)
    known = {id(value): name for name, value in names.items()}
    found = states_of([*names.values(), default_generator])
    states = {known.get(id(s)) or f"{s.name or 'state'} {number}": s for number, s in enumerate(found)}
    return Loaded(names["program"], names["calls"], states, file)


def register(text: str) -> str:
    """A file name under which the lines of the text can be found, as errors do when they quote them."""
    file = f"<program {zlib.crc32(text.encode()):08x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return file
