"""A chart: axes and marks as plain data, which a template writes as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tapegraph.report.scale import LETTER, Box, Scale, written

WIDE, NARROW = 856, 350  # widths in pixels; a page shows the one that fits its column
FOOT = 58  # below an axis: figures and caption


@dataclass(frozen=True)
class Mark:
    """One element of SVG. ``style``: classes that the style sheet colours; ``tip``: what the pointer is told."""

    tag: str
    style: str
    at: dict[str, Any]
    text: str = ""
    tip: str = ""


@dataclass
class Chart:
    """A drawing of ``width`` times ``height`` pixels. ``title`` and ``summary`` say in words what it shows."""

    name: str
    title: str
    summary: str
    width: int
    height: int
    marks: list[Mark] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)  # by words

    def path(self, style: str, points: Iterable[tuple[float, float]], *, closed: bool = False, tip: str = "") -> None:
        """A line through points."""
        steps = " ".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(points))
        self.marks.append(Mark("path", style, {"d": steps + (" Z" if closed else "")}, tip=tip))

    def line(self, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self.marks.append(Mark("line", style, {"x1": x1, "y1": y1, "x2": x2, "y2": y2}))

    def rect(self, style: str, x1: float, y1: float, x2: float, y2: float, tip: str = "") -> None:
        size = {"width": round(x2 - x1, 1), "height": round(y2 - y1, 1)}
        self.marks.append(Mark("rect", style, {"x": x1, "y": y1, **size}, tip=tip))

    def dot(self, style: str, x: float, y: float, size: float = 5, tip: str = "") -> None:
        """A round mark."""
        self.marks.append(Mark("circle", style, {"cx": x, "cy": y, "r": size}, tip=tip))

    def square(self, style: str, x: float, y: float, size: float = 5, tip: str = "") -> None:
        """A square mark, so that modes are told apart without colour."""
        self.rect(style, x - size, y - size, x + size, y + size, tip)

    def words(self, style: str, text: str, x: float, y: float, anchor: str = "start", *, keep: bool = False) -> None:
        """A text whose baseline stands at (x, y); where it must ``keep`` free of others, it is left out when it meets one."""
        box = written(text, x, y, anchor)
        if keep and any(box.meets(other) for other in self.taken):
            return
        self.taken.append(box)
        self.marks.append(Mark("text", style, {"x": round(x, 1), "y": round(y, 1), "text-anchor": anchor}, text))

    def x_axis(self, scale: Scale, top: float, bottom: float, show: Callable[[float], str], caption: str) -> None:
        """Ticks with faint lines up, figures below, and what they are figures of."""
        wide = abs(scale.end - scale.start)
        for tick in scale.ticks(max(3, round(wide / 70))):
            x = scale(tick)
            self.line("grid", x, top, x, bottom)
            self.words("tick", show(tick), x, bottom + 18, "middle", keep=True)
        self.line("axis", scale.start, bottom, scale.end, bottom)
        for row, part in enumerate(wrapped(caption, wide)):
            self.words("caption", part, (scale.start + scale.end) / 2, bottom + 38 + 15 * row, "middle")

    def y_axis(self, scale: Scale, left: float, right: float, show: Callable[[float], str], caption: str) -> None:
        """Ticks with faint lines to the right, figures at the left, and above what they are figures of."""
        for tick in scale.ticks(max(3, round(abs(scale.start - scale.end) / 45))):
            y = scale(tick)
            self.line("grid", left, y, right, y)
            self.words("tick", show(tick), left - 8, y + 4, "end", keep=True)
        self.words("caption", caption, 4, min(scale.start, scale.end) - 14)


def wrapped(text: str, wide: float) -> list[str]:
    """The text in lines that are no wider than so many pixels."""
    lines: list[str] = [""]
    for word in text.split():
        if lines[-1] and (len(lines[-1]) + 1 + len(word)) * LETTER > wide:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def both_widths(make: Callable[[int], Chart | None]) -> list[Chart]:
    """The chart for wide columns and the one for narrow; none where there is nothing to draw."""
    return [chart for width in (WIDE, NARROW) if (chart := make(width)) is not None]
