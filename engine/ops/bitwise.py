"""Integers as bits: and, or, exclusive or, inversion and shifts; on bools the same words are logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.handle import Handle
from engine.lowering import Scalar
from engine.makers import elementwise
from engine.op import Op, Trait
from engine.ops import compare
from engine.record import NO_ATTRS

BITS = dtypes.INTEGERS | dtypes.BOOL


def _pairwise(kernel: Any, sign: str, onnx: str, doc: str) -> Op:
    return elementwise(
        kernel,
        2,
        lower="{0} " + sign + " {1}",
        accepts=BITS,
        keeps="",
        onnx=onnx,
        order=13,
        traits=[Trait.COMMUTATIVE],
        doc=f"{doc} of two integers, or of two bools (Array API).",
    )


bitwise_and = _pairwise(np.bitwise_and, "&", "BitwiseAnd", "The bits set in both")
bitwise_or = _pairwise(np.bitwise_or, "|", "BitwiseOr", "The bits set in either")
bitwise_xor = _pairwise(np.bitwise_xor, "^", "BitwiseXor", "The bits set in exactly one")
bitwise_invert = elementwise(
    np.bitwise_invert,
    1,
    name="bitwise_invert",
    lower=Scalar("not {0}", integer="~{0}"),
    accepts=BITS,
    keeps="",
    onnx="BitwiseNot",
    order=13,
    doc="Every bit of an integer turned, or a bool negated (Array API).",
)


def _shift(kernel: Any, name: str, word: str, doc: str) -> Op:
    return elementwise(
        kernel,
        2,
        name=name,
        lower=word + "({0}, {1})",
        accepts=dtypes.INTEGERS,
        keeps="",
        onnx="BitShift",
        order=13,
        domain=((-3, 100), (0, 7)),
        doc=doc,
    )


bitwise_left_shift = _shift(
    np.left_shift,
    "bitwise_left_shift",
    "shift_left",
    "x1 * 2**x2, what leaves the dtype being dropped; x2 must not be negative (Array API).",
)
bitwise_right_shift = _shift(
    np.right_shift,
    "bitwise_right_shift",
    "shift_right",
    "The floor of x1 / 2**x2; x2 must not be negative (Array API).",
)


def _is_bool(x: Any) -> bool:
    return x.dtype == dtypes.bool_ if isinstance(x, Handle | np.ndarray | np.generic) else isinstance(x, bool)


def _operator(logic: Op, bits: Op) -> Any:
    def operator(*operands: Any) -> Any:
        op = logic if all(map(_is_bool, operands)) else bits
        return dispatch.current().apply(op, operands, NO_ATTRS)

    return operator


# What ``&``, ``|``, ``^`` and ``~`` mean: logic on bools, else bits.
both = _operator(compare._and, bitwise_and)
either = _operator(compare._or, bitwise_or)
one = _operator(compare._xor, bitwise_xor)
inverted = _operator(compare._not, bitwise_invert)
