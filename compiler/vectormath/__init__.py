"""Elementary functions as branch-free LLVM code that the loop vectoriser widens, for float32 and float64.

numba's own exp, log and so on call libm once per element. A name bound to a value of `NATIVE` is instead an intrinsic:
its code is written straight into the calling kernel, so there is nothing to infer, link or inline.
"""

from compiler.vectormath.binding import NATIVE

__all__ = ["NATIVE"]
