"""The loops that native code factors matrices with: blocks of columns one by one, the rest by matrix products.

They compute in the dtype of the matrix, as LAPACK, PyTorch and JAX do; NumPy, and so eager mode, takes float32 through
float64. Source: Golub and Van Loan, "Matrix Computations", 4th edition, sections 3.2, 3.4 and 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.lowering import Loop
from engine.ops.matrices import INDEFINITE
from engine.sizes import Size, product
from engine.spec import Spec

BLOCK = 48

# ---------------------------------------------------------------------------------------- Cholesky

# A column being eliminated is copied into its row of the upper triangle, so that the inner loop reads what lies together.
_CHOLESKY = """def kernel(a0, o, gemm, batch, n):
    for i in range(batch):
        base = i * n * n
        for r in range(n):
            for c in range(r + 1):
                x = a0[base + r * n + c] + a0[base + c * n + r]
                o[base + r * n + c] = x * {dtype}(0.5)
                o[base + c * n + r] = x * {dtype}(0.5)
        start = 0
        while start < n:
            stop = where(start + {block} < n, start + {block}, n)
            here = base + start * n
            if start > 0:
                blas_gemm(
                    gemm, 0, 1, n - start, stop - start, start,
                    {dtype}(-1), o, here, n, o, here, n, {dtype}(1), o, here + start, n,
                )
            for j in range(start, stop):
                row = base + j * n
                d = o[row + j]
                if not d > 0:
                    return {status}
                d = sqrt(d)
                o[row + j] = d
                for r in range(j + 1, n):
                    o[base + r * n + j] = o[base + r * n + j] / d
                for c in range(j + 1, stop):
                    o[row + c] = o[base + c * n + j]
                for r in range(j + 1, n):
                    x = o[base + r * n + j]
                    last = where(r + 1 < stop, r + 1, stop)
                    for c in range(j + 1, last):
                        o[base + r * n + c] = o[base + r * n + c] - x * o[row + c]
            start = stop
        for r in range(n):
            for c in range(r + 1, n):
                o[base + r * n + c] = {dtype}(0)
    return 0
"""


def _cholesky(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    text = _CHOLESKY.format(dtype=out.dtype.name, block=BLOCK, status=INDEFINITE)
    return text, [product(out.shape[:-2]), out.shape[-1]]


CHOLESKY = Loop(_cholesky, products=True)

# ---------------------------------------------------------------------------------------- LU

# Eliminates the m * n matrix at ``base`` of an array ``w``. What follows a pivot search: ``swap`` where rows j and pick
# change places, ``lost`` where the pivot is zero.
_ELIMINATE = """        for z in range(m * n):
            w[base + z] = a0[matrix + z]
        least = where(m < n, m, n)
        start = 0
        while start < least:
            stop = where(start + {block} < least, start + {block}, least)
            for j in range(start, stop):
                row = base + j * n
                pick = j
                best = fabs(w[row + j])
                for r in range(j + 1, m):
                    x = fabs(w[base + r * n + j])
                    if x > best or (x != x and best == best):
                        best = x
                        pick = r
                if pick != j:
                    other = base + pick * n
                    for c in range(n):
                        x = w[row + c]
                        w[row + c] = w[other + c]
                        w[other + c] = x
{swap}                d = w[row + j]
                if d == 0:
                    {lost}
                else:
                    for r in range(j + 1, m):
                        line = base + r * n
                        x = w[line + j] / d
                        w[line + j] = x
                        for c in range(j + 1, stop):
                            w[line + c] = w[line + c] - x * w[row + c]
            for j in range(start + 1, stop):
                row = base + j * n
                for k in range(start, j):
                    x = w[row + k]
                    for c in range(stop, n):
                        w[row + c] = w[row + c] - x * w[base + k * n + c]
            if stop < m and stop < n:
                blas_gemm(
                    gemm, 0, 0, m - stop, n - stop, stop - start,
                    {dtype}(-1), w, base + stop * n + start, n, w, base + start * n + stop, n,
                    {dtype}(1), w, base + stop * n + stop, n,
                )
            start = stop
"""
_LU = """def kernel(a0, w, order, back, gemm, batch, m, n):
    for i in range(batch):
        base = i * m * n
        matrix = base
        places = i * m
        for r in range(m):
            order[places + r] = r
{eliminate}        for r in range(m):
            back[places + order[places + r]] = r
    return 0
"""
_SWAP_ORDER = """                    held = order[places + j]
                    order[places + j] = order[places + pick]
                    order[places + pick] = held
"""


def eliminate(dtype: str, swap: str, lost: str) -> str:
    """The elimination of the matrix at ``matrix`` of a0, in the array ``w``; its statements know ``n``, ``m`` and ``gemm``."""
    return _ELIMINATE.format(dtype=dtype, block=BLOCK, swap=swap, lost=lost)


def _lu(specs: Sequence[Spec], out: Any, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    (x,) = specs
    return _LU.format(eliminate=eliminate(x.dtype.name, _SWAP_ORDER, "pass")), [product(x.shape[:-2]), *x.shape[-2:]]


LU = Loop(_lu, products=True)
