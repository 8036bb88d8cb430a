"""What a run has found: a row for each contender, its DX, and how far that depends on the weights."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tapegraph.bugs.scorer import WEIGHTS, Score, weighted
from tapegraph.bugs.template import TIERS

CASES, PROBES = 0.85, 0.15  # of DX
DRAWS = 1000


@dataclass
class Row:
    """One contender: the scores of its cases and of its probes, or why there are none.

    ``dx``: (0.85 mean of the tiers + 0.15 probes) (1 - share of twins with an alarm), 0 to 100; None where nothing ran.
    """

    name: str
    debug: bool = False
    rewrites: bool = True
    version: str = ""
    note: str = ""
    scores: list[Score] = field(default_factory=list)
    probes: dict[str, float] = field(default_factory=dict)

    @property
    def ran(self) -> list[Score]:
        return [score for score in self.scores if score.verdict != "absent"]

    @property
    def alarms(self) -> float:
        """The share of clean twins that were told of a bug."""
        twins = [score for score in self.ran if score.twin]
        return sum(bool(score.alarm) for score in twins) / len(twins) if twins else 0.0

    def tier(self, name: str, *, immune: bool = True, weights: dict[str, Any] = WEIGHTS) -> float | None:
        """The mean over the templates of a tier; None where it has none that count."""
        found: dict[str, list[float]] = {}
        for score in self.ran:
            if score.tier == name and (immune or score.verdict != "immune"):
                found.setdefault(score.template, []).append(weighted(score.parts, weights))
        return statistics.fmean(statistics.fmean(points) for points in found.values()) if found else None

    def dx_of(self, *, immune: bool = True, weights: dict[str, Any] = WEIGHTS, tiers: Any = None) -> float | None:
        """DX, without the cases that cannot go wrong here where not ``immune``, or with other weights."""
        there = {t: m for t in TIERS if (m := self.tier(t, immune=immune, weights=weights)) is not None}
        if not there:
            return None
        shares = tiers or dict.fromkeys(TIERS, 1.0)
        cases = sum(shares[t] * mean for t, mean in there.items()) / sum(shares[t] for t in there)
        whole = CASES * cases + PROBES * 100 * statistics.fmean(self.probes.values()) if self.probes else cases
        return whole * (1 - self.alarms)

    @property
    def dx(self) -> float | None:
        return self.dx_of()

    def part(self, name: str) -> float | None:
        """The mean of a part over the bugs that were detected; of "detected" itself, over all that can go wrong."""
        scores = [s for s in self.ran if s.verdict != "immune" and (name == "detected" or s.verdict != "silent")]
        values = [value for s in scores if (value := s.parts.get(name)) is not None]
        return statistics.fmean(values) if values else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "note": self.note,
            "dx": self.dx,
            "dx_without_immune": self.dx_of(immune=False),
            "tiers": {t: self.tier(t) for t in TIERS},
            "parts": {p: self.part(p) for p in WEIGHTS},
            "alarms": self.alarms,
            "probes": self.probes,
            "scores": [score.as_dict() for score in self.scores],
        }


@dataclass
class Found:
    """A whole run."""

    seed: int
    frozen: str
    settings: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    ended: str = ""
    throughput: dict[str, float] = field(default_factory=dict)  # calls a second
    workload: str = ""

    @property
    def scored(self) -> list[Row]:
        return [row for row in self.rows if row.dx is not None]

    def as_dict(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "corpus": self.frozen,
            "settings": self.settings,
            "machine": self.machine,
            "ended": self.ended,
            "throughput": self.throughput,
            "rank_stability": stability(self.scored),
            "contenders": [row.as_dict() for row in self.rows],
        }


def stability(rows: list[Row]) -> dict[str, float]:
    """How often, under random weights of parts and tiers, each contender is first; and how often pairs keep their order.

    The weights are drawn uniformly from all that add up to one.
    """
    if len(rows) < 2:
        return {}
    draw = np.random.default_rng(0)
    now = [row.dx or 0.0 for row in rows]
    first, kept = dict.fromkeys((row.name for row in rows), 0.0), 0.0
    for _ in range(DRAWS):
        weights = dict(zip(WEIGHTS, draw.dirichlet(np.ones(len(WEIGHTS))), strict=True))
        tiers = dict(zip(TIERS, draw.dirichlet(np.ones(len(TIERS))), strict=True))
        values = [row.dx_of(weights=weights, tiers=tiers) or 0.0 for row in rows]
        first[rows[int(np.argmax(values))].name] += 1 / DRAWS
        pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
        kept += sum((now[i] - now[j]) * (values[i] - values[j]) >= 0 for i, j in pairs) / len(pairs) / DRAWS
    return {"pairs_kept": kept, **{f"first {name}": share for name, share in first.items() if share}}


def worst(rows: Iterable[Row], count: int) -> list[tuple[Row, Score]]:
    """The cases with the fewest points, a template once for each contender."""
    found = []
    for row in rows:
        seen: set[str] = set()
        for score in sorted(row.ran, key=lambda s: s.points):
            if score.template not in seen and (score.missing or score.verdict == "broken"):
                seen.add(score.template)
                found.append((row, score))
    return sorted(found, key=lambda pair: pair[1].points)[:count]
