"""What a comparison found: plain data, with the figures that follow from other figures."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapegraph.visual.scene import Place

SCHEMA = 2
LEVEL = 0.95  # of all intervals
KEPT = 400  # timed calls of a contender that are written down, evenly spread


@dataclass
class Ratio:
    """A ratio of medians, and the interval that holds it at ``level``."""

    value: float
    low: float
    high: float
    level: float = LEVEL

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 1, so that it is known which of the two is less."""
        return self.low > 1 or self.high < 1


@dataclass
class Speed:
    """How long one contender takes: seconds of a call over the calls with the most common number of samples."""

    calls: int
    samples: int  # in a call
    median: float
    low: float  # 25th percentile
    high: float  # 75th percentile
    p5: float
    p95: float
    interval: tuple[float, float] | None = None  # that holds the median at LEVEL
    first_call: float | None = None
    peak_bytes: int | None = None
    peak_parts: dict[str, int] = field(default_factory=dict)
    score: float | None = None  # what ``evaluate`` returned
    times: list[float] = field(default_factory=list)  # of single calls, at most KEPT, in their order

    @property
    def samples_per_second(self) -> float:
        """Samples in a call divided by the median of its seconds."""
        return self.samples / self.median


def speed(times: Any, samples: int, **known: Any) -> Speed:
    """The figures of timed calls of the same number of samples."""
    times = np.asarray(times)
    p5, low, median, high, p95 = (float(q) for q in np.percentile(times, [5, 25, 50, 75, 95]))
    kept = times[:: max(1, math.ceil(len(times) / KEPT))]
    return Speed(len(times), samples, median, low, high, p5, p95, times=[float(f"{s:.4g}") for s in kept], **known)


@dataclass
class Said:
    """What a mode said instead of computing: class and text of the error, the user's line, how often (of a warning)."""

    error: str
    message: str
    place: Place | None = None
    count: int = 1


@dataclass
class Gap:
    """A result, state or gradient that differs: by how much at most, what was allowed, and where it was computed.

    ``largest`` and ``allowed`` are absolute; ``blame``: the rewrite, kernel or other part that bisect found, in words.
    """

    what: str
    largest: float
    allowed: float
    place: Place | None = None
    blame: str = ""


@dataclass
class Agreement:
    """Whether both modes computed the same.

    differences  "results", "states" and "gradients", after the first call ("first results") and after the last: the
                 largest of absolute differences, each divided by the largest element of its array
    control      the same between two static runs that start one last bit apart: what rounding becomes in this program
    differs      what is farther apart than allowed, the farthest first
    """

    ok: bool
    tolerance: float
    differences: dict[str, float]
    control: float
    calls: int
    differs: list[Gap] = field(default_factory=list)

    @property
    def largest(self) -> float:
        """The largest of the relative differences."""
        return max(self.differences.values(), default=0.0)

    @property
    def close(self) -> bool:
        """Whether all is within the tolerance, without the excuse that a last bit grows as far."""
        return self.largest <= self.tolerance


@dataclass
class BreakEven:
    """Calls after which compiling has paid for itself. None: never; as ``high``: perhaps never."""

    calls: int | None
    low: int | None
    high: int | None
    level: float = LEVEL


@dataclass
class Start:
    """What is paid before the first result of the compiled function, in seconds: the median of several ``runs``."""

    name: str
    seconds: dict[str, float]  # trace, optimise, plan, compile
    first_call: float
    kernels: dict[str, int]  # compiled, disk, shared
    imports: float | None = None  # of a new process
    imported_numba: bool | None = None
    runs: list[float] = field(default_factory=list)  # first_call of each run
    break_even: BreakEven | None = None

    @property
    def compiling(self) -> float:
        """Seconds of trace, optimise, plan and compile together."""
        return sum(self.seconds.values())


@dataclass
class Retrace:
    """A version that was compiled: what about the call caused it, the user's line that depends on it, what it cost."""

    cause: str
    place: Place | None
    seconds: float
    inputs: str  # the arguments it serves, as "x: float32[batch, 64]"


@dataclass
class Peer:
    """The same work in another framework. ``note`` says why there is no ``speed``, or what is special about it."""

    name: str
    speed: Speed | None = None
    version: str = ""
    note: str = ""
    agrees: bool | None = None
    difference: float | None = None  # relative to the largest element, from eager mode
    first_call: float | None = None
    ratio: Ratio | None = None  # its time to that of static mode
    debuggability: float | None = None  # points of 100


@dataclass
class Subject:
    """The function that was compared, as it stands in its file."""

    name: str
    file: str = ""
    line: int = 0
    source: str = ""


@dataclass(repr=False)
class Comparison:
    """The result of ``tg.compare``: print it, show it in a notebook, ``save`` it as a page or as figures.

    ``modes`` holds what could be timed; ``failed`` what a mode raised instead. ``notices``: warnings of each mode.
    """

    title: str
    function: Subject
    modes: dict[str, Speed] = field(default_factory=dict)
    failed: dict[str, Said] = field(default_factory=dict)
    agreement: Agreement | None = None
    speedup: Ratio | None = None  # time of eager mode to that of static mode
    starts: list[Start] = field(default_factory=list)
    retraces: list[Retrace] = field(default_factory=list)
    peers: dict[str, Peer] = field(default_factory=dict)
    notices: dict[str, list[Said]] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    profiles: dict[str, Any] = field(default_factory=dict)
    scene: Any = None
    threads: int | None = None  # None where they could not be set
    score_name: str = "score"
    settings: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)  # when, command, commit, dirty, folder
    notes: list[str] = field(default_factory=list)  # how it was measured, and what could not be
    complete: bool = True  # False where it was interrupted

    @property
    def ok(self) -> bool:
        """Whether both modes ran and computed the same."""
        return not self.failed and self.agreement is not None and self.agreement.ok

    @property
    def break_even(self) -> BreakEven | None:
        """Of the most expensive start measured; None where static mode was not measured."""
        return self.starts[0].break_even if self.starts else None

    @property
    def debuggability(self) -> dict[str, float]:
        """Points of 100 for each mode, the mean over the injected faults; empty where none was tried."""
        found: dict[str, list[float]] = {}
        for fault in self.faults:
            for name, verdict in fault.verdicts.items():
                found.setdefault(name, []).append(verdict.points)
        return {name: sum(points) / len(points) for name, points in found.items()}

    @property
    def verdict(self) -> str:
        """All of it in a paragraph."""
        from tapegraph.comparison.verdict import paragraph

        return paragraph(self)

    def to_json(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dicts; seconds and bytes. Infinite numbers are written "inf"."""
        found: dict[str, Any] = plain(self)
        for name, figures in self.modes.items():
            found["modes"][name]["samples_per_second"] = figures.samples_per_second
        for written, start in zip(found["starts"], self.starts, strict=True):
            written["compiling"] = start.compiling
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "verdict": self.verdict,
            "break_even": plain(self.break_even),
            "debuggability": plain(self.debuggability),
            **found,
        }

    def save(self, path: str | Path) -> Path:
        """Write a page (``.html``) or the figures (``.json``); returns the path.

        Raises ArgumentError for another suffix, OSError where the file cannot be written.
        """
        from tapegraph.comparison.saving import save

        return save(self, Path(path))

    def __repr__(self) -> str:
        from tapegraph.comparison.tables import as_text  # rich costs 40 ms to import, so only when a table is wanted

        return as_text(self)

    def _repr_html_(self) -> str | None:
        """The short form of the page for notebooks; None, so that they show the text, where jinja2 is missing."""
        from tapegraph.report import fragment  # jinja2, which is an extra

        with contextlib.suppress(ImportError):
            return fragment(self)
        return None


def plain(value: Any) -> Any:
    """What JSON can hold: dataclasses as dicts, numbers that JSON has not as strings."""
    if hasattr(value, "to_json") and not isinstance(value, Comparison):
        return value.to_json()
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
