"""Gradients held within bounds, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from engine import dispatch
from engine.dtypes import promote
from engine.errors import ArgumentError, NonFiniteError, ShapeError, UnsupportedError
from engine.handle import Handle
from engine.ops.arithmetic import abs, clip, minimum
from engine.ops.create import zeros
from engine.ops.dtype import astype
from engine.ops.joins import concat
from engine.ops.math import sqrt
from engine.ops.pieces import stack
from engine.ops.reduce import max as max_
from engine.ops.reduce import sum as sum_
from engine.ops.shape import reshape
from engine.spent import replaced


def get_total_norm(tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Any:
    """The norm of all arrays as if they were one vector: 0-d, of their common dtype; 0 where there are none.

    ``norm_type``: p of the p-norm, above 0, or infinity. ``error_if_nonfinite``: raise NonFiniteError where the norm is
    NaN or infinite; a traced function has no value to look at, so that this raises UnsupportedError there.
    """
    arrays: list[Any] = [tensors] if isinstance(tensors, Handle) else list(tensors)
    p = float(norm_type)
    if not p > 0:
        raise ArgumentError(f"norm_type must be above 0, got {norm_type}", op="get_total_norm")
    if not arrays:
        return zeros(())
    dtype = promote(*(a.dtype for a in arrays))
    if math.isinf(p):
        norm = max_(stack([astype(max_(abs(a)), dtype) for a in arrays]))
    else:
        powers = [astype(sum_(a * a if p == 2 else abs(a) ** p), dtype) for a in arrays]
        total = powers[0]
        for power in powers[1:]:
            total = total + power
        norm = sqrt(total) if p == 2 else total ** (1.0 / p)
    if error_if_nonfinite:
        _refuse_nonfinite(norm, p)
    return norm


def _refuse_nonfinite(norm: Any, p: float) -> None:
    if dispatch.current().name != "eager":
        raise UnsupportedError(
            "whether a norm is finite is not known while the function is traced",
            op="get_total_norm",
            fix="return the norm from the function and look at it there, or call it inside tg.debug.detect_nonfinite()",
        )
    if not math.isfinite(norm.item()):
        raise NonFiniteError(
            f"the total norm of order {p:g} of the gradients is {norm.item()}",
            op="get_total_norm",
            fix="error_if_nonfinite=False goes on; tg.debug.detect_nonfinite() finds where it was born",
        )


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Any:
    """Scale all gradients down by one factor so that their total norm is at most ``max_norm``; the norm before that.

    ``parameters``: one or several; those without gradient are passed over. Source: Pascanu et al. 2013.
    """
    held = _with_gradient(parameters)
    with _silent():
        norm = get_total_norm([p.grad for p in held], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(held, max_norm, norm)
    return norm


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any) -> None:
    """Scale all gradients by ``max_norm`` / ``total_norm`` where that is below 1."""
    with _silent():
        factor = minimum(max_norm / (total_norm + 1e-6), 1.0)
        for parameter in _with_gradient(parameters):
            replaced(parameter, parameter.grad * astype(factor, parameter.grad.dtype))


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Hold each element of each gradient within [-``clip_value``, ``clip_value``]."""
    bound = float(clip_value)
    with _silent():
        for parameter in _with_gradient(parameters):
            replaced(parameter, clip(parameter.grad, -bound, bound))


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters flattened, one after the other, as one vector; gradients flow through it."""
    return concat([reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Give the parameters, in order, the parts of a vector that ``parameters_to_vector`` made.

    Raises ShapeError unless it has as many numbers as they have.
    """
    held = list(parameters)
    vector = vec if isinstance(vec, Handle) else dispatch.current().asarray(np.asarray(vec), None)
    ends = np.cumsum([int(p.size) for p in held]).tolist() or [0]
    if tuple(vector.shape) != (ends[-1],):
        raise ShapeError(f"the parameters hold {ends[-1]} numbers", op="vector_to_parameters", operands=(vector,))
    with _silent():
        for parameter, begin, end in zip(held, [0, *ends], ends):
            parameter.assign(astype(reshape(vector[begin:end], parameter.shape), parameter.dtype))


def _with_gradient(parameters: Any) -> list[Any]:
    given = [parameters] if isinstance(parameters, Handle) else list(parameters)
    return [p for p in given if p.grad is not None]


def _silent() -> Any:
    """Record no gradients of what is done to gradients and parameters."""
    return dispatch.interpret(dispatch.current().with_grad(False))
