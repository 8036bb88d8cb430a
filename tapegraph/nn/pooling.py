"""Pooling layers of one, two and three axes."""

from __future__ import annotations

from typing import Any

from tapegraph.nn import functional as F
from tapegraph.nn.module import Module


class _MaxPool(Module):
    rank: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.rank - 1]
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest of each window over one axis. Input: [batch, channels, length] or without batch.

    ``stride``: the window unless given. ``padding``: places around that never win. ``return_indices``: also where each
    stands. Arguments as in PyTorch.
    """

    rank = 1


class MaxPool2d(_MaxPool):
    """The largest of each window over two axes. Input: [batch, channels, height, width]; arguments as in MaxPool1d."""

    rank = 2


class MaxPool3d(_MaxPool):
    """The largest of each window over three axes. Input: [batch, channels, depth, height, width]; see MaxPool1d."""

    rank = 3


class AvgPool1d(Module):
    """The mean of each window over one axis. Input: [batch, channels, length] or without batch.

    ``stride``: the window unless given. ``padding``: zeros around, which count unless ``count_include_pad`` is False.
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPool1d):
    """The mean of each window over two axes. Input: [batch, channels, height, width].

    ``divisor_override``: divides the sums instead of the number of elements. Other arguments as in AvgPool1d.
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def _options(self) -> tuple[Any, ...]:
        return (
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def forward(self, input: Any) -> Any:
        return F.avg_pool2d(input, *self._options())


class AvgPool3d(AvgPool2d):
    """The mean of each window over three axes. Input: [batch, channels, depth, height, width]; see AvgPool2d."""

    def forward(self, input: Any) -> Any:
        return F.avg_pool3d(input, *self._options())


class _LPPool(Module):
    rank: int

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Any) -> Any:
        pool = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.rank - 1]
        return pool(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over one axis. Input: [batch, channels, length]."""

    rank = 1


class LPPool2d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over two axes. Input: [batch, channels, height, width]."""

    rank = 2


class LPPool3d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over three axes."""

    rank = 3


class _Adaptive(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Means of ``output_size`` windows of nearly one size. Input: [batch, channels, length]."""

    def forward(self, input: Any) -> Any:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """Means of ``output_size`` windows (an int, or one or None for each axis). Input: [batch, channels, height, width]."""

    def forward(self, input: Any) -> Any:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_Adaptive):
    """Means of ``output_size`` windows (an int, or one or None for each axis). Input: [batch, channels, depth, height, width]."""

    def forward(self, input: Any) -> Any:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMax(_Adaptive):
    rank: int

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        pool = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[self.rank - 1]
        return pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest of ``output_size`` windows of nearly one size. Input: [batch, channels, length]."""

    rank = 1


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The largest of ``output_size`` windows (an int, or one or None for each axis). Input: [batch, channels, height, width]."""

    rank = 2


class AdaptiveMaxPool3d(_AdaptiveMax):
    """The largest of ``output_size`` windows over three axes. Input: [batch, channels, depth, height, width]."""

    rank = 3
