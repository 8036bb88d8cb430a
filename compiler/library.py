"""BLAS as words of a kernel's text, for numba: each is a call through an address held in an integer variable."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from compiler.product_tiles import PRODUCT_TILES

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _call(builder, address, values):
    """Fortran convention: every argument by reference, from slots in the function's frame."""
    places = [value if value.type.is_pointer else cgutils.alloca_once_value(builder, value) for value in values]
    function = ir.FunctionType(ir.VoidType(), [place.type for place in places])
    builder.call(builder.inttoptr(address, function.as_pointer()), places)


def _flag(builder, transposed):
    is_set = builder.icmp_signed("!=", transposed, ir.Constant(I64, 0))
    return builder.select(is_set, ir.Constant(I8, ord("T")), ir.Constant(I8, ord("N")))


def _number(builder, value):
    return builder.trunc(value, I32) if value.type == I64 else value


@intrinsic
def blas_gemm(
    context, address, transpose_a, transpose_b, m, n, k, alpha, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc
):
    i64, real = types.int64, a.dtype
    sig = types.void(i64, i64, i64, i64, i64, i64, real, a, i64, i64, b, i64, i64, real, c, i64, i64)

    def generate(target, builder, sig, args):
        address, ta, tb, m, n, k, alpha, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc = args
        a, b, c = builder.gep(a, [at_a]), builder.gep(b, [at_b]), builder.gep(c, [at_c])
        # a row-major product is the column-major product of the transposes, in the other order
        values = [_flag(builder, tb), _flag(builder, ta), n, m, k, alpha, b, ldb, a, lda, beta, c, ldc]
        _call(builder, address, [_number(builder, value) for value in values])
        return target.get_dummy_value()

    return sig, generate


@intrinsic
def blas_gemv(context, address, transposed, rows, columns, alpha, a, at_a, lda, x, at_x, incx, beta, y, at_y, incy):
    """y = alpha * op(A) x + beta * y, with A stored row-major [rows, columns]."""
    i64, real = types.int64, a.dtype
    sig = types.void(i64, i64, i64, i64, real, a, i64, i64, x, i64, i64, real, y, i64, i64)

    def generate(target, builder, sig, args):
        address, transposed, rows, columns, alpha, a, at_a, lda, x, at_x, incx, beta, y, at_y, incy = args
        a, x, y = builder.gep(a, [at_a]), builder.gep(x, [at_x]), builder.gep(y, [at_y])
        flag = _flag(builder, builder.xor(transposed, ir.Constant(I64, 1)))
        values = [flag, columns, rows, alpha, a, lda, x, incx, beta, y, incy]
        _call(builder, address, [_number(builder, value) for value in values])
        return target.get_dummy_value()

    return sig, generate


LIBRARY = {"blas_gemm": blas_gemm, "blas_gemv": blas_gemv, **PRODUCT_TILES}
