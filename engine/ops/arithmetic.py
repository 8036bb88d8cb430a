"""Arithmetic on matching elements: the binary and ternary ops, and the unary ones that need no transcendental."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine import op as _op
from engine.errors import Trap
from engine.handle import is_scalar
from engine.lowering import Scalar
from engine.makers import composite, elementwise, public, publish
from engine.op import Op, Sample, Trait, as_handle
from engine.ops.compare import equal, greater, greater_equal, less, less_equal, logical_and, where
from engine.ops.dtype import astype
from engine.ops.math import log

NUMERIC = dtypes.NUMERIC
FLOATS = dtypes.FLOATS


def _integers_nonzero(x1: Any, x2: Any) -> None:
    if np.asarray(x2).dtype.kind in "iu" and not np.all(x2) and np.broadcast(x1, x2).size:
        raise Trap(1)


def _floor_divide(x1: Any, x2: Any) -> Any:
    _integers_nonzero(x1, x2)
    found = np.floor_divide(x1, x2)
    if found.dtype.kind == "f":
        endless = np.isinf(x1) | np.isinf(x2)
        if endless.any():  # NumPy takes the remainder first there, and gives NaN, or -1 for 1 // -inf
            found = np.where(endless, np.divide(x1, x2), found)
    return found


def _remainder(x1: Any, x2: Any) -> Any:
    _integers_nonzero(x1, x2)
    return np.remainder(x1, x2)


def _pow(x1: Any, x2: Any) -> Any:
    if np.asarray(x2).dtype.kind == "i" and np.any(np.asarray(x2) < 0) and np.broadcast(x1, x2).size:
        raise Trap(3)
    return np.power(x1, x2)


positive = elementwise(
    np.positive,
    1,
    lower="{0}",
    accepts=NUMERIC,
    keeps="",
    onnx="Identity",
    order=3,
    vjp=(lambda g, y, x: g,),
    doc="The number as it is (Array API).",
)
add = elementwise(
    np.add,
    2,
    lower="{0} + {1}",
    accepts=NUMERIC,
    keeps="",
    onnx="Add",
    order=20,
    traits=[Trait.COMMUTATIVE],
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: g),
    doc="Sum of two arrays, element by element (Array API).",
)
negative = elementwise(
    np.negative,
    1,
    lower="-{0}",
    accepts=NUMERIC,
    keeps="",
    onnx="Neg",
    order=15,
    vjp=(lambda g, y, x: -g,),
    doc="The number with its sign turned (Array API).",
)
subtract = elementwise(
    np.subtract,
    2,
    lower="{0} - {1}",
    accepts=NUMERIC,
    keeps="",
    onnx="Sub",
    order=21,
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -g),
    doc="Difference x1 - x2 (Array API).",
)
multiply = elementwise(
    np.multiply,
    2,
    lower="{0} * {1}",
    accepts=NUMERIC,
    onnx="Mul",
    order=22,
    traits=[Trait.COMMUTATIVE],
    vjp=(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    doc="Product of two arrays, element by element (Array API).",
)
divide = elementwise(
    np.divide,
    2,
    lower="{0} / {1}",
    accepts=FLOATS,
    floating=True,
    keeps="xy",
    onnx="Div",
    order=24,
    domain=((-3, 3), (0.5, 3)),
    vjp=(lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    doc="Quotient x1 / x2; integers are divided as the default float (Array API).",
)
floor_divide = elementwise(
    _floor_divide,
    2,
    name="floor_divide",
    lower=Scalar(
        "where((fabs({0}) == {inf}) | (fabs({1}) == {inf}), {0} / {1}, floor_divide({0}, {1}))",
        integer="floor_divide({0}, {1})",
        traps="{1} == 0",
    ),
    accepts=NUMERIC,
    keeps="",
    order=25,
    domain=((-9, 9), (0.6, 3)),
    doc="The floor of x1 / x2, also where one is infinite; an integer divided by zero raises (Array API).",
)
remainder = elementwise(
    _remainder,
    2,
    name="remainder",
    lower=Scalar("remainder({0}, {1})", traps="{1} == 0"),
    accepts=NUMERIC,
    onnx="Mod",
    order=25,
    domain=((0.1, 0.9), (1, 3)),
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -g * floor_divide(a, b)),
    doc="Remainder of division with the sign of x2; an integer divided by zero raises (Array API).",
)


def _pow_base(g: Any, y: Any, a: Any, b: Any) -> Any:
    if is_scalar(b):
        return g * b if b == 1 else None if b == 0 else g * (b * a ** (b - 1))
    return g * where(equal(b, 0), 0.0, b * a ** (b - where(equal(b, 0), 0.0, 1.0)))


def _pow_exponent(g: Any, y: Any, a: Any, b: Any) -> Any:
    base = as_handle(a) if not is_scalar(a) else astype(as_handle(a), g.dtype)
    zero = equal(base, 0)
    return g * where(zero, 0.0, y * log(where(zero, 1.0, base)))


pow = elementwise(
    _pow,
    2,
    name="pow",
    lower=Scalar("pow({0}, {1})", expensive=True, integer="ipow({0}, {1})", traps="{1} < 0", trap_status=3),
    accepts=NUMERIC,
    keeps="xy",
    onnx="Pow",
    order=60,
    domain=((0.3, 3), (-2, 2)),
    vjp=(_pow_base, _pow_exponent),
    doc="x1 to the power x2; an integer to a negative integer power raises (Array API).",
)


def _larger(g: Any, y: Any, a: Any, b: Any) -> Any:
    return where(equal(a, b), g * 0.5, where(greater(a, b), g, 0.0))


maximum = elementwise(
    np.maximum,
    2,
    lower="maximum({0}, {1})",
    accepts=NUMERIC,
    onnx="Max",
    order=16,
    traits=[Trait.COMMUTATIVE],
    vjp=(_larger, lambda g, y, a, b: _larger(g, y, b, a)),
    doc="The larger of two; NaN if either is NaN. Equal operands share the gradient (Array API).",
)


def _smaller(g: Any, y: Any, a: Any, b: Any) -> Any:
    return where(equal(a, b), g * 0.5, where(less(a, b), g, 0.0))


minimum = elementwise(
    np.minimum,
    2,
    lower="minimum({0}, {1})",
    accepts=NUMERIC,
    onnx="Min",
    order=16,
    traits=[Trait.COMMUTATIVE],
    vjp=(_smaller, lambda g, y, a, b: _smaller(g, y, b, a)),
    doc="The smaller of two; NaN if either is NaN. Equal operands share the gradient (Array API).",
)
clamp = elementwise(
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    3,
    name="clamp",
    hidden=True,
    lower="minimum(maximum({0}, {1}), {2})",
    accepts=NUMERIC,
    onnx="Clip",
    order=17,
    domain=((-3, 3), (-2, -1), (1, 2)),
    vjp=(
        lambda g, y, x, low, high: where(logical_and(greater_equal(x, low), less_equal(x, high)), g, 0.0),
        lambda g, y, x, low, high: where(logical_and(less(x, low), less(low, high)), g, 0.0),
        lambda g, y, x, low, high: where(greater(maximum(x, low), high), g, 0.0),
    ),
    doc="x held between low and high; high wins where low exceeds it.",
)
fma = elementwise(
    lambda x1, x2, x3: x1 * x2 + x3,
    3,
    name="fma",
    lower="{0} * {1} + {2}",
    accepts=NUMERIC,
    order=30,
    vjp=(lambda g, y, a, b, c: g * b, lambda g, y, a, b, c: g * a, lambda g, y, a, b, c: g),
    doc="x1 * x2 + x3, rounded after each operation.",
)
abs = elementwise(
    np.abs,
    1,
    name="abs",
    lower=Scalar("fabs({0})", integer="where({0} < {zero}, -{0}, {0})"),
    accepts=NUMERIC,
    onnx="Abs",
    order=14,
    domain=((0.2, 3),),
    vjp=(lambda g, y, x: g * sign(x),),
    doc="Magnitude (Array API).",
)
sign: Op = elementwise(
    lambda x: np.sign(x) + np.asarray(0, x.dtype),  # NumPy may keep the sign of -0.0, the standard does not
    1,
    name="sign",
    lower="where({0} > {zero}, {one}, where({0} < {zero}, -{one}, where({0} == {0}, {zero}, {0})))",
    accepts=NUMERIC,
    keeps="",
    onnx="Sign",
    order=14,
    domain=((0.2, 3),),
    vjp=(lambda g, y, x: None,),
    doc="-1, 0 or 1 by the sign; NaN stays NaN (Array API).",
)
square = elementwise(
    np.square,
    1,
    lower="{0} * {0}",
    accepts=NUMERIC,
    order=18,
    vjp=(lambda g, y, x: g * (x * 2),),
    doc="x * x (Array API).",
)
reciprocal = elementwise(
    np.reciprocal,
    1,
    lower="{one} / {0}",
    accepts=FLOATS,
    floating=True,
    keeps="y",
    onnx="Reciprocal",
    order=23,
    domain=((0.5, 3),),
    vjp=(lambda g, y, x: -g * (y * y),),
    doc="1 / x (Array API).",
)


@public
@publish(clamp)
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x held between ``min`` and ``max`` (arrays or numbers that broadcast; None for no bound) (Array API).

    >>> tg.clip(tg.tensor([-2.0, 0.5, 9.0]), -1.0, 1.0)
    tensor([-1. ,  0.5,  1. ])
    """
    if min is None and max is None:
        return as_handle(x)
    if min is None:
        return _op.apply(clamp, x, _lowest(as_handle(x).dtype), max)
    if max is None:
        return _op.apply(clamp, x, min, _highest(as_handle(x).dtype))
    return _op.apply(clamp, x, min, max)


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else int(np.iinfo(dtype).min)


def _highest(dtype: Any) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _triples(rng: np.random.Generator, dtype: Any) -> list[Sample]:
    a, b, c = (rng.uniform(-2, 2, shape).astype(dtype) for shape in ((2, 3), (3,), (2, 1)))
    return [Sample((a, b, c)), Sample((a, b, c), {"value": 0.5})]


@composite(samples=_triples)
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value * tensor1 * tensor2 (PyTorch)."""
    return fma(multiply(tensor1, value), tensor2, input)
