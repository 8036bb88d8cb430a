"""Schedules of the learning rate: Python between the steps, which a compiled step follows without a new trace."""

from tapegraph.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from tapegraph.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from tapegraph.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from tapegraph.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from tapegraph.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tapegraph.optim.lr_scheduler.scheduler import LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
