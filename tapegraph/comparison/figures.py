"""What a comparison found: plain data, with the figures that follow from other figures."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass
class Speed:
    """How long one mode takes: seconds per call over the calls with the most common number of samples."""

    calls: int
    samples: int
    median: float
    low: float  # 25th percentile
    high: float  # 75th percentile
    p5: float
    p95: float
    first_call: float
    peak_bytes: int
    peak_parts: dict[str, int]
    score: float | None = None  # what ``evaluate`` returned

    @property
    def samples_per_second(self) -> float:
        """Samples in a call divided by the median of its seconds."""
        return self.samples / self.median


def speed(seconds: list[tuple[int, float]], **known: Any) -> Speed:
    """The figures of timed calls, given as (samples, seconds); calls of other sizes than the most common are left out."""
    size = Counter(n for n, _ in seconds).most_common(1)[0][0]
    times = np.array([s for n, s in seconds if n == size])
    p5, low, median, high, p95 = (float(q) for q in np.percentile(times, [5, 25, 50, 75, 95]))
    return Speed(len(times), size, median, low, high, p5, p95, **known)


GROWTH = 10.0  # how much farther than the control run the modes may drift apart before it counts as a disagreement


@dataclass
class Agreement:
    """The largest absolute differences between the modes, and what was allowed."""

    tolerance: float
    first_call: float  # results and states after the first call
    parameters: float  # parameters after the last call
    control: float  # the same between two static runs that start one last bit apart
    states: float  # everything the step changes, momentum included
    calls: int

    @property
    def close(self) -> bool:
        """Whether first results and trained parameters differ by no more than the tolerance."""
        return self.first_call <= self.tolerance and self.parameters <= self.tolerance

    @property
    def ok(self) -> bool:
        """Whether they are close, or began so and then drifted apart only as far as one last bit grows anyway."""
        return self.close or (self.first_call <= self.tolerance and self.parameters <= GROWTH * self.control)


@dataclass
class Start:
    """What a process pays before the first result of the compiled step, in seconds."""

    name: str
    seconds: dict[str, float]  # trace, optimise, plan, compile
    first_call: float
    kernels: dict[str, int]  # compiled, disk, shared
    imports: float | None = None
    imported_numba: bool | None = None
    runs: list[float] = field(default_factory=list)  # first_call of each process, where it was started several times

    @property
    def compiling(self) -> float:
        """Seconds of trace, optimise, plan and compile together."""
        return sum(self.seconds.values())


@dataclass
class Verdict:
    """What one mode said about one planted mistake."""

    mode: str
    error: str | None  # name of the class; None where nothing was raised
    message: str
    line: int | None
    named_line: bool
    named_expression: bool


@dataclass
class Mistake:
    """A planted mistake: the file, the guilty line and expression in it, and what each mode said."""

    name: str
    title: str
    file: str
    line: int
    expression: str
    text: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)


@dataclass(repr=False)
class Comparison:
    """The result of ``tg.compare``. ``print`` it for the tables; ``as_dict()`` is what ``--json`` writes."""

    title: str
    modes: dict[str, Speed]
    agreement: Agreement
    starts: list[Start]
    versions: int
    steps: int
    threads: int | None
    score_name: str = "score"
    mistakes: list[Mistake] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether both modes computed the same."""
        return self.agreement.ok

    @property
    def speedup(self) -> float:
        """Eager median divided by static median."""
        return self.modes["eager"].median / self.modes["static"].median

    def break_even(self, start: Start) -> int | None:
        """The number of calls after which compiling has paid for itself; None where it never does."""
        gain = self.modes["eager"].median - self.modes["static"].median
        extra = start.first_call - self.modes["static"].median
        return max(1, math.ceil(extra / gain)) if gain > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dicts; seconds and bytes."""
        found = asdict(self)
        for name, figures in self.modes.items():
            found["modes"][name]["samples_per_second"] = figures.samples_per_second
        for written, start in zip(found["starts"], self.starts, strict=True):
            written |= {"compiling": start.compiling, "break_even_calls": self.break_even(start)}
        found["agreement"] |= {"close": self.agreement.close, "ok": self.agreement.ok}
        return {"schema": 1, "ok": self.ok, "speedup": self.speedup, **found}

    def __repr__(self) -> str:
        from tapegraph.comparison.report import as_text  # rich costs 40 ms to import, so only when a table is wanted

        return as_text(self)
