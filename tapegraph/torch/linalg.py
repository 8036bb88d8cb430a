"""torch.linalg: the engine's linear algebra under PyTorch's names."""

from __future__ import annotations

from tapegraph.torch.spelling import read
from tapegraph.torch.vocabulary import WORDS

TABLE = """
norm(input, ord=None, dim=None, keepdim=False, *, dtype=None) -> norm_of(cast(input, dtype), ord, dim, keepdim)
vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None) -> vector_norm(cast(floats(x), dtype), axis=axes(dim), keepdims=keepdim, ord=ord)
matrix_norm(input, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None) -> matrix_norm_of(cast(input, dtype), ord, dim, keepdim)
inv(input) -> inv(input)
det(input) -> det(input)
slogdet(input) -> slogdet(input)
solve(input, other, *, left=True) -> solved(input, other, left)
solve_triangular(input, other, *, upper, left=True, unitriangular=False) -> solve_triangular(input, other, upper=upper, left=left, unitriangular=unitriangular)
cholesky(input, *, upper=False) -> matrix_transpose(cholesky(input)) if upper else cholesky(input)
qr(input, mode="reduced") -> qr(input, mode=mode)
svd(input, full_matrices=True) -> svd(input, full_matrices=full_matrices)
svdvals(input) -> svdvals(input)
eigh(input, UPLO="L") -> eigh(symmetric(input, UPLO))
eigvalsh(input, UPLO="L") -> eigvalsh(symmetric(input, UPLO))
eig(input) -> eig(input)
pinv(input, rtol=None, *, atol=None, hermitian=False) -> pseudoinverse(input, atol, rtol, hermitian)
lstsq(input, other, rcond=None, *, driver=None) -> least_squares(input, other, rcond, driver)
matrix_rank(input, tol=None, *, rtol=None, atol=None, hermitian=False) -> rank_of(input, tol if atol is None else atol, rtol, hermitian)
matrix_power(input, n) -> matrix_power(input, n)
matrix_exp(input) -> expm(input)
multi_dot(tensors) -> multi_dot(tensors)
matmul(input, other) -> matmul(input, other)
vecdot(x, y, *, dim=-1) -> sum(multiply(x, y), axis=dim)
cross(input, other, *, dim=-1) -> cross(input, other, axis=dim)
diagonal(input, *, offset=0, dim1=-2, dim2=-1) -> diagonal(input, offset=offset, axis1=dim1, axis2=dim2)
cond(input, p=None) -> condition_number(input, p)
tensorsolve(input, other) -> tensorsolve(input, other)
lu_factor(input, *, pivot=True) -> lu_factor(input)
lu(input, *, pivot=True) -> lu(input)
vander(x, N=None) -> powers(x, N, True)
"""


_found, MISSING = read(TABLE, WORDS, __file__)
globals().update({name: entry.function for name, entry in _found.items()})
__all__ = [*_found]
