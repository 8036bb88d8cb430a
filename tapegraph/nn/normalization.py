"""Normalisation layers: of batches, instances, groups, layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.ops.dtype import astype
from engine.state import Parameter, State
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.layers import floating, whole
from tapegraph.nn.module import Module


class _Affine(Module):
    """A factor of ones and a summand of zeros, both of one shape."""

    def _factors(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        dtype = floating(dtype, type(self).__name__)
        self.weight = Parameter(np.ones(shape, dtype)) if weight else None
        self.bias = Parameter(np.zeros(shape, dtype)) if bias else None

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


# ------------------------------------------------------------------------------------------ with running statistics


class _Running(_Affine):
    """Channels on axis 1, running statistics as buffers."""

    ranks: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.num_features = whole(num_features, "num_features", type(self).__name__, least=1)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._factors((num_features,), affine, affine, dtype)
        statistics: dict[str, Any] = {"running_mean": None, "running_var": None, "num_batches_tracked": None}
        if track_running_stats:
            dtype = floating(dtype, type(self).__name__)
            zeros, ones = np.zeros(num_features, dtype), np.ones(num_features, dtype)
            statistics = {"running_mean": zeros, "running_var": ones, "num_batches_tracked": np.asarray(0, np.int64)}
        for name, value in statistics.items():
            self.register_buffer(name, None if value is None else State(value))

    def reset_running_stats(self) -> None:
        """Forget the batches seen: mean 0, variance 1."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget the batches seen; weight to ones, bias to zeros."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_rank(self, input: Any) -> None:
        if input.ndim not in self.ranks:
            raise ShapeError(
                f"takes {' or '.join(map(str, self.ranks))} axes, not {input.ndim}",
                op=type(self).__name__,
                operands=(input,),
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Running):
    """Each channel to zero mean and unit variance over the batch, times ``weight`` plus ``bias`` (Ioffe and Szegedy 2015).

    While training with the batch's statistics, towards which the buffers ``running_mean`` and ``running_var`` move by
    ``momentum`` of the way (None: they are the mean over all batches seen); after ``eval()`` with the buffers.
    ``affine``: with weight (ones) and bias (zeros); without ``track_running_stats`` it always uses the batch's.
    Raises ShapeError for other shapes, and while training for a batch of one value per channel.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def _momentum(self) -> Any:
        """How far running statistics move: ``momentum``, or for None so that they are the mean over all batches."""
        if not self.track_running_stats:
            return 0.0
        self.num_batches_tracked = self.num_batches_tracked.value + 1
        if self.momentum is not None:
            return self.momentum
        return 1.0 / astype(self.num_batches_tracked, self.running_mean.dtype)

    def forward(self, input: Any) -> Any:
        self._check_rank(input)
        training = self.training
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training or not self.track_running_stats,
            self._momentum() if training else 0.0,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    __doc__ = f"{_BatchNorm.__doc__}\n    input: [n, num_features] or [n, num_features, l].\n    "
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"{_BatchNorm.__doc__}\n    input: [n, num_features, h, w].\n    "
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = f"{_BatchNorm.__doc__}\n    input: [n, num_features, d, h, w].\n    "
    ranks = (5,)


class _InstanceNorm(_Running):
    """Each channel of each example to zero mean and unit variance (Ulyanov et al. 2016).

    ``affine``: then times ``weight`` (ones) plus ``bias`` (zeros). ``track_running_stats``: after ``eval()`` with the
    buffers ``running_mean`` and ``running_var``, which follow the input by ``momentum`` while training. The axis of
    the batch may be missing. Raises ShapeError for other shapes and for one value per channel.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Any) -> Any:
        self._check_rank(input)
        alone = input.ndim == min(self.ranks)
        y = F.instance_norm(
            input[None] if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y[0] if alone else y


class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"{_InstanceNorm.__doc__}\n    input: [n, num_features, l] or [num_features, l].\n    "
    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"{_InstanceNorm.__doc__}\n    input: [n, num_features, h, w] or [num_features, h, w].\n    "
    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"{_InstanceNorm.__doc__}\n    input: [n, num_features, d, h, w] or [num_features, d, h, w].\n    "
    ranks = (4, 5)


# ------------------------------------------------------------------------------------------ of the input alone


def _sizes(normalized_shape: int | Iterable[int], op: str) -> tuple[int, ...]:
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return tuple(whole(n, "normalized_shape", op, least=1) for n in sizes)


class LayerNorm(_Affine):
    """Zero mean and unit variance over the last axes, then times ``weight`` plus ``bias`` (Ba et al. 2016).

    ``normalized_shape``: the size of the last axis or a sequence of the last sizes; the shape of weight (ones) and
    bias (zeros). Raises ShapeError where the input ends in other sizes.
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape, "LayerNorm")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._factors(self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(_Affine):
    """Unit mean square over the last axes, then times ``weight`` (Zhang and Sennrich 2019).

    ``normalized_shape``: as for LayerNorm; ``eps``: the dtype's rounding unit unless given. Raises ShapeError where
    the input ends in other sizes.
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape, "RMSNorm")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._factors(self.normalized_shape, elementwise_affine, False, dtype)

    def forward(self, input: Any) -> Any:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Each of ``num_groups`` runs of channels of each example to zero mean and unit variance (Wu and He 2018).

    input: [n, num_channels, ...]. Then times ``weight`` (ones) plus ``bias`` (zeros), one for each channel, if
    ``affine``. Raises ArgumentError where the groups do not divide the channels.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_groups = whole(num_groups, "num_groups", "GroupNorm", least=1)
        self.num_channels = whole(num_channels, "num_channels", "GroupNorm", least=1)
        if num_channels % num_groups:
            raise ArgumentError(f"{num_channels} channels do not divide into {num_groups} groups", op="GroupNorm")
        self.eps, self.affine = eps, affine
        self._factors((num_channels,), affine, affine, dtype)

    def forward(self, input: Any) -> Any:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """x / (k + alpha * mean of x^2 over ``size`` neighbouring channels)^beta (Krizhevsky et al. 2012)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = whole(size, "size", "LocalResponseNorm", least=1), alpha, beta, k

    def forward(self, input: Any) -> Any:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
