"""The words a kernel's text may use, as plain numpy: the meaning of compiler/intrinsics.py without numba."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from compiler.panels import BLOCK, PANEL, ROOM


def _cast(dtype):
    # astype never raises on NaN or overflow, the scalar constructors do
    return lambda value: np.asarray(value).astype(dtype)[()]


def _half_to_float(bits):
    return np.uint16(bits).view(np.float16).astype(np.float32)


def _float_to_half(value):
    return np.asarray(value).astype(np.float16).view(np.uint16)[()]


def _fma(a, b, c):
    """a*b + c; rounded once in float32 (the product is exact in float64), twice in float64."""
    if np.asarray(a).dtype == np.float32:
        return np.float32(np.float64(a) * np.float64(b) + np.float64(c))
    return a * b + c


def _ipow(base, exponent):
    """base ** exponent, wrapping; a negative exponent, which numpy refuses, is read as its bits without a sign."""
    base, exponent = np.asarray(base), int(exponent)
    return base.dtype.type(0) if exponent < 0 else np.power(base, np.asarray(exponent).astype(base.dtype))[()]


def _bits(integer, floating):
    return (
        lambda value: np.asarray(value).astype(floating).view(integer)[()],
        lambda value: np.asarray(value).astype(integer).view(floating)[()],
    )


CASTS = {name: _cast(name) for name in ("float32", "float64")}
CASTS |= {f"{sign}int{bits}": _cast(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
CASTS["bool_"] = _cast(np.bool_)

_float32_bits, _bits_float32 = _bits(np.int32, np.float32)
_float64_bits, _bits_float64 = _bits(np.int64, np.float64)

INTRINSICS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "radd": np.add,
    "rmul": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "floor_divide": np.floor_divide,
    "remainder": np.remainder,
    "fma": _fma,
    "ipow": _ipow,
    "where": lambda condition, a, b: a if condition else b,
    "sqrt": np.sqrt,
    "fabs": np.abs,
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": np.rint,
    "copysign": np.copysign,
    "nextafter": np.nextafter,
    "shift_left": np.left_shift,
    "shift_right": np.right_shift,
    "isnan": np.isnan,
    "half_to_float": _half_to_float,
    "float_to_half": _float_to_half,
    "float32_bits": _float32_bits,
    "bits_float32": _bits_float32,
    "float64_bits": _float64_bits,
    "bits_float64": _bits_float64,
    "mulhi_u64": lambda a, b: np.uint64(int(a) * int(b) >> 64),
}


def _matrix(flat, start, rows, columns, row_step, column_step=1):
    size = flat.itemsize
    return as_strided(flat[start:], (rows, columns), (row_step * size, column_step * size))


def _blas_gemm(_, ta, tb, m, n, k, alpha, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc):
    left = _matrix(a, at_a, k, m, lda).T if ta else _matrix(a, at_a, m, k, lda)
    right = _matrix(b, at_b, n, k, ldb).T if tb else _matrix(b, at_b, k, n, ldb)
    into = _matrix(c, at_c, m, n, ldc)
    product = alpha * (left @ right)
    into[...] = product if beta == 0 else product + beta * into


def _blas_gemv(_, transposed, rows, columns, alpha, a, at_a, lda, x, at_x, incx, beta, y, at_y, incy):
    matrix = _matrix(a, at_a, rows, columns, lda)
    matrix = matrix.T if transposed else matrix
    vector = _matrix(x, at_x, 1, matrix.shape[1], 1, incx)[0]
    into = _matrix(y, at_y, 1, matrix.shape[0], 1, incy)[0]
    product = alpha * (matrix @ vector)
    into[...] = product if beta == 0 else product + beta * into


def _tile_sums(rows, columns, depth, adds, a, at_a, b, at_b, table, row_at, a_at, b_at, o, at_o, step):
    row, left, right = table[row_at:][:rows, None], table[a_at:][:depth], table[b_at:][:depth, None]
    sums = a[at_a:][row + left] @ b[at_b:][right + np.arange(columns)]
    into = _matrix(o, at_o, rows, columns, step)
    into[...] = into + sums if adds else sums


def _line_copy(to, at_to, source, at_source, step, count):
    if count > 0:
        into = to[at_to:][: (count + 7) // 8 * 8]
        into[...] = 0
        into[:count] = source[at_source:][: (count - 1) * step + 1 : step]


def _tile(rows):
    def word(a, at_a, row_a, step_a, b, at_b, step_b, k, alpha, c, at_c, row_c):
        wide = PANEL // a.itemsize
        left, right = _matrix(a, at_a, rows, k, row_a, step_a), _matrix(b, at_b, k, wide, step_b)
        _matrix(c, at_c, rows, wide, row_c)[...] = alpha * (left @ right)

    return word


def _panel_filled(w, b, at_b, row_b, k, transposed):
    wide, side = PANEL // w.itemsize, BLOCK // w.itemsize
    done = k // side * side if transposed else k
    right = _matrix(b, at_b, wide, done, row_b).T if transposed else _matrix(b, at_b, done, wide, row_b)
    _matrix(w, 0, done, wide, wide)[...] = right
    return done


LIBRARY = {"blas_gemm": _blas_gemm, "blas_gemv": _blas_gemv, "line_copy": _line_copy, "tile_sums": _tile_sums}
LIBRARY |= {"tile_6": _tile(6), "tile_2": _tile(2)}
LIBRARY |= {"panel_filled": _panel_filled, "panel_room": lambda like: np.empty(ROOM, like[0:].dtype)}
LIBRARY |= {"choose": lambda condition, a, b: a if condition else b}
PYTHON = {"range": range, **CASTS, **INTRINSICS, **LIBRARY}
