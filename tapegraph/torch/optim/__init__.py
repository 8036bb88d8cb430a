"""torch.optim: tapegraph's optimizers over tensors, and the base class for those that programs write themselves."""

from __future__ import annotations

import importlib
from typing import Any

from tapegraph import optim as _ours
from tapegraph.torch.optim.optimizer import Optimizer, made

OPTIMIZERS = {
    name: made(name, getattr(_ours, name))
    for name in _ours.__all__
    if isinstance(getattr(_ours, name), type)
    and issubclass(getattr(_ours, name), _ours.Optimizer)
    and name != "Optimizer"
}
globals().update(OPTIMIZERS)


def __getattr__(name: str) -> Any:
    if name in ("lr_scheduler", "swa_utils"):
        return importlib.import_module(f"tapegraph.torch.optim.{name}")
    raise AttributeError(f"tapegraph.torch.optim has no {name!r}")


__all__ = ["Optimizer", *OPTIMIZERS]
