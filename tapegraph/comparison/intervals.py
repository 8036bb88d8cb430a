"""Intervals by the bootstrap: whole turns are drawn again, since calls of one turn share what else the machine did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tapegraph.comparison.figures import LEVEL, BreakEven, Ratio

DRAWS = 1000
MOST = 2000  # calls of a contender that a draw is made of; where there are more, some of each turn

Array = np.ndarray[Any, Any]
Turns = Sequence[Sequence[float]]  # seconds of the calls of each turn


class Medians:
    """The medians of several contenders that took turns, with ``DRAWS`` draws of the same turns for all of them."""

    def __init__(self, turns: dict[str, Turns], seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        count = min(map(len, turns.values()))
        self.value = {name: float(np.median(np.concatenate([*map(np.asarray, its)]))) for name, its in turns.items()}
        drawn = self._rng.integers(0, count, (DRAWS, count))
        self._draws = {name: _medians(its[:count], drawn) for name, its in turns.items()}

    def interval(self, name: str) -> tuple[float, float]:
        """What holds the median of one contender."""
        return _middle(self._draws[name])

    def ratio(self, above: str, below: str) -> Ratio:
        """The median of one divided by that of another."""
        low, high = _middle(self._draws[above] / self._draws[below])
        return Ratio(self.value[above] / self.value[below], low, high)

    def break_even(self, first_calls: Sequence[float], slow: str = "eager", quick: str = "static") -> BreakEven:
        """Calls after which the first call of ``quick`` has paid; the runs of the first call are drawn again as well."""
        runs = np.asarray(first_calls)
        first = np.median(runs[self._rng.integers(0, len(runs), (DRAWS, len(runs)))], axis=1)
        found = _calls(first, self._draws[slow], self._draws[quick])
        low, high = _middle(found)
        exact = _calls(*(np.array([v]) for v in (np.median(runs), self.value[slow], self.value[quick])))[0]
        return BreakEven(*(None if math.isinf(n) else int(n) for n in (exact, low, high)))


def _medians(turns: Turns, drawn: Array) -> Array:
    """Of each draw, the median of all calls of the turns that it consists of."""
    most = max(1, MOST // len(turns))
    kept = [np.asarray(t)[:: math.ceil(len(t) / most)] for t in turns]
    width = max(map(len, kept))
    table = np.full((len(kept), width), np.nan)
    for row, times in zip(table, kept, strict=True):
        row[: len(times)] = times
    taken = table[drawn].reshape(len(drawn), -1)
    found: Array = np.median(taken, axis=1) if not np.isnan(table).any() else np.nanmedian(taken, axis=1)
    return found


def _calls(first: Array, slow: Array, quick: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.ceil((first - quick) / (slow - quick))
    return np.where(slow > quick, np.maximum(found, 1), np.inf)


def _middle(draws: Array) -> tuple[float, float]:
    """The ends between which ``LEVEL`` of the draws lie; of the draws themselves, so that some may be infinite."""
    ordered = np.sort(draws)
    tail = (1 - LEVEL) / 2
    return float(ordered[int(tail * len(ordered))]), float(ordered[math.ceil((1 - tail) * len(ordered)) - 1])
