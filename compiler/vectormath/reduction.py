"""Angles of any size to within a quarter turn: x = q pi/2 + r, after Payne and Hanek (1983).

x times 2/pi modulo 4 needs only a window of the bits of 2/pi, whose place depends on x's exponent. The window is read
from a small constant table, so every argument up to the largest float takes the same branch-free path: a cheaper
reduction for moderate arguments would need this one beside it and a choice, which in a SIMD loop means paying for both.
"""

import math

from llvmlite import ir

from compiler.vectormath.lane import DOUBLE, Lane, fma, ordered_sum, two_product, two_sum

# The first 1200 bits of 2/pi after the binary point: enough for the largest double (exponent 971) and 192 bits.
TWO_OVER_PI = bytes.fromhex(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1d"
    "eb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b"
    "5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b"
)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
# Bytes of zeros before the binary point, so that windows may start there for arguments of moderate size.
LEAD = 7
# In reverse, so that a little-endian load puts the first byte on top.
WINDOWS = bytes(reversed(bytes(LEAD) + TWO_OVER_PI))
# The smallest exponent field of a float32 above pi/4.
FIRST_SINGLE = 126


def single_multipliers() -> list[float]:
    """2**e 2/pi modulo 4 for each exponent e from 2**-1 to 2**127, in two parts, times the significand's 2**23.

    The first part is a multiple of 2**-28 of at most 30 bits: times a 24-bit significand it is exact in float64.
    """
    bits, table = 8 * len(TWO_OVER_PI), []
    for exponent in range(FIRST_SINGLE, 255):
        ones = (int.from_bytes(TWO_OVER_PI) << (exponent - FIRST_SINGLE)) >> (150 - FIRST_SINGLE)
        ones %= 4 << bits
        ones -= (ones >> (bits + 1)) << (bits + 2)
        first = (ones + (1 << (bits - 29))) >> (bits - 28)
        rest = ones - (first << (bits - 28))
        table += [first * 2.0 ** (23 - 28), rest / (1 << bits) * 2.0**23]
    return table


def constant_table(x: Lane, name: str, kind: ir.Type, data) -> ir.GlobalVariable:
    """A constant array of the module that is being written, made once."""
    module = x.builder.module
    if name not in module.globals:
        table = ir.GlobalVariable(module, ir.ArrayType(kind, len(data)), name)
        table.initializer = ir.Constant(table.value_type, data)
        table.linkage, table.global_constant, table.unnamed_addr = "internal", True, True
    return module.globals[name]


def load(table: ir.GlobalVariable, index: Lane, kind: ir.Type, align: int) -> Lane:
    """The `kind` that stands at element `index` (64 bits) of the table: a gather, once vectorised."""
    builder = index.builder
    start = builder.gep(table, [ir.Constant(DOUBLE.int_type, 0), index.value], inbounds=True)
    return Lane(builder, DOUBLE, builder.load(builder.bitcast(start, kind.as_pointer()), align=align))


def single_turns(x: Lane) -> tuple[Lane, Lane]:
    """q (its last two bits count) and r, both 64 bits wide, for a float32 x >= 0; |r| <= pi/4."""
    bits = x.bits()
    place = ((bits >> 23).at_least(FIRST_SINGLE) - FIRST_SINGLE).as_wide_integer() << 1
    table = constant_table(x, "tapegraph.two_over_pi.single", DOUBLE.float_type, SINGLE_MULTIPLIERS)
    first, rest = (load(table, place + i, DOUBLE.float_type, 8) for i in range(2))
    significand = ((bits & 0x7FFFFF) | 0x3F800000).as_float().widened()
    product = significand * first
    shifted = fma(significand, rest, product) + DOUBLE.rounder
    angle = fma(significand, rest, product - (shifted - DOUBLE.rounder)) * HALF_PI[0]
    wide = x.widened()
    near = wide < math.pi / 4
    return near.where(wide.integer(0), shifted.bits()), near.where(wide, angle)


SINGLE_MULTIPLIERS = single_multipliers()


def modulo_4(x: Lane) -> Lane:
    """x minus the nearest multiple of 4, exactly."""
    return fma((x * 0.25).rounded(), -4.0, x)


def double_turns(x: Lane) -> tuple[Lane, Lane, Lane]:
    """q (its last two bits count) and r = high + low for a float64 x >= 0; |r| <= pi/4.

    Four pieces of 48 bits of 2/pi leave an error below 2**-120 of a quarter turn.
    """
    bits = x.bits()
    exponent = (bits >> 52).at_least(1022).at_most(2046)
    place = exponent - (1075 + 2 - 8 * LEAD)
    # M 2**(place % 8 + 2) 2**-48 with M the 53-bit significand: the exponent field is rewritten.
    scaled = ((bits & ((1 << 52) - 1)) | (((place & 7) + (1075 + 2 - 48)) << 52)).as_float()
    anchor = DOUBLE.pattern(2.0**52)
    table = constant_table(x, "tapegraph.two_over_pi", ir.IntType(8), bytearray(WINDOWS))
    last = (len(WINDOWS) - 8) - (place >> 3)
    words = [load(table, last - 6 * i, DOUBLE.int_type, 1) for i in range(4)]
    pieces = [(word.shift_in_zeros(16) | anchor).as_float() - 2.0**52 for word in words]
    product, error = two_product(scaled, pieces[0])
    second, second_error = two_product(scaled * 2.0**-48, pieces[1])
    third, third_error = two_product(scaled * 2.0**-96, pieces[2])
    fourth = scaled * 2.0**-144 * pieces[3]
    # Both remainders are multiples of 2**-46 below 4: their sum is exact.
    start, tail = two_sum(modulo_4(product) + modulo_4(error), modulo_4(second))
    turns = start.rounded()
    small, small_error = two_sum(third, second_error)
    small, small_error_2 = two_sum(small, tail)
    fraction, rest = two_sum(start - turns, small)
    rest = rest + (small_error_2 + (small_error + (third_error + fourth)))
    high, low = two_product(fraction, HALF_PI[0])
    high, low = ordered_sum(high, fma(fraction, HALF_PI[1], fma(rest, HALF_PI[0], low)))
    near = x < math.pi / 4
    q = near.where(x.integer(0), (turns + DOUBLE.rounder).bits())
    return q, near.where(x, high), near.where(0.0, low)
