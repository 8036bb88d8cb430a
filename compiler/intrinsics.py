"""The words a kernel's text may use, as LLVM instructions; their plain meaning is in compiler/twins.py."""

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.typing import signature
from numba.extending import intrinsic

from compiler.library import LIBRARY

HALF, FLOAT, DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()


def _is_float(ty):
    return isinstance(ty, types.Float)


def _is_signed(ty):
    return isinstance(ty, types.Integer) and ty.signed


def _common(context, args, result=None, only=None):
    """A signature whose arguments are all converted to their common type."""
    ty = context.unify_types(*(types.unliteral(a) for a in args))
    if ty is None or (only and not isinstance(ty, only)):
        raise TypingError(f"expected {only.__name__ if only else 'one common type'}, not {', '.join(map(str, args))}")
    return signature(result or ty, *[ty] * len(args))


def _unary(build, result=None, only=None):
    @intrinsic
    def word(context, a):
        sig = _common(context, (a,), result, only)
        return sig, lambda target, builder, sig, args: build(builder, sig.args[0], *args)

    return word


def _binary(build, result=None, only=None):
    @intrinsic
    def word(context, a, b):
        sig = _common(context, (a, b), result, only)
        return sig, lambda target, builder, sig, args: build(builder, sig.args[0], *args)

    return word


def _ternary(build, result=None, only=None):
    @intrinsic
    def word(context, a, b, c):
        sig = _common(context, (a, b, c), result, only)
        return sig, lambda target, builder, sig, args: build(builder, sig.args[0], *args)

    return word


def _llvm(name, arity=1):
    """A call of the LLVM intrinsic `name` on `arity` values of one type."""

    def build(builder, ty, *args):
        llty = args[0].type
        fn = builder.module.declare_intrinsic(name, [llty], ir.FunctionType(llty, [llty] * arity))
        return builder.call(fn, args)

    return build


def _arithmetic(floating, integer, flags=()):
    """Same type in, same type out: numba's own operators would widen small integers to int64."""

    def build(builder, ty, a, b):
        return getattr(builder, floating)(a, b, flags=flags) if _is_float(ty) else getattr(builder, integer)(a, b)

    return build


def _extremum(name, compare):
    # llvm.maximum propagates NaN like np.maximum, and the vectoriser knows it as a reduction
    floating = _llvm(name, 2)

    def build(builder, ty, a, b):
        if _is_float(ty):
            return floating(builder, ty, a, b)
        order = builder.icmp_signed if _is_signed(ty) else builder.icmp_unsigned
        return builder.select(order(compare, a, b), a, b)

    return build


def _truncated(builder, a, b, signed):
    """a / b rounded to zero. Up to 32 bits through float64, which is exact there and vectorises (10x faster)."""
    if a.type.width > 32:
        return (builder.sdiv if signed else builder.udiv)(a, b)
    wide = [(builder.sitofp if signed else builder.uitofp)(value, DOUBLE) for value in (a, b)]
    return (builder.fptosi if signed else builder.fptoui)(builder.fdiv(*wide), a.type)


def _integer_division(builder, ty, a, b):
    """Quotient rounded down and its remainder, numpy's way; x/0 is 0 rem 0 and INT_MIN/-1 wraps: never a trap."""
    zero, one = ir.Constant(a.type, 0), ir.Constant(a.type, 1)
    by_zero = builder.icmp_unsigned("==", b, zero)
    if not _is_signed(ty):
        safe = builder.select(by_zero, one, b)
        quotient = _truncated(builder, a, safe, signed=False)
        rest = builder.sub(a, builder.mul(quotient, safe))
    else:
        lowest = ir.Constant(a.type, -(1 << (a.type.width - 1)))
        overflow = builder.and_(
            builder.icmp_signed("==", a, lowest), builder.icmp_signed("==", b, ir.Constant(a.type, -1))
        )
        safe = builder.select(builder.or_(by_zero, overflow), one, b)
        quotient = _truncated(builder, a, safe, signed=True)
        rest = builder.sub(a, builder.mul(quotient, safe))
        crosses = builder.icmp_signed("<", builder.xor(rest, safe), zero)
        down = builder.and_(crosses, builder.icmp_signed("!=", rest, zero))
        quotient = builder.select(down, builder.sub(quotient, one), quotient)
        rest = builder.select(down, builder.add(rest, safe), rest)
    return builder.select(by_zero, zero, quotient), builder.select(by_zero, zero, rest)


def _float_division(builder, ty, a, b):
    """npy_divmod of numpy/_core/src/npymath: exact fmod, then the quotient that belongs to it."""
    zero, one, half = (ir.Constant(a.type, x) for x in (0.0, 1.0, 0.5))
    copysign, floor = _llvm("llvm.copysign", 2), _llvm("llvm.floor")
    rest = builder.frem(a, b)
    by_zero = builder.fcmp_ordered("==", b, zero)
    raw = builder.fdiv(builder.fsub(a, rest), b)
    signs_differ = builder.xor(builder.fcmp_ordered("<", b, zero), builder.fcmp_ordered("<", rest, zero))
    inexact = builder.fcmp_unordered("!=", rest, zero)
    down = builder.and_(inexact, signs_differ)
    raw = builder.select(down, builder.fsub(raw, one), raw)
    signed_rest = builder.select(down, builder.fadd(rest, b), rest)
    signed_rest = builder.select(inexact, signed_rest, copysign(builder, ty, zero, b))
    low = floor(builder, ty, raw)
    far = builder.fcmp_ordered(">", builder.fsub(raw, low), half)
    low = builder.select(far, builder.fadd(low, one), low)
    nonzero = builder.fcmp_unordered("!=", raw, zero)
    low = builder.select(nonzero, low, copysign(builder, ty, zero, builder.fdiv(a, b)))
    return builder.select(by_zero, builder.fdiv(a, b), low), builder.select(by_zero, rest, signed_rest)


def _power_of_integers(builder, ty, base, exponent):
    """base ** exponent by squaring, wrapping; the exponent's bits are read without a sign, so that the loop ends."""
    zero, one = ir.Constant(base.type, 0), ir.Constant(base.type, 1)
    start = builder.block
    loop, done = builder.append_basic_block("ipow.loop"), builder.append_basic_block("ipow.done")
    builder.branch(loop)
    builder.position_at_end(loop)
    result, factor, bits = (builder.phi(base.type) for _ in range(3))
    odd = builder.icmp_unsigned("!=", builder.and_(bits, one), zero)
    raised = builder.select(odd, builder.mul(result, factor), result)
    squared, rest = builder.mul(factor, factor), builder.lshr(bits, one)
    for phi, first, later in ((result, one, raised), (factor, base, squared), (bits, exponent, rest)):
        phi.add_incoming(first, start)
        phi.add_incoming(later, loop)
    builder.cbranch(builder.icmp_unsigned("==", rest, zero), done, loop)
    builder.position_at_end(done)
    return raised


def _division(part):
    def build(builder, ty, a, b):
        return (_float_division if _is_float(ty) else _integer_division)(builder, ty, a, b)[part]

    return build


def _abs(builder, ty, a):
    if _is_float(ty):
        return _llvm("llvm.fabs")(builder, ty, a)
    return builder.select(builder.icmp_signed("<", a, a.type(0)), builder.neg(a), a) if _is_signed(ty) else a


def _shifted(left):
    """numpy's shifts: bits shifted out are gone, also by the width of the type or more (or less than 0)."""

    def build(builder, ty, a, count):
        fits = builder.icmp_unsigned("<", count, ir.Constant(count.type, count.type.width))
        safe = builder.select(fits, count, count.type(0))
        if left:
            return builder.select(fits, builder.shl(a, safe), a.type(0))
        if not _is_signed(ty):
            return builder.select(fits, builder.lshr(a, safe), a.type(0))
        sign = builder.ashr(a, ir.Constant(a.type, a.type.width - 1))
        return builder.select(fits, builder.ashr(a, safe), sign)

    return build


def _nextafter(builder, ty, a, b):
    """The neighbour of a on the side of b: floats of one sign are ordered as their bits are."""
    word = ir.IntType(32 if ty == types.float32 else 64)
    bits = builder.bitcast(a, word)
    upward = builder.fcmp_ordered("<", a, b)
    positive = builder.icmp_signed(">=", bits, word(0))
    step = builder.select(builder.icmp_unsigned("==", upward, positive), word(1), ir.Constant(word, -1))
    moved = builder.bitcast(builder.add(bits, step), a.type)
    least = builder.bitcast(word(1), a.type)
    from_zero = _llvm("llvm.copysign", 2)(builder, ty, least, b)
    moved = builder.select(builder.fcmp_ordered("==", a, a.type(0.0)), from_zero, moved)
    moved = builder.select(builder.fcmp_ordered("==", a, b), b, moved)
    return builder.select(builder.fcmp_unordered("uno", a, b), builder.fadd(a, b), moved)


def _isnan(builder, ty, a):
    return builder.fcmp_unordered("uno", a, a)


def _mulhi(builder, ty, a, b):
    wide = ir.IntType(128)
    product = builder.mul(builder.zext(a, wide), builder.zext(b, wide))
    return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))


def _half_to_float(builder, ty, bits):
    return builder.fpext(builder.bitcast(builder.trunc(bits, ir.IntType(16)), HALF), FLOAT)


def _float_to_half(builder, ty, value):
    """Round to nearest even, once: float64 goes through float32 rounded to odd, which keeps the tie information."""
    if ty == types.float64:
        i32 = ir.IntType(32)
        single = builder.fptrunc(value, FLOAT)
        back = builder.fpext(single, DOUBLE)
        fabs = _llvm("llvm.fabs")
        word = builder.bitcast(single, i32)
        above = builder.fcmp_ordered(">", fabs(builder, ty, back), fabs(builder, ty, value))
        even = builder.icmp_unsigned("==", builder.and_(word, ir.Constant(i32, 1)), ir.Constant(i32, 0))
        inexact = builder.fcmp_ordered("!=", back, value)
        step = builder.select(above, ir.Constant(i32, -1), ir.Constant(i32, 1))
        moved = builder.select(builder.and_(inexact, even), builder.add(word, step), word)
        value = builder.bitcast(moved, FLOAT)
    return builder.bitcast(builder.fptrunc(value, HALF), ir.IntType(16))


def _reinterpret(source, target, llvm_target):
    @intrinsic
    def word(context, a):
        return target(source), lambda _, builder, sig, args: builder.bitcast(args[0], llvm_target)

    return word


@intrinsic
def _mulhi_u64(context, a, b):
    u64 = types.uint64
    return u64(u64, u64), lambda _, builder, sig, args: _mulhi(builder, u64, *args)


@intrinsic
def _where(context, condition, a, b):
    """Both sides are evaluated: a select, which vectorises where a branch may not."""
    ty = context.unify_types(types.unliteral(a), types.unliteral(b))
    return ty(types.boolean, ty, ty), lambda _, builder, sig, args: builder.select(*args)


CASTS = {name: getattr(types, name) for name in ("float32", "float64")}
CASTS |= {f"{sign}int{bits}": getattr(types, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
CASTS["bool_"] = types.boolean

INTRINSICS = {
    "add": _binary(_arithmetic("fadd", "add")),
    "subtract": _binary(_arithmetic("fsub", "sub")),
    "multiply": _binary(_arithmetic("fmul", "mul")),
    "radd": _binary(_arithmetic("fadd", "add", ("reassoc",))),
    "rmul": _binary(_arithmetic("fmul", "mul", ("reassoc",))),
    "maximum": _binary(_extremum("llvm.maximum", ">")),
    "minimum": _binary(_extremum("llvm.minimum", "<")),
    "floor_divide": _binary(_division(0)),
    "remainder": _binary(_division(1)),
    "fma": _ternary(_llvm("llvm.fma", 3), only=types.Float),
    "ipow": _binary(_power_of_integers, only=types.Integer),
    "where": _where,
    "sqrt": _unary(_llvm("llvm.sqrt"), only=types.Float),
    "fabs": _unary(_llvm("llvm.fabs"), only=types.Float),
    "abs": _unary(_abs),
    "floor": _unary(_llvm("llvm.floor"), only=types.Float),
    "ceil": _unary(_llvm("llvm.ceil"), only=types.Float),
    "trunc": _unary(_llvm("llvm.trunc"), only=types.Float),
    "rint": _unary(_llvm("llvm.rint"), only=types.Float),
    "copysign": _binary(_llvm("llvm.copysign", 2), only=types.Float),
    "nextafter": _binary(_nextafter, only=types.Float),
    "shift_left": _binary(_shifted(left=True), only=types.Integer),
    "shift_right": _binary(_shifted(left=False), only=types.Integer),
    "isnan": _unary(_isnan, types.boolean, types.Float),
    "half_to_float": _unary(_half_to_float, types.float32, types.Integer),
    "float_to_half": _unary(_float_to_half, types.uint16, types.Float),
    "float32_bits": _reinterpret(types.float32, types.int32, ir.IntType(32)),
    "bits_float32": _reinterpret(types.int32, types.float32, FLOAT),
    "float64_bits": _reinterpret(types.float64, types.int64, ir.IntType(64)),
    "bits_float64": _reinterpret(types.int64, types.float64, DOUBLE),
    "mulhi_u64": _mulhi_u64,
}

NATIVE = {"range": range, **CASTS, **INTRINSICS, **LIBRARY}
