"""Undo: user code run once more leaves Python as it was, as far as its source tells what it changes."""

from __future__ import annotations

import contextlib
import copy
import io
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tapegraph.outside import generators
from tapegraph.outside.reach import Reach

CONTAINERS = (list, dict, set, deque)


@contextmanager
def undone(reach: Reach) -> Iterator[None]:
    """Put back afterwards what the code in reach writes to and draws from; swallow what it prints."""
    drawn = generators.states(reach.generators.values())
    spots = [(t.spot, t.spot.now()) for t in reach.touches if t.spot is not None]
    things = [(thing, copy.copy(thing)) for thing in _containers(reach, spots)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for thing, before in things:
            _refill(thing, before)
        for spot, value in reversed(spots):
            if spot.now() is not value:
                spot.put(value)
        generators.put_back(drawn)


def _containers(reach: Reach, spots: Iterable[tuple[Any, Any]]) -> list[Any]:
    found = [t.thing for t in reach.touches] + [value for _, value in spots]
    return list({id(x): x for x in found if type(x) in CONTAINERS}.values())


def _refill(thing: Any, before: Any) -> None:
    """Give a container the contents of a copy of it."""
    if isinstance(thing, dict):
        same = len(thing) == len(before) and all(k in thing and thing[k] is v for k, v in before.items())
    elif isinstance(thing, set):
        same = thing == before
    else:
        same = len(thing) == len(before) and all(a is b for a, b in zip(thing, before, strict=True))
    if not same:
        thing.clear()
        (thing.update if isinstance(thing, dict | set) else thing.extend)(before)
