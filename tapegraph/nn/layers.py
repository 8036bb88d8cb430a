"""Layers without a family of their own: linear ones, dropout, and those that only change shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.dtypes import DEFAULT_FLOAT, FLOATS, as_dtype
from engine.errors import ArgumentError, ShapeError
from engine.ops.dropout import check_probability
from engine.ops.shape import reshape
from engine.sizes import agree, product
from engine.spec import DType
from engine.state import Parameter
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.module import Module


def whole(value: Any, name: str, op: str, least: int) -> int:
    """``value`` as an int of at least ``least``, else an ArgumentError."""
    if hasattr(value, "__index__") and int(value) >= least:
        return int(value)
    raise ArgumentError(f"{name} must be an int of at least {least}, not {value!r}", op=op)


def floating(dtype: Any, op: str) -> DType:
    """The dtype of a layer's parameters: float32 unless given, else an ArgumentError if it is not a float."""
    target = DEFAULT_FLOAT if dtype is None else as_dtype(dtype)
    if target not in FLOATS:
        raise ArgumentError(f"parameters are float32 or float64, not {target.name}", op=op)
    return target


class Identity(Module):
    """The input itself. Takes any arguments and ignores them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """input @ weight.T + bias. input: [..., in_features]; result: [..., out_features].

    ``weight``: [out_features, in_features], ``bias``: [out_features], both uniform in ±1/sqrt(in_features) as in
    PyTorch (He et al. 2015 with a = sqrt 5). Raises ShapeError for another last axis.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None) -> None:
        super().__init__()
        self.in_features = whole(in_features, "in_features", "Linear", least=0)
        self.out_features = whole(out_features, "out_features", "Linear", least=0)
        dtype = floating(dtype, "Linear")
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        self.bias = Parameter(np.empty((out_features,), dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """input1 @ weight[k] @ input2 + bias[k] for each k. Inputs: [..., in1_features] and [..., in2_features]; result [..., out_features].

    ``weight``: [out_features, in1_features, in2_features], ``bias``: [out_features], uniform in ±1/sqrt(in1_features).
    Raises ShapeError for other sizes.
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in1_features = whole(in1_features, "in1_features", "Bilinear", least=1)
        self.in2_features = whole(in2_features, "in2_features", "Bilinear", least=1)
        self.out_features = whole(out_features, "out_features", "Bilinear", least=1)
        dtype = floating(dtype, "Bilinear")
        self.weight = Parameter(np.empty((out_features, in1_features, in2_features), dtype))
        self.bias = Parameter(np.empty((out_features,), dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Any:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


# ------------------------------------------------------------------------------------------ dropout


class _Dropping(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p, type(self).__name__)
        self.p = p

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(_Dropping):
    """While training, each element zeroed with probability ``p`` and the rest scaled by 1/(1-p) (Srivastava et al. 2014).

    Values are immutable, so ``inplace`` makes no difference, here and in the layers below.
    """

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training)


class Dropout1d(_Dropping):
    """Dropout of whole channels of [n, channels, l] (Tompson et al. 2015)."""

    def forward(self, input: Any) -> Any:
        return F.dropout1d(input, self.p, self.training)


class Dropout2d(_Dropping):
    """Dropout of whole channels of [n, channels, h, w] (Tompson et al. 2015)."""

    def forward(self, input: Any) -> Any:
        return F.dropout2d(input, self.p, self.training)


class Dropout3d(_Dropping):
    """Dropout of whole channels of [n, channels, d, h, w] (Tompson et al. 2015)."""

    def forward(self, input: Any) -> Any:
        return F.dropout3d(input, self.p, self.training)


class AlphaDropout(_Dropping):
    """Dropout that keeps mean 0 and variance 1 of what selu gives (Klambauer et al. 2017)."""

    def forward(self, input: Any) -> Any:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropping):
    """AlphaDropout of whole channels of [n, channels, ...]."""

    def forward(self, input: Any) -> Any:
        return F.feature_alpha_dropout(input, self.p, self.training)


# ------------------------------------------------------------------------------------------ shapes


class Flatten(Module):
    """Axes ``start_axis`` to ``end_axis`` (included) joined into one; by default all but the first."""

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        super().__init__()
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, input: Any) -> Any:
        return F.flatten(input, self.start_axis, self.end_axis)

    def extra_repr(self) -> str:
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"


class Unflatten(Module):
    """One axis split into several of the given sizes, one of which may be -1, to be worked out.

    Raises ShapeError where they do not multiply to its size.
    """

    def __init__(self, axis: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.axis, self.unflattened_size = axis, tuple(unflattened_size)
        if not self.unflattened_size or self.unflattened_size.count(-1) > 1:
            raise ArgumentError("unflattened_size must name sizes, at most one of them -1", op="Unflatten")

    def forward(self, input: Any) -> Any:
        place = self.axis % max(input.ndim, 1)
        n, sizes = (input.shape or (0,))[place], list(self.unflattened_size)
        if -1 in sizes:
            known = product(size for size in sizes if size != -1)
            sizes[sizes.index(-1)] = n // known
        if not -input.ndim <= self.axis < input.ndim or not agree(product(sizes), n):
            raise ShapeError(
                f"axis {self.axis} does not split into {self.unflattened_size}", op="Unflatten", operands=(input,)
            )
        return reshape(input, (*input.shape[:place], *sizes, *input.shape[place + 1 :]))

    def extra_repr(self) -> str:
        return f"axis={self.axis}, unflattened_size={self.unflattened_size}"
