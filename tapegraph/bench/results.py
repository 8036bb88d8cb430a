"""What a benchmark found: plain data, with the figures that follow from other figures."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from tapegraph.bench.machine import Ceilings
from tapegraph.bench.process import OURS

FLOOR = "numpy"  # written by hand, so shown beside the peers but none of them


@dataclass
class Row:
    """One contender of a workload: seconds per call of each round, or a ``note`` that says why there are none."""

    name: str
    version: str = ""
    note: str = ""
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    calls: int = 0  # in a round
    imports: float | None = None
    cold: float | None = None  # seconds from arrays to the first result, in a new process with nothing cached
    warm: float | None = None  # the same with what the cold process cached
    peak: int | None = None  # bytes held at most while calling, beyond what imports held
    peak_bytes: int | None = None  # in all
    difference: float | None = None  # from the contender that agrees with the most

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        return quartiles(self.seconds)


@dataclass
class Outcome:
    """A workload with so many threads."""

    workload: str
    caption: str
    threads: int
    target: float | None
    rows: dict[str, Row]
    load: float | None = None
    work: dict[str, float] = field(default_factory=dict)
    bound: float | None = None  # seconds that products and traffic alone would take on this machine
    complete: bool = False

    @property
    def timed(self) -> dict[str, Row]:
        return {name: row for name, row in self.rows.items() if row.seconds}

    @property
    def best(self) -> str | None:
        """The fastest peer by its median."""
        peers = [row for name, row in self.timed.items() if name not in (*OURS, FLOOR)]
        return min(peers, key=lambda row: row.median).name if peers else None

    def ratios(self, name: str, to: str = "static") -> list[float]:
        """Of each round: the time of ``name`` to that of ``to``."""
        if name not in self.timed or to not in self.timed:
            return []
        return [a / b for a, b in zip(self.rows[name].seconds, self.rows[to].seconds)]

    @property
    def ratio(self) -> float | None:
        """The fastest peer's time to ours, the median of the rounds."""
        found = self.ratios(self.best) if self.best else []
        return statistics.median(found) if found else None

    @property
    def break_even(self) -> dict[str, int | None]:
        """Calls after which compiling has paid beside our eager mode, from each start; None where it never does."""
        static, eager = (self.timed.get(name) for name in OURS)
        if static is None or eager is None:
            return {}
        gain = eager.median - static.median
        starts = {"cold": static.cold, "warm": static.warm}
        return {
            name: max(1, math.ceil((first - static.median) / gain)) if gain > 0 else None
            for name, first in starts.items()
            if first is not None
        }

    @property
    def of_roofline(self) -> float | None:
        """The part of static mode's time that products and traffic alone would take."""
        static = self.timed.get("static")
        return None if self.bound is None or static is None else self.bound / static.median

    def as_dict(self) -> dict[str, Any]:
        """Everything raw, and the figures that follow."""
        more = {"best": self.best, "ratio": self.ratio, "break_even": self.break_even, "of_roofline": self.of_roofline}
        return {**asdict(self), **more}


@dataclass
class Mean:
    """A mean and how many figures it is over."""

    value: float
    over: int


@dataclass
class Report:
    """Every outcome, and the machine it was found on."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    ceilings: dict[int, Ceilings] = field(default_factory=dict)  # by threads
    outcomes: list[Outcome] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # workloads that were not reached
    ended: str = ""  # why it ended before its end

    def geometric_mean(self, threads: int) -> Mean | None:
        """Of the ratios with so many threads."""
        found = [o.ratio for o in self.outcomes if o.threads == threads and o.ratio is not None]
        return Mean(statistics.geometric_mean(found), len(found)) if found else None

    def as_dict(self) -> dict[str, Any]:
        """Everything raw, and the figures that follow; JSON's keys are strings, so numbers of threads are."""
        means = {t: self.geometric_mean(t) for t in dict.fromkeys(o.threads for o in self.outcomes)}
        return {
            "schema": 1,
            "machine": self.machine,
            "settings": self.settings,
            "ceilings": {str(t): asdict(found) for t, found in self.ceilings.items()},
            "geometric_mean": {str(t): mean and asdict(mean) for t, mean in means.items()},
            "outcomes": [o.as_dict() for o in self.outcomes],
            "unfinished": self.unfinished,
            "ended": self.ended,
        }


def quartiles(values: list[float]) -> tuple[float, float]:
    """The quartiles, which of one value are that value."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
