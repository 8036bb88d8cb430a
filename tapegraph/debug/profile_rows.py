"""What a profile counts: spans of time with the work done in them, each belonging to an op at a line of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from engine.spans import Share, Span


@dataclass
class Row:
    """One line of a table."""

    name: str
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    flops: int = 0
    bytes: int = 0

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward


def _line(share: Share, span: Span) -> str:
    place = share.place
    return f"{place.address}: {place.text.strip()}" if place else f"({share.op})"


def _module(share: Share, span: Span) -> str:
    place = share.place
    return place.function if place else f"({share.op})"


KEYS: dict[str, Callable[[Share, Span], str]] = {
    "op": lambda share, span: share.op,
    "line": _line,
    "kernel": lambda share, span: span.name,
    "module": _module,
}


def rows(spans: Iterable[Span], by: str) -> list[Row]:
    """The spans added up by "op", "line" (of the user's file), "kernel" (or op in eager mode) or "module" (the function or
    method of the user's in which the expression stands); the longest first."""
    found: dict[str, Row] = {}
    names: dict[Any, str] = {}
    key = KEYS[by]
    for span in spans:
        counted: set[str] = set()
        for share in span.shares:
            known = (share.op, share.where[:2], span.name if by == "kernel" else "")
            name = names.get(known)
            if name is None:
                name = names[known] = key(share, span)
            row = found.get(name)
            if row is None:
                row = found[name] = Row(name)
            if name not in counted:
                counted.add(name)
                row.calls += 1
            if share.backward:
                row.backward += span.seconds * share.part
            else:
                row.forward += span.seconds * share.part
            row.flops += share.work.flops
            row.bytes += share.work.bytes
    return sorted(found.values(), key=lambda row: -row.seconds)
