"""Matrix products: operands as the BLAS wants them, and the row of the plan that calls it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from compiler import blas
from compiler.buffers import Place
from compiler.kernel import Kernel, Param
from compiler.step import Axis, Bind, Pieces, Step
from engine.record import Record
from engine.sizes import Shape, Size, product, same

# Each piece of a product packs the whole of the operand that is not cut: 1 to 2% at these sizes, 10% at half of them.
ROWS, COARSE = 256, 512
MULTIPLICATION = 9  # picoseconds on one core for each byte of an element, roughly


@dataclass(frozen=True)
class Matrix:
    """An operand: its place, whether it is stored transposed, elements from row to row and from one batch entry to the next."""

    place: Place
    transposed: int
    leading: Size
    step: Size


def as_matrix(place: Place, result: Shape) -> Matrix | None:
    """A place as an operand of a product with that result, or None where it must be copied first."""
    shape, strides = place.shape, place.layout.strides
    row, column = strides[-2:]
    rows, columns = shape[-2:]
    if same(rows, 0) or same(columns, 0):
        return Matrix(place, 0, columns, 0)  # nothing is read
    if same(column, 1) or same(columns, 1):
        transposed, leading = 0, columns if same(rows, 1) else row
    elif same(row, 1) or same(rows, 1):
        transposed, leading = 1, rows if same(columns, 1) else column
    else:
        return None
    if same(leading, 0):
        return None
    lead = len(result) - len(shape)
    steps: list[tuple[Size, Size]] = []
    for axis, n in enumerate(result[:-2]):
        if not same(n, 1):
            own = axis - lead
            steps.append((n, 0 if own < 0 or same(shape[own], 1) else strides[own]))
    if any(not same(outer, inner * n) for (_, outer), (n, inner) in pairwise(steps)):
        return None  # the batch axes do not lie at one distance
    return Matrix(place, transposed, leading, steps[-1][1] if steps else 0)


def product_step(record: Record, a: Matrix, b: Matrix, out: Place) -> Step:
    """The row of the plan that computes a matrix product."""
    left, right = record.args
    m, k, n = left.shape[-2], left.shape[-1], right.shape[-1]
    batch = product(record.shape[:-2])
    if same(b.step, 0) and not a.transposed and same(a.step, m * a.leading):
        m, batch = m * batch, 1
    sizes: list[Size] = [batch, m, n, k, a.transposed, b.transposed, a.leading, b.leading, n, a.step, b.step, m * n]
    pointers = [Bind("ptr", p.buffer, p.layout.offset) for p in (a.place, b.place, out)]
    integers = [Bind("int", None, s) for s in sizes]
    if record.dtype.kind == "f":
        kernel = blas.gemm_kernel(record.dtype.name)
        routines = [Bind("blas", None, (record.dtype.name, i)) for i in range(2)]
        binds = [*pointers, *routines, *integers, Bind("float", None, 1.0), Bind("float", None, 0.0)]
    else:
        kernel, binds = _integer_product(record.dtype.name), [*pointers, *integers]
    names = [p.name for p in kernel.params]
    element = record.dtype.itemsize

    def axis(name: str, least: int, coarse: int, rival: str | None, moves: dict[str, Size]) -> Axis:
        found = tuple((names.index(p), s * element) for p, s in moves.items())
        return Axis(names.index(name), least, coarse, found, rival=names.index(rival) if rival else -1)

    axes = (
        axis("batch", 1, 1, None, {"a": a.step, "b": b.step, "c": m * n}),
        axis("m", ROWS, COARSE, "n", {"a": 1 if a.transposed else a.leading, "c": n}),
        axis("n", ROWS, COARSE, "m", {"b": b.leading if b.transposed else 1, "c": 1}),
    )
    pieces = Pieces(batch * m * n * k * (MULTIPLICATION * element), axes)
    return Step(kernel, binds, [record], {record: out}, {a.place.buffer, b.place.buffer}, {out.buffer}, pieces)


def _integer_product(dtype: str) -> Kernel:
    """A plain matrix product, for the integers no BLAS multiplies."""
    names = ["batch", "m", "n", "k", "ta", "tb", "lda", "ldb", "ldc", "step_a", "step_b", "step_c"]
    text = f"""def kernel(a, b, c, {", ".join(names)}):
    for i in range(batch):
        for row in range(m):
            for column in range(n):
                total = {dtype}(0)
                for j in range(k):
                    x = a[i * step_a + where(ta != 0, j * lda + row, row * lda + j)]
                    y = b[i * step_b + where(tb != 0, column * ldb + j, j * ldb + column)]
                    total = {dtype}(total + {dtype}(x * y))
                c[i * step_c + row * ldc + column] = total
    return 0
"""
    pointers = [Param(p, "ptr", dtype) for p in "abc"]
    return Kernel(text, (*pointers, *(Param(name, "int") for name in names)))
