"""A lane is one number of a SIMD register: an LLVM value that ordinary Python arithmetic extends.

A function of this package takes lanes and returns a lane. Running it once emits straight-line LLVM code, which the
loop vectoriser widens: there are no branches and no calls except LLVM's own vectorisable intrinsics. A Python number
next to a lane takes the lane's type.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

from llvmlite import ir

BOOL = ir.IntType(1)


@dataclass(frozen=True)
class Format:
    """An IEEE 754 binary format: its LLVM types, stored fraction bits, exponent bias and smallest normal number."""

    width: int
    float_type: ir.Type
    digits: int
    bias: int

    @functools.cached_property
    def int_type(self) -> ir.IntType:
        return ir.IntType(self.width)

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)

    @property
    def rounder(self) -> float:
        """Adding this rounds a float to an integer that then stands in the low fraction bits."""
        return 1.5 * 2.0**self.digits

    def pattern(self, number: float) -> int:
        """The bits of `number` in this format."""
        float_code, int_code = ("<f", "<i") if self.width == 32 else ("<d", "<q")
        return struct.unpack(int_code, struct.pack(float_code, number))[0]


SINGLE = Format(32, ir.FloatType(), 23, 127)
DOUBLE = Format(64, ir.DoubleType(), 52, 1023)


class Lane:
    """An LLVM float, integer or truth value together with the builder that extends it and its `Format`."""

    __slots__ = ("builder", "format", "value")

    def __init__(self, builder: ir.IRBuilder, form: Format, value: ir.Value):
        self.builder, self.format, self.value = builder, form, value

    def new(self, value: ir.Value) -> Lane:
        return Lane(self.builder, self.format, value)

    def number(self, constant: float) -> Lane:
        """A float constant in this lane's format."""
        return self.new(ir.Constant(self.format.float_type, float(constant)))

    def integer(self, constant: int) -> Lane:
        """An integer constant as wide as this lane's format."""
        return self.new(ir.Constant(self.format.int_type, constant))

    def _operand(self, other: Lane | float) -> ir.Value:
        return other.value if isinstance(other, Lane) else ir.Constant(self.value.type, other)

    @property
    def _is_float(self) -> bool:
        return self.value.type == self.format.float_type

    def _binary(self, other, float_op: str, int_op: str, swapped: bool = False) -> Lane:
        left, right = self.value, self._operand(other)
        if swapped:
            left, right = right, left
        if self._is_float:
            # numba adds a kernel's fast-math flags to operations without any; `contract` says nothing about a
            # division, nor `afn` about the others, so one of them keeps the compensated sums below as written.
            flags = ("contract",) if float_op == "fdiv" else ("afn",)
            return self.new(getattr(self.builder, float_op)(left, right, flags=flags))
        return self.new(getattr(self.builder, int_op)(left, right))

    def __add__(self, other):
        return self._binary(other, "fadd", "add")

    __radd__ = __add__

    def __sub__(self, other):
        return self._binary(other, "fsub", "sub")

    def __rsub__(self, other):
        return self._binary(other, "fsub", "sub", swapped=True)

    def __mul__(self, other):
        return self._binary(other, "fmul", "mul")

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._binary(other, "fdiv", "sdiv")

    def __rtruediv__(self, other):
        return self._binary(other, "fdiv", "sdiv", swapped=True)

    def __neg__(self):
        return self.new(self.builder.fneg(self.value))

    def __and__(self, other):
        return self.new(self.builder.and_(self.value, self._operand(other)))

    def __or__(self, other):
        return self.new(self.builder.or_(self.value, self._operand(other)))

    def __xor__(self, other):
        return self.new(self.builder.xor(self.value, self._operand(other)))

    def __invert__(self):
        return self.new(self.builder.not_(self.value))

    def __lshift__(self, count):
        return self.new(self.builder.shl(self.value, self._operand(count)))

    def __rshift__(self, count):
        """Shift right, keeping the sign."""
        return self.new(self.builder.ashr(self.value, self._operand(count)))

    def shift_in_zeros(self, count) -> Lane:
        """Shift right as an unsigned integer."""
        return self.new(self.builder.lshr(self.value, self._operand(count)))

    def _compare(self, sign: str, other) -> Lane:
        right = self._operand(other)
        if self._is_float:
            return self.new(self.builder.fcmp_ordered(sign, self.value, right, flags=("afn",)))
        return self.new(self.builder.icmp_signed(sign, self.value, right))

    def __lt__(self, other):
        return self._compare("<", other)

    def __gt__(self, other):
        return self._compare(">", other)

    def equals(self, other) -> Lane:
        return self._compare("==", other)

    def is_nan(self) -> Lane:
        return self.new(self.builder.fcmp_unordered("uno", self.value, self.value, flags=("afn",)))

    def where(self, yes: Lane | float, no: Lane | float) -> Lane:
        """`yes` where this truth value holds, else `no`; at least one of them is a lane."""
        model = yes if isinstance(yes, Lane) else no
        return model.new(self.builder.select(self.value, model._operand(yes), model._operand(no)))

    def _intrinsic(self, name: str, *others: Lane) -> Lane:
        kind = self.value.type
        signature = ir.FunctionType(kind, [kind] * (1 + len(others)))
        function = self.builder.module.declare_intrinsic(name, [kind], signature)
        return self.new(self.builder.call(function, [self.value, *(other.value for other in others)]))

    def magnitude(self) -> Lane:
        return self._intrinsic("llvm.fabs")

    def with_sign_of(self, other: Lane) -> Lane:
        return self._intrinsic("llvm.copysign", other)

    def rounded(self) -> Lane:
        """The nearest integer, ties to even, still as a float."""
        return self._intrinsic("llvm.rint")

    def root(self) -> Lane:
        return self._intrinsic("llvm.sqrt")

    def at_most(self, bound) -> Lane:
        """The smaller of the two; NaN stays NaN."""
        return (self > bound).where(bound, self)

    def at_least(self, bound) -> Lane:
        """The larger of the two; NaN stays NaN."""
        return (self < bound).where(bound, self)

    def bits(self) -> Lane:
        return self.new(self.builder.bitcast(self.value, self.format.int_type))

    def as_float(self) -> Lane:
        """The float whose bits are this integer."""
        return self.new(self.builder.bitcast(self.value, self.format.float_type))

    def integer_to_float(self) -> Lane:
        """A small integer (below 2**(digits - 1) in size) as a float, by two additions that every CPU vectorises."""
        rounder = self.format.rounder
        return (self + self.format.pattern(rounder)).as_float() - rounder

    def power_of_two(self) -> Lane:
        """2.0**n for an integer n in the normal exponent range."""
        return ((self + self.format.bias) << self.format.digits).as_float()

    def widened(self) -> Lane:
        """A float32 lane as float64."""
        return Lane(self.builder, DOUBLE, self.builder.fpext(self.value, DOUBLE.float_type))

    def narrowed(self) -> Lane:
        """A float64 lane rounded to float32."""
        return Lane(self.builder, SINGLE, self.builder.fptrunc(self.value, SINGLE.float_type))

    def as_wide_integer(self) -> Lane:
        """A 32-bit integer, extended by its sign, as a 64-bit one."""
        return Lane(self.builder, DOUBLE, self.builder.sext(self.value, DOUBLE.int_type))


def fma(a: Lane | float, b: Lane | float, c: Lane | float) -> Lane:
    """a * b + c with one rounding."""
    model = next(x for x in (a, b, c) if isinstance(x, Lane))
    a, b, c = (x if isinstance(x, Lane) else model.number(x) for x in (a, b, c))
    return a._intrinsic("llvm.fma", b, c)


def polynomial(x: Lane, coefficients: tuple[float, ...]) -> Lane:
    """Horner's scheme; coefficients start with the constant one."""
    result = x.number(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = fma(result, x, coefficient)
    return result


def long_polynomial(x: Lane, coefficients: tuple[float, ...]) -> Lane:
    """Horner's scheme for even and odd coefficients side by side: half the chain to wait for, a little more rounding."""
    square = x * x
    return fma(x, polynomial(square, coefficients[1::2]), polynomial(square, coefficients[::2]))


def two_sum(a: Lane, b: Lane) -> tuple[Lane, Lane]:
    """The rounded sum and its rounding error (Knuth, TAOCP 2, 4.2.2)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def ordered_sum(large: Lane, small: Lane) -> tuple[Lane, Lane]:
    """The rounded sum and its error where |large| >= |small| or large is 0 (Dekker 1971)."""
    total = large + small
    return total, small - (total - large)


def two_product(a: Lane, b: Lane | float) -> tuple[Lane, Lane]:
    """The rounded product and its rounding error."""
    product = a * b
    return product, fma(a, b, -product)
