"""The three products of convolution over long rows (see Grid): the results, and the gradients of input and weight.

Rows hold the planes of a whole batch: of an input [channels, depth], of results [channels, total]. The weight is
[results, channels of a group, *window]. Each product is linear in both operands, and the gradient of each is the
other two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.lowering import Loop
from engine.op import Op, Sample, apply
from engine.ops import taps_text
from engine.ops.windows import Grid, Slide
from engine.spec import DType, Spec

CACHE = 1 << 18  # elements of a block of unrolled windows: they are to stay in the second-level cache


def grid_of(how: dict[str, Any]) -> Grid:
    """The grid that the attributes of these ops describe."""
    return Grid(Slide(how["window"], how["stride"], how["padding"], how["dilation"]), how["sizes"], how["batch"])


def _blocks(grid: Grid, rows: int) -> list[tuple[int, int]]:
    step = max(256, CACHE // max(rows, 1))
    length = int(grid.length)
    return [(at, min(at + step, length)) for at in range(0, length, step)] if grid.batch else []


def _unrolled(row: Any, shifts: list[int], start: int, stop: int) -> Any:
    """The windows of some results side by side: [channels * taps, results]."""
    found = np.empty((row.shape[0], len(shifts), stop - start), row.dtype)
    for k, shift in enumerate(shifts):
        found[:, k] = row[:, shift + start : shift + stop]
    return found.reshape(-1, stop - start)


def _taps_kernel(x: Any, w: Any, **how: Any) -> Any:
    grid, groups = grid_of(how), how["groups"]
    shifts, flat = grid.shifts(), w.reshape(groups, w.shape[0] // groups, -1)
    rows = x.reshape(groups, -1, x.shape[1])
    y = np.zeros((groups, flat.shape[1], grid.total), x.dtype)
    if rows.shape[1] == 1 and groups > 1:
        for start, stop in _blocks(grid, 4 * w.shape[0]):
            for k, shift in enumerate(shifts):
                y[:, :, start:stop] += flat[:, :, k, None] * rows[:, :, shift + start : shift + stop]
    else:
        for start, stop in _blocks(grid, flat.shape[2]):
            for g in range(groups):
                y[g, :, start:stop] = flat[g] @ _unrolled(rows[g], shifts, start, stop)
    return y.reshape(w.shape[0], -1)


def _input_kernel(g: Any, w: Any, **how: Any) -> Any:
    grid, groups = grid_of(how), how["groups"]
    shifts, flat = grid.shifts(), w.reshape(groups, w.shape[0] // groups, -1)
    rows = g.reshape(groups, flat.shape[1], -1)
    x = np.zeros((groups, w.shape[1], grid.depth), g.dtype)
    if w.shape[1] == 1 and groups > 1:
        for start, stop in _blocks(grid, 4 * w.shape[0]):
            for k, shift in enumerate(shifts):
                for m in range(rows.shape[1]):
                    x[:, 0, shift + start : shift + stop] += flat[:, m, k, None] * rows[:, m, start:stop]
    else:
        for start, stop in _blocks(grid, flat.shape[2]):
            for i in range(groups):
                spread = (flat[i].T @ rows[i, :, start:stop]).reshape(w.shape[1], len(shifts), -1)
                for k, shift in enumerate(shifts):
                    x[i, :, shift + start : shift + stop] += spread[:, k]
    return x.reshape(-1, grid.depth)


def _weight_kernel(x: Any, g: Any, **how: Any) -> Any:
    grid, groups = grid_of(how), how["groups"]
    shifts = grid.shifts()
    rows, slopes = x.reshape(groups, -1, x.shape[1]), g.reshape(groups, g.shape[0] // groups, -1)
    w = np.zeros((groups, slopes.shape[1], rows.shape[1] * len(shifts)), x.dtype)
    if rows.shape[1] == 1 and groups > 1:
        for k, shift in enumerate(shifts):
            reached = rows[:, 0, shift : shift + grid.length]
            w[:, :, k] = np.matmul(slopes[:, :, : grid.length], reached[:, :, None])[:, :, 0]
    else:
        for start, stop in _blocks(grid, w.shape[2]):
            for i in range(groups):
                w[i] += slopes[i, :, start:stop] @ _unrolled(rows[i], shifts, start, stop).T
    return w.reshape(g.shape[0], rows.shape[1], *grid.slide.window)


def _samples(pick: str) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        found = []
        for sizes, how in _SHAPES:
            grid = grid_of(how)
            channels, results = sizes
            rows = {
                "x": rng.uniform(-2, 2, (channels * how["groups"], grid.depth)).astype(dtype),
                "w": rng.uniform(-2, 2, (results * how["groups"], channels, *how["window"])).astype(dtype),
                "g": rng.uniform(-2, 2, (results * how["groups"], grid.total)).astype(dtype),
            }
            found.append(Sample(tuple(rows[name] for name in pick), how))
        return found

    return samples


def _how(window: Any, stride: Any, padding: Any, dilation: Any, sizes: Any, batch: int, groups: int) -> dict[str, Any]:
    names = ("window", "stride", "padding", "dilation", "sizes", "batch", "groups")
    return dict(zip(names, (window, stride, padding, dilation, sizes, batch, groups), strict=True))


_SHAPES = [
    ((2, 3), _how((2,), (1,), ((1, 0),), (1,), (3,), 2, 1)),
    ((1, 1), _how((3, 2), (2, 1), ((1, 1), (0, 1)), (1, 2), (3, 3), 1, 2)),
]

# A native kernel is written for the numbers of channels and taps; a trace learns them here.


def _taps_spec(x: Any, w: Any, **how: Any) -> Spec:
    outs, _ = (int(n) for n in w.shape[:2])
    return Spec((outs, grid_of(how).total), x.dtype)


def _input_spec(g: Any, w: Any, **how: Any) -> Spec:
    _, channels = (int(n) for n in w.shape[:2])
    return Spec((channels * how["groups"], grid_of(how).depth), g.dtype)


def _weight_spec(x: Any, g: Any, **how: Any) -> Spec:
    return Spec((int(g.shape[0]), int(x.shape[0]) // how["groups"], *how["window"]), x.dtype)


taps: Op = Op(
    "taps",
    _taps_kernel,
    _taps_spec,
    lower=Loop(taps_text.results),
    accepts=dtypes.FLOATS,
    order=75,
    vjp=(
        lambda g, y, x, w, **how: apply(taps_input, g, w, **how),
        lambda g, y, x, w, **how: apply(taps_weight, x, g, **how),
    ),
    samples=_samples("xw"),
    doc="Results of a convolution over rows: each the sum of a window's elements times the weight's.",
    hidden=True,
)
taps_input: Op = Op(
    "taps_input",
    _input_kernel,
    _input_spec,
    lower=Loop(taps_text.inputs),
    accepts=dtypes.FLOATS,
    order=75,
    vjp=(
        lambda v, y, g, w, **how: apply(taps, v, w, **how),
        lambda v, y, g, w, **how: apply(taps_weight, v, g, **how),
    ),
    samples=_samples("gw"),
    doc="The gradient of taps with respect to its input.",
    hidden=True,
)
taps_weight: Op = Op(
    "taps_weight",
    _weight_kernel,
    _weight_spec,
    lower=Loop(taps_text.weights),
    accepts=dtypes.FLOATS,
    order=75,
    vjp=(
        lambda v, y, x, g, **how: apply(taps_input, g, v, **how),
        lambda v, y, x, g, **how: apply(taps, x, v, **how),
    ),
    samples=_samples("xg"),
    doc="The gradient of taps with respect to its weight.",
    hidden=True,
)
