"""Comparison, logic and choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import DTypeError
from engine.op import Op, Trait, apply, as_handle, elementwise, publish

COMPUTED = dtypes.COMPUTED


def _comparison(kernel: Any, sign: str, onnx: str | None, doc: str, *traits: Trait) -> Op:
    return elementwise(
        kernel,
        2,
        lower="{0} " + sign + " {1}",
        accepts=COMPUTED,
        keeps="",
        onnx=onnx,
        order=13,
        traits=traits,
        doc=f"Whether {doc}, element by element, as bool (Array API).",
    )


equal = _comparison(np.equal, "==", "Equal", "x1 equals x2", Trait.COMMUTATIVE)
not_equal = _comparison(np.not_equal, "!=", None, "x1 differs from x2", Trait.COMMUTATIVE)
less = _comparison(np.less, "<", "Less", "x1 is below x2")
less_equal = _comparison(np.less_equal, "<=", "LessOrEqual", "x1 is not above x2")
greater = _comparison(np.greater, ">", "Greater", "x1 is above x2")
greater_equal = _comparison(np.greater_equal, ">=", "GreaterOrEqual", "x1 is not below x2")


def _test(kernel: Any, template: str, name: str, onnx: str | None, doc: str, accepts: Any = COMPUTED) -> Op:
    return elementwise(
        kernel,
        1,
        name=name,
        lower=template,
        accepts=accepts,
        keeps="",
        onnx=onnx,
        order=13,
        doc=f"Whether {doc}, element by element, as bool (Array API).",
    )


isnan = _test(np.isnan, "{0} != {0}", "isnan", "IsNaN", "x is not a number", dtypes.NUMERIC)
isinf = _test(np.isinf, "abs({0}) == inf", "isinf", "IsInf", "x is infinite", dtypes.NUMERIC)
isfinite = _test(np.isfinite, "abs({0}) < inf", "isfinite", None, "x is finite", dtypes.NUMERIC)
logical_not = _test(np.logical_not, "{0} == 0", "logical_not", "Not", "x is false (or zero)")


def _logic(kernel: Any, sign: str, onnx: str, doc: str) -> Op:
    return elementwise(
        kernel,
        2,
        lower="({0} != 0) " + sign + " ({1} != 0)",
        accepts=COMPUTED,
        keeps="",
        onnx=onnx,
        order=13,
        traits=[Trait.COMMUTATIVE],
        doc=f"Whether {doc} true (or nonzero), element by element, as bool (Array API).",
    )


logical_and = _logic(np.logical_and, "&", "And", "both are")
logical_or = _logic(np.logical_or, "|", "Or", "either is")
logical_xor = _logic(np.logical_xor, "^", "Xor", "exactly one is")

_where = elementwise(
    np.where,
    3,
    name="where",
    lower="{1} if {0} else {2}",
    accepts=COMPUTED,
    casts=slice(1, 3),
    onnx="Where",
    order=19,
    vjp=(
        None,
        lambda g, y, c, a, b: where(c, g, 0.0),
        lambda g, y, c, a, b: where(c, 0.0, g),
    ),
    doc="x1 where the condition is true, else x2 (Array API).",
)


@publish(_where)
def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """x1 where ``condition`` (bool) is true, else x2; the three broadcast (Array API).

    Raises DTypeError where the condition is not bool.
    """
    condition = as_handle(condition)
    if condition.dtype != dtypes.bool_:
        raise DTypeError(
            f"the condition must be bool, not {condition.dtype.name}",
            op="where",
            operands=(condition, x1, x2),
            fix="compare it with something, for instance condition != 0",
        )
    return apply(_where, condition, x1, x2)
