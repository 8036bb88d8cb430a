"""torch.optim.lr_scheduler: tapegraph's schedules in front of an optimizer of torch.optim."""

from __future__ import annotations

import inspect
from typing import Any

from tapegraph.optim import lr_scheduler as _ours
from tapegraph.torch.cell import of


class _Schedule:
    """A schedule of tapegraph's. ``kind``: its class."""

    kind: Any = None

    def __init__(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        self.optimizer = optimizer
        taken = inspect.signature(self.kind.__init__).parameters
        given = {k: _inner(v) for k, v in kwargs.items() if k in taken or k != "verbose"}
        self._inner = self.kind(_inner(optimizer), *map(_inner, args), **given)

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """Go on to the next rate."""
        return self._inner.step(*map(_number, args), **{k: _number(v) for k, v in kwargs.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_inner"], name)


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _inner(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_inner, value))
    found = getattr(value, "_inner", None)
    return of(value) if found is None else found


def schedule(name: str, kind: Any) -> Any:
    """The class of torch.optim in front of one of tapegraph's schedules."""
    return type(name, (_Schedule,), {"kind": kind, "__doc__": kind.__doc__, "__module__": __name__})


SCHEDULES = {name: schedule(name, getattr(_ours, name)) for name in _ours.__all__ if name != "LRScheduler"}
globals().update(SCHEDULES)


class LRScheduler:
    """Base class of schedules that programs write: ``get_lr`` gives the rates, ``step`` goes on to them."""

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def get_lr(self) -> list[float]:
        """The rate of each group at ``last_epoch``."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rates that are in force."""
        return self._last

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next rate."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._last = list(self.get_lr())
        for group, rate in zip(self.optimizer.param_groups, self._last, strict=True):
            group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.__dict__.update(state_dict)


_LRScheduler = LRScheduler
__all__ = ["LRScheduler", *SCHEDULES]
