"""A block of images as lines that lie end to end, so that each element of a window is one shift of all of them, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as every
from math import gcd, prod
from typing import Any

import numpy as np

from engine.ops.windows import Slide

CACHE = (
    1 << 20
)  # elements of a block, which is to stay in the last cache: smaller ones are more calls and more lines met twice
WIDE = 256  # columns of a product, at least where there are as many: fewer leave the processor waiting


def _held(size: int, before: int, step: int, phase: int, places: int) -> tuple[slice, slice]:
    """Which places of a phase hold elements of an axis, and which elements: place q holds ``q * step + phase - before``."""
    first = max(0, -((phase - before) // step))
    behind = max(first, min(places, (size - 1 + before - phase) // step + 1))
    start = first * step + phase - before
    return slice(first, behind), slice(start, start + max(0, (behind - first - 1) * step + 1), step)


class Lines:
    """How windows slide over images of certain sizes, two axes at least, as products of matrices.

    A line is what stands at one place of the first axis: for each element of a window along the other axes, each
    channel and each image, the padded plane of those axes, shifted so that the element meets its result. Lines that
    follow each other are one matrix, of a window's elements by results, and the next result's matrix begins a line
    later: nothing is copied for the first axis. Along another axis of stride s elements are dealt out over s phases.
    """

    def __init__(self, slide: Slide, sizes: tuple[int, ...]) -> None:
        self.sizes, self.results = sizes, tuple(int(m) for m in slide.results(sizes))
        self.window = tuple(int(k) for k in slide.window)
        self.stride, self.dilation = slide.stride, slide.dilation
        self.before = [lo for lo, _ in slide.padding]
        self.places = [
            max((lo + n + hi + s - 1) // s, 0)
            for n, s, (lo, hi) in zip(sizes, slide.stride, slide.padding, strict=True)
        ][1:]
        self.area = prod(self.places)
        self.phases = prod(self.stride[1:])
        self._kept: dict[str, Any] = {}
        self.taps = [self._tap(which) for which in every(*(range(k) for k in self.window[1:]))]

    def _tap(self, which: tuple[int, ...]) -> tuple[int, int]:
        """The phase in which an element of the window lies, and how far it is shifted there."""
        phase = shift = 0
        for t, d, s, p in zip(which, self.dilation[1:], self.stride[1:], self.places, strict=True):
            phase, shift = phase * s + t * d % s, shift * p + t * d // s
        return phase, shift

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array that the next block gets again: new pages of memory cost more than what is done with them."""
        room = prod(shape)
        kept = self._kept.get(name)
        if kept is None or len(kept) < room:
            kept = self._kept[name] = np.empty(room, dtype)
        return kept[:room].reshape(shape)

    def blocks(self, batch: int, channels: int) -> Iterator[tuple[slice, slice]]:
        """Images and lines of results that are worked on together."""
        if not batch * prod(self.results) * channels:
            return
        reach = (self.window[0] - 1) * self.dilation[0] + 1
        room = max(1, CACHE // (channels * len(self.taps) * self.area))
        images = min(batch, max(-(-WIDE // self.area), room // (reach + self.stride[0] * (self.results[0] - 1))))
        lines = max(reach, (room // images - reach) // self.stride[0])
        for first in range(0, batch, images):
            for line in range(0, self.results[0], lines):
                yield slice(first, min(first + images, batch)), slice(line, min(line + lines, self.results[0]))

    def _pairs(self, laid: Any, x: Any, lines: slice) -> Iterator[tuple[Any, Any]]:
        """The parts of lines that hold elements of images, with those elements, both [groups, first, channels, batch, *rest].

        laid: [groups, lines, phases, channels * images * area], x: [images, groups, channels, *sizes].
        """
        apart, step = self.dilation[0], self.stride[0]
        x = x.transpose(1, 3, 2, 0, *range(4, x.ndim))
        laid = laid.reshape(*laid.shape[:3], *x.shape[2:4], *self.places)
        each = laid.shape[1] // apart
        rest = zip(self.sizes[1:], self.before[1:], self.stride[1:], self.places, strict=True)
        held = [[_held(n, lo, s, v, p) for v in range(s)] for n, lo, s, p in rest]
        for r in range(apart):
            put, taken = _held(self.sizes[0], self.before[0] - lines.start * step, apart, r, each)
            for phase, found in enumerate(every(*held)):
                places, elements = zip(*found, strict=True)
                part = laid[:, r * each : (r + 1) * each, phase]
                yield part[(slice(None), put, ..., *places)], x[(slice(None), taken, ..., *elements)]

    def _zeros(self, x: Any, lines: slice) -> tuple[Any, int]:
        """A flat array of zeros for the lines that some results meet, with room behind, and how many lines these are.

        Lines that a window of some dilation meets follow each other.
        """
        reach = (lines.stop - lines.start - 1) * self.stride[0] + (self.window[0] - 1) * self.dilation[0] + 1
        count = -(-reach // self.dilation[0]) * self.dilation[0]
        room = x.shape[1] * count * self.phases * x.shape[2] * x.shape[0] * self.area
        flat = self.scratch("laid", (room + max(shift for _, shift in self.taps),), x.dtype)
        flat.fill(0)
        return flat, count

    def _shifted(self, flat: Any, lines: int, groups: int) -> Iterator[Any]:
        """For each element of a window along the other axes, the lines [groups, lines, channels * images * area] it meets."""
        room = len(flat) - max(shift for _, shift in self.taps)
        for phase, shift in self.taps:
            yield flat[shift : shift + room].reshape(groups, lines, self.phases, -1)[:, :, phase]

    def matrices(self, x: Any, images: slice, lines: slice) -> Iterator[tuple[slice, Any]]:
        """Some of the results' lines, and the matrices [groups, lines, window * channels, images * area] of each."""
        groups, channels = x.shape[1:3]
        x = x[images]
        flat, count = self._zeros(x, lines)
        room = len(flat) - max(shift for _, shift in self.taps)
        for place, elements in self._pairs(flat[:room].reshape(groups, count, self.phases, -1), x, lines):
            place[...] = elements
        columns = (images.stop - images.start) * self.area
        if len(self.taps) == 1 and self.phases == 1:
            wide = flat
        else:
            wide = self.scratch("wide", (groups, count, len(self.taps), channels * columns), x.dtype)
            for t, found in enumerate(self._shifted(flat, count, groups)):
                wide[:, :, t] = found
        bytes_ = x.dtype.itemsize
        line = len(self.taps) * channels * columns * bytes_
        for which, at, step in self._turns(lines, count):
            rows = self.window[0] * len(self.taps) * channels
            shape = (groups, len(range(lines.stop - lines.start)[which]), rows, columns)
            yield (
                which,
                np.ndarray(
                    shape,
                    x.dtype,
                    wide,
                    at * line,
                    (count * line, step * line, columns * bytes_, bytes_),
                ),
            )

    def _turns(self, lines: slice, count: int) -> Iterator[tuple[slice, int, int]]:
        """Results' lines that meet lines in the same order: which, the first line of the first, and from one to the next."""
        apart, step = self.dilation[0], self.stride[0]
        turns, results = apart // gcd(apart, step), lines.stop - lines.start
        for first in range(min(turns, results)):
            at = (first * step % apart) * (count // apart) + first * step // apart
            yield slice(first, results, turns), at, turns * step // apart

    def collect(self, rows: Any, x: Any, images: slice, lines: slice) -> None:
        """Add to ``x`` what stands in rows [groups, lines, window * channels, images * area] for its elements, the inverse of matrices."""
        x = x[images]
        flat, count = self._zeros(x, lines)
        rows = rows.reshape(*rows.shape[:2], self.window[0], len(self.taps), -1)
        for t, found in enumerate(self._shifted(flat, count, x.shape[1])):
            for which, at, step in self._turns(lines, count):
                part = rows[:, which, :, t]
                for k in range(self.window[0]):
                    found[:, at + k : at + k + (part.shape[1] - 1) * step + 1 : step] += part[:, :, k]
        room = len(flat) - max(shift for _, shift in self.taps)
        for place, elements in self._pairs(flat[:room].reshape(x.shape[1], count, self.phases, -1), x, lines):
            elements += place
