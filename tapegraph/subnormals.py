"""Whether numbers too small for a full mantissa are taken for zero."""

from __future__ import annotations


def set_flush_denormal(mode: bool) -> bool:
    """Take subnormal floats for zero from here on, in both modes, or (False) compute with them as IEEE 754 says.

    Sums that decay, such as momenta, end among the subnormals (below 1.2e-38 in float32), with which this kind of
    processor computes many times slower. Off at the start, because results change. As in PyTorch it holds for the
    thread that calls it, and those started by it later; the pool of static mode follows. Returns whether the processor
    can do it (x86 can).
    """
    from compiler.subnormals import flush

    return flush(bool(mode))
