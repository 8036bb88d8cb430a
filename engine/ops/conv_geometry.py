"""The sizes of a convolution over three axes as its native loops know them, and the pieces of text that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.lowering import Shares
from engine.ops.windows import Slide
from engine.sizes import Size, larger, product, same

STRIP = 128  # bytes of a strip of columns: what the word tile_sums may read and write at once
ROW = 4 * STRIP  # bytes of a row of columns that are worked on together
TERMS = 96  # added in one go: a strip of so many rows stays in the first-level cache, 12 of 32 KiB, and a tile's other factors
TILE = 6  # rows of the word tile_sums at most
SHORT = 256  # places of an image below which several are worked on together
LINE = 16  # elements that no two channels may lie a power of two of apart, or they share a place in the cache
SLACK = 64  # elements that may be read behind the last
PARTS = 8  # shares of the images that do not depend on each other


def _three(values: Sequence[Any], filler: Any) -> list[Any]:
    """For each of three axes; where there are fewer, the first have one element."""
    return [filler] * (3 - len(values)) + list(values)


class Geometry:
    """Windows over three axes of an input, and how the input or the gradient of the results is laid out for them.

    Element z of an axis of stride e stands at place z // e of part z % e, behind the zeros before it, so that each
    element of a window is one shift for all results, and results that follow each other read what follows each other.
    """

    def __init__(self, attrs: dict[str, Any], window: Sequence[Size], sizes: Sequence[Size]) -> None:
        slide = Slide(tuple(int(k) for k in window), attrs["stride"], attrs["padding"], attrs["dilation"])
        self.groups = attrs["groups"]
        self.stride, self.dilation = _three(slide.stride, 1), _three(slide.dilation, 1)
        self.window, self.sizes = _three(slide.window, 1), _three(sizes, 1)
        self.results = _three(slide.results(tuple(sizes)), 1)
        self.padding = _three(slide.padding, (0, 0))
        while self._plain(1) and self._plain(2) and not same(self.sizes[1], 1):
            self._join()
        self.lead = [lo for lo, _ in self.padding]
        self.taps = product(self.window)

    def _plain(self, axis: int) -> bool:
        """Whether each result sees one element along an axis, and every element is seen."""
        return (self.window[axis], self.stride[axis], self.padding[axis]) == (1, 1, (0, 0))

    def _join(self) -> None:
        """Make one line of the last two axes, as long as windows tell nothing of where it begins."""
        for sizes in (self.sizes, self.results):
            sizes[:] = [1, sizes[0], sizes[1] * sizes[2]]
        for values, filler in ((self.window, 1), (self.stride, 1), (self.dilation, 1), (self.padding, (0, 0))):
            values[:] = [filler, values[0], values[2]]

    def padded(self) -> list[Size]:
        """Places of one part of the input along each axis, zeros included."""
        every = zip(self.sizes, self.padding, self.stride, strict=True)
        return [(lo + n + hi + s - 1) // s for n, (lo, hi), s in every]

    def fronts(self) -> list[int]:
        """Zeros that the gradient of the results needs before it."""
        every = zip(self.window, self.dilation, self.lead, self.stride, strict=True)
        return [max(0, -((lo - (k - 1) * d) // s)) for k, d, lo, s in every]

    def surrounded(self) -> list[Size]:
        """Places of the gradient of the results along each axis, with the zeros it needs before and behind."""
        every = zip(self.fronts(), self.sizes, self.lead, self.stride, self.results, strict=True)
        return [f + m + larger((n - 1 + lo) // s + 1 - m, 0) for f, n, lo, s, m in every]


def room(places: Sequence[Size], phases: int, channels: Size) -> Size:
    """Elements of one share's copy of some images."""
    return channels * (phases * (product(places) + SHORT) + 2 * LINE) + SLACK


def shares(rooms: Sequence[Size], work: Size) -> Shares:
    """The loop over shares of the images: each has room of its own for images, sums, other factors and tables."""
    return Shares("parts", {"before": 1, **dict(zip("pybt", rooms, strict=True))}, work)


# Elements from one channel of ``p`` to the next: an odd number of cache lines.
PLANE = f"plane = ((e0 * e1 * e2 * images * area + {LINE - 1}) // {2 * LINE} * 2 + 1) * {LINE}"


# From a result's place to that of the element which tap (t0, t1, t2) of its window sees.
SHIFT = """
w0 = t0 * d0
w1 = t1 * d1
w2 = t2 * d2
dealt = ((w0 - w0 // e0 * e0) * e1 + w1 - w1 // e1 * e1) * e2 + w2 - w2 // e2 * e2
shift = dealt * images * area + (w0 // e0 * p1 + w1 // e1) * p2 + w2 // e2
"""


def joined(text: str, **pieces: str) -> str:
    """A text whose lines ``{NAME}`` stand for pieces, indented as they are; other names in braces are put in place."""
    found = []
    for line in text.strip("\n").split("\n"):
        name = line.strip()[1:-1]
        if line.strip() == f"{{{name}}}" and name in pieces:
            indent = line[: len(line) - len(line.lstrip())]
            found += [indent + inner for inner in joined(pieces[name], **pieces).split("\n") if inner.strip()]
        else:
            for name, value in pieces.items():
                line = line.replace(f"{{{name}}}", value)
            found.append(line)
    return "\n".join(found)


def per_axis(letter: str, values: Sequence[Size]) -> dict[str, Size]:
    """Names of integers for three axes: the letter and the number of the axis."""
    return {f"{letter}{i}": value for i, value in enumerate(values)}


# Copies ``count`` images from ``first`` of group ``g`` of ``a0``, of sizes s, into ``p``: strides e, zeros before f,
# places p. The parts of a channel follow each other, in each the images, so that gaps between images are as short as
# those between lines. Each line is written by eights, and what that writes too much is written over by the next.
FILL = """
for c in range(depth):
    for v0 in range(e0):
        for v1 in range(e1):
            for v2 in range(e2):
                low = minimum((f2 - v2 + e2 - 1) // e2, p2)
                length = maximum(0, minimum(p2, (s2 - 1 + f2 - v2) // e2 + 1) - low)
                behind = low + (length + 7) // 8 * 8
                put = at_p + c * plane + ((v0 * e1 + v1) * e2 + v2) * images * area
                for i in range(count):
                    taken = (((first + i) * groups + g) * depth + c) * s0 * s1 * s2 + low * e2 - f2 + v2
                    for q0 in range(p0):
                        z0 = q0 * e0 + v0 - f0
                        for q1 in range(p1):
                            z1 = q1 * e1 + v1 - f1
                            if z0 >= 0 and z0 < s0 and z1 >= 0 and z1 < s1:
                                for piece in range((low + 7) // 8):
                                    for j in range(8):
                                        p[put + piece * 8 + j] = 0
                                x = taken + (z0 * s1 + z1) * s2
                                if e2 < 3:
                                    line_copy(p, put + low, a0, x, e2, length)
                                else:
                                    for j in range(length):
                                        p[put + low + j] = a0[x + j * e2]
                                    for j in range(length, behind - low):
                                        p[put + low + j] = 0
                                for piece in range((p2 - behind + 7) // 8):
                                    for j in range(8):
                                        p[put + behind + piece * 8 + j] = 0
                            else:
                                for piece in range((p2 + 7) // 8):
                                    for j in range(8):
                                        p[put + piece * 8 + j] = 0
                            put = put + p2
"""
# Finds the runs of the columns from ``start`` to ``stop`` within lines of n2 results: where among the columns, how
# long, where in ``p``, where in an array of results (sizes r, strides h from places u). Columns go on from line to
# line, or, where they are not ``dense``, lie as they do in ``p``.
FROM_THE_FIRST = """
line = 0
line_i = 0
line_0 = 0
line_1 = 0
done = 0
"""
RUNS = """
runs = 0
inside = line_i < count
while inside:
    place = line_i * area + (line_0 * p1 + line_1) * p2
    begin = where(dense, line * n2, place) + done
    inside = begin < stop
    if inside:
        at = at_runs + 4 * runs
        runs = runs + 1
        length = minimum(n2 - done, stop - begin)
        t[at] = begin - start
        t[at + 1] = length
        t[at + 2] = place + done
        result = ((line_i * step_i + line_0 * h0 + u0) * r1 + line_1 * h1 + u1) * r2
        t[at + 3] = result + done * h2 + u2
        done = done + length
        if done == n2:
            done = 0
            line = line + 1
            line_1 = line_1 + 1
            if line_1 == n1:
                line_1 = 0
                line_0 = line_0 + 1
                if line_0 == n0:
                    line_0 = 0
                    line_i = line_i + 1
                    inside = line_i < count
"""
