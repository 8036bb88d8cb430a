"""The native loops of convolution and of its transpose: products of the weight with shifted images, in tiles of registers.

One text serves all numbers of channels, windows, strides and sizes. The columns of the product are the results of some
images; a table tells which number of the weight and which element of the image make each term. Columns read the
images as they lie, gaps between lines included, or, where the gaps cost more, from copies brought together.
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
    ROW,
    RUNS,
    SHIFT,
    SHORT,
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

FEW = 8  # rows for which more columns are worked on together, so that there is as much to do

_KERNEL = """
def kernel({ARRAYS}, o, p, y, b, t, {NAMES}):
    taps = k0 * k1 * k2
    area = p0 * p1 * p2
    images = maximum(1, minimum(batch, {SHORT} // maximum(area, 1)))
    {PLANE}
    blocks = (batch + images - 1) // images
    tiles = (rows + {TILE} - 1) // {TILE}
    pitch = columns + 16
    strip = where(tiles == 1, columns, {STRIP})
    step_i = groups * rows * r0
    for part in range(parts):
        at_p = part * room_p
        at_y = part * rows * columns
        at_b = part * {TERMS} * pitch
        at_rows = part * room_t
        at_pitch = at_rows + {TILE}
        at_runs = at_pitch + {TERMS}
        at_starts = at_runs + 4 * columns
        at_left = at_starts + h0 * h1 * h2 + 1
        at_right = at_left + depth * taps
        {TABLE}
        for r in range({TILE}):
            t[at_rows + r] = r * row_step
        for k in range({TERMS}):
            t[at_pitch + k] = k * pitch
        for block in range(blocks * (before + part) // {PARTS}, blocks * (before + part + 1) // {PARTS}):
            first = block * images
            count = minimum(images, batch - first)
            for g in range(groups):
                {FILL}
                for u0 in range(h0):
                    for u1 in range(h1):
                        for u2 in range(h2):
                            {RESULTS}
    return 0
"""
_RESULTS = """
n0 = (r0 - u0 + h0 - 1) // h0
n1 = (r1 - u1 + h1 - 1) // h1
n2 = (r2 - u2 + h2 - 1) // h2
starts = at_starts + (u0 * h1 + u1) * h2 + u2
left = at_left + t[starts] - t[at_starts]
right = at_right + t[starts] - t[at_starts]
depth_here = t[starts + 1] - t[starts]
whole = count * n0 * n1 * n2
spread = (count - 1) * area + ((n0 - 1) * p1 + n1 - 1) * p2 + n2
dense = spread * rows > whole * (rows + 7)
total = where(dense or whole == 0, whole, spread)
{FROM_THE_FIRST}
for chunk in range((total + columns - 1) // columns):
    start = chunk * columns
    stop = minimum(total, start + columns)
    {RUNS}
    for number in range((depth_here + {TERMS} - 1) // {TERMS} + where(depth_here == 0, 1, 0)):
        behind = number * {TERMS}
        terms = minimum({TERMS}, depth_here - behind)
        if dense:
            {BROUGHT_TOGETHER}
        for number_of_strip in range((stop - start + strip - 1) // strip):
            here = number_of_strip * strip
            wide = minimum(strip, stop - start - here)
            m = 0
            for tile in range(tiles):
                some = rows // tiles + where(tile < rows - rows // tiles * tiles, 1, 0)
                at_w = {WEIGHT} + m * row_step
                into = at_y + m * columns + here
                if dense:
                    tile_sums(some, wide, terms, number, a1, at_w, b, at_b + here, t, at_rows, left + behind, at_pitch, y, into, columns)
                else:
                    tile_sums(some, wide, terms, number, a1, at_w, p, at_p + start + here, t, at_rows, left + behind, right + behind, y, into, columns)
                m = m + some
    for m in range(rows):
        {BIAS}
        for run in range(runs):
            at = at_runs + 4 * run
            into = ((first * groups + g) * rows + m) * r0 * r1 * r2 + t[at + 3]
            out_of = at_y + m * columns + t[at]
            if h2 == 1:
                for j in range(t[at + 1]):
                    o[into + j] = y[out_of + j]{ADDED}
            else:
                for j in range(t[at + 1]):
                    o[into + j * h2] = y[out_of + j]{ADDED}
"""
_BROUGHT_TOGETHER = """
for k in range(terms):
    x = at_p + t[right + behind + k]
    for run in range(runs):
        at = at_runs + 4 * run
        into = at_b + k * pitch + t[at]
        out_of = x + t[at + 2]
        for piece in range((t[at + 1] + 7) // 8):
            for j in range(8):
                b[into + j] = p[out_of + j]
            into = into + 8
            out_of = out_of + 8
"""
# The terms of a result: the numbers of the weight in their order, and where the element that each meets stands.
_FORWARD = """
t[at_starts] = 0
t[at_starts + 1] = depth * taps
row_step = depth * taps
k = 0
for t0 in range(k0):
    for t1 in range(k1):
        for t2 in range(k2):
            {SHIFT}
            for c in range(depth):
                t[at_left + c * taps + k] = c * taps + k
                t[at_right + c * taps + k] = c * plane + shift
            k = k + 1
"""
# The terms of an element of the input, which only those taps have that reach it: its place within a stride decides.
_BACKWARD = """
row_step = taps
k = 0
for u0 in range(h0):
    for u1 in range(h1):
        for u2 in range(h2):
            t[at_starts + (u0 * h1 + u1) * h2 + u2] = k
            for c in range(depth):
                for t0 in range(k0):
                    w0 = u0 + l0 - t0 * d0 + f0 * h0
                    if w0 // h0 * h0 == w0:
                        for t1 in range(k1):
                            w1 = u1 + l1 - t1 * d1 + f1 * h1
                            if w1 // h1 * h1 == w1:
                                for t2 in range(k2):
                                    w2 = u2 + l2 - t2 * d2 + f2 * h2
                                    if w2 // h2 * h2 == w2:
                                        t[at_left + k] = ((c * rows * k0 + t0) * k1 + t1) * k2 + t2
                                        t[at_right + k] = c * plane + (w0 // h0 * p1 + w1 // h1) * p2 + w2 // h2
                                        k = k + 1
t[at_starts + h0 * h1 * h2] = k
"""


def _write(arrays: int, out: Spec, ints: dict[str, Size], **pieces: str) -> tuple[str, list[Size]]:
    text = joined(
        _KERNEL,
        ARRAYS=", ".join(f"a{i}" for i in range(arrays)),
        NAMES=", ".join(ints),
        STRIP=str(STRIP // out.dtype.itemsize),
        PARTS=str(PARTS),
        TERMS=str(TERMS),
        TILE=str(TILE),
        SHORT=str(SHORT),
        RESULTS=_RESULTS,
        BROUGHT_TOGETHER=_BROUGHT_TOGETHER,
        PLANE=PLANE,
        FILL=FILL,
        RUNS=RUNS,
        SHIFT=SHIFT,
        FROM_THE_FIRST=FROM_THE_FIRST,
        **pieces,
    )
    return text + "\n", list(ints.values())


class _Way:
    """One of the two directions: what its operands are called in the text, and its room."""

    def __init__(self, specs: Sequence[Spec], out: Spec, attrs: dict[str, Any], backward: bool) -> None:
        weight = specs[1].shape
        sizes = attrs["sizes"] if backward else specs[0].shape[2:]
        at = self.at = Geometry(attrs, weight[2:], sizes)
        outs, ins = weight[0] // at.groups, weight[1]
        self.out, self.arrays, self.backward = out, len(specs), backward
        self.rows: Size
        self.depth: Size
        self.rows, self.depth = (ins, outs) if backward else (outs, ins)
        self.places = at.surrounded() if backward else at.padded()
        self.batch = specs[0].shape[0]
        few = FEW // max(self.rows, 1) if isinstance(self.rows, int) else 1  # channels may have a name
        self.columns = ROW // out.dtype.itemsize * max(1, few)

    def scratch(self) -> list[Spec]:
        """Room for images, sums, columns brought together, and tables: as much as one share needs, for all of them."""
        at, dtype = self.at, self.out.dtype
        phases = prod(at.stride)
        before, after = (1, phases) if self.backward else (phases, 1)
        tables = TILE + TERMS + 4 * self.columns + after + 1 + 2 * self.depth * at.taps
        sizes = [room(self.places, before, self.depth), self.rows * self.columns, TERMS * (self.columns + 16)]
        return [*(Spec((PARTS * n,), dtype) for n in sizes), Spec((PARTS * tables,), dtypes.int64)]

    def shares(self) -> Shares:
        rooms = [spec.shape[0] // PARTS for spec in self.scratch()]
        return shares(
            rooms, self.batch * product(self.at.results) * self.at.groups * self.rows * self.depth * self.at.taps
        )

    def text(self) -> tuple[str, list[Size]]:
        at, ones = self.at, [1, 1, 1]
        rooms = [spec.shape[0] // PARTS for spec in self.scratch()]
        ints: dict[str, Size] = {
            "parts": PARTS,
            "before": 0,
            "room_p": rooms[0],
            "room_t": rooms[3],
            "columns": self.columns,
        }
        ints |= {"batch": self.batch, "groups": at.groups, "rows": self.rows, "depth": self.depth}
        ints |= per_axis("s", at.results if self.backward else at.sizes)
        ints |= per_axis("r", at.sizes if self.backward else at.results)
        ints |= per_axis("k", at.window) | per_axis("d", at.dilation) | per_axis("p", self.places)
        ints |= per_axis("e", ones if self.backward else at.stride)
        ints |= per_axis("h", at.stride if self.backward else ones)
        ints |= per_axis("f", at.fronts() if self.backward else at.lead)
        if self.backward:
            ints |= per_axis("l", at.lead)
        table, weight = (_BACKWARD, "g * depth * rows * taps") if self.backward else (_FORWARD, "g * rows * row_step")
        biased = self.arrays == 3
        return _write(
            self.arrays,
            self.out,
            ints,
            TABLE=table,
            WEIGHT=weight,
            BIAS="bias = a2[g * rows + m]" if biased else "",
            ADDED=" + bias" if biased else "",
        )


def forward(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    """o[n, m, i] = sum of a1[m, c, tap] * a0[n, c, place of the tap for i], and a2[m] where there is one."""
    return _Way(specs, out, attrs, backward=False).text()


def forward_scratch(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> list[Spec]:
    return _Way(specs, out, attrs, backward=False).scratch()


def forward_shares(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> Shares:
    return _Way(specs, out, attrs, backward=False).shares()


def backward(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    """o[n, c, place of the tap for i] grows by a1[m, c, tap] * a0[n, m, i]."""
    return _Way(specs, out, attrs, backward=True).text()


def backward_scratch(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> list[Spec]:
    return _Way(specs, out, attrs, backward=True).scratch()


def backward_shares(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> Shares:
    return _Way(specs, out, attrs, backward=True).shares()
