"""Native loops over windows: tap by tap along whole lines where windows are alike, window by window where they are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.lowering import Loop
from engine.sizes import Size, product
from engine.spec import Spec

# Attributes of every op over windows: window, stride, padding, dilation, results (how many windows along each axis)
# and adaptive (window i of m reaches from i*n//m to ceil((i+1)*n/m), and the first four do not count).


class _Text:
    def __init__(self, arrays: str, sizes: Sequence[Size], lead: Size, attrs: dict[str, Any]) -> None:
        self.names, self.sizes = ["planes"], [lead]
        self.rank = len(sizes)
        self.stride: tuple[int, ...] = attrs["stride"]
        self.adaptive: bool = attrs["adaptive"]
        for i, (n, m) in enumerate(zip(sizes, attrs["results"], strict=True)):
            self._size(f"n{i}", n)
            self._size(f"m{i}", m)
            if not self.adaptive:
                self._size(f"k{i}", attrs["window"][i])
                self._size(f"d{i}", attrs["dilation"][i])
                self._size(f"f{i}", attrs["padding"][i][0])
                self._size(f"s{i}", attrs["stride"][i])
        self.arrays = arrays
        self.lines: list[str] = []
        self.depth = 1
        for name, letter in (("area", "n"), ("count", "m"), ("taps", "k")):
            if letter != "k" or not self.adaptive:
                self.put(f"{name} = " + " * ".join(f"{letter}{i}" for i in range(self.rank)))

    def _size(self, name: str, value: Size) -> None:
        self.names.append(name)
        self.sizes.append(value)

    def put(self, *lines: str) -> None:
        self.lines += ["    " * self.depth + line for line in lines]

    def begin(self, line: str) -> None:
        self.put(line)
        self.depth += 1

    def end(self, levels: int = 1) -> None:
        self.depth -= levels

    def flat(self, letter: str, size: str, axes: int) -> str:
        """A row-major position from one counter for each of the first axes."""
        text = "0"
        for i in range(axes):
            text = f"({text}) * {size}{i} + {letter}{i}" if i else f"{letter}0"
        return text

    def finish(self) -> tuple[str, list[Size]]:
        head = f"def kernel({self.arrays}, o, {', '.join(self.names)}):"
        return "\n".join([head, *self.lines, "    return 0", ""]), self.sizes


def sweep(start: str, body: str, filled: str) -> Callable[..., tuple[str, list[Size]]]:
    """Loops tap by tap. ``body`` runs for each element that a tap meets: ``x`` and ``r`` are the places of the element
    and of the result among all, ``e`` that of the tap's own result. ``filled``: what of the result a plane begins
    with, "area", "count" or "taps * count", all of it ``start``."""

    def text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any], shape: Sequence[Size]) -> tuple[str, list[Size]]:
        rank = len(attrs["results"])
        t = _Text("a0", shape[len(shape) - rank :], product(shape[: len(shape) - rank]), attrs)
        last = rank - 1
        t.begin("for p in range(planes):")
        t.begin(f"for j in range({filled}):")
        t.put(f"o[p * ({filled}) + j] = {_number(start, out)}")
        t.end()
        for i in range(rank):
            t.begin(f"for t{i} in range(k{i}):")
        t.put(f"tap = {t.flat('t', 'k', rank)}", f"shift = t{last} * d{last} - f{last}", "low = 0")
        t.begin("if shift < 0:")
        t.put(f"low = (s{last} - 1 - shift) // s{last}")
        t.end()
        t.put("high = 0")
        t.begin(f"if shift < n{last}:")
        t.put(f"high = minimum(m{last}, (n{last} - 1 - shift) // s{last} + 1)")
        t.end()
        for i in range(last):
            t.begin(f"for i{i} in range(m{i}):")
            t.put(f"q{i} = i{i} * s{i} - f{i} + t{i} * d{i}")
            t.begin(f"if q{i} >= 0 and q{i} < n{i}:")
        lines = (
            (f"({t.flat('q', 'n', last)}) * n{last}", f"({t.flat('i', 'm', last)}) * m{last}") if last else ("0", "0")
        )
        t.put(
            f"xs = p * area + {lines[0]} + shift",
            f"rs = p * count + {lines[1]}",
            f"es = (p * taps + tap) * count + {lines[1]}",
        )
        t.begin("for j in range(low, high):")
        # A stride that stands in the text lets LLVM read with few wide loads.
        step = {1: "j", 2: "j * 2"}.get(t.stride[last], f"j * s{last}")
        t.put(body.format(x=f"xs + {step}", r="rs + j", e="es + j"))
        return t.finish()

    return text


def each(begin: str, body: Sequence[str], finish: str, filled: str = "") -> Callable[..., tuple[str, list[Size]]]:
    """Loops window by window: ``begin``, ``body`` for each element, ``finish``. ``x`` and ``r`` are places among all,
    ``here`` that of the element in its plane. ``filled``: elements of a plane of the result that begin as 0."""

    def text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any], shape: Sequence[Size]) -> tuple[str, list[Size]]:
        rank = len(attrs["results"])
        arrays = ", ".join(f"a{i}" for i in range(len(specs)))
        t = _Text(arrays, shape[len(shape) - rank :], product(shape[: len(shape) - rank]), attrs)
        t.begin("for p in range(planes):")
        if filled:
            t.begin(f"for j in range({filled}):")
            t.put(f"o[p * {filled} + j] = 0")
            t.end()
        for i in range(rank):
            t.begin(f"for i{i} in range(m{i}):")
        t.put(f"r = p * count + {t.flat('i', 'm', rank)}")
        if begin:
            t.put(begin.format(zero=_number("zero", out)))
        level = t.depth
        for i in range(rank):
            if t.adaptive:
                t.begin(f"for q{i} in range(i{i} * n{i} // m{i}, ((i{i} + 1) * n{i} + m{i} - 1) // m{i}):")
            else:
                t.begin(f"for t{i} in range(k{i}):")
                t.put(f"q{i} = i{i} * s{i} - f{i} + t{i} * d{i}")
                t.begin(f"if q{i} >= 0 and q{i} < n{i}:")
        t.put(f"here = {t.flat('q', 'n', rank)}", "x = p * area + here", *body)
        t.end(t.depth - level)
        if finish:
            t.put(finish)
        return t.finish()

    return text


def _number(word: str, out: Spec) -> str:
    if word == "lowest":
        return f"{out.dtype.name}(-1e999)"
    return f"{out.dtype.name}(0)"


def loop(*texts: Callable[..., tuple[str, list[Size]]], shape: str = "operand") -> Loop:
    """The lowering of an op over windows: the first text, or the last where it is adaptive."""

    def text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
        sizes = specs[0].shape if shape == "operand" else out.shape
        return texts[-1 if attrs["adaptive"] else 0](specs, out, attrs, sizes)

    return Loop(text)
