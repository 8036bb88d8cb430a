"""What a rewrite may promise of the values it keeps, and whether two arrays are as far apart as a promise allows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FIDELITIES = ("bitwise", "rounding", "finite")
ULP = 8  # units in the last place of the largest number in its equation: what a rule that may round is tested to keep
STYLES = {
    "bitwise": ("special", "sparse", "finite"),
    "rounding": ("special", "sparse", "finite"),
    "finite": ("finite",),
}
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 88.0, -88.0, 1e30, -1e30, 3e38, -1e300, 1.7e308,
           1e-30, -1e-20, 1e-40, -1e-45, 1e-310, 5e-324]  # fmt: skip


def operand(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, style: str) -> Array:
    """Values to test a promise on: "special", most of them NaN, infinite, tiny or huge; "sparse", one in 24; "finite", within 3."""
    values = rng.uniform(-3, 3, shape)
    if style != "finite":
        chosen = rng.uniform(size=shape) < (1 / 24 if style == "sparse" else 0.7)
        values = np.where(chosen, rng.choice(SPECIAL, shape), values)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def broken(
    fidelity: str, left: Array, right: Array, *, cured: bool = False, zeros: bool = False, scale: float = 0.0
) -> str:
    """How ``right`` breaks the promise to be ``left`` with this fidelity, in words; empty where it is kept.

    ``cured``: where the left side is not finite the right side may be. ``zeros``: a zero may have the other sign. ``scale``: the largest number on the way where it
    is larger than the results, as in a sum that is taken in another order.
    """
    if left.dtype != right.dtype or left.shape != right.shape:
        return f"{left.dtype.name}{list(left.shape)} became {right.dtype.name}{list(right.shape)}"
    if left.dtype.kind != "f":
        return _first(left != right, left, right, "must be equal")
    if fidelity == "bitwise":
        same = left.view(f"u{left.itemsize}") == right.view(f"u{left.itemsize}")
        return _first(~(same | (np.isnan(left) & np.isnan(right))), left, right, "must have the same bits")
    fine = np.isfinite(left)
    limits = np.finfo(left.dtype)
    with np.errstate(all="ignore"):
        far = np.abs(left - right)
        if cured:
            slack = 1e-5 + (1e-3 if left.itemsize == 4 else 1e-6) * np.abs(left)
            return _first(fine & ~(far <= slack), left, right, "must agree where the left side is finite")
        if bad := _first(np.isnan(left) != np.isnan(right), left, right, "must be NaN for the same operands"):
            return bad
        if bad := _first(~fine & ~np.isnan(left) & (left != right), left, right, "must be the same infinity"):
            return bad
        slack = ULP * limits.eps * np.maximum(np.abs(left), scale) + ULP * limits.smallest_subnormal
        if bad := _first(fine & ~(far <= slack), left, right, f"must agree to {ULP} units in the last place"):
            return bad
    turned = (left == 0) & (right == 0) & (np.signbit(left) != np.signbit(right))
    return "" if zeros else _first(turned, left, right, "must have zeros of the same sign")


def _first(wrong: Array, left: Array, right: Array, what: str) -> str:
    if not np.any(wrong):
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"left and right {what}; at {list(at)} left is {left[at]!s}, right {right[at]!s}"
