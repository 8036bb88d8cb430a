"""Faults put into a user's own program, one at a time, each in a copy of the process that is thrown away."""

from tapegraph.injection.inject import inject

__all__ = ["inject"]
