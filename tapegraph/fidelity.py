"""Fidelity: how near to eager mode's results a compiled program must stay."""

from __future__ import annotations

from engine.errors import ArgumentError
from graph.promise import FIDELITIES


def check_fidelity(name: str) -> str:
    """The name, if it is one; raises ArgumentError."""
    if name not in FIDELITIES:
        raise ArgumentError(f"there is no fidelity {name!r}", op="compile", fix='use "bitwise", "rounding" or "finite"')
    return name
