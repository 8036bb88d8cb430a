"""Roots, exponentials, logarithms, trigonometry: the smooth unary functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.makers import elementwise
from engine.op import Op, Rule


def _smooth(
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


sqrt = _smooth(
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
rsqrt = _smooth(
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
exp = _smooth(np.exp, "exp({0})", lambda g, y, x: g * y, keeps="y", onnx="Exp", doc="e to the power x (Array API).")
expm1 = _smooth(
    np.expm1,
    "expm1({0})",
    lambda g, y, x: g * (y + 1),
    keeps="y",
    order=49,
    doc="exp(x) - 1 without cancellation near 0 (Array API).",
)
log = _smooth(
    np.log,
    "log({0})",
    lambda g, y, x: g / x,
    domain=(0.2, 4),
    order=51,
    onnx="Log",
    doc="Natural logarithm; -inf at 0, NaN below (Array API).",
)
log1p = _smooth(
    np.log1p,
    "log1p({0})",
    lambda g, y, x: g / (x + 1),
    domain=(-0.7, 3),
    order=49,
    doc="log(1 + x) without cancellation near 0 (Array API).",
)
sin = _smooth(np.sin, "sin({0})", lambda g, y, x: g * cos(x), onnx="Sin", doc="Sine of x radians (Array API).")
cos: Op = _smooth(np.cos, "cos({0})", lambda g, y, x: -g * sin(x), onnx="Cos", doc="Cosine of x radians (Array API).")
tanh = _smooth(
    np.tanh, "tanh({0})", lambda g, y, x: g * (1 - y * y), keeps="y", onnx="Tanh", doc="Hyperbolic tangent (Array API)."
)
sigmoid = _smooth(
    _sigmoid,
    "sigmoid({0})",
    lambda g, y, x: g * (y * (1 - y)),
    name="sigmoid",
    keeps="y",
    onnx="Sigmoid",
    order=48,
    doc="1 / (1 + exp(-x)).",
)
erf = _smooth(
    _erf,
    "erf({0})",
    lambda g, y, x: g * (exp(-(x * x)) * 1.1283791670955126),
    name="erf",
    onnx="Erf",
    doc="The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
)
