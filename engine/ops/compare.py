"""Comparison, logic and choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import DTypeError
from engine.lowering import Scalar
from engine.makers import elementwise, publish
from engine.op import Op, Trait, apply, as_handle

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


def _test(kernel: Any, template: str | Scalar, name: str, onnx: str | None, doc: str, accepts: Any = COMPUTED) -> Op:
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
isinf = _test(
    np.isinf, Scalar("fabs({0}) == {inf}", integer="{0} != {0}"), "isinf", "IsInf", "x is infinite", dtypes.NUMERIC
)
isfinite = _test(
    np.isfinite, Scalar("fabs({0}) < {inf}", integer="{0} == {0}"), "isfinite", None, "x is finite", dtypes.NUMERIC
)


def _logic(kernel: Any, arity: int, template: str, onnx: str, doc: str) -> Op:
    op = elementwise(
        kernel,
        arity,
        lower=template,
        accepts=dtypes.BOOL,
        keeps="",
        onnx=onnx,
        order=13,
        traits=[Trait.COMMUTATIVE] if arity == 2 else [],
        doc=f"Whether {doc}, element by element, as bool; numbers count as true where nonzero (Array API).",
    )

    def unary(x: Any, /) -> Any:
        return apply(op, _truth(x))

    def binary(x1: Any, x2: Any, /) -> Any:
        return apply(op, _truth(x1), _truth(x2))

    logical = publish(op)(unary if arity == 1 else binary)
    logical.__name__ = logical.__qualname__ = op.name
    return op


def _truth(x: Any) -> Any:
    if isinstance(x, bool):
        return x
    x = as_handle(x)
    return x if x.dtype == dtypes.bool_ else not_equal(x, 0)


_not = _logic(np.logical_not, 1, "not {0}", "Not", "x is false")
_and = _logic(np.logical_and, 2, "{0} & {1}", "And", "both are true")
_or = _logic(np.logical_or, 2, "{0} | {1}", "Or", "either is true")
_xor = _logic(np.logical_xor, 2, "{0} ^ {1}", "Xor", "exactly one is true")
logical_not, logical_and, logical_or, logical_xor = _not.public, _and.public, _or.public, _xor.public

_where = elementwise(
    np.where,
    3,
    name="where",
    lower="where({0}, {1}, {2})",
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
