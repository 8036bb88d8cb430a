"""Figures as words: durations, sizes, counts and ratios."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds with at most three digits and the unit that suits them."""
    for unit, scale in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * scale:
            return f"{_digits(seconds / scale)} {unit}"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * scale:
            return f"{_digits(seconds / scale)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def span(low: float, high: float) -> str:
    """Two durations, the unit written once where it is the same."""
    first, last = duration(low), duration(high)
    number, unit = first.split()
    return f"{number} - {last}" if last.endswith(f" {unit}") else f"{first} - {last}"


def size(count: float) -> str:
    """Bytes in the unit that suits them."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= scale:
            return f"{_digits(count / scale)} {unit}"
    return f"{count:.0f} B"


def count(number: float) -> str:
    """A whole number with commas; one above ten thousand with three digits."""
    return f"{float(f'{number:.3g}') if number > 10_000 else number:,.0f}"


def plural(number: float, word: str) -> str:
    """A count with its word: 1 call, 2 calls."""
    return f"{count(number)} {word}{'s' * (number != 1)}"


def short_count(number: float) -> str:
    """A number as it stands on an axis, thousands as k."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= scale:
            return f"{_digits(number / scale)}{unit}"
    return _digits(number)


def ratio(value: float) -> str:
    """How many times, with the digits that mean something: 11.9×, 1.04×."""
    return f"{value:.2f}×" if value < 2 else f"{value:.1f}×" if value < 20 else f"{_digits(value)}×"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"
