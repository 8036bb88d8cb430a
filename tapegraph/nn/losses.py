"""Losses as modules; each is the function of the same name in ``functional``."""

from __future__ import annotations

from typing import Any

from engine.errors import ArgumentError
from tapegraph.nn import functional as F
from tapegraph.nn.module import Module


class Loss(Module):
    """Keeps the reduction, and what the function is called with by keyword, as attributes."""

    _reductions: tuple[str, ...] = ("mean", "sum", "none")

    def __init__(self, reduction: str, **how: Any) -> None:
        super().__init__()
        if reduction not in self._reductions:
            names = ", ".join(map(repr, self._reductions))
            raise ArgumentError(f"reduction must be one of {names}, not {reduction!r}", op=type(self).__name__)
        self._how = (*how, "reduction")
        for name, value in (how | {"reduction": reduction}).items():
            setattr(self, name, value)

    def _attributes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._how}

    def extra_repr(self) -> str:
        shown = {k: v for k, v in self._attributes().items() if (k, v) != ("reduction", "mean")}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


class Weighted(Loss):
    """A loss with weights, kept as buffers."""

    def __init__(self, reduction: str, weights: dict[str, Any], **how: Any) -> None:
        super().__init__(reduction, **how)
        self._weights = tuple(weights)
        for name, value in weights.items():
            self.register_buffer(name, value)

    def _all(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._weights} | self._attributes()


def positive(value: float, name: str, module: str) -> float:
    if not value > 0:
        raise ArgumentError(f"{name} must be positive, but is {value}", op=module)
    return value


# ---------------------------------------------------------------------------------------- regression


class MSELoss(Loss):
    """Squared difference of input and target, averaged unless told otherwise. Raises ShapeError for unequal shapes."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, self.reduction)


class L1Loss(Loss):
    """Absolute difference of input and target, averaged unless told otherwise. Raises ShapeError for unequal shapes."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.l1_loss(input, target, self.reduction)


class HuberLoss(Loss):
    """Half the squared difference up to ``delta``, delta * (|difference| - delta / 2) beyond (Huber 1964)."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=positive(delta, "delta", "HuberLoss"))

    def forward(self, input: Any, target: Any) -> Any:
        return F.huber_loss(input, target, **self._attributes())


class SmoothL1Loss(Loss):
    """difference**2 / (2 beta) up to ``beta``, |difference| - beta / 2 beyond; beta 0 is the L1 loss (Girshick 2015)."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        if beta < 0:
            raise ArgumentError(f"beta must not be negative, but is {beta}", op="SmoothL1Loss")
        super().__init__(reduction, beta=beta)

    def forward(self, input: Any, target: Any) -> Any:
        return F.smooth_l1_loss(input, target, **self._attributes())


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts under Poisson distributions of rate exp(input), or input itself."""

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction, log_input=log_input, full=full, eps=eps)

    def forward(self, input: Any, target: Any) -> Any:
        return F.poisson_nll_loss(input, target, **self._attributes())


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of targets under normal distributions of mean ``input`` and variance ``var``."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction, full=full, eps=eps)

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        return F.gaussian_nll_loss(input, target, var, **self._attributes())


# ---------------------------------------------------------------------------------------- classification


class NLLLoss(Weighted):
    """The negative of the log-probability given to the target class. input: [n, classes, ...]; target: [n, ...] integers.

    ``weight``: [classes], kept as a buffer. Targets equal to ``ignore_index`` do not count.
    """

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction, {"weight": weight}, ignore_index=ignore_index)

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(input, target, **self._all())


class CrossEntropyLoss(Weighted):
    """The negative of the target class's log-probability under softmax(input).

    input: [n, classes, ...] scores; target: integers without the class axis, or probabilities of the input's shape.
    ``weight``: [classes], kept as a buffer. ``label_smoothing``: the share of the target spread evenly over all
    classes (Szegedy et al. 2016). Raises ShapeError, and IndexRangeError for a class outside the range.
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(f"label_smoothing must lie in [0, 1], not {label_smoothing}", op="CrossEntropyLoss")
        super().__init__(reduction, {"weight": weight}, ignore_index=ignore_index, label_smoothing=label_smoothing)

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(input, target, **self._all())


class BCELoss(Weighted):
    """-(t log p + (1 - t) log(1 - p)) of probabilities p and targets t. ``weight``: broadcasts to p, kept as a buffer."""

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction, {"weight": weight})

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy(input, target, **self._all())


class BCEWithLogitsLoss(Weighted):
    """Binary cross-entropy of sigmoid(input), without overflow.

    ``weight`` and ``pos_weight`` (how much more a positive target counts): broadcast to the input, kept as buffers.
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction, {"weight": weight, "pos_weight": pos_weight})

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(input, target, **self._all())


class KLDivLoss(Loss):
    """target * (log(target) - input) for log-probabilities ``input``; "batchmean" gives the divergence itself."""

    _reductions = ("mean", "sum", "none", "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)

    def forward(self, input: Any, target: Any) -> Any:
        return F.kl_div(input, target, **self._attributes())


class CTCLoss(Loss):
    """The negative log-probability of label sequences, summed over all alignments (Graves et al. 2006).

    Called with log_probs [times, n, classes], targets, input_lengths and target_lengths, as ``functional.ctc_loss``.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction, blank=blank, zero_infinity=zero_infinity)

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, **self._attributes())
