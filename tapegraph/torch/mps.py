"""torch.mps: the answers of a machine without one."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def empty_cache() -> None:
    """Nothing to empty."""


def manual_seed(seed: int) -> None:
    """Nothing to seed."""
