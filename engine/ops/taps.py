"""The three products of convolution over lines of images (see Lines), in NumPy: the results, and the gradients of input and weight.

An input is [batch, channels, *sizes], results [batch, channels, *results], the weight [results, channels of a group, *window].
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as every
from math import gcd
from typing import Any

import numpy as np

from engine.ops.lines import Lines
from engine.ops.windows import Slide


def _times(w: Any, matrices: Any, out: Any) -> None:
    """``w`` [groups, rows, inner] times matrices [groups, lines, inner, columns]: one row is summed up, which BLAS does slowly."""
    if w.shape[1] == 1:
        np.einsum("gk,glkn->gln", w[:, 0], matrices, out=out[:, :, 0])
    else:
        np.matmul(w[:, None], matrices, out=out)


def _met(y: Any, matrices: Any) -> Any:
    """``y`` [groups, lines, rows, columns] times the transposed matrices, summed up over lines."""
    if y.shape[2] == 1:
        return np.einsum("gln,glkn->gk", y[:, :, 0], matrices)[:, None]
    return np.matmul(y, matrices.swapaxes(2, 3)).sum(1)


def _grouped(x: Any, groups: int, axes: int) -> Any:
    """[batch, groups, channels, *sizes] with so many sizes, the first of them 1 where the array has fewer."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *(1,) * (axes + 2 - x.ndim), *x.shape[2:])


def _grid(x: Any, slide: Slide) -> Lines:
    """The lines of an input; where it has one axis, there is one before it."""
    sizes = x.shape[2:]
    if len(sizes) == 1:
        sizes = (1, *sizes)
        slide = Slide((1, *slide.window), (1, *slide.stride), ((0, 0), *slide.padding), (1, *slide.dilation))
    return Lines(slide, tuple(int(n) for n in sizes))


def _columns(y: Any, images: slice, lines: slice) -> Any:
    """Some of the results [batch, groups, channels, *results] as [groups, lines, channels, images, *others]."""
    return y[images, :, :, lines].transpose(1, 3, 2, 0, *range(4, y.ndim))


def _within(y: Any) -> tuple[Any, ...]:
    """Where results stand among the places of lines."""
    return (..., *(slice(m) for m in y.shape[4:]))


def _spread(y: Any, grid: Lines, images: slice, lines: slice) -> Any:
    """Some of the results as lines [groups, lines, channels, images * area], zeros between them."""
    taken = _columns(y, images, lines)
    wide = grid.scratch("spread", (*taken.shape[:4], *grid.places), y.dtype)
    wide.fill(0)
    wide[_within(y)] = taken
    return wide.reshape(*taken.shape[:3], -1)


def _check(g: Any, slide: Slide, sizes: Any) -> None:
    if tuple(g.shape[2:]) != tuple(slide.results(tuple(sizes))):
        raise ValueError(f"shape {g.shape} is not that of the results for sizes {tuple(sizes)}")


def results(x: Any, w: Any, slide: Slide, groups: int) -> Any:
    y = np.zeros((x.shape[0], w.shape[0], *(int(m) for m in slide.results(x.shape[2:]))), x.dtype)
    _add_up(x, w, slide, groups, y)
    return y


def _add_up(x: Any, w: Any, slide: Slide, groups: int, y: Any) -> None:
    """Put the results into ``y``, which holds zeros."""
    grid = _grid(x, slide)
    axes = len(grid.sizes)
    x, y = _grouped(x, groups, axes), y.reshape(y.shape[0], groups, w.shape[0] // groups, *grid.results)
    if not x.size or not y.size:
        return
    flat = w.reshape(groups, y.shape[2], x.shape[2], grid.window[0], -1)
    flat = flat.transpose(0, 1, 3, 4, 2).reshape(groups, y.shape[2], -1)
    for images, lines in grid.blocks(x.shape[0], groups * x.shape[2]):
        to = _columns(y, images, lines)
        found = grid.scratch("found", (*to.shape[:3], to.shape[3] * grid.area), x.dtype)
        for which, matrices in grid.matrices(x, images, lines):
            _times(flat, matrices, found[:, which])
        to[...] = found.reshape(*to.shape[:4], *grid.places)[_within(y)]


def inputs(g: Any, w: Any, sizes: tuple[int, ...], slide: Slide, groups: int) -> Any:
    _check(g, slide, sizes)
    x = np.zeros((g.shape[0], groups * w.shape[1], *(int(n) for n in sizes)), g.dtype)
    if w.shape[0] > 2 * groups * w.shape[1]:
        _spread_out(g, w, slide, groups, x)
    else:
        _turned(g, w, slide, groups, x)
    return x


def _spread_out(g: Any, w: Any, slide: Slide, groups: int, x: Any) -> None:
    """Add what each result gives to each element of its window: where results are many, that is less to move."""
    grid = _grid(x, slide)
    axes = len(grid.sizes)
    x, slopes = _grouped(x, groups, axes), _grouped(g, groups, axes)
    flat = w.reshape(groups, -1, x.shape[2], grid.window[0], len(grid.taps))
    flat = flat.transpose(0, 3, 4, 2, 1).reshape(groups, 1, -1, slopes.shape[2])
    for images, lines in grid.blocks(x.shape[0], groups * x.shape[2]) if x.size else ():
        spread = _spread(slopes, grid, images, lines)
        rows = grid.scratch("rows", (*spread.shape[:2], flat.shape[2], spread.shape[3]), x.dtype)
        grid.collect(np.matmul(flat, spread, out=rows), x, images, lines)


def _turned(g: Any, w: Any, slide: Slide, groups: int, x: Any) -> None:
    """Put, for each phase of the stride, what the window's elements of that phase, turned round, give as they slide over ``g``."""
    turned = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    turned = turned.reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:])
    before = [lo for lo, _ in slide.padding]
    axes = zip(w.shape[2:], x.shape[2:], g.shape[2:], slide.stride, before, slide.dilation, strict=True)
    for met in every(*(list(_phases(*axis)) for axis in axes)):
        elements, taps, padding, apart = zip(*met, strict=True)
        some = turned[(..., *taps)]
        _add_up(g, some, Slide(some.shape[2:], (1,) * len(apart), padding, apart), groups, x[(..., *elements)])


def _phases(window: int, size: int, results: int, stride: int, before: int, dilation: int) -> Iterator[Any]:
    """For each phase of an axis its elements, the elements of the window that meet them, the last first, and how those slide."""
    turns = stride // gcd(stride, dilation)
    apart = turns * dilation // stride
    for first in range(min(turns, window)):
        count = (window - 1 - first) // turns + 1
        phase = first * dilation % stride
        start = (phase - before) % stride
        if start >= size:
            continue
        elements = (size - 1 - start) // stride + 1
        reach = (count - 1) * apart
        lead = (first * dilation - start - before) // stride + reach
        last = first + (count - 1) * turns
        taps = slice(last, first - turns if first >= turns else None, -turns)
        yield slice(start, None, stride), taps, (lead, elements - results - lead + reach), apart


def weights(x: Any, g: Any, window: tuple[int, ...], slide: Slide, groups: int) -> Any:
    _check(g, slide, x.shape[2:])
    grid = _grid(x, slide)
    axes = len(grid.sizes)
    rows, slopes = _grouped(x, groups, axes), _grouped(g, groups, axes)
    channels = rows.shape[2]
    w = np.zeros((groups, slopes.shape[2], grid.window[0] * len(grid.taps) * channels), x.dtype)
    for images, lines in grid.blocks(rows.shape[0], groups * channels) if slopes.size else ():
        spread = _spread(slopes, grid, images, lines)
        for which, matrices in grid.matrices(rows, images, lines):
            w += _met(spread[:, which], matrices)
    w = w.reshape(*w.shape[:2], -1, channels).swapaxes(2, 3)
    return w.reshape(g.shape[1], channels, *(int(k) for k in window))
