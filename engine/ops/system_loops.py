"""The loops that native code solves systems with, and multiplies the pivots of an elimination with.

Source: Golub and Van Loan, "Matrix Computations", 4th edition, sections 3.1 and 3.4.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from engine.lowering import Loop
from engine.ops.factor_loops import BLOCK, eliminate
from engine.ops.matrices import SINGULAR
from engine.sizes import Size, product, same, same_shape
from engine.spec import Spec

# ---------------------------------------------------------------------------------------- determinants

_DETERMINANT = """def kernel(a0, {results}, w, gemm, batch, n):
    base = 0
    m = n
    for i in range(batch):
        matrix = i * n * n
        sign = {dtype}(1)
{eliminate}{fold}    return 0
"""
_SWAP_SIGN = """                    sign = -sign
"""
_PRODUCT = """        for r in range(n):
            sign = sign * w[r * n + r]
        o[i] = sign
"""
_LOGARITHMS = """        total = {dtype}(0)
        for r in range(n):
            d = w[r * n + r]
            if d < 0:
                sign = -sign
            if d == 0:
                sign = {dtype}(0)
            if d != d:
                sign = d
            total = total + log(fabs(d))
        o[i] = sign
        logarithm[i] = total
"""


def _one_matrix(specs: Sequence[Spec], out: Any, attrs: dict[str, Any]) -> list[Spec]:
    return [Spec(specs[0].shape[-2:], specs[0].dtype)]


def _determinant(results: str, fold: str) -> Loop:
    def text(specs: Sequence[Spec], out: Any, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
        (x,) = specs
        dtype = x.dtype.name
        elimination = eliminate(dtype, _SWAP_SIGN, "pass")
        written = _DETERMINANT.format(
            results=results, dtype=dtype, eliminate=elimination, fold=fold.format(dtype=dtype)
        )
        return written, [product(x.shape[:-2]), x.shape[-1]]

    return Loop(text, scratch=_one_matrix, products=True)


DET, SLOGDET = _determinant("o", _PRODUCT), _determinant("o, logarithm", _LOGARITHMS)

# ---------------------------------------------------------------------------------------- substitution

_LOWER = """        start = 0
        while start < n:
            stop = where(start + {block} < n, start + {block}, n)
            if start > 0:
                blas_gemm(
                    gemm, 0, 0, stop - start, k, start,
                    {dtype}(-1), {t}, {matrix} + start * n, n, o, {base}, k, {dtype}(1), o, {base} + start * k, k,
                )
            for r in range(start, stop):
                for c in range(start, r):
                    x = {t}[{matrix} + r * n + c]
                    for q in range(k):
                        o[{base} + r * k + q] = o[{base} + r * k + q] - x * o[{base} + c * k + q]
{divide}            start = stop
"""
_UPPER = """        stop = n
        while stop > 0:
            start = where(stop > {block}, stop - {block}, 0)
            if stop < n:
                blas_gemm(
                    gemm, 0, 0, stop - start, k, n - stop,
                    {dtype}(-1), {t}, {matrix} + start * n + stop, n, o, {base} + stop * k, k, {dtype}(1), o, {base} + start * k, k,
                )
            for z in range(stop - start):
                r = stop - 1 - z
                for c in range(r + 1, stop):
                    x = {t}[{matrix} + r * n + c]
                    for q in range(k):
                        o[{base} + r * k + q] = o[{base} + r * k + q] - x * o[{base} + c * k + q]
{divide}            stop = start
"""
_DIVIDE = """                d = {t}[{matrix} + r * n + r]
                if d == 0:
                    return {status}
                for q in range(k):
                    o[{base} + r * k + q] = o[{base} + r * k + q] / d
"""


def _triangle(upper: bool, unit: bool, names: dict[str, str]) -> str:
    divide = "" if unit else _DIVIDE.format(status=SINGULAR, **names)
    return (_UPPER if upper else _LOWER).format(block=BLOCK, divide=divide, **names)


_SUBSTITUTE = """def kernel(a0, o, gemm, batch, step, n, k):
    if k == 0:
        return 0
    for i in range(batch):
        matrix = i * step
        base = i * n * k
{body}    return 0
"""


def _lead(a: Spec, b: Spec, out: Spec) -> tuple[Size, Size] | None:
    """How many systems, and elements from one matrix to the next; None where batch axes broadcast in another way."""
    lead, n = out.shape[:-2], a.shape[-1]
    alone = all(same(size, 1) for size in a.shape[:-2])
    if not same_shape(b.shape, out.shape) or not (alone or same_shape(a.shape[:-2], lead)):
        return None
    return product(lead), 0 if alone else n * n


def _substitute(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]] | None:
    a, b = specs
    found = _lead(a, b, out)
    if found is None:
        return None
    names = {"dtype": out.dtype.name, "t": "a0", "matrix": "matrix", "base": "base"}
    body = _triangle(attrs["upper"], attrs["unit"], names)
    return _SUBSTITUTE.format(body=body), [*found, *out.shape[-2:]]


SUBSTITUTE = Loop(_substitute, reuses=1, products=True)

# ---------------------------------------------------------------------------------------- systems

_SOLVE = """def kernel(a0, o, w, gemm, batch, step, n, columns):
    base = 0
    m = n
    for i in range(batch):
        matrix = i * step
        right = i * n * columns
{begin}{eliminate}        k = columns
        if k > 0:
{lower}{upper}    return 0
"""
_SWAP_RIGHT = """                    for c in range(columns):
                        x = o[right + j * columns + c]
                        o[right + j * columns + c] = o[right + pick * columns + c]
                        o[right + pick * columns + c] = x
"""
_IDENTITY = """        for r in range(n):
            for c in range(n):
                o[right + r * n + c] = {dtype}(r == c)
"""


def _solving(dtype: str, begin: str) -> str:
    """The text of a kernel that eliminates, doing to the right sides what it does to rows, and then substitutes."""
    names = {"dtype": dtype, "t": "w", "matrix": "base", "base": "right"}
    lower, upper = (textwrap.indent(_triangle(*kind, names), "    ") for kind in ((False, True), (True, False)))
    elimination = eliminate(dtype, _SWAP_RIGHT, f"return {SINGULAR}")
    return _SOLVE.format(begin=begin, eliminate=elimination, lower=lower, upper=upper)


def _solve(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]] | None:
    a, b = specs
    found = _lead(a, b, out)
    text = _solving(out.dtype.name, "")
    return None if found is None else (text, [*found, *out.shape[-2:]])


def _inverse(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    dtype, n = out.dtype.name, out.shape[-1]
    text = _solving(dtype, _IDENTITY.format(dtype=dtype))
    return text, [product(out.shape[:-2]), n * n, n, n]


SOLVE = Loop(_solve, reuses=1, scratch=_one_matrix, products=True)
INVERSE = Loop(_inverse, scratch=_one_matrix, products=True)
