"""Roots, exponentials, logarithms and their kin: the smooth functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ShapeError
from engine.lowering import Scalar
from engine.makers import dtype_of, elementwise, publish, shape_of
from engine.op import Op, Rule, Sample, Trait, apply
from engine.spec import Spec, broadcast


def smooth(
    kernel: Any,
    template: str,
    vjp: Rule,
    *,
    name: str | None = None,
    keeps: str = "x",
    order: int = 50,
    domain: tuple[float, float] = (-3, 3),
    onnx: str | None = None,
    expensive: bool = True,
    doc: str,
) -> Op:
    return elementwise(
        kernel,
        1,
        name=name,
        lower=template,
        expensive=expensive,
        accepts=dtypes.FLOATS,
        floating=True,
        keeps=keeps,
        order=order,
        domain=(domain,),
        onnx=onnx,
        vjp=(vjp,),
        doc=doc,
    )


def _erf(x: Any) -> Any:
    from scipy.special import erf as scipy_erf  # costs 60 ms to import, so only when it is used

    return scipy_erf(x)


def _rsqrt(x: Any) -> Any:
    return np.reciprocal(np.sqrt(x))


def _sigmoid(x: Any) -> Any:
    # exp of a non-positive number only, so nothing overflows on either side
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e).astype(e.dtype) / (1 + e)


_LN2, _LN10 = 0.6931471805599453, 2.302585092994046

sqrt = smooth(
    np.sqrt,
    "sqrt({0})",
    lambda g, y, x: g / (y * 2),
    keeps="y",
    order=26,
    domain=(0.3, 4),
    onnx="Sqrt",
    expensive=False,
    doc="Square root; NaN below 0 (Array API).",
)
rsqrt = smooth(
    _rsqrt,
    "rsqrt({0})",
    lambda g, y, x: g * (-0.5) * (y * y * y),
    name="rsqrt",
    keeps="y",
    order=25,
    domain=(0.3, 4),
    expensive=False,
    doc="1 / sqrt(x).",
)
exp = smooth(np.exp, "exp({0})", lambda g, y, x: g * y, keeps="y", onnx="Exp", doc="e to the power x (Array API).")
expm1 = smooth(
    np.expm1,
    "expm1({0})",
    lambda g, y, x: g * (y + 1),
    keeps="y",
    order=49,
    doc="exp(x) - 1 without cancellation near 0 (Array API).",
)
log = smooth(
    np.log,
    "log({0})",
    lambda g, y, x: g / x,
    domain=(0.2, 4),
    order=51,
    onnx="Log",
    doc="Natural logarithm; -inf at 0, NaN below (Array API).",
)
log1p = smooth(
    np.log1p,
    "log1p({0})",
    lambda g, y, x: g / (x + 1),
    domain=(-0.7, 3),
    order=49,
    doc="log(1 + x) without cancellation near 0 (Array API).",
)
log2 = smooth(
    np.log2,
    "log2({0})",
    lambda g, y, x: g / (x * _LN2),
    domain=(0.2, 4),
    order=51,
    doc="Logarithm to base 2; -inf at 0, NaN below (Array API).",
)
log10 = smooth(
    np.log10,
    "log10({0})",
    lambda g, y, x: g / (x * _LN10),
    domain=(0.2, 4),
    order=51,
    doc="Logarithm to base 10; -inf at 0, NaN below (Array API).",
)
_logaddexp = Op(
    "logaddexp",
    np.logaddexp,
    lambda a, b: Spec(broadcast(shape_of(a), shape_of(b)), dtype_of(a, dtype_of(b))),
    # Where both are the same infinity their difference is NaN, so equal operands are told apart. Where the two parts of
    # the sum cancel, last bits of exp count for much: a rounding error is one of the larger operand, as in NumPy.
    lower=Scalar("maximum({0}, {1}) + log1p(exp(-where({0} == {1}, {zero}, fabs({0} - {1}))))", expensive=True),
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="xy",
    order=53,
    traits=[Trait.ELEMENTWISE, Trait.COMMUTATIVE],
    vjp=(lambda g, y, a, b: g * exp(a - y), lambda g, y, a, b: g * exp(b - y)),
    samples=lambda rng, dtype: [
        Sample(tuple(rng.uniform(-3, 3, shape).astype(dtype) for shape in shapes))
        for shapes in [((2, 3), (2, 3)), ((2, 1, 4), (3, 1)), ((), ()), ((0, 3), (3,))]
    ],
    errors=lambda rng, dtype: [Sample((np.ones(2, dtype), np.ones(3, dtype)), {}, ShapeError)],
    doc="log(exp(x1) + exp(x2)) without overflow (Array API).",
)


@publish(_logaddexp)
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """log(exp(x1) + exp(x2)) without overflow; the two broadcast (Array API)."""
    return apply(_logaddexp, x1, x2)


sin = smooth(np.sin, "sin({0})", lambda g, y, x: g * cos(x), onnx="Sin", doc="Sine of x radians (Array API).")
cos: Op = smooth(np.cos, "cos({0})", lambda g, y, x: -g * sin(x), onnx="Cos", doc="Cosine of x radians (Array API).")
tanh = smooth(
    np.tanh, "tanh({0})", lambda g, y, x: g * (1 - y * y), keeps="y", onnx="Tanh", doc="Hyperbolic tangent (Array API)."
)
sigmoid = smooth(
    _sigmoid,
    "sigmoid({0})",
    lambda g, y, x: g * (y * (1 - y)),
    name="sigmoid",
    keeps="y",
    onnx="Sigmoid",
    order=48,
    doc="1 / (1 + exp(-x)).",
)
erf = smooth(
    _erf,
    "erf({0})",
    lambda g, y, x: g * (exp(-(x * x)) * 1.1283791670955126),
    name="erf",
    onnx="Erf",
    doc="The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
)
