"""Images as the long rows that convolution slides over in NumPy, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.ops.windows import Grid
from engine.sizes import Shape, same_shape


def _part(x: Any, sizes: Shape, starts: Shape) -> Any:
    return x[tuple(slice(a, a + n) for a, n in zip(starts, sizes, strict=True))]


def _placed(x: Any, shape: Shape, starts: Shape) -> Any:
    wide = np.zeros(shape, x.dtype)
    _part(wide, x.shape, starts)[...] = x
    return wide


def _swapped(x: Any) -> Any:
    return np.transpose(x, (1, 0, *range(2, x.ndim)))


def _fine(grid: Grid) -> tuple[Shape, Shape]:
    """The sizes of a padded plane before its elements are dealt out over phases, and where the image begins in it."""
    sizes = tuple(m * s for m, s in zip(grid.plane, grid.slide.stride, strict=True))
    starts = tuple(0 if s == 1 else lo for s, (lo, _) in zip(grid.slide.stride, grid.slide.padding, strict=True))
    return sizes, starts


def _phased(grid: Grid) -> tuple[int, ...]:
    """The order of axes [channels, images, *(places, phase)] in which phases come before images."""
    rank = len(grid.plane)
    return (0, *(3 + 2 * i for i in range(rank)), 1, *(2 + 2 * i for i in range(rank)))


def rows_of(x: Any, grid: Grid) -> Any:
    """An input [batch, channels, *sizes] as rows [channels, depth]."""
    x = _swapped(x)
    sizes, starts = _fine(grid)
    wide = (x.shape[0], grid.images, *sizes)
    if not same_shape(x.shape, wide):
        x = _placed(x, wide, (0, grid.lead, *starts))
    if grid.phases != 1:
        apart = (n for m, s in zip(grid.plane, grid.slide.stride, strict=True) for n in (m, s))
        x = np.transpose(np.reshape(x, (*wide[:2], *apart)), _phased(grid))
    return np.reshape(x, (wide[0], grid.depth))


def image_of(rows: Any, grid: Grid) -> Any:
    """The inverse of ``rows_of``."""
    images, (sizes, starts) = grid.images, _fine(grid)
    if grid.phases != 1:
        rows = np.reshape(rows, (rows.shape[0], *grid.slide.stride, images, *grid.plane))
        rows = np.transpose(rows, tuple(int(i) for i in np.argsort(_phased(grid))))
    x = np.reshape(rows, (rows.shape[0], images, *sizes))
    return _swapped(_part(x, (rows.shape[0], grid.batch, *grid.sizes), (0, grid.lead, *starts)))


def spread(y: Any, grid: Grid) -> Any:
    """Results [batch, channels, *results] as rows [channels, total]."""
    y = _swapped(y)
    wide = (*y.shape[:2], *grid.plane)
    if not same_shape(y.shape, wide):
        y = _placed(y, wide, (0,) * y.ndim)
    return np.reshape(y, (wide[0], grid.total))


def gathered(rows: Any, grid: Grid) -> Any:
    """The inverse of ``spread``."""
    y = np.reshape(rows, (rows.shape[0], grid.batch, *grid.plane))
    return _swapped(_part(y, (rows.shape[0], grid.batch, *grid.results), (0,) * y.ndim))
