"""Images as the long rows that convolution slides over, and back: the same moves of NumPy arrays and of values in either mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.op import apply
from engine.ops.create import full
from engine.ops.linalg import matmul
from engine.ops.reduce import sum
from engine.ops.shape import matrix_transpose, permute_dims, reshape
from engine.ops.slices import slice_, slice_set
from engine.ops.windows import Grid
from engine.sizes import Shape, same_shape


class Arrays:
    """Moving elements about, of NumPy arrays."""

    permute, reshape, multiply = np.transpose, np.reshape, np.matmul

    @staticmethod
    def part(x: Any, sizes: Shape, starts: Shape) -> Any:
        return x[tuple(slice(a, a + n) for a, n in zip(starts, sizes, strict=True))]

    @staticmethod
    def placed(x: Any, shape: Shape, starts: Shape) -> Any:
        wide = np.zeros(shape, x.dtype)
        Arrays.part(wide, x.shape, starts)[...] = x
        return wide

    @staticmethod
    def turned(x: Any) -> Any:
        return x.swapaxes(-1, -2)

    @staticmethod
    def total(x: Any) -> Any:
        return x.sum(0)


class Handles:
    """The same, of values in either mode."""

    permute, reshape, multiply, turned = permute_dims, reshape, matmul, matrix_transpose

    @staticmethod
    def part(x: Any, sizes: Shape, starts: Shape) -> Any:
        return x if same_shape(x.shape, sizes) else apply(slice_, x, starts=starts, sizes=sizes, steps=(1,) * x.ndim)

    @staticmethod
    def placed(x: Any, shape: Shape, starts: Shape) -> Any:
        wide = full(shape, 0, dtype=x.dtype)
        return apply(slice_set, wide, x, starts=starts, sizes=x.shape, steps=(1,) * x.ndim)

    @staticmethod
    def total(x: Any) -> Any:
        return sum(x, axis=0)


def _swapped(x: Any, by: Any) -> Any:
    return by.permute(x, (1, 0, *range(2, x.ndim)))


def _fine(grid: Grid) -> tuple[Shape, Shape]:
    """The sizes of a padded plane before its elements are dealt out over phases, and where the image begins in it."""
    sizes = tuple(m * s for m, s in zip(grid.plane, grid.slide.stride, strict=True))
    starts = tuple(0 if s == 1 else lo for s, (lo, _) in zip(grid.slide.stride, grid.slide.padding, strict=True))
    return sizes, starts


def _phased(grid: Grid) -> tuple[int, ...]:
    """The order of axes [channels, images, *(places, phase)] in which phases come before images."""
    rank = len(grid.plane)
    return (0, *(3 + 2 * i for i in range(rank)), 1, *(2 + 2 * i for i in range(rank)))


def rows_of(x: Any, grid: Grid, by: Any) -> Any:
    """An input [batch, channels, *sizes] as rows [channels, depth]."""
    x = _swapped(x, by)
    sizes, starts = _fine(grid)
    wide = (x.shape[0], grid.images, *sizes)
    if not same_shape(x.shape, wide):
        x = by.placed(x, wide, (0, grid.lead, *starts))
    if grid.phases != 1:
        apart = (n for m, s in zip(grid.plane, grid.slide.stride, strict=True) for n in (m, s))
        x = by.permute(by.reshape(x, (*wide[:2], *apart)), _phased(grid))
    return by.reshape(x, (wide[0], grid.depth))


def image_of(rows: Any, grid: Grid, by: Any) -> Any:
    """The inverse of ``rows_of``."""
    images, (sizes, starts) = grid.images, _fine(grid)
    if grid.phases != 1:
        rows = by.reshape(rows, (rows.shape[0], *grid.slide.stride, images, *grid.plane))
        rows = by.permute(rows, tuple(int(i) for i in np.argsort(_phased(grid))))
    x = by.reshape(rows, (rows.shape[0], images, *sizes))
    return _swapped(by.part(x, (rows.shape[0], grid.batch, *grid.sizes), (0, grid.lead, *starts)), by)


def spread(y: Any, grid: Grid, by: Any) -> Any:
    """Results [batch, channels, *results] as rows [channels, total]."""
    y = _swapped(y, by)
    wide = (*y.shape[:2], *grid.plane)
    if not same_shape(y.shape, wide):
        y = by.placed(y, wide, (0,) * y.ndim)
    return by.reshape(y, (wide[0], grid.total))


def gathered(rows: Any, grid: Grid, by: Any) -> Any:
    """The inverse of ``spread``."""
    y = by.reshape(rows, (rows.shape[0], grid.batch, *grid.plane))
    return _swapped(by.part(y, (rows.shape[0], grid.batch, *grid.results), (0,) * y.ndim), by)
