"""Casting, and the identities that only gradients can tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine import op as _op
from engine.arguments import check_device
from engine.lowering import Scalar
from engine.makers import publish
from engine.op import Op, Sample, Trait, as_handle
from engine.spec import DType, Spec


def _cast(x: Any, dtype: DType) -> Any:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(x).astype(dtype)


_astype = Op(
    "astype",
    _cast,
    lambda x, dtype: Spec(x.shape, dtype),
    lower=Scalar("{dtype}({0})"),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    onnx="Cast",
    order=12,
    traits=[Trait.ELEMENTWISE],
    vjp=(lambda g, y, x, dtype: astype(g, x.dtype) if dtype.kind == x.dtype.kind == "f" else None,),
    samples=lambda rng, dtype: [
        # What a negative float becomes as an unsigned integer is undefined in C, and so in NumPy.
        Sample((rng.uniform(0 if dtype.kind == "u" or d.kind == "u" else -3, 3, (2, 3)).astype(dtype), d))
        for d in sorted(dtypes.EVERY, key=str)
    ],
    doc="The same numbers in another dtype (Array API).",
)
_op.CAST = _astype


@publish(_astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """The numbers of ``x`` in ``dtype`` (Array API). Casting NaN or infinities to integers gives any number.

    ``copy`` False: ``x`` itself where it has that dtype already, else always another handle.
    """
    check_device(device, "astype")
    x = as_handle(x)
    target = dtypes.as_dtype(dtype)
    if x.dtype == target:
        return x._fresh() if copy else x
    return _op.apply(_astype, x, dtype=target)


identity = Op(
    "stop_gradient",
    lambda x: x,
    lambda x: Spec(x.shape, x.dtype),
    lower=Scalar("{0}"),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    onnx="Identity",
    order=1,
    traits=[Trait.ELEMENTWISE],
    vjp=(None,),
    samples=lambda rng, dtype: [Sample((rng.uniform(0, 3, (2, 3)).astype(dtype),))],
    doc="x itself, as a constant for gradients.",
)


@publish(identity)
def stop_gradient(x: Any) -> Any:
    """x itself, through which no gradient flows (``x.detach()`` in PyTorch, ``lax.stop_gradient`` in JAX)."""
    return as_handle(x).detach()


mark = Op(
    "mark",
    lambda x, tag: x,
    lambda x, tag: Spec(x.shape, x.dtype),
    lower=Scalar("{0}"),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    order=1,
    traits=[Trait.ELEMENTWISE],
    vjp=(lambda g, y, x, tag: g,),
    samples=lambda rng, dtype: [Sample((rng.uniform(0, 3, (2, 3)).astype(dtype),), {"tag": 0})],
    doc="x itself, as a point that ``grad`` differentiates with respect to; its tag keeps it apart from other uses.",
    hidden=True,
)
leaf = Op(
    "leaf",
    lambda: None,
    lambda spec: spec,
    casts=None,
    keeps="",
    order=0,
    doc="A value that comes from outside: an input, a parameter, a state.",
    hidden=True,
)
