"""Whether contenders did the same work: results of the first calls, and what the calls did to the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

TOLERANCE = 1e-3  # relative, in the 2-norm; a workload may say another


def difference(one: dict[str, Any], other: dict[str, Any], params: dict[str, Any]) -> float:
    """The largest relative distance of two contenders: of each result by its norm, of all parameters by how far they moved.

    Infinite where they differ in names, numbers or shapes.
    """
    if one["state"].keys() != other["state"].keys():
        return float("inf")
    found = [0.0]
    for mine, theirs in zip(one["results"], other["results"], strict=True):
        if len(mine) != len(theirs):
            return float("inf")
        found += [_distance([(a, b, 0.0)]) for a, b in zip(mine, theirs)]
    found.append(_distance([(one["state"][name], other["state"][name], params[name]) for name in one["state"]]))
    return max(found)


def _distance(triples: Any) -> float:
    """The norm of all a - b to that of all a - origin."""
    gap = moved = 0.0
    for a, b, origin in triples:
        if a.shape != b.shape:
            return float("inf")
        a, b = a.astype(np.float64), b.astype(np.float64)
        gap += float(np.square(a - b).sum())
        moved += float(np.square(a - origin).sum())
    if not np.isfinite(gap + moved):
        return float("inf")
    return float(np.sqrt(gap / moved if moved else gap))


def differences(answers: dict[str, dict[str, Any]], params: dict[str, Any], tolerance: float) -> dict[str, float]:
    """Of each contender: how far it is from the one that agrees with the most others (the first of them, if several)."""
    apart = {(a, b): difference(answers[a], answers[b], params) for a in answers for b in answers if a != b}

    def friends(name: str) -> int:
        return sum(apart[name, other] <= tolerance for other in answers if other != name)

    if not answers:
        return {}
    judge = max(answers, key=friends)
    return {name: 0.0 if name == judge else apart[judge, name] for name in answers}
