"""Arrays widened at their edges: by a value, by their mirror image, by their last elements, or by going round."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.create import full
from engine.ops.joins import concat
from engine.ops.samples import array
from engine.ops.shape import broadcast_to
from engine.ops.slices import flip, part, slice_, slice_set
from engine.requirements import require
from engine.sizes import Size, larger, show_size
from engine.spec import DType

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
_MODES |= {"edge": "replicate", "wrap": "circular"}  # NumPy's names

Widths = list[tuple[int, int]]


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((array(rng, dtype, 2, 3), ((1, 0), (0, 2)))),
        Sample((array(rng, dtype, 3), 2), {"value": 1}),
        Sample((array(rng, dtype, 3, 4), ((-1, 2), (0, -2)))),
        Sample((array(rng, dtype, 3, 4), ((1, 2), (3, 0))), {"mode": "reflect"}),
        Sample((array(rng, dtype, 2, 3), ((0, 3), (2, 1))), {"mode": "edge"}),
        Sample((array(rng, dtype, 3, 4), ((1, 2), (3, -1))), {"mode": "circular"}),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = array(rng, dtype, 2, 3)
    return [
        Sample((x, ((1, 0),)), {}, ArgumentError),
        Sample((x, 1), {"mode": "mirror"}, ArgumentError),
        Sample((x, 2), {"mode": "reflect"}, ShapeError),
        Sample((x, ((0, 0), (-2, -2))), {}, ShapeError),
    ]


@composite(accepts=dtypes.COMPUTED, samples=_samples, errors=_errors, onnx="Pad")
def pad(x: Any, widths: Any, /, *, mode: str = "constant", value: Any = 0) -> Any:
    """``x`` with elements put around it (or cut off, where a width is negative).

    ``widths``: an int, or (before, after) for each axis (as ``numpy.pad``). ``mode``: "constant" (``value``), "reflect"
    (the mirror image, without the edge itself), "replicate" or "edge" (the last element), "circular" or "wrap" (the
    other end). Raises ArgumentError for other widths or modes, ShapeError where an axis is too short for its width.
    """
    x = as_handle(x)
    if isinstance(widths, int):
        widths = ((widths, widths),) * x.ndim
    listed = [(w, w) if isinstance(w, int) else tuple(w) for w in widths]
    if len(listed) != x.ndim or any(len(p) != 2 or not all(hasattr(n, "__index__") for n in p) for p in listed):
        raise ArgumentError(f"widths must be (before, after) for each of {x.ndim} axes", op="pad", operands=(x,))
    return _padded(x, [(int(a), int(b)) for a, b in listed], mode, value)


def _padded(x: Any, widths: Widths, mode: str, value: Any) -> Any:
    if mode not in _MODES:
        raise ArgumentError(f"mode must be one of {', '.join(_MODES)}, not {mode!r}", op="pad", operands=(x,))
    if any(n < 0 for pair in widths for n in pair):
        cut: Widths = [(max(-a, 0), max(-b, 0)) for a, b in widths]
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
        if _MODES[mode] in ("reflect", "replicate"):  # at the edges of x itself, as in PyTorch
            return _cropped(_padded(x, widths, mode, value), cut)
        x = _cropped(x, cut)
    if not any(n for pair in widths for n in pair):
        return x
    if _MODES[mode] == "constant":
        shape = tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True))
        base = full(shape, value, dtype=x.dtype)
        return apply(slice_set, base, x, starts=tuple(a for a, _ in widths), sizes=x.shape, steps=(1,) * x.ndim)
    for axis, (before, after) in enumerate(widths):
        x = _extended(x, axis, before, after, _MODES[mode])
    return x


def _cropped(x: Any, cut: Widths) -> Any:
    sizes = tuple(n - before - after for n, (before, after) in zip(x.shape, cut, strict=True))
    for axis, (n, (before, after)) in enumerate(zip(x.shape, cut, strict=True)):

        def mistake(axis: int = axis, n: Size = n, before: int = before, after: int = after) -> ShapeError:
            return ShapeError(
                f"{before} and {after} elements cannot be cut off axis {axis} of {show_size(n)}",
                op="pad",
                operands=(x,),
            )

        require(n, before + after, mistake)
    return apply(slice_, x, starts=tuple(a for a, _ in cut), sizes=sizes, steps=(1,) * x.ndim)


def _extended(x: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """One axis widened by elements of its own."""
    n: Size = x.shape[axis]
    needed = {"reflect": max(before, after) + 1, "replicate": 1, "circular": max(before, after)}[mode]

    def mistake() -> ShapeError:
        most = larger(n - 1, 0) if mode == "reflect" else n
        return ShapeError(
            f"mode {mode!r} takes up to {show_size(most)} elements from axis {axis} of {show_size(n)}, "
            f"not {max(before, after)}",
            op="pad",
            operands=(x,),
        )

    if before or after:
        require(n, needed, mistake)

    def piece(count: int, ahead: bool) -> Any:
        match mode:
            case "reflect":
                return flip(part(x, axis, 1 if ahead else n - 1 - count, count), axis=axis)
            case "replicate":
                shape = tuple(count if i == axis else m for i, m in enumerate(x.shape))
                return broadcast_to(part(x, axis, 0 if ahead else n - 1, 1), shape)
        return part(x, axis, n - count if ahead else 0, count)

    pieces = [piece(before, True)] if before else []
    pieces.append(x)
    if after:
        pieces.append(piece(after, False))
    return concat(pieces, axis=axis)


def pad_from_last(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """``input`` with elements put around it, by PyTorch's arguments: ``pad`` counts from the last axis.

    ``pad``: (before, after) of the last axis, then of the one before it, and so on, in one sequence. ``mode``:
    "constant" (``value``, 0 unless given), "reflect", "replicate" or "circular". Negative widths cut off.
    Raises ArgumentError where ``pad`` is not pairs, ShapeError where an axis is too short for its width.
    """
    x = as_handle(input)
    widths = [int(n) for n in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ArgumentError(
            f"pad must be pairs (before, after) for at most {x.ndim} axes, not {tuple(pad)}", op="pad", operands=(x,)
        )
    listed = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    return _padded(x, [(0, 0)] * (x.ndim - len(listed)) + listed, mode, 0 if value is None else value)
