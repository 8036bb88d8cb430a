"""Shuffles that stay the same for ever: orders drawn from the raw bits of a counter-based generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ArgumentError


def permutation(n: int, seed: int, epoch: int = 0) -> np.ndarray[Any, Any]:
    """A random order of ``range(n)``, int64; a pure function of its arguments.

    NumPy promises the raw stream of Philox (NEP 19), but not what its ``permutation`` makes of it.
    """
    bits = np.random.Philox(key=(seed % 2**64) + ((epoch % 2**64) << 64))
    return np.argsort(bits.random_raw(n), kind="stable")


def part_sizes(lengths: Any, n: int, op: str) -> list[int]:
    """Sizes that add up to ``n`` from ints, or from fractions that add up to 1; raises ArgumentError otherwise."""
    given = list(lengths)
    if any(length < 0 for length in given):
        raise ArgumentError(f"sizes must not be negative, got {given}", op=op)
    if any(isinstance(length, float) for length in given):
        if abs(sum(given) - 1) > 1e-6:
            raise ArgumentError(f"fractions must add up to 1, got {given}", op=op)
        edges = np.rint(np.cumsum([0.0, *given]) * n).astype(int)
        return [int(size) for size in np.diff(edges)]
    if sum(given) != n:
        raise ArgumentError(f"sizes {given} add up to {sum(given)}, the data has {n} samples", op=op)
    return [int(length) for length in given]
