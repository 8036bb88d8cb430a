"""Whether contenders did the same work: results of the first calls, and what the calls did to the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

TOLERANCE = 1e-3  # relative, in the 2-norm of each array


def difference(one: dict[str, Any], other: dict[str, Any], params: dict[str, Any]) -> float:
    """The largest relative distance of two contenders: of results by their norm, of parameters by how far they moved.

    Infinite where they differ in names, numbers or shapes.
    """
    if one["state"].keys() != other["state"].keys():
        return float("inf")
    pairs = [(a, b, None) for x, y in zip(one["results"], other["results"]) for a, b in zip(x, y, strict=False)]
    if any(len(x) != len(y) for x, y in zip(one["results"], other["results"], strict=True)):
        return float("inf")
    pairs += [(one["state"][name], other["state"][name], params[name]) for name in one["state"]]
    return max((_distance(*pair) for pair in pairs), default=0.0)


def _distance(a: Any, b: Any, origin: Any) -> float:
    if a.shape != b.shape:
        return float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    gap = float(np.linalg.norm((a - b).ravel()))
    moved = a if origin is None else a - origin
    size = float(np.linalg.norm(moved.ravel()))
    if not np.isfinite(gap + size):
        return float("inf")
    return gap / size if size else gap


def differences(answers: dict[str, dict[str, Any]], params: dict[str, Any]) -> dict[str, float]:
    """Of each contender: how far it is from the one that agrees with the most others (the first of them, if several)."""
    apart = {(a, b): difference(answers[a], answers[b], params) for a in answers for b in answers if a != b}

    def friends(name: str) -> int:
        return sum(apart[name, other] <= TOLERANCE for other in answers if other != name)

    if not answers:
        return {}
    judge = max(answers, key=friends)
    return {name: 0.0 if name == judge else apart[judge, name] for name in answers}
