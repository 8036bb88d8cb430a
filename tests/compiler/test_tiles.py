"""The words of convolution do natively what their plain meaning says, and touch nothing behind what they may."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from compiler import loader
from compiler.kernel import Kernel, Param, pack
from compiler.tiles import LANES, ROWS

SUMS = """def kernel(a, b, o, t, rows, columns, depth, adds):
    tile_sums(rows, columns, depth, adds, a, 1, b, 2, t, 0, 8, 8 + depth, o, 3, 80)
    return 0
"""
COPY = """def kernel(to, source, step, count):
    line_copy(to, 1, source, 2, step, count)
    return 0
"""


def native(kernel, *values):
    (address,) = loader.load([kernel])
    block = pack(kernel, [v.ctypes.data if isinstance(v, np.ndarray) else v for v in values])
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address)(block.ctypes.data) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tile_sums(dtype):
    pointers = [Param(name, "ptr", dtype) for name in "abo"]
    integers = [Param(name, "int") for name in ("rows", "columns", "depth", "adds")]
    kernel = Kernel(SUMS, (*pointers, Param("t", "ptr", "int64"), *integers))
    rng = np.random.default_rng(0)
    for rows in range(1, ROWS + 1):
        for columns, depth, adds in ((1, 0, 0), (5, 0, 1), (33, 1, 1), (64, 17, 0)):
            a, b = rng.uniform(-1, 1, 400).astype(dtype), rng.uniform(-1, 1, 900).astype(dtype)
            table = np.concatenate(
                [rng.integers(0, 200, 8), rng.integers(0, 190, depth), rng.integers(0, 700, depth)]
            ).astype(np.int64)
            found = rng.uniform(-1, 1, 80 * ROWS + 80).astype(dtype)
            wanted = found.copy()
            native(kernel, a, b, found, table, rows, columns, depth, adds)
            kernel.run_python(a, b, wanted, table, rows, columns, depth, adds)
            for r in range(rows):
                line = slice(3 + 80 * r, 3 + 80 * r + columns)
                np.testing.assert_allclose(found[line], wanted[line], rtol=1e-5, atol=1e-6)
            behind = 3 + 80 * (rows - 1) + columns + 128 // found.itemsize
            np.testing.assert_array_equal(found[behind:], wanted[behind:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_line_copy_reads_nothing_behind_the_last_element(dtype):
    pointers = [Param(name, "ptr", dtype) for name in ("to", "source")]
    kernel = Kernel(COPY, (*pointers, Param("step", "int"), Param("count", "int")))
    for step in (1, 2):
        for count in range(3 * LANES + 2):
            whole = np.full(100, np.nan, dtype)
            source = whole[: 2 + max(0, (count - 1) * step + 1)]
            source[:] = np.arange(len(source))
            found, wanted = np.full(40, 7, dtype), np.full(40, 7, dtype)
            native(kernel, found, source, step, count)
            kernel.run_python(wanted, source, step, count)
            np.testing.assert_array_equal(found, wanted)
