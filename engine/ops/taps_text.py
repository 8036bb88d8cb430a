"""The native loops of convolution: register tiles of results by taps, over pieces of rows that stay in the first-level cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.ops.windows import Grid, Slide
from engine.sizes import Size, product
from engine.spec import Spec

PIECE = 4096  # bytes of a row worked on at a time: eleven such pieces fit into a first-level cache of 48 KiB
# Measured on rows of 64 channels, 3x3 windows, float32, AVX-512: 80 GFLOPS with these, 65 with 8 rows and 3 terms.
ROWS = 4  # rows computed together from one reading of what they share
TERMS = 6  # rows added to each of them in one pass
SUMS = 3  # the same for sums along rows, where every pair needs a register
WIDE = 7  # taps of the last axis unrolled at most

_HEAD = "batch groups channels outs taps depth total length base piece"


def _grid(attrs: dict[str, Any]) -> Grid:
    slide = Slide(attrs["window"], attrs["stride"], attrs["padding"], attrs["dilation"])
    return Grid(slide, attrs["sizes"], attrs["batch"])


class _Text:
    """Lines of a kernel, with the names and values of its integers."""

    def __init__(self, attrs: dict[str, Any], channels: Size, outs: Size, dtype: Any) -> None:
        grid = self.grid = _grid(attrs)
        groups = attrs["groups"]
        self.channels, self.outs = int(channels), int(outs)
        self.window = tuple(int(k) for k in attrs["window"])
        self.names = _HEAD.split()
        self.sizes: list[Size] = [attrs["batch"], groups, channels, outs, product(self.window), grid.depth]
        self.sizes += [grid.total, grid.length, grid.lead * grid.area, PIECE // dtype.itemsize]
        for i in range(len(self.window)):
            self._axis(i, f"k{i}", self.window[i])
            self._axis(i, f"d{i}", grid.slide.dilation[i])
            self._axis(i, f"f{i}", grid.fronts[i])
            self._axis(i, f"p{i}", grid.pitch[i])
            if grid.slide.stride[i] != 1:
                self._axis(i, f"h{i}", grid.phase_step(i))
        self.lines: list[str] = []
        self.depth = 1

    def _axis(self, axis: int, name: str, value: Size) -> None:
        self.names.append(name)
        self.sizes.append(value)

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def loop(self, counter: str, count: str) -> None:
        self.put(f"for {counter} in range({count}):")
        self.depth += 1

    def end(self, levels: int = 1) -> None:
        self.depth -= levels

    def shift(self, axis: int, tap: str) -> str:
        """How far along a row a tap lies along one axis."""
        stride = self.grid.slide.stride[axis]  # a number in the text: LLVM divides by it without a division
        if stride == 1:
            return f"({tap} * d{axis} - f{axis}) * p{axis}"
        e = f"{tap} * d{axis}"
        return f"{e} // {stride} * p{axis} + ({e} - {e} // {stride} * {stride}) * h{axis}"

    def finish(self) -> tuple[str, list[Size]]:
        head = f"def kernel(a0, a1, o, {', '.join(self.names)}):"
        return "\n".join([head, *self.lines, "    return 0", ""]), self.sizes

    # ------------------------------------------------------------------------------------ loops all three share

    def pieces(self) -> None:
        """Loops over pieces of rows and over groups: ``start`` and ``count`` of the piece, ``g``."""
        self.put("stop = where(batch > 0, length, 0)")
        self.loop("piece_number", "(stop + piece - 1) // piece")
        self.put("start = piece_number * piece")
        self.put("count = minimum(piece, stop - start)")
        self.loop("g", "groups")

    def tiles(self, count: int, total: str, counter: str, tile: int) -> Iterator[int]:
        """A loop over tiles of ``tile``, then one over what is left: yields how many go together; ``counter`` is the first."""
        tile = min(fitting(count, tile), max(count, 1))
        for size, first in ((tile, "0"), (count % tile, f"{count // tile} * {tile}")):
            if not size:
                continue
            if size == tile:
                self.loop(f"{counter}_tile", f"{total} // {tile}")
                self.put(f"{counter} = {counter}_tile * {tile}")
            else:
                self.put(f"{counter} = {first}")
            yield size
            if size == tile:
                self.end()

    def outer_taps(self, axes: int) -> None:
        """Loops over the window along the first ``axes`` axes: ``tap``, the number of the tap, ``row``, its shift."""
        for i in range(axes):
            self.loop(f"t{i}", f"k{i}")
        tap = "0"
        for i in range(axes):
            tap = f"({tap} * k{i} + t{i})" if i else "t0"
        self.put(f"tap = {tap}")
        self.put("row = base + " + (" + ".join(self.shift(i, f"t{i}") for i in range(axes)) or "0"))

    def windows(self, terms: int) -> Iterator[list[tuple[int, int]]]:
        """Loops over the elements of a window, several channels or taps of the last axis at a time.

        Yields pairs (channel, tap of the last axis) that go together. ``x0``, ``x1`` ... is where each begins in the
        input, ``place`` the number of the first among the weights of a result.
        """
        axis = len(self.window) - 1
        width = self.window[axis]
        for channels in self.tiles(self.channels, "channels", "c", max(1, terms // width)):
            self.outer_taps(axis)
            for wide in self.tiles(width, f"k{axis}", "last", WIDE):
                self.put(f"place = c * taps + tap * k{axis} + last")
                self.put("x0 = (g * channels + c) * depth + row + start + " + self.shift(axis, "last"))
                for u in range(1, channels * wide):
                    channel, t = divmod(u, wide)
                    if not t:
                        self.put(f"x{u} = x{u - wide} + depth")
                    elif self.grid.slide.stride[axis] == 1:
                        self.put(f"x{u} = x{u - 1} + d{axis} * p{axis}")
                    else:
                        self.put(f"next_{t} = last + {t}")
                        self.put(
                            f"x{u} = x{channel * wide} + {self.shift(axis, f'next_{t}')} - ({self.shift(axis, 'last')})"
                        )
                yield [(i, t) for i in range(channels) for t in range(wide)]
            self.end(axis)

    def weights_of(self, row: int, pairs: list[tuple[int, int]]) -> list[str]:
        """Where the weights of one result of a tile stand that belong to a window's elements; results in order."""
        first = "(g * outs + m) * channels * taps + place"
        self.put(f"z{row} = z{row - 1} + channels * taps" if row else f"z0 = {first}")
        return [f"z{row} + {i} * taps + {t}" if i else f"z{row} + {t}" if t else f"z{row}" for i, t in pairs]

    def rows(self, name: str, count: int, first: str, step: str) -> None:
        """Where ``count`` rows begin that lie ``step`` apart: ``name0``, ``name1`` ..."""
        self.put(f"{name}0 = {first}")
        for i in range(1, count):
            self.put(f"{name}{i} = {name}{i - 1} + {step}")

    def sums(self, rows: int, terms: int) -> None:
        """The innermost loop: to each of ``rows`` rows of the result it adds ``terms`` rows, weighted."""
        self.loop("j", "count")
        for u in range(terms):
            self.put(f"v{u} = a0[x{u} + j]")
        for i in range(rows):
            value = f"o[y{i} + j]"
            for u in range(terms):
                value = f"fma(w{i}_{u}, v{u}, {value})"
            self.put(f"r{i} = {value}")
        for i in range(rows):
            self.put(f"o[y{i} + j] = r{i}")
        self.end()


def fitting(count: int, tile: int) -> int:
    """A tile size near ``tile`` that leaves nothing over, where there is one."""
    return next((n for n in range(tile, tile // 2, -1) if count % n == 0), tile)


def results(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    """o[m, j] = sum of a1[m, c, tap] * a0[c, shift of tap + j]."""
    weight = specs[1].shape
    text = _Text(attrs, weight[1], weight[0] // attrs["groups"], out.dtype)
    text.pieces()
    for rows in text.tiles(text.outs, "outs", "m", ROWS):
        text.rows("y", rows, "(g * outs + m) * total + start", "total")
        text.loop("i", str(rows))
        text.loop("j", "count")
        text.put("o[y0 + i * total + j] = 0")
        text.end(2)
        for pairs in text.windows(TERMS):
            for i in range(rows):
                for u, place in enumerate(text.weights_of(i, pairs)):
                    text.put(f"w{i}_{u} = a1[{place}]")
            text.sums(rows, len(pairs))
    text.depth = 1
    text.loop("m", "groups * outs")
    text.loop("j", "total - stop")
    text.put("o[m * total + stop + j] = 0")
    return text.finish()


def inputs(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    """o[c, shift of tap + j] grows by the sum of a1[m, c, tap] * a0[m, j]."""
    weight = specs[1].shape
    text = _Text(attrs, weight[1], weight[0] // attrs["groups"], out.dtype)
    text.loop("j", "groups * channels * depth")
    text.put("o[j] = 0")
    text.end()
    text.pieces()
    for rows in text.tiles(text.channels, "channels", "c", ROWS):
        for terms in text.tiles(text.outs, "outs", "m", TERMS):
            text.outer_taps(len(text.window))
            text.rows("x", terms, "(g * outs + m) * total + start", "total")
            text.rows("y", rows, "(g * channels + c) * depth + row + start", "depth")
            text.rows("z", terms, "((g * outs + m) * channels + c) * taps + tap", "channels * taps")
            for i in range(rows):
                for u in range(terms):
                    text.put(f"w{i}_{u} = a1[z{u} + {i} * taps]" if i else f"w{i}_{u} = a1[z{u}]")
            text.sums(rows, terms)
            text.end(len(text.window))
    return text.finish()


def weights(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    """o[m, c, tap] = sum over j of a1[m, j] * a0[c, shift of tap + j]."""
    text = _Text(attrs, out.shape[1], out.shape[0] // attrs["groups"], out.dtype)
    zero = f"{out.dtype.name}(0)"
    text.loop("j", "groups * outs * channels * taps")
    text.put("o[j] = 0")
    text.end()
    text.pieces()
    for rows in text.tiles(text.outs, "outs", "m", ROWS):
        text.rows("y", rows, "(g * outs + m) * total + start", "total")
        for pairs in text.windows(SUMS):
            for u in range(len(pairs)):
                for i in range(rows):
                    text.put(f"r{i}_{u} = {zero}")
            text.loop("j", "count")
            for u in range(len(pairs)):
                text.put(f"v{u} = a0[x{u} + j]")
            for i in range(rows):
                text.put(f"e{i} = a1[y{i} + j]")
                for u in range(len(pairs)):
                    text.put(f"r{i}_{u} = radd(r{i}_{u}, e{i} * v{u})")
            text.end()
            for i in range(rows):
                for u, place in enumerate(text.weights_of(i, pairs)):
                    text.put(f"o[{place}] = o[{place}] + r{i}_{u}")
    return text.finish()
