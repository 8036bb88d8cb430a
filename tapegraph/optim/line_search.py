"""A line search for the strong Wolfe conditions: bracket a minimum by growing steps, then zoom into the bracket."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DECREASE = 1e-4  # share of the decrease that the slope promises which a step must bring (Nocedal and Wright: c1)
FLATNESS = 0.9  # share of the slope at the start that may be left (c2)
GROWTH = 10.0  # a step grows at most so much while no minimum is bracketed
EDGE = 0.1  # share of a bracket beside its ends where a trial counts as no progress


@dataclass(frozen=True)
class Point:
    """A point of the line: the step that leads there, the function's value, its gradient, its slope along the line."""

    step: float
    value: float
    gradient: np.ndarray[Any, Any]
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, step: float, reach: float, tolerance: float, limit: int
) -> tuple[Point, int]:
    """A point that satisfies the strong Wolfe conditions, or the best found; and how often ``at`` was called.

    ``step``: the first to try. ``reach``: the largest element of the direction; a bracket shorter than ``tolerance`` in
    its units is given up. ``limit``: trials after the first. Source: Nocedal and Wright, Numerical Optimization, 2006,
    algorithms 3.5 and 3.6, with the safeguards of PyTorch's.
    """

    def too_high(point: Point) -> bool:
        return point.value > start.value + DECREASE * point.step * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -FLATNESS * start.slope

    before, point, trials = start, at(step), 0
    bracket = None
    while trials < limit:
        if too_high(point) or (trials > 1 and point.value >= before.value):
            bracket = (before, point)
        elif flat(point):
            return point, trials + 1
        elif point.slope >= 0:
            bracket = (before, point)
        if bracket is not None:
            break
        low = point.step + 0.01 * (point.step - before.step)
        step = cubic_minimum(before, point, low, point.step * GROWTH)
        before, point = point, at(step)
        trials += 1
    best, other = _ordered(*(bracket or (start, point)))
    stuck = False
    while trials < limit and abs(other.step - best.step) * reach >= tolerance:
        low, high = sorted((best.step, other.step))
        step = cubic_minimum(best, other, low, high)
        margin = EDGE * (high - low)
        near = min(high - step, step - low) < margin
        if near and (stuck or not low < step < high):
            step = high - margin if abs(step - high) < abs(step - low) else low + margin
            near = False
        stuck = near
        point = at(step)
        trials += 1
        if too_high(point) or point.value >= best.value:
            best, other = _ordered(best, point)
        elif flat(point):
            return point, trials + 1
        else:
            other = best if point.slope * (other.step - best.step) >= 0 else other
            best = point
    return best, trials + 1


def _ordered(first: Point, second: Point) -> tuple[Point, Point]:
    """The lower of two points, then the other."""
    return (first, second) if first.value <= second.value else (second, first)


def cubic_minimum(first: Point, second: Point, low: float, high: float) -> float:
    """Where the cubic through two points with their slopes is least, held within [low, high]; else their middle.

    Source: Nocedal and Wright, equation 3.59.
    """
    left, right = sorted((first, second), key=lambda point: point.step)
    width = right.step - left.step
    if width > 0:
        mean = left.slope + right.slope - 3 * (right.value - left.value) / width
        square = mean * mean - left.slope * right.slope
        if square >= 0:
            root = math.sqrt(square)
            spread = right.slope - left.slope + 2 * root
            if spread != 0:
                found = right.step - width * ((right.slope + root - mean) / spread)
                return min(max(found, low), high)
    return (low + high) / 2
