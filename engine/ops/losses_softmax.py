"""Softmax and cross-entropy of integer classes as one step in eager mode, spelt out in ops for graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.makers import publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import divide
from engine.ops.compare import equal, not_equal, where
from engine.ops.create import iota, number
from engine.ops.dtype import astype
from engine.ops.gather import check_range, in_range, pick
from engine.ops.index import take
from engine.ops.losses import check_reduction, equal_shapes
from engine.ops.math import exp
from engine.ops.nn import _log_softmax, log_softmax
from engine.ops.reduce import sum
from engine.ops.shape import expand_dims, reshape
from engine.sizes import show_shape
from engine.spec import DType, Spec

# ---------------------------------------------------------------------------------------- in ops


def check_classes(input: Any, target: Any, axis: int, op: str) -> None:
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if not equal_shapes(target.shape, expected):
        raise ShapeError(
            f"class targets for scores of shape {show_shape(input.shape)} have shape {show_shape(expected)}",
            op=op,
            operands=(input, target),
        )
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"classes are integers, not {target.dtype.name}",
            op=op,
            operands=(input, target),
            fix="cast them with target.astype('int64')",
        )


def along(weight: Any, axis: int, rank: int) -> Any:
    return reshape(weight, tuple(-1 if i == axis else 1 for i in range(rank)))


def likelihood(logp: Any, target: Any, axis: int, weight: Any, ignore: int, reduction: str, smoothing: float) -> Any:
    """The negative log-likelihood of integer classes; smoothing gives every class a share of the target."""
    counted = not_equal(target, ignore)
    safe = where(counted, target, 0)
    scale = astype(counted, logp.dtype)
    kept = scale
    if weight is not None:
        scale = scale * take(weight, safe, axis=0)
    loss = -(apply(pick, logp, safe, axis=axis) * scale)
    if smoothing:
        spread = logp if weight is None else logp * along(weight, axis, logp.ndim)
        share = divide(sum(spread, axis=axis), number(logp.shape[axis], logp.dtype))
        loss = loss * (1 - smoothing) - share * kept * smoothing
    if reduction == "mean":
        return divide(sum(loss), sum(scale))
    return sum(loss) if reduction == "sum" else loss


# ---------------------------------------------------------------------------------------- in one step


def _entropy_parts(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> tuple[Any, Any, Any]:
    """log(softmax(x)), where in it the targets' entries lie (as a NumPy index), and the weight of each in the loss."""
    counted = target != ignore
    everything = counted.all()
    safe = target if everything else np.where(counted, target, 0)
    check_range(safe, x.shape[axis])
    places = list(np.ix_(*(np.arange(n) for n in safe.shape))) if safe.ndim > 1 else [np.arange(n) for n in safe.shape]
    weight = x.dtype.type(1) if everything else counted.astype(x.dtype)
    if reduction == "mean":
        weight = weight / counted.sum(dtype=x.dtype)
    return _log_softmax.kernel(x, axis=axis), (*places[:axis], safe, *places[axis:]), weight


def _entropy_kernel(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    logp, places, weight = _entropy_parts(x, target, axis, ignore, reduction)
    loss = logp[places] * -weight
    return loss if reduction == "none" else loss.sum(dtype=x.dtype)


def _entropy_spec(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Spec:
    return Spec(target.shape if reduction == "none" else (), x.dtype)


def _entropy_in_ops(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    return likelihood(log_softmax(x, axis=axis), target, axis, None, ignore, reduction, 0.0)


def _slope_kernel(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    logp, places, weight = _entropy_parts(x, target, axis, ignore, reduction)
    slope = np.exp(logp)
    slope[places] -= 1
    slope *= np.expand_dims(weight, axis) if weight.ndim else weight
    return slope


def _weights(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    counted = astype(not_equal(target, ignore), x.dtype)
    return expand_dims(divide(counted, sum(counted)) if reduction == "mean" else counted, axis=axis)


def _slope_in_ops(x: Any, target: Any, **how: Any) -> Any:
    axis, ignore = how["axis"], how["ignore"]
    line = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
    places = apply(iota, shape=line, axis=axis, dtype=target.dtype)
    safe = apply(in_range, where(not_equal(target, ignore), target, 0), size=x.shape[axis])
    hit = equal(expand_dims(safe, axis=axis), places)
    chance = exp(log_softmax(x, axis=axis))
    return where(hit, chance - 1.0, chance) * _weights(x, target, **how)


def _slope_vjp(g: Any, y: Any, x: Any, target: Any, **how: Any) -> Any:
    chance = exp(log_softmax(x, axis=how["axis"]))
    weighted = g * _weights(x, target, **how)
    return chance * (weighted - sum(weighted * chance, axis=how["axis"], keepdims=True))


def _slope_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample(
            s.args, {"axis": 1, "ignore": -100, "reduction": "mean"} | {_ATTRS.get(k, k): v for k, v in s.attrs.items()}
        )
        for s in _softmax_samples(rng, dtype)
    ]


_ATTRS = {"ignore_index": "ignore"}


def _softmax_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (4, 3)).astype(dtype)
    return [
        Sample((x, np.array([2, 0, 1, 1])), {"axis": 1}),
        Sample((x, np.array([2, -100, 1, 1])), {"reduction": "sum"}),
        Sample((x.reshape(2, 3, 2), np.array([[2, 0], [1, 1]])), {"axis": 1, "reduction": "none"}),
    ]


_slope: Op = Op(
    "softmax_cross_entropy_slope",
    _slope_kernel,
    lambda x, target, axis, ignore, reduction: Spec(x.shape, x.dtype),
    vjp=(_slope_vjp,),
    expand=_slope_in_ops,
    accepts=dtypes.FLOATS,
    casts=slice(0, 1),
    order=73,
    samples=_slope_samples,
    doc="The derivative of softmax_cross_entropy with respect to the scores.",
    hidden=True,
)


def _entropy_vjp(g: Any, y: Any, x: Any, target: Any, **how: Any) -> Any:
    return apply(_slope, x, target, **how) * (expand_dims(g, axis=how["axis"]) if g.ndim else g)


def class_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((4, 3), dtype)
    return [
        Sample((x, np.array([0, 1, 2])), {}, ShapeError),
        Sample((x, np.array([0, 1, 2, 3])), {}, IndexRangeError),
        Sample((x, np.array([0, 1, 2, -1])), {}, IndexRangeError),
        Sample((x, np.array([0, 1, 2, 2], dtype)), {}, DTypeError),
        Sample((x, np.array([0, 1, 2, 2])), {"reduction": "avg"}, ArgumentError),
    ]


softmax_entropy = Op(
    "softmax_cross_entropy",
    _entropy_kernel,
    _entropy_spec,
    vjp=(_entropy_vjp,),
    expand=_entropy_in_ops,
    accepts=dtypes.FLOATS,
    casts=slice(0, 1),
    onnx="SoftmaxCrossEntropyLoss",
    order=74,
    samples=_softmax_samples,
    errors=class_errors,
    doc="Negative log-probability of integer classes under softmax of scores, in one step.",
)


@publish(softmax_entropy)
def softmax_cross_entropy(
    input: Any, target: Any, axis: int = -1, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Negative log-probability of integer classes under softmax(input) along ``axis``.

    target: integers of the input's shape without that axis; those equal to ``ignore_index`` do not count. Raises
    ShapeError and DTypeError for other targets, IndexRangeError for a class outside the range.
    """
    input, target = as_handle(input), as_handle(target)
    axis = normal_axis(axis, input.ndim, "softmax_cross_entropy", input)
    check_classes(input, target, axis, "softmax_cross_entropy")
    check_reduction(reduction, "softmax_cross_entropy")
    return apply(softmax_entropy, input, target, axis=axis, ignore=ignore_index, reduction=reduction)
