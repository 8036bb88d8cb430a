"""Whether both modes computed the same: results, states and gradients, each against what its own rounding allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import tree
from engine.state import State
from tapegraph.comparison.figures import Agreement, Gap
from tapegraph.comparison.lane import Lane, noting

TOLERANCES = {8: 1e-9, 4: 1e-4, 2: 1e-2}  # by the bytes of a float; relative to the largest element of an array
GROWTH = 10.0  # how much farther apart than the control runs the modes may be before it counts as a disagreement
ROUNDING = 1e-2  # a control run that is farther away than this after its first call differs by more than a last bit
SHOWN = 20  # values that differ

Array = np.ndarray[Any, Any]


@dataclass
class Moment:
    """Everything that can be seen after a call, by a name that a person understands."""

    results: dict[str, Array]
    states: dict[str, Array]
    gradients: dict[str, Array]

    def groups(self) -> Iterator[tuple[str, Mapping[str, Array]]]:
        yield from vars(self).items()


def moment(lane: Lane, result: Any) -> Moment:
    """What a lane's last call returned and left behind."""
    names = _names(lane.states)
    gradients = {f"gradient of {n}": g for n, g in zip(names, lane.gradients(), strict=True) if g is not None}
    with noting(lane.notices):  # of a NaN that reaches a result when somebody looks at it
        results = dict(outputs(result))
    return Moment(results, dict(zip(names, lane.values(), strict=True)), gradients)


def outputs(result: Any, name: str = "result") -> Iterator[tuple[str, Array]]:
    """The arrays and numbers in what a call returned, each with how one would reach it."""
    result = tree.held(result)
    if isinstance(result, Mapping):
        for key, part in result.items():
            yield from outputs(part, f"{name}[{key!r}]")
    elif isinstance(result, list | tuple):
        fields = getattr(result, "_fields", None)
        for number, part in enumerate(result):
            yield from outputs(part, f"{name}.{fields[number]}" if fields else f"{name}[{number}]")
    elif hasattr(result, "__array__") or isinstance(result, bool | int | float):
        yield name, np.array(result)


def _names(states: Sequence[State]) -> list[str]:
    """A name of each, made distinct where several are called the same."""
    found: list[str] = []
    for number, state in enumerate(states):
        name = state.name or f"state {number}"
        found.append(name if name not in found else f"{name} ({number})")
    return found


def agreement(
    eager: Sequence[Moment], static: Sequence[Moment], control: Sequence[Moment], tolerance: float | None, calls: int
) -> Agreement:
    """Compare the first and the last moment of both modes.

    A value may be apart by ``tolerance`` times its largest element, or GROWTH times what one last bit at the start of a
    control run has become, whichever is more. No such excuse holds where the first call of the control run is not the
    same but for rounding: then the program does not do the same in two runs. ``tolerance`` None: TOLERANCES by dtype.
    """
    excused = _repeatable(static[0], control[0])
    differences: dict[str, float] = {}
    grown, gaps, used = 0.0, [], []
    for when, mine, its, nudged in zip(("first ", ""), eager, static, control):
        for (group, a), (_, b), (_, c) in zip(mine.groups(), its.groups(), nudged.groups(), strict=True):
            worst = 0.0
            for name in {**a, **b}:
                one, other = a.get(name), b.get(name)
                scale = max(size(one), size(other))
                apart = float("inf") if one is None or other is None else difference(one, other)
                noise = difference(other, c[name]) if other is not None and name in c else 0.0
                allowed = TOLERANCES.get(_bytes(one, other), 0.0) if tolerance is None else tolerance
                used.append(allowed)
                worst = max(worst, apart / scale if scale else apart)
                grown = max(grown, noise / scale if scale else noise)
                most = max(allowed * scale, GROWTH * noise if excused else 0.0)
                if not apart <= most:
                    gaps.append(Gap(name, apart, most))
            if {**a, **b}:
                differences[when + group] = worst
    gaps = list({gap.what: gap for gap in reversed(gaps)}.values())  # each once, as it was after the first call
    gaps.sort(key=lambda gap: -gap.largest / gap.allowed if gap.allowed else -np.inf)
    return Agreement(not gaps, max(used, default=0.0), differences, grown, calls, gaps[:SHOWN])


def _repeatable(one: Moment, other: Moment) -> bool:
    """Whether two first calls that start one last bit apart differ by rounding at most; small values by that of large ones."""
    pairs = [
        (a, its[name])
        for (_, mine), (_, its) in zip(one.groups(), other.groups())
        for name, a in mine.items()
        if name in its
    ]
    largest = max((size(a) for a, _ in pairs), default=0.0)
    return all(difference(a, b) <= max(ROUNDING * size(a), TOLERANCES.get(_bytes(a), 0.0) * largest) for a, b in pairs)


def _bytes(*arrays: Array | None) -> int:
    """Of a float among the dtypes, the widest; 0 where there is none."""
    return max((a.dtype.itemsize for a in arrays if a is not None and a.dtype.kind == "f"), default=0)


def size(array: Array | None) -> float:
    """The largest absolute value among the finite elements."""
    if array is None or not array.size or array.dtype.kind not in "fiub":
        return 0.0
    magnitudes = np.abs(array.astype(np.float64))
    return float(magnitudes[np.isfinite(magnitudes)].max(initial=0.0))


def difference(a: Array, b: Array) -> float:
    """The largest absolute difference; infinite where shapes differ or only one of the two is NaN or infinite."""
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    with np.errstate(invalid="ignore"):
        apart = np.atleast_1d(np.abs(a.astype(np.float64) - b.astype(np.float64)))
    apart[np.atleast_1d((a == b) | ((a != a) & (b != b)))] = 0.0
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max())
