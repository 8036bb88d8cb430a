"""Hooks of modules: around forward, and where gradients have passed through a module."""

from __future__ import annotations

from functools import partial
from typing import Any

from engine.state import changed
from tapegraph.torch.backward import Handle
from tapegraph.torch.tensor import Tensor


class PassedBack:
    """One call of a module with backward hooks: the gradients of its results are kept until those of its inputs come."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.grad_output: list[Any] = []

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, the first of which that needs a gradient reports it."""
        found = list(args)
        for i, arg in enumerate(found):
            if isinstance(arg, Tensor) and arg.requires_grad:
                found[i] = arg.clone() + 0.0  # type: ignore[attr-defined]
                found[i].register_hook(partial(self._passed, place=i, count=len(found)))
                break
        else:
            self._direct = True
        return tuple(found)

    _direct = False

    def outputs(self, result: Any) -> Any:
        """The result, whose gradients are kept."""
        several = result if isinstance(result, tuple) else (result,)
        self.grad_output = [None] * len(several)
        for i, part in enumerate(several):
            if isinstance(part, Tensor) and part.requires_grad:
                part.register_hook(partial(self._came, place=i))
        return result

    def _came(self, gradient: Any, place: int) -> None:
        self.grad_output[place] = gradient
        if self._direct:
            self._passed(None, 0, 1)

    def _passed(self, gradient: Any, place: int, count: int) -> Any:
        grads = tuple(gradient if i == place else None for i in range(count))
        for hook in list(self.module._backward_hooks.values()):
            found = hook(self.module, grads, tuple(self.grad_output))
            if found is not None:
                grads = found if isinstance(found, tuple) else (found,)
        return grads[place]


def registered(hooks: dict[int, Any], hook: Any, prepend: bool) -> Handle:
    handle = Handle(hooks, hook)
    changed()  # compiled calls look whether they were traced with these hooks
    if prepend:
        rest = {k: v for k, v in hooks.items() if k != handle.id}
        hooks.clear()
        hooks.update({handle.id: hook, **rest})
    return handle
