"""When to look at a value: a word ("nan", "nonfinite"), a measure with a bound ("norm > 10"), or any predicate."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from tapegraph.mode import mode

Array = np.ndarray[Any, Any]
Condition = Callable[[Array], bool]

_SIGNS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq}
_MEASURES: dict[str, Callable[[Array], Any]] = {
    "norm": lambda x: norm(x),
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "absmax": lambda x: np.max(np.abs(x)),
}
_WORDS: dict[str, Condition] = {
    "nan": lambda x: x.dtype.kind == "f" and bool(np.isnan(x).any()),
    "nonfinite": lambda x: x.dtype.kind == "f" and not np.isfinite(x).all(),
}
_BOUND = re.compile(r"\s*(\w+)\s*(>=|<=|==|>|<)\s*(\S+)\s*")


def norm(x: Array) -> float:
    """The Euclidean norm of all elements, in float64."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.sum(np.square(x, dtype=np.float64))))


def condition(when: str | Callable[[Array], Any] | None, op: str) -> Condition | None:
    """``when`` as a predicate of an array: None, "nan", "nonfinite", "norm > 10" (also min, max, mean, absmax), or a function.

    Raises ArgumentError for other words.
    """
    if when is None:
        return None
    if callable(when):
        return partial(_asked, when)
    if when in _WORDS:
        return _WORDS[when]
    match = _BOUND.fullmatch(when)
    try:
        if match is not None:
            measure, compare, bound = _MEASURES[match[1]], _SIGNS[match[2]], float(match[3])
            return lambda x: x.size > 0 and x.dtype.kind != "b" and bool(compare(measure(x), bound))
    except (KeyError, ValueError):
        pass
    raise ArgumentError(
        f"cannot tell when {when!r} holds",
        op=op,
        fix='use "nan", "nonfinite", a bound such as "norm > 10" (norm, min, max, mean or absmax), or a function of the array',
    )


def _asked(predicate: Callable[[Array], Any], x: Array) -> bool:
    with mode("inline"):  # it may call the very function that is running
        return bool(predicate(x))
