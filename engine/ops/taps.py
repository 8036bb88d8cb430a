"""The three products of convolution over long rows (see Grid), in NumPy: the results, and the gradients of input and weight.

Rows hold the planes of a whole batch: of an input [channels, depth], of results [channels, total]. The weight is
[results, channels of a group, *window].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.ops.windows import Grid, Slide

CACHE = 1 << 18  # elements of a block of unrolled windows: they are to stay in the second-level cache


def grid_of(how: dict[str, Any]) -> Grid:
    """The grid that attributes describe."""
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


def results(x: Any, w: Any, **how: Any) -> Any:
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


def inputs(g: Any, w: Any, **how: Any) -> Any:
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


def weights(x: Any, g: Any, **how: Any) -> Any:
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
