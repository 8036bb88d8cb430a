"""Activations as modules, for use in Sequential; each is the function of the same name in ``functional``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.op import as_handle
from engine.state import Parameter
from tapegraph.nn import functional as F
from tapegraph.nn.layers import floating, whole
from tapegraph.nn.module import Module


class _Activation(Module):
    """A function of the input and of the attributes it was made with."""

    _function: Callable[..., Any]
    _shown: tuple[str, ...] = ()

    def forward(self, input: Any) -> Any:
        return self._function(input, *[getattr(self, name) for name in self._shown])

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)


# ---------------------------------------------------------------------------------------- bent lines


class ReLU(_Activation):
    """max(x, 0)."""

    _function = staticmethod(F.relu)


class ReLU6(_Activation):
    """min(max(x, 0), 6) (Krizhevsky 2010)."""

    _function = staticmethod(F.relu6)


class LeakyReLU(_Activation):
    """x above 0, ``negative_slope * x`` below."""

    _function = staticmethod(F.leaky_relu)
    _shown = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope


class PReLU(_Activation):
    """x above 0, ``weight * x`` below, with learned weights (He et al. 2015).

    ``num_parameters``: 1, or the size of axis 1 of the input. ``weight``: [num_parameters], ``init`` everywhere.
    """

    _shown = ("num_parameters",)

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = whole(num_parameters, "num_parameters", "PReLU", least=1)
        self.init = init
        self.weight = Parameter(np.full(self.num_parameters, init, floating(dtype, "PReLU")))

    def reset_parameters(self) -> None:
        """Set every weight to ``init`` again."""
        self.weight.assign(np.full(self.num_parameters, self.init, self.weight.dtype))

    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)


class RReLU(_Activation):
    """x above 0; below, x times a slope drawn from [lower, upper) while training, their mean in evaluation (Xu et al. 2015)."""

    _shown = ("lower", "upper")

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3) -> None:
        super().__init__()
        if lower > upper:
            raise ArgumentError(f"lower must not exceed upper, but {lower} > {upper}", op="RReLU")
        self.lower, self.upper = lower, upper

    def forward(self, input: Any) -> Any:
        return F.rrelu(input, self.lower, self.upper, self.training)


class Hardtanh(_Activation):
    """x held between ``min_val`` and ``max_val``."""

    _function = staticmethod(F.hardtanh)
    _shown = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__()
        if min_val > max_val:
            raise ArgumentError(f"min_val must not exceed max_val, but {min_val} > {max_val}", op="Hardtanh")
        self.min_val, self.max_val = min_val, max_val


class Hardsigmoid(_Activation):
    """min(max(x / 6 + 1/2, 0), 1)."""

    _function = staticmethod(F.hardsigmoid)


class Hardswish(_Activation):
    """x * hardsigmoid(x) (Howard et al. 2019)."""

    _function = staticmethod(F.hardswish)


class Hardshrink(_Activation):
    """0 where |x| <= lambd, x elsewhere."""

    _function = staticmethod(F.hardshrink)
    _shown = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd


class Softshrink(_Activation):
    """x moved towards 0 by ``lambd``, 0 where |x| <= lambd."""

    _function = staticmethod(F.softshrink)
    _shown = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        if lambd < 0:
            raise ArgumentError(f"lambd must not be negative, but is {lambd}", op="Softshrink")
        self.lambd = lambd


class Threshold(_Activation):
    """x above ``threshold``, ``value`` elsewhere."""

    _function = staticmethod(F.threshold)
    _shown = ("threshold", "value")

    def __init__(self, threshold: float, value: float) -> None:
        super().__init__()
        self.threshold, self.value = threshold, value


# ---------------------------------------------------------------------------------------- smooth curves


class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    _function = staticmethod(F.sigmoid)


class LogSigmoid(_Activation):
    """log(sigmoid(x)) without overflow."""

    _function = staticmethod(F.logsigmoid)


class Tanh(_Activation):
    """The hyperbolic tangent."""

    _function = staticmethod(F.tanh)


class Tanhshrink(_Activation):
    """x - tanh(x)."""

    _function = staticmethod(F.tanhshrink)


class Softsign(_Activation):
    """x / (1 + |x|)."""

    _function = staticmethod(F.softsign)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above ``threshold``."""

    _function = staticmethod(F.softplus)
    _shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold


class SiLU(_Activation):
    """x * sigmoid(x) (Hendrycks and Gimpel 2016)."""

    _function = staticmethod(F.silu)


class Mish(_Activation):
    """x * tanh(softplus(x)) (Misra 2019)."""

    _function = staticmethod(F.mish)


class GELU(_Activation):
    """x times the normal distribution function of x; ``approximate="tanh"`` is cheaper (Hendrycks and Gimpel 2016)."""

    _function = staticmethod(F.gelu)
    _shown = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ArgumentError(f"approximate must be 'none' or 'tanh', not {approximate!r}", op="GELU")
        self.approximate = approximate


class ELU(_Activation):
    """x above 0, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016)."""

    _function = staticmethod(F.elu)
    _shown = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha


class CELU(_Activation):
    """x above 0, ``alpha * (exp(x / alpha) - 1)`` below (Barron 2017)."""

    _function = staticmethod(F.celu)
    _shown = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        if alpha == 0:
            raise ArgumentError("alpha must not be 0", op="CELU")
        self.alpha = alpha


class SELU(_Activation):
    """scale * elu(x, alpha) with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017)."""

    _function = staticmethod(F.selu)


# ---------------------------------------------------------------------------------------- along an axis


class _Along(_Activation):
    _shown = ("axis",)

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis


class Softmax(_Along):
    """exp(x) divided by its sum along ``axis``. Raises AxisError where the input has no such axis."""

    _function = staticmethod(F.softmax)


class LogSoftmax(_Along):
    """log(softmax(x)) along ``axis``. Raises AxisError where the input has no such axis."""

    _function = staticmethod(F.log_softmax)


class Softmin(_Along):
    """softmax(-x) along ``axis``. Raises AxisError where the input has no such axis."""

    _function = staticmethod(F.softmin)


class Softmax2d(Module):
    """softmax over the channels of each place. input: [n, channels, height, width] or without n. Raises ShapeError otherwise."""

    def forward(self, input: Any) -> Any:
        input = as_handle(input)
        if input.ndim not in (3, 4):
            raise ShapeError(
                "the input must be [n, channels, height, width] or without n", op="Softmax2d", operands=(input,)
            )
        return F.softmax(input, -3)


class GLU(_Along):
    """The first half of ``axis`` times the sigmoid of the second (Dauphin et al. 2017). Raises ShapeError for an odd size."""

    _function = staticmethod(F.glu)
