"""Linear algebra: the ``linalg`` extension of the Array API standard, and what NumPy and PyTorch have beside it.

Left out are ``eig`` and ``eigvals`` of the standard, whose results are complex numbers.
"""

from engine.errors import LinAlgError
from engine.ops.contract import cross, outer, tensordot, vecdot
from engine.ops.decompositions import QRResult, cholesky, qr
from engine.ops.determinants import SlogdetResult, det, slogdet
from engine.ops.diagonal import diagonal, trace
from engine.ops.linalg import matmul
from engine.ops.lu import LUFactors, LUResult, lu, lu_factor, lu_solve
from engine.ops.matrix_norms import condition_number as cond
from engine.ops.matrix_norms import matrix_norm, norm
from engine.ops.matrix_powers import expm, matrix_power, multi_dot
from engine.ops.pseudoinverse import LstsqResult, lstsq, matrix_rank, pinv
from engine.ops.shape import matrix_transpose
from engine.ops.solve import cholesky_solve, inv, solve, solve_triangular
from engine.ops.spectral import EighResult, SVDResult, eigh, eigvalsh, svd, svdvals
from engine.ops.statistics import vector_norm

__all__ = [
    "EighResult",
    "LUFactors",
    "LUResult",
    "LinAlgError",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cholesky_solve",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
