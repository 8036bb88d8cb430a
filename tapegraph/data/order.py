"""Draws that stay the same for ever, made from the raw bits of a counter-based generator.

NumPy promises the raw stream of Philox (NEP 19), but not what the methods of ``numpy.random.Generator`` make of it.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError
from engine.ops.random import Generator

Array = np.ndarray[Any, Any]


class Draws:
    """A stream of random numbers that is a pure function of ``seed`` and ``epoch``, any integers, on every machine."""

    def __init__(self, seed: int, epoch: int = 0) -> None:
        self._bits = np.random.Philox(key=(int(seed) % 2**64) + ((int(epoch) % 2**64) << 64))

    def words(self, n: int) -> Array:
        """The next ``n`` random words, uint64."""
        return self._bits.random_raw(n)

    def uniform(self, *shape: int) -> Array:
        """Numbers in [0, 1), float64 with 53 random bits each."""
        count = int(np.prod(shape, dtype=np.int64))
        return ((self.words(count) >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def integers(self, high: Any, *shape: int) -> Array:
        """Whole numbers in [0, high), int64. ``high``, at most 2**53, may be an array that broadcasts to ``shape``."""
        found: Array = np.floor(self.uniform(*shape) * high).astype(np.int64)
        return found

    def normal(self, *shape: int) -> Array:
        """Standard normal numbers, float64 (Box and Muller 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(*shape)))
        found: Array = radius * np.cos(2 * np.pi * self.uniform(*shape))
        return found

    def permutation(self, n: int) -> Array:
        """A random order of ``range(n)``, int64."""
        return np.argsort(self.words(n), kind="stable")


def permutation(n: int, seed: int, epoch: int = 0) -> Array:
    """A random order of ``range(n)``, int64; a pure function of its arguments."""
    return Draws(seed, epoch).permutation(n)


def drawn_seed(generator: Any, op: str) -> int:
    """A seed from a generator, which moves on: a ``tapegraph.Generator``, a NumPy one, or an int, which is the seed.

    Raises ArgumentError for anything else.
    """
    if isinstance(generator, Generator):
        return int(generator.bits((), dtypes.uint64))
    if isinstance(generator, np.random.Generator):
        return int(generator.bit_generator.random_raw())
    return whole(generator, "generator", op, "give a tapegraph.Generator, a numpy.random.Generator or an int")


def whole(value: Any, name: str, op: str, fix: str = "", least: int | None = None) -> int:
    """``value`` as an int of at least ``least``; raises ArgumentError for what is none."""
    try:
        found = operator.index(value)
    except TypeError:
        found = None
    if found is None or isinstance(value, bool) or (least is not None and found < least):
        kind = {None: "an int", 0: "an int that is not negative", 1: "a positive int"}.get(least, f"an int >= {least}")
        raise ArgumentError(f"{name} must be {kind}, not {value!r}", op=op, fix=fix)
    return found
