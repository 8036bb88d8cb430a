"""Convolution of one to three axes, its transpose, and the gradient of its weight: each is linear, and they are each other's gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.lowering import Loop
from engine.op import Op, Sample, apply
from engine.ops import conv_text, conv_weight_text, taps
from engine.ops.reduce import sum
from engine.ops.shape import reshape
from engine.ops.windows import Slide, conv_padding, per_axis
from engine.sizes import Shape, same
from engine.spec import DType, Spec

# ---------------------------------------------------------------------------------------- the three products


def _slide(window: Shape, how: dict[str, Any]) -> Slide:
    return Slide(tuple(window), how["stride"], how["padding"], how["dilation"])


def _plain(slide: Slide, groups: int) -> bool:
    """Whether each result sees one place only, so that the whole is a matrix product."""
    nothing = all(s == 1 and p == (0, 0) for s, p in zip(slide.stride, slide.padding, strict=True))
    return groups == 1 and nothing and all(same(k, 1) for k in slide.window)


def _flat(x: Any) -> Any:
    return x.reshape(*x.shape[:2], -1)


def _forward(x: Any, w: Any, *bias: Any, **how: Any) -> Any:
    slide, groups = _slide(w.shape[2:], how), how["groups"]
    if _plain(slide, groups):
        y = np.matmul(w.reshape(w.shape[:2]), _flat(x)).reshape(x.shape[0], w.shape[0], *x.shape[2:])
    else:
        y = taps.results(x, w, slide, groups)
    if bias:
        y += bias[0].reshape(1, -1, *(1,) * (y.ndim - 2))
    return y


def _backward(g: Any, w: Any, **how: Any) -> Any:
    slide, groups = _slide(w.shape[2:], how), how["groups"]
    if _plain(slide, groups):
        return np.matmul(w.reshape(w.shape[:2]).T, _flat(g)).reshape(g.shape[0], w.shape[1], *how["sizes"])
    return taps.inputs(g, w, how["sizes"], slide, groups)


def _slope(x: Any, g: Any, **how: Any) -> Any:
    slide, groups = _slide(how["window"], how), how["groups"]
    if _plain(slide, groups):
        w = np.matmul(_flat(g), _flat(x).swapaxes(1, 2)).sum(0)
        return w.reshape(*w.shape, *how["window"])
    return taps.weights(x, g, how["window"], slide, groups)


def biased(y: Any, bias: Any) -> Any:
    return y + reshape(bias, (1, -1, *(1,) * (y.ndim - 2)))


def _conv_spec(x: Any, w: Any, *bias: Any, **how: Any) -> Spec:
    return Spec((x.shape[0], w.shape[0], *_slide(w.shape[2:], how).results(x.shape[2:])), x.dtype)


def _samples(pick: Callable[..., Sample]) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        def make(*shape: int) -> Any:
            return rng.uniform(-2, 2, shape).astype(dtype)

        return [
            pick(make, (2, 2, 5), (3, 2, 3), {"padding": 1}),
            pick(make, (2, 4, 4, 3), (2, 2, 2, 2), {"stride": (2, 1), "groups": 2, "dilation": (1, 2)}),
            pick(make, (1, 2, 2, 2), (3, 2, 1, 1), {}),
        ]

    return samples


def _how(rank: int, attrs: dict[str, Any]) -> dict[str, Any]:
    """The attributes of the ops from those of the public functions."""
    found = {name: per_axis(attrs.get(name, 1), rank, name, "conv") for name in ("stride", "dilation")}
    padding = conv_padding(attrs.get("padding", 0), (1,) * rank, found["stride"], found["dilation"], "conv")
    return found | {"padding": padding, "groups": attrs.get("groups", 1)}


def _conv_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    found: list[Sample] = _samples(lambda make, x, w, attrs: Sample((make(*x), make(*w)), attrs))(rng, dtype)
    x, w, b = (rng.uniform(-2, 2, shape).astype(dtype) for shape in ((2, 2, 4), (3, 2, 2), (3,)))
    return [*found, Sample((x, w, b), {"padding": ((1, 0),)}), Sample((x[0], w), {"padding": "same"})]


def _conv_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, w = np.ones((2, 4, 5), dtype), np.ones((2, 4, 3), dtype)
    return [
        Sample((x, np.ones((2, 3, 3), dtype)), {}, ShapeError),
        Sample((x, w), {"groups": 3}, ShapeError),
        Sample((x, np.ones((2, 4, 6), dtype)), {}, ShapeError),
        Sample((x, w, np.ones((3,), dtype)), {}, ShapeError),
        Sample((x, w), {"stride": 0}, ArgumentError),
        Sample((x, w), {"padding": "some"}, ArgumentError),
        Sample((x, w), {"padding": "same", "stride": 2}, ArgumentError),
    ]


conv_op: Op = Op(
    "conv",
    _forward,
    _conv_spec,
    lower=Loop(conv_text.forward, scratch=conv_text.forward_scratch, shares=conv_text.forward_shares),
    batch="samples",
    accepts=dtypes.FLOATS,
    onnx="Conv",
    order=76,
    vjp=(
        lambda g, y, x, w, *bias, **how: apply(transpose, g, w, sizes=x.shape[2:], **how),
        lambda g, y, x, w, *bias, **how: apply(_weight, x, g, window=w.shape[2:], **how),
        lambda g, y, x, w, bias, **how: sum(g, axis=(0, *range(2, g.ndim))),
    ),
    samples=_conv_samples,
    errors=_conv_errors,
    doc="Sliding dot products of a weight with the last axes of an array.",
)
transpose: Op = Op(
    "conv_transpose",
    _backward,
    lambda g, w, **how: Spec((g.shape[0], w.shape[1] * how["groups"], *how["sizes"]), g.dtype),
    lower=Loop(conv_text.backward, scratch=conv_text.backward_scratch, shares=conv_text.backward_shares),
    batch="samples",
    accepts=dtypes.FLOATS,
    onnx="ConvTranspose",
    order=76,
    vjp=(
        lambda v, y, g, w, sizes, **how: apply(conv_op, v, w, **how),
        lambda v, y, g, w, sizes, **how: apply(_weight, v, g, window=w.shape[2:], **how),
    ),
    samples=_samples(lambda make, x, w, attrs: Sample((make(2, w[0], *x[2:]), make(*w)), attrs)),
    doc="The gradient of conv with respect to its input, as a map of its own.",
)
_weight: Op = Op(
    "conv_weight",
    _slope,
    lambda x, g, **how: Spec((g.shape[1], x.shape[1] // how["groups"], *how["window"]), x.dtype),
    lower=Loop(
        conv_weight_text.weights,
        scratch=conv_weight_text.scratch,
        shares=conv_weight_text.weight_shares,
        then=conv_weight_text.together,
    ),
    batch="weights",
    accepts=dtypes.FLOATS,
    order=76,
    vjp=(
        lambda v, y, x, g, window, **how: apply(transpose, g, v, sizes=x.shape[2:], **how),
        lambda v, y, x, g, window, **how: apply(conv_op, x, v, **how),
    ),
    samples=lambda rng, dtype: _weight_samples(rng, dtype),
    doc="The gradient of conv with respect to its weight.",
    hidden=True,
)


def _weight_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def pick(make: Any, x: Any, w: Any, attrs: dict[str, Any]) -> Sample:
        how = _how(len(x) - 2, attrs)
        results = _slide(w[2:], how).results(x[2:])
        return Sample((make(*x), make(x[0], w[0], *results)), how | {"window": w[2:]})

    found: list[Sample] = _samples(pick)(rng, dtype)
    return found
