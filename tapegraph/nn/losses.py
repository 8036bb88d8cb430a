"""Losses as modules; each is the function of the same name in ``functional``."""

from __future__ import annotations

from typing import Any

from engine.errors import ArgumentError
from tapegraph.nn import functional as F
from tapegraph.nn.module import Module


class _Loss(Module):
    def __init__(self, reduction: str) -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ArgumentError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}", op=type(self).__name__)
        self.reduction = reduction

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class MSELoss(_Loss):
    """Squared difference of input and target, averaged unless told otherwise. Raises ShapeError for unequal shapes."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, self.reduction)


class NLLLoss(_Loss):
    """The negative of the log-probability given to the target class. input: [n, classes, ...]; target: [n, ...] integers.

    ``weight``: [classes], kept as a buffer. Targets equal to ``ignore_index`` do not count.
    """

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Loss):
    """The negative of the target class's log-probability under softmax(input).

    input: [n, classes, ...] scores; target: integers without the class axis, or probabilities of the input's shape.
    ``weight``: [classes], kept as a buffer. ``label_smoothing``: the share of the target spread evenly over all
    classes (Szegedy et al. 2016). Raises ShapeError, and IndexRangeError for a class outside the range.
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(reduction)
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(f"label_smoothing must lie in [0, 1], not {label_smoothing}", op="CrossEntropyLoss")
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)
