"""An array in one line: dtype and shape, the numbers themselves where they are few, else what they are like."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import origin
from tapegraph.debug.conditions import norm

FEW = 6  # elements that are shown as they are


def summary(x: np.ndarray[Any, Any]) -> str:
    """dtype, shape and either the elements or min, mean, max and norm; the numbers of NaN and infinite elements."""
    head = f"{x.dtype.name}[{', '.join(map(str, x.shape))}]"
    if not x.size:
        return f"{head}  empty"
    if x.size <= FEW:
        return f"{head}  {np.array2string(x, separator=', ', precision=6).replace(chr(10), '')}"
    if x.dtype.kind == "b":
        return f"{head}  {int(x.sum())} of {x.size} true"
    found = [head, f"min {_number(x.min())}", f"mean {_number(_mean(x))}", f"max {_number(x.max())}"]
    if x.dtype.kind == "f":
        found.append(f"norm {_number(norm(x))}")
        nans, infinities = int(np.isnan(x).sum()), int(np.isinf(x).sum())
        found += [f"{n} {word}" for n, word in ((nans, "nan"), (infinities, "inf")) if n]
    return "  ".join(found)


def address(where: origin.Origin) -> str:
    """File and line of the innermost frame, the file by its last name; empty where there is none."""
    frames = origin.user_frames(where)
    if not frames:
        return ""
    return origin.resolve(frames[0]).short


def _mean(x: np.ndarray[Any, Any]) -> float:
    with np.errstate(all="ignore"):
        return float(np.mean(x, dtype=np.float64))


def _number(value: Any) -> str:
    return f"{value:.4g}" if np.asarray(value).dtype.kind == "f" else str(value)
