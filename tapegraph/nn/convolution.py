"""Convolution layers of one, two and three axes, their transposes, and layers that copy windows out and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from engine.ops.windows import conv_padding, per_axis
from engine.state import Parameter
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.layers import floating, whole
from tapegraph.nn.module import Module

_PADDING = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What the six layers share: their arguments in one form, and their parameters as PyTorch draws them."""

    rank: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
    ) -> None:
        super().__init__()
        op, rank = type(self).__name__, self.rank
        self.in_channels = whole(in_channels, "in_channels", op, least=1)
        self.out_channels = whole(out_channels, "out_channels", op, least=1)
        self.groups = whole(groups, "groups", op, least=1)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ArgumentError(f"{name} {channels} does not divide into {groups} groups", op=op)
        self.kernel_size = per_axis(kernel_size, rank, "kernel_size", op)
        self.stride = per_axis(stride, rank, "stride", op)
        self.dilation = per_axis(dilation, rank, "dilation", op)
        conv_padding(padding, self.kernel_size, self.stride, self.dilation, op)
        self.padding = padding if isinstance(padding, str) else per_axis(padding, rank, "padding", op, least=0)
        if padding_mode not in (_PADDING[:1] if self.transposed else _PADDING):
            known = "'zeros'" if self.transposed else ", ".join(map(repr, _PADDING))
            raise ArgumentError(f"padding_mode must be {known}, not {padding_mode!r}", op=op)
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        dtype = floating(dtype, op)
        self.weight = Parameter(np.empty((first, second // groups, *self.kernel_size), dtype))
        self.bias = Parameter(np.empty((out_channels,), dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
            init.uniform_(self.bias, -bound, bound)

    def _around(self) -> list[int]:
        """The padding as (before, after) of each axis, the last axis first."""
        sides = conv_padding(self.padding, self.kernel_size, self.stride, self.dilation, type(self).__name__)
        return [n for pair in reversed(sides) for n in pair]

    def extra_repr(self) -> str:
        said = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, value, usual in (
            ("padding", self.padding, (0,) * self.rank),
            ("dilation", self.dilation, (1,) * self.rank),
            ("groups", self.groups, 1),
            ("padding_mode", self.padding_mode, "zeros"),
        ):
            if value != usual:
                said.append(f"{name}={value!r}")
        return ", ".join([*said, *(["bias=False"] if self.bias is None else [])])


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype
        )

    def forward(self, input: Any) -> Any:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around(), self.padding_mode), 0
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.rank - 1]
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
    ) -> None:
        if isinstance(padding, str):
            raise ArgumentError(f"padding must be numbers, not {padding!r}", op=type(self).__name__)
        self.output_padding = per_axis(output_padding, self.rank, "output_padding", type(self).__name__, least=0)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype
        )

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """``output_size``: of the axes behind the channels; chosen among those the stride allows."""
        more = self.output_padding if output_size is None else self._missing(input, tuple(output_size))
        transpose = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.rank - 1]
        return transpose(input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)

    def _missing(self, input: Any, wanted: tuple[Any, ...]) -> tuple[int, ...]:
        """What must be added behind to give the wanted sizes."""
        sizes, found = input.shape[input.ndim - self.rank :], []
        for n, m, k, s, p, d in zip(
            sizes, wanted[-self.rank :], self.kernel_size, self.stride, self.padding, self.dilation, strict=True
        ):
            least = (n - 1) * s - 2 * p + d * (k - 1) + 1
            if not 0 <= int(m - least) < max(s, d):
                raise ArgumentError(
                    f"output_size {tuple(wanted)} is outside {int(least)} to {int(least) + max(s, d) - 1} along an axis",
                    op=type(self).__name__,
                    operands=(input,),
                )
            found.append(int(m - least))
        return tuple(found)

    def extra_repr(self) -> str:
        more = f", output_padding={self.output_padding}" if any(self.output_padding) else ""
        return super().extra_repr() + more


class Conv1d(_Conv):
    """Learned filters over one axis: [batch, in_channels, length] to [batch, out_channels, results]; batch may be missing.

    ``weight``: [out_channels, in_channels / groups, kernel_size], ``bias``: [out_channels], both uniform in
    ±1/sqrt(in_channels / groups * window) as in PyTorch. ``padding``: zeros around, a number, "same" or "valid";
    ``padding_mode``: "zeros", "reflect", "replicate" or "circular". Raises ShapeError for other channels.
    """

    rank = 1


class Conv2d(_Conv):
    """Learned filters over two axes: [batch, in_channels, height, width] to [batch, out_channels, *results].

    ``weight``: [out_channels, in_channels / groups, *kernel_size]; arguments and initial values as in Conv1d, numbers
    for both axes or a pair.
    """

    rank = 2


class Conv3d(_Conv):
    """Learned filters over three axes: [batch, in_channels, depth, height, width] to [batch, out_channels, *results].

    ``weight``: [out_channels, in_channels / groups, *kernel_size]; arguments and initial values as in Conv1d, numbers
    for all axes or three of them.
    """

    rank = 3


class ConvTranspose1d(_Transposed):
    """The transpose of Conv1d as a linear map: (length - 1) * stride - 2 * padding + dilation * (kernel_size - 1) +
    output_padding + 1 results.

    ``weight``: [in_channels, out_channels / groups, kernel_size], ``bias``: [out_channels], drawn as in PyTorch.
    """

    rank = 1


class ConvTranspose2d(_Transposed):
    """The transpose of Conv2d as a linear map; sizes and parameters as in ConvTranspose1d, for each axis."""

    rank = 2


class ConvTranspose3d(_Transposed):
    """The transpose of Conv3d as a linear map; sizes and parameters as in ConvTranspose1d, for each axis."""

    rank = 3


class Unfold(Module):
    """Every window of an image as a column: [batch, channels, height, width] to [batch, channels * window, windows]."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Any:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added up into an image: [batch, channels * window, windows] to [batch, channels, *output_size]."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Any:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
