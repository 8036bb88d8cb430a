"""Each function as a numba intrinsic that picks its code by the argument's type."""

from collections.abc import Callable

from numba.core import types
from numba.core.errors import TypingError
from numba.core.typing import signature
from numba.extending import intrinsic

from compiler.vectormath import (
    exponential,
    inverse,
    inverse_hyperbolic,
    logarithm,
    power,
    special,
    trigonometric,
)
from compiler.vectormath.lane import DOUBLE, SINGLE, Lane

FORMATS = {types.float32: SINGLE, types.float64: DOUBLE}


def _typed(context, name: str, arguments: tuple):
    """The signature with all arguments in their common type, float32 or float64."""
    kind = context.unify_types(*(types.unliteral(argument) for argument in arguments))
    if kind not in FORMATS:
        raise TypingError(f"{name} takes float32 or float64, not {', '.join(map(str, arguments))}")
    return signature(kind, *[kind] * len(arguments))


def _emitter(function: Callable[..., Lane]):
    def emit(context, builder, sig, arguments):
        form = FORMATS[sig.return_type]
        return function(*(Lane(builder, form, argument) for argument in arguments)).value

    return emit


def unary(function: Callable[[Lane], Lane]):
    """An intrinsic of one argument from a function of lanes."""

    def typed(context, x):
        return _typed(context, function.__name__, (x,)), _emitter(function)

    return intrinsic(typed)


def binary(function: Callable[[Lane, Lane], Lane]):
    """An intrinsic of two arguments from a function of lanes."""

    def typed(context, x, y):
        return _typed(context, function.__name__, (x, y)), _emitter(function)

    return intrinsic(typed)


UNARY = (
    exponential.exp,
    exponential.expm1,
    exponential.sigmoid,
    exponential.tanh,
    exponential.sinh,
    exponential.cosh,
    logarithm.log,
    logarithm.log1p,
    logarithm.log2,
    logarithm.log10,
    trigonometric.sin,
    trigonometric.cos,
    trigonometric.tan,
    inverse.asin,
    inverse.acos,
    inverse.atan,
    inverse_hyperbolic.asinh,
    inverse_hyperbolic.acosh,
    inverse_hyperbolic.atanh,
    special.erf,
    special.rsqrt,
)
BINARY = (power.pow, special.hypot, inverse.atan2)

# The words of kernel text and what numba resolves them to.
NATIVE = {f.__name__: unary(f) for f in UNARY} | {f.__name__: binary(f) for f in BINARY}
