"""Optimizers: what turns gradients into new parameters, with PyTorch's formulas."""

from tapegraph.optim import lr_scheduler, swa_utils
from tapegraph.optim.adadelta import Adadelta
from tapegraph.optim.adagrad import Adagrad
from tapegraph.optim.adam import Adam, AdamW
from tapegraph.optim.adamax import Adamax
from tapegraph.optim.asgd import ASGD
from tapegraph.optim.lbfgs import LBFGS
from tapegraph.optim.lion import Lion
from tapegraph.optim.nadam import NAdam
from tapegraph.optim.optimizer import Optimizer
from tapegraph.optim.radam import RAdam
from tapegraph.optim.rmsprop import RMSprop
from tapegraph.optim.rprop import Rprop
from tapegraph.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
