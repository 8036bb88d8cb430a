"""Scales: from a figure to a place on an axis, and the ticks that read well there."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The axis from ``low`` to ``high``, drawn from ``start`` to ``end``; logarithmic unless told otherwise."""

    low: float
    high: float
    start: float
    end: float
    log: bool = True

    def __call__(self, value: float) -> float:
        """The place of a figure; outside of the axis, its nearer end."""
        value = min(max(value, self.low), self.high)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        at = (math.log(value) if self.log else value) - low
        return round(self.start + (self.end - self.start) * at / ((high - low) or 1.0), 1)

    def ticks(self, most: int = 6) -> list[float]:
        """At most about ``most`` round figures of the axis: decades, or 1, 2, 5 in each where there are few."""
        if not self.log:
            step = _round_up((self.high - self.low) / max(1, most - 1))
            first = math.ceil(self.low / step)
            return [step * i for i in range(first, math.floor(self.high / step * (1 + 1e-9)) + 1)]
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for digits in ((1, 2, 5), (1, 3), (1,)):
            found = [d * 10.0**power for power in range(first, last + 1) for d in digits]
            found = [t for t in found if self.low * (1 - 1e-9) <= t <= self.high * (1 + 1e-9)]
            if len(found) <= most:
                return found
        return found[:: math.ceil(len(found) / most)]

    def points(self, count: int, low: float | None = None, high: float | None = None) -> list[float]:
        """Figures evenly spread over the drawn axis, or over a part of it."""
        low, high = self.low if low is None else low, self.high if high is None else high
        if self.log:
            return [low * (high / low) ** (i / (count - 1)) for i in range(count)]
        return [low + (high - low) * i / (count - 1) for i in range(count)]


def around(figures: list[float], *, least: float = 1.0, margin: float = 0.08) -> tuple[float, float]:
    """Ends of a logarithmic axis that shows all ``figures`` with a margin, over ``least`` decades at the least."""
    low, high = math.log10(min(figures)), math.log10(max(figures))
    missing = max(0.0, least - (high - low)) / 2
    room = margin * max(high - low, least)
    return 10 ** (low - missing - room), 10 ** (high + missing + room)


def _round_up(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(d * power for d in (1, 2, 2.5, 5, 10) if d * power >= step * (1 - 1e-9))


@dataclass(frozen=True)
class Box:
    """A rectangle of a chart that is taken."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


LETTER, LINE = (
    6.9,
    15.0,
)  # width of a letter and height of a line at a size of 12, no less than in common sans-serif faces


def written(text: str, x: float, y: float, anchor: str = "start") -> Box:
    """The rectangle that a text takes whose baseline stands at (x, y)."""
    wide = LETTER * len(text)
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    return Box(left, y - LINE + 3, left + wide, y + 3)


Spot = tuple[float, float, str]  # of a text: where its baseline stands, and which end of the text stands there


def beside(x: float, y: float, inside: Box) -> list[Spot]:
    """Where the label of a point may go: right, left, above, below, then anywhere, the nearest spots first."""
    near = [(x + 10, y + 4, "start"), (x - 10, y + 4, "end"), (x, y - 11, "middle"), (x, y + 20, "middle")]
    wide, high = int(inside.right - inside.left), int(inside.bottom - inside.top)
    far = [(inside.left + i, inside.top + j, "middle") for i in range(0, wide, 12) for j in range(0, high, 6)]
    return near + sorted(far, key=lambda spot: math.hypot(spot[0] - x, spot[1] - 4 - y))


def free(text: str, spots: list[Spot], taken: list[Box], inside: Box) -> Spot:
    """The first spot where the text meets nothing and stands inside; the first of all where there is none. Adds to ``taken``."""
    for spot in spots:
        box = written(text, *spot)
        within = box.left >= inside.left and box.right <= inside.right
        if within and inside.top <= box.top and box.bottom <= inside.bottom and not any(map(box.meets, taken)):
            taken.append(box)
            return spot
    return spots[0]
