"""The ops that random programs are made of, read from the op table, each under the name a person would write."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import tapegraph as tg
from engine.makers import COMPOSITES, Composite
from engine.op import OPS, Op


@dataclass(frozen=True)
class Entry:
    """An op or composite: how it is spelt, its public function and its record."""

    spelt: str
    call: Callable[..., Any]
    record: Op | Composite
    parameters: tuple[str, ...] = field(default=())

    @property
    def arity(self) -> int | None:
        """How many operands an elementwise op takes; None for others."""
        return self.record.arity if isinstance(self.record, Op) else None


@cache
def entries() -> tuple[Entry, ...]:
    """Every public op and composite of the package, and every op of the user's own."""
    found = []
    for op in OPS.values():
        own = not op.place[0].startswith(_ROOT)
        if not op.hidden and getattr(tg, op.name, None) is op.public:
            found.append(_entry(f"tg.{op.name}", op.public, op))
        elif own and op.name in OWN:
            found.append(_entry(OWN[op.name], op, op))
    found += [
        _entry(f"tg.{c.name}", c.function, c) for c in COMPOSITES.values() if getattr(tg, c.name, None) is c.function
    ]
    return tuple(found)


_ROOT = tg.__file__.rpartition("tapegraph")[0]
OWN: dict[str, str] = {}  # ops of the user's: how each is spelt after its module was imported


def learn(modules: Sequence[str]) -> None:
    """Import modules, and count the ops that they define at their top among the words."""
    for name in modules:
        module = importlib.import_module(name)
        OWN.update({v.name: f"{name}.{k}" for k, v in vars(module).items() if isinstance(v, Op) and v.hidden})


def _entry(spelt: str, call: Any, record: Any) -> Entry:
    try:
        parameters = tuple(inspect.signature(call).parameters)
    except (TypeError, ValueError):
        parameters = ()
    return Entry(spelt, call, record, parameters)


@cache
def elementwise() -> tuple[Entry, ...]:
    return tuple(e for e in entries() if e.arity is not None)


@cache
def sampled() -> tuple[Entry, ...]:
    """Those that have samples of their own."""
    return tuple(e for e in entries() if e.record.samples is not None)


@cache
def mistaken() -> tuple[Entry, ...]:
    """Those that know mistakes of their own."""
    return tuple(e for e in entries() if e.record.errors is not None)


@cache
def of_one() -> tuple[Entry, ...]:
    """Those that need one array and no more, and are not elementwise: reductions, sorts, activations."""
    found = []
    for e in entries():
        if e.arity is None:
            given = inspect.signature(e.call).parameters.values()
            needed = [p for p in given if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
            if len(needed) == 1 and needed[0].name in ("x", "input"):
                found.append(e)
    return tuple(found)
