"""Whole numbers near a number: floor, ceil, round and trunc; integers are whole already."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.makers import elementwise, publish
from engine.op import Op, apply, as_handle


def _rounding(kernel: Any, template: str, name: str, onnx: str | None, doc: str) -> Op:
    op = elementwise(
        kernel,
        1,
        name=name,
        lower=template,
        accepts=dtypes.FLOATS,
        keeps="",
        onnx=onnx,
        order=14,
        domain=((0.1, 0.4),),
        vjp=(lambda g, y, x: None,),
        doc=doc,
    )

    @publish(op)
    def rounded(x: Any, /) -> Any:
        x = as_handle(x)
        return x._fresh() if x.dtype.kind in "iu" else apply(op, x)

    rounded.__name__ = rounded.__qualname__ = name
    return op


_floor = _rounding(np.floor, "floor({0})", "floor", "Floor", "The largest whole number not above x (Array API).")
_ceil = _rounding(np.ceil, "ceil({0})", "ceil", "Ceil", "The smallest whole number not below x (Array API).")
_round = _rounding(np.rint, "rint({0})", "round", "Round", "The nearest whole number, halves to even (Array API).")
_trunc = _rounding(np.trunc, "trunc({0})", "trunc", None, "The whole number nearest to x towards 0 (Array API).")
floor, ceil, round, trunc = _floor.public, _ceil.public, _round.public, _trunc.public
