"""Matrix products: by register tiles, or by the BLAS that SciPy ships, whose addresses travel in the argument block."""

import ctypes
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from compiler.kernel import Kernel, Param
from compiler.panels import BLOCK, DEEP, PANEL

# Our own tiles where a panel fits into half the first cache and the left operand, read once for each panel, into the
# last one: there they take 0.6 to 0.9 of OpenBLAS's time, and a tenth for matrices of a few rows.
REACH = 1 << 19
FEW = 12  # rows of the left operand for which it does not pay to pack the right one
SMALL = 1024  # multiplications of a matrix and a vector that take less time than a call of the BLAS (80 ns)
TOO_LARGE = 4  # status: a size does not fit the 32-bit integers of this BLAS; 1 to 3 are mistakes in the data

TEXT = """\
def kernel(
    a, b, c, gemm, gemv, batch, m, n, k, transpose_a, transpose_b, lda, ldb, ldc, step_a, step_b, step_c, alpha, beta
):
    if m == 0 or n == 0 or batch == 0:
        return 0
    if step_b == 0 and transpose_a == 0 and step_a == m * lda and step_c == m * ldc:
        m = m * batch
        batch = 1
    if m > 2147483647 or n > 2147483647 or k > 2147483647:
        return 4
    if lda > 2147483647 or ldb > 2147483647 or ldc > 2147483647:
        return 4
    if k == 0 or beta == 0:
        if k == 0 or m == 1 or n == 1:
            for i in range(batch):
                for row in range(m):
                    for column in range(n):
                        at = i * step_c + row * ldc + column
                        c[at] = where(beta == 0, beta, c[at] * beta)
    if k == 0:
        return 0
    narrow = n < WIDE
    direct = (not narrow) & (transpose_b == 0) & (m <= FEW)
    fits = (direct | (k <= DEEP)) & (m * k <= REACH)
    if beta == 0 and m > 1 and (n >= SIDE or n > 1 and transpose_a != 0) and fits:
        w = panel_room(a)
        right_a = where(transpose_a != 0, lda, 1)
        down_a = where(transpose_a != 0, 1, lda)
        right_b = where(transpose_b != 0, ldb, 1)
        down_b = where(transpose_b != 0, 1, ldb)
        source = choose(direct, b, w)
        step = where(direct, ldb, WIDE)
        target = choose(narrow, w, c)
        down_c = where(narrow, WIDE, ldc)
        rows = where(m < 6, 2, 6)
        for i in range(batch):
            for panel in range((n + WIDE - 1) // WIDE):
                j = maximum(0, minimum(panel * WIDE, n - WIDE))
                at_b = i * step_b + j * right_b
                at = 0
                done = 0
                if direct:
                    at = at_b
                    done = k
                elif not narrow:
                    done = panel_filled(w, b, at_b, ldb, k, transpose_b)
                for p in range(done, k):
                    for q in range(WIDE):
                        w[p * WIDE + q] = where(q < n, b[at_b + p * down_b + minimum(q, n - 1) * right_b], 0)
                for t in range((m + rows - 1) // rows):
                    row = minimum(t * rows, m - rows)
                    at_a = i * step_a + row * down_a
                    at_c = i * step_c + row * ldc + j
                    to = where(narrow, k * WIDE, at_c)
                    if rows == 6:
                        tile_6(a, at_a, down_a, right_a, source, at, step, k, alpha, target, to, down_c)
                    else:
                        tile_2(a, at_a, down_a, right_a, source, at, step, k, alpha, target, to, down_c)
                    if narrow:
                        for r in range(rows):
                            for q in range(n):
                                c[at_c + r * ldc + q] = w[(k + r) * WIDE + q]
        return 0
    for i in range(batch):
        at_a = i * step_a
        at_b = i * step_b
        at_c = i * step_c
        if (m == 1 or n == 1) and beta == 0 and m * n * k <= SMALL:
            right_a = where(transpose_a != 0, lda, 1)
            down_a = where(transpose_a != 0, 1, lda)
            down_b = where(transpose_b != 0, 1, ldb)
            if m == 1 and transpose_b == 0:
                for p in range(k):
                    left = alpha * a[at_a + p * right_a]
                    for q in range(n):
                        c[at_c + q] += left * b[at_b + p * ldb + q]
            else:
                for row in range(m):
                    for q in range(n):
                        total = alpha * 0
                        for p in range(k):
                            total = radd(total, a[at_a + row * down_a + p * right_a] * b[at_b + p * down_b + q * ldb])
                        c[at_c + row * ldc + q] = alpha * total
        elif n == 1:
            x = where(transpose_b != 0, 1, ldb)
            rows = where(transpose_a != 0, k, m)
            columns = m + k - rows
            blas_gemv(gemv, transpose_a, rows, columns, alpha, a, at_a, lda, b, at_b, x, beta, c, at_c, ldc)
        elif m == 1:
            x = where(transpose_a != 0, lda, 1)
            rows = where(transpose_b != 0, n, k)
            columns = n + k - rows
            blas_gemv(gemv, 1 - transpose_b, rows, columns, alpha, b, at_b, ldb, a, at_a, x, beta, c, at_c, 1)
        else:
            blas_gemm(
                gemm, transpose_a, transpose_b, m, n, k, alpha, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc
            )
    return 0
"""
INTEGERS = "gemm gemv batch m n k transpose_a transpose_b lda ldb ldc step_a step_b step_c"


def gemm_kernel(dtype: str) -> Kernel:
    """C[m, n] = alpha * op(A) @ op(B) + beta * C for `batch` row-major matrices of float32 or float64.

    The block's values are, in order: addresses of A, B, C; `*addresses(dtype)`; batch, m, n, k; transpose_a and
    transpose_b (0 or 1: the matrix is stored [k, m], or [n, k]); leading dimensions lda, ldb, ldc (elements from row
    to row as stored, at least the row length); elements from one batch entry to the next (0 repeats one matrix);
    alpha, beta. C may hold anything where beta is 0. C overlaps neither A nor B.
    """
    pointers = [Param(name, "ptr", dtype) for name in "abc"]
    integers = [Param(name, "int") for name in INTEGERS.split()]
    size = {"float32": 4, "float64": 8}[dtype]
    numbers = {"WIDE": PANEL // size, "SIDE": BLOCK // size, "DEEP": DEEP, "REACH": REACH, "FEW": FEW, "SMALL": SMALL}
    text = re.sub("[A-Z]{3,}", lambda word: str(numbers[word.group()]), TEXT)
    return Kernel(text, (*pointers, *integers, Param("alpha", "float", dtype), Param("beta", "float", dtype)))


@cache
def addresses(dtype: str) -> tuple[int, int]:
    """Addresses of gemm and gemv (Fortran calling convention, 32-bit integers) for float32 or float64.

    From here on this BLAS runs each product on one thread. Threads of its own would fight those that share the plan's
    rows (seen: 16 ms for a product of 10 microseconds), and its results depend on how many it has.
    """
    blas_threads(1)
    letter = {"float32": "s", "float64": "d"}[dtype]
    return _address(f"{letter}gemm"), _address(f"{letter}gemv")


def _address(name: str) -> int:
    library = _library()
    if library is not None and (found := getattr(library, f"scipy_{name}_", None)) is not None:
        return ctypes.cast(found, ctypes.c_void_p).value
    from scipy.linalg import cython_blas  # 0.3 s, where SciPy was built against another BLAS

    capsule = cython_blas.__pyx_capi__[name]
    as_name, as_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    as_name.restype, as_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    as_pointer.restype, as_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return as_pointer(capsule, as_name(capsule))


@cache
def _library() -> ctypes.CDLL | None:
    """The OpenBLAS inside SciPy's wheel, the same copy SciPy itself uses; loading it takes 3 ms, scipy.linalg 300."""
    spec = find_spec("scipy")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(spec.submodule_search_locations[0])
    for folder in (package.parent / "scipy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("libscipy_openblas*")):
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            if hasattr(library, "scipy_sgemm_"):
                return library
    return None


def blas_threads(count: int | None = None) -> int | None:
    """Set (with `count`) and return the number of threads of this BLAS; None where it offers no such control."""
    library = _library()
    if library is None or not hasattr(library, "scipy_openblas_set_num_threads"):
        return None
    if count is not None:
        library.scipy_openblas_set_num_threads(ctypes.c_int(count))
    return int(library.scipy_openblas_get_num_threads())


def told() -> str | None:
    """This BLAS in its own words; None where it is no OpenBLAS of SciPy's."""
    get = getattr(_library(), "scipy_openblas_get_config", None)
    if get is None:
        return None
    get.restype = ctypes.c_char_p
    return " ".join(get().decode().split())
