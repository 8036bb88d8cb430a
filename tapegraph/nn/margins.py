"""Losses that ask for a margin, and distances of vectors, as modules; each is the function of that name in ``functional``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.errors import ArgumentError
from tapegraph.nn import functional as F
from tapegraph.nn.losses import Loss, Weighted, positive
from tapegraph.nn.module import Module

# ---------------------------------------------------------------------------------------- margins


class HingeEmbeddingLoss(Loss):
    """The input where the target is 1, max(0, margin - input) where it is -1."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input: Any, target: Any) -> Any:
        return F.hinge_embedding_loss(input, target, **self._attributes())


class MarginRankingLoss(Loss):
    """max(0, margin - target * (input1 - input2)) for targets 1 and -1."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return F.margin_ranking_loss(input1, input2, target, **self._attributes())


class SoftMarginLoss(Loss):
    """log(1 + exp(-target * input)) for targets 1 and -1."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.soft_margin_loss(input, target, self.reduction)


class MultiMarginLoss(Weighted):
    """The mean over the other classes of max(0, margin - input[target] + input[other])**p. ``weight``: [classes]."""

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean") -> None:
        if p not in (1, 2):
            raise ArgumentError(f"p must be 1 or 2, not {p}", op="MultiMarginLoss")
        super().__init__(reduction, {"weight": weight}, p=p, margin=margin)

    def forward(self, input: Any, target: Any) -> Any:
        return F.multi_margin_loss(input, target, **self._all())


class MultiLabelMarginLoss(Loss):
    """max(0, 1 - input[target] + input[other]) over target classes and others; targets end at the first negative one."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.multilabel_margin_loss(input, target, self.reduction)


class MultiLabelSoftMarginLoss(Weighted):
    """Binary cross-entropy of scores averaged over the classes. ``weight``: [classes], kept as a buffer."""

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction, {"weight": weight})

    def forward(self, input: Any, target: Any) -> Any:
        return F.multilabel_soft_margin_loss(input, target, **self._all())


# ---------------------------------------------------------------------------------------- vectors


class CosineEmbeddingLoss(Loss):
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1. inputs: [n, d] or [d]."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return F.cosine_embedding_loss(input1, input2, target, **self._attributes())


class TripletMarginLoss(Loss):
    """max(0, |anchor - positive| - |anchor - negative| + margin) of vectors [..., d] in the p-norm."""

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, margin=positive(margin, "margin", "TripletMarginLoss"), p=p, eps=eps, swap=swap)

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_loss(anchor, positive, negative, **self._attributes())


class TripletMarginWithDistanceLoss(Loss):
    """The triplet loss with a distance of one's own, a function of two arrays; Euclidean where it is None."""

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        margin = positive(margin, "margin", "TripletMarginWithDistanceLoss")
        super().__init__(reduction, distance_function=distance_function, margin=margin, swap=swap)

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_with_distance_loss(anchor, positive, negative, **self._attributes())


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last axis."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> None:
        super().__init__()
        self.p, self.eps, self.keepdims = p, eps, keepdims

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.pairwise_distance(x1, x2, self.p, self.eps, self.keepdims)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along ``axis``."""

    def __init__(self, axis: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.axis, self.eps = axis, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.cosine_similarity(x1, x2, self.axis, self.eps)
