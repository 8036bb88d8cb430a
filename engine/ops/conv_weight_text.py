"""The native loop of a convolution's weight gradient: products of shifted images with the gradient of the results.

The terms are the results of some images, the rows the elements of a window of each channel, the columns the channels
of the results, whose gradient is turned for that. With few such channels columns would be mostly empty: there each
number is a sum along the image, over a gradient laid out as the image is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from engine import dtypes
from engine.lowering import Shares
from engine.ops.conv_geometry import (
    FILL,
    FROM_THE_FIRST,
    PARTS,
    PLANE,
    RUNS,
    SHIFT,
    SHORT,
    SLACK,
    STRIP,
    TERMS,
    TILE,
    Geometry,
    joined,
    per_axis,
    room,
    shares,
)
from engine.sizes import Size, product
from engine.spec import Spec

_KERNEL = """
def kernel(a0, a1, o, p, y, b, t, {NAMES}):
    taps = k0 * k1 * k2
    terms = depth * taps
    area = p0 * p1 * p2
    images = maximum(1, minimum(batch, {SHORT} // maximum(area, 1)))
    {PLANE}
    blocks = (batch + images - 1) // images
    lanes = where(rows < {FEW}, rows, {STRIP})
    strips = (rows + lanes - 1) // maximum(lanes, 1)
    step_i = groups * rows * r0
    n0 = r0
    n1 = r1
    n2 = r2
    h0 = 1
    h1 = 1
    h2 = 1
    u0 = 0
    u1 = 0
    u2 = 0
    for part in range(parts):
        at_p = part * room_p
        at_y = part * room_y
        at_b = part * room_b
        at_shift = part * room_t
        at_pitch = at_shift + terms
        at_place = at_pitch + {TERMS}
        at_runs = at_place + {TERMS}
        for k in range({TERMS}):
            t[at_pitch + k] = k * {STRIP}
        k = 0
        for t0 in range(k0):
            for t1 in range(k1):
                for t2 in range(k2):
                    {SHIFT}
                    for c in range(depth):
                        t[at_shift + c * taps + k] = c * plane + shift
                    k = k + 1
        for k in range(groups * strips * terms * lanes):
            y[at_y + k] = 0
        for g in range(groups):
            for block in range(blocks * (before + part) // all_parts, blocks * (before + part + 1) // all_parts):
                first = block * images
                count = minimum(images, batch - first)
                {FILL}
                if rows < {FEW}:
                    {ALONG}
                else:
                    {TILES}
            at_y = at_y + strips * terms * lanes
    return 0
"""
# What the shares have summed up, put together.
_TOGETHER = """
def kernel(a0, a1, o, p, y, b, t, {NAMES}):
    terms = depth * k0 * k1 * k2
    lanes = where(rows < {FEW}, rows, {STRIP})
    strips = (rows + lanes - 1) // maximum(lanes, 1)
    for g in range(groups):
        for strip in range(strips):
            for lane in range(minimum(lanes, rows - strip * lanes)):
                for k in range(terms):
                    value = {ZERO}
                    for part in range(all_parts):
                        value = value + y[part * room_y + ((g * strips + strip) * terms + k) * lanes + lane]
                    o[(g * rows + strip * lanes + lane) * terms + k] = value
    return 0
"""
_TILES = """
dense = True
total = count * r0 * r1 * r2
{FROM_THE_FIRST}
for chunk in range((total + {TERMS} - 1) // {TERMS}):
    start = chunk * {TERMS}
    stop = minimum(total, start + {TERMS})
    {RUNS}
    for run in range(runs):
        at = at_runs + 4 * run
        for j in range(t[at + 1]):
            t[at_place + t[at] + j] = t[at + 2] + j
        for m in range(rows):
            x = ((first * groups + g) * rows + m) * r0 * r1 * r2 + t[at + 3]
            put = at_b + m // {STRIP} * {TERMS} * {STRIP} + t[at] * {STRIP} + m - m // {STRIP} * {STRIP}
            for j in range(t[at + 1]):
                b[put + j * {STRIP}] = a1[x + j]
    for strip in range(strips):
        here = at_b + strip * {TERMS} * {STRIP}
        wide = minimum({STRIP}, rows - strip * {STRIP})
        for tile in range((terms + {TILE} - 1) // {TILE}):
            k = tile * {TILE}
            into = at_y + (strip * terms + k) * {STRIP}
            some = minimum({TILE}, terms - k)
            tile_sums(some, wide, stop - start, 1, p, at_p, b, here, t, at_shift + k, at_place, at_pitch, y, into, {STRIP})
"""
_ALONG = """
spread = (count - 1) * area + ((r0 - 1) * p1 + r1 - 1) * p2 + r2
for m in range(rows):
    for j in range(count * area):
        b[at_b + j] = 0
    for i in range(count):
        for q0 in range(r0):
            for q1 in range(r1):
                put = at_b + i * area + (q0 * p1 + q1) * p2
                x = ((((first + i) * groups + g) * rows + m) * r0 + q0) * r1 * r2 + q1 * r2
                for j in range(r2):
                    b[put + j] = a1[x + j]
    for k in range(terms):
        x = at_p + t[at_shift + k]
        value = {ZERO}
        for j in range(spread):
            value = radd(value, b[at_b + j] * p[x + j])
        y[at_y + k * lanes + m] = y[at_y + k * lanes + m] + value
"""
FEW = 4  # channels of results for which a strip of columns is not worth while
LARGE = 1 << 21  # elements of the sums of all shares together, roughly; more would cost more than a second thread gains


class _Sums:
    """The sizes of a weight gradient, and its room."""

    def __init__(self, specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> None:
        self.at = Geometry(attrs, attrs["window"], specs[0].shape[2:])
        self.batch, self.dtype = specs[0].shape[0], out.dtype
        self.rows, self.depth = out.shape[0] // self.at.groups, out.shape[1]
        self.terms = self.depth * self.at.taps
        self.strip = STRIP // out.dtype.itemsize
        few = isinstance(self.rows, int) and self.rows < FEW
        lanes = self.rows if few else (self.rows + self.strip - 1) // self.strip * self.strip  # at most
        self.sums = self.at.groups * self.terms * lanes
        # Of channels that have a name the number of sums is not known: there may be too many for several shares.
        self.parts = max(1, min(PARTS, LARGE // max(self.sums, 1))) if isinstance(self.sums, int) else 1
        spread = TERMS * lanes + product(self.at.padded()) + SHORT + SLACK
        tables = self.terms + 6 * TERMS
        self.rooms = [room(self.at.padded(), prod(self.at.stride), self.depth), self.sums, spread, tables]

    def integers(self) -> dict[str, Size]:
        at = self.at
        ints: dict[str, Size] = dict(zip(("room_p", "room_y", "room_b", "room_t"), self.rooms, strict=True))
        ints |= {"parts": self.parts, "before": 0, "all_parts": self.parts, "batch": self.batch}
        ints |= {"groups": at.groups, "rows": self.rows, "depth": self.depth}
        ints |= per_axis("s", at.sizes) | per_axis("r", at.results) | per_axis("k", at.window)
        ints |= per_axis("d", at.dilation) | per_axis("e", at.stride) | per_axis("f", at.lead)
        return ints | per_axis("p", at.padded())

    def text(self, kernel: str) -> str:
        pieces = {"TILES": _TILES, "ALONG": _ALONG, "PLANE": PLANE, "FILL": FILL, "RUNS": RUNS, "SHIFT": SHIFT}
        numbers = {"STRIP": self.strip, "TERMS": TERMS, "TILE": TILE, "SHORT": SHORT, "FEW": FEW}
        pieces |= {name: str(number) for name, number in numbers.items()}
        zero = f"{self.dtype.name}(0)"
        names = ", ".join(self.integers())
        return joined(kernel, NAMES=names, ZERO=zero, FROM_THE_FIRST=FROM_THE_FIRST, **pieces) + "\n"


def weights(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    """For each share of the images, sums over n and i of a1[n, m, i] * a0[n, c, place of the tap for i]."""
    found = _Sums(specs, out, attrs)
    return found.text(_KERNEL), list(found.integers().values())


def together(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> str:
    """o[m, c, tap], the sum of what the shares have found."""
    return _Sums(specs, out, attrs).text(_TOGETHER)


def weight_shares(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> Shares:
    found = _Sums(specs, out, attrs)
    return shares(found.rooms, found.batch * product(found.at.results) * found.at.groups * found.rows * found.terms)


def scratch(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> list[Spec]:
    found = _Sums(specs, out, attrs)
    kinds = [out.dtype, out.dtype, out.dtype, dtypes.int64]
    return [Spec((found.parts * n,), kind) for n, kind in zip(found.rooms, kinds, strict=True)]
