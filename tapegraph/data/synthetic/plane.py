"""Points of the plane in classes that no straight line parts: two moons and spirals."""

from __future__ import annotations

import numpy as np

from engine.errors import ArgumentError
from tapegraph.data.order import Array, Draws, whole


def two_moons(n: int = 200, *, noise: float = 0.1, seed: int = 0) -> tuple[Array, Array]:
    """Two half circles that reach into each other: points float32 [n, 2] and labels int64 [n] in 0..1, shuffled.

    Moon 0 (the n // 2 first before the shuffle) is the upper half of the unit circle, moon 1 the lower half of the one
    around (1, 0.5). ``noise``: standard deviation of what is added. Raises ArgumentError for a negative one.

    Source: the ``make_moons`` of scikit-learn (Pedregosa et al. 2011), whose curves these are.
    """
    n = whole(n, "n", "two_moons", least=0)
    upper, lower = (np.linspace(0, np.pi, size) for size in (n // 2, n - n // 2))
    x = np.concatenate([np.cos(upper), 1 - np.cos(lower)])
    y = np.concatenate([np.sin(upper), 0.5 - np.sin(lower)])
    return _shuffled(np.stack([x, y], axis=1), np.repeat([0, 1], (n // 2, n - n // 2)), noise, seed, "two_moons")


def spirals(
    n: int = 194, *, classes: int = 2, turns: float = 3.0, noise: float = 0.0, seed: int = 0
) -> tuple[Array, Array]:
    """Spirals around one another: points float32 [n, 2] in the unit circle and labels int64 [n] in 0..classes-1, shuffled.

    Each arm winds ``turns`` times while the radius falls from 1 to 1/13, in even steps of both; the first classes have one point more where n
    cannot be divided. ``noise``: standard deviation of what is added. Raises ArgumentError for a negative one.

    Source: Lang and Witbrock 1988, "Learning to tell two spirals apart", who set 97 points on each of 2 arms of 3 turns.
    """
    n, classes = whole(n, "n", "spirals", least=0), whole(classes, "classes", "spirals", least=1)
    labels = np.sort(np.arange(n) % classes)
    counts = np.bincount(labels, minlength=classes)
    inward = np.concatenate([np.linspace(0, 1, count) for count in counts])
    radius = 1 - inward * (12 / 13)
    angle = 2 * np.pi * (turns * inward + labels / classes)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _shuffled(points, labels, noise, seed, "spirals")


def _shuffled(points: Array, labels: Array, noise: float, seed: int, op: str) -> tuple[Array, Array]:
    if not noise >= 0:
        raise ArgumentError(f"noise must be a standard deviation, not {noise!r}", op=op)
    draws = Draws(seed)
    order = draws.permutation(len(points))
    moved = points[order] + noise * draws.normal(len(points), 2)
    return moved.astype(np.float32), labels[order].astype(np.int64)
