"""What print(tensor) shows: PyTorch's layout of numbers, four digits after the point, long tensors shortened to their edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OPTIONS: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def shown(values: np.ndarray[Any, Any], suffixes: list[str]) -> str:
    """``tensor(...)`` around the numbers, with the suffixes after them, on lines of their own where they do not fit."""
    indent = len("tensor(")
    if values.size == 0:
        body = "[]"
        suffixes = ([f"size={values.shape}"] if values.ndim != 1 else []) + suffixes
    else:
        short = values.size > OPTIONS["threshold"]
        body = _laid_out(values, indent, short, _written(_edges(values) if short else values))
    text = "tensor(" + body
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > OPTIONS["linewidth"]:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _edges(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The part of a long tensor that is shown."""
    edge = OPTIONS["edgeitems"]
    for axis, n in enumerate(values.shape):
        if n > 2 * edge:
            values = np.take(values, [*range(edge), *range(n - edge, n)], axis=axis)
    return values


def _written(values: np.ndarray[Any, Any]) -> tuple[Callable[[Any], str], int]:
    """How each number is written so that all are equally wide, and that width."""
    write: Callable[[Any], str] = str
    measured = values
    if values.dtype.kind == "f":
        precision, scientific = OPTIONS["precision"], OPTIONS["sci_mode"]
        measured = values[np.isfinite(values) & (values != 0)]
        sizes = np.abs(measured.astype(np.float64))
        whole = bool(np.all(sizes == np.ceil(sizes)))
        if scientific is None and sizes.size:
            low, high = sizes.min(), sizes.max()
            scientific = high / low > 1000.0 or high > 1e8 or (not whole and low < 1e-4)
        if scientific:
            write = f"{{:.{precision}e}}".format
        elif whole:
            write = _point
        else:
            write = f"{{:.{precision}f}}".format
    return write, max((len(write(v)) for v in measured.ravel().tolist()), default=1)


def _point(value: float) -> str:
    return f"{value:.0f}." if np.isfinite(value) else f"{value:.0f}"


def _laid_out(values: Any, indent: int, short: bool, written: tuple[Callable[[Any], str], int]) -> str:
    write, width = written
    edge = OPTIONS["edgeitems"]
    if values.ndim == 0:
        return str(write(values.item())).rjust(width)
    cut = short and values.shape[0] > 2 * edge
    kept = [*values[:edge], *values[-edge:]] if cut else list(values)
    if values.ndim == 1:
        items = [write(v.item()).rjust(width) for v in kept]
        if cut:
            items.insert(edge, " ...")
        in_line = max(1, (OPTIONS["linewidth"] - indent) // (width + 2))
        lines = [", ".join(items[i : i + in_line]) for i in range(0, len(items), in_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_laid_out(v, indent + 1, short, written) for v in kept]
    if cut:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
