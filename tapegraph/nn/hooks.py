"""Hooks of modules: functions called before and after a forward pass, and when its gradients come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine import dispatch, tree
from engine.errors import ShapeError
from engine.handle import Handle as Value
from engine.op import as_handle
from engine.ops.gate import gate
from engine.sizes import same_shape
from engine.state import changed

if TYPE_CHECKING:
    from tapegraph.nn.module import Module


@dataclass(frozen=True, eq=False)
class Hook:
    """One hook of a module. ``moment``: before, after, before_backward or after_backward."""

    moment: str
    function: Callable[..., Any]
    with_kwargs: bool = False


class Handle:
    """A hook that has been added: ``remove()`` takes it away; as a context manager, at the end of the block."""

    def __init__(self, module: Module, hook: Hook) -> None:
        self._module = module
        self._hook = hook

    def remove(self) -> None:
        """Take the hook away; once more does nothing."""
        _set(self._module, tuple(h for h in self._module._hooks if h is not self._hook))

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def add(module: Module, moment: str, function: Callable[..., Any], prepend: bool, with_kwargs: bool = False) -> Handle:
    """Add a hook after those there are, or before them."""
    hook = Hook(moment, function, with_kwargs)
    _set(module, (hook, *module._hooks) if prepend else (*module._hooks, hook))
    return Handle(module, hook)


def _set(module: Module, hooks: tuple[Hook, ...]) -> None:
    module._hooks = hooks
    changed()


def call(module: Module, hooks: Sequence[Hook], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` with the hooks around it."""
    for hook in (h for h in hooks if h.moment == "before"):
        given = hook.function(module, args, kwargs) if hook.with_kwargs else hook.function(module, args)
        if given is not None and hook.with_kwargs:
            args, kwargs = given
        elif given is not None:
            args = given if isinstance(given, tuple) else (given,)
    back = None
    if dispatch.current().grad_enabled and any(h.moment.endswith("backward") for h in hooks):
        back = _Back(module, hooks)
        args = back.enter(args)
    output = module.forward(*args, **kwargs)
    for hook in (h for h in hooks if h.moment == "after"):
        given = hook.function(module, args, kwargs, output) if hook.with_kwargs else hook.function(module, args, output)
        output = output if given is None else given
    return output if back is None else back.leave(output)


class _Back:
    """The way back through one call of a module: a gate at its outputs, and one at its inputs."""

    def __init__(self, module: Module, hooks: Sequence[Hook]) -> None:
        self.module = module
        self.first = [h.function for h in hooks if h.moment == "before_backward"]
        self.last = [h.function for h in hooks if h.moment == "after_backward"]
        self.grad_output: tuple[Any, ...] = ()
        self.inside = False  # whether gradients flow to an input, so that the way ends there

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments behind a gate, where gradients flow to one of them."""
        self.count = len(tree.leaves(list(args)))
        self.inside = any(map(_differentiated, tree.leaves(list(args))))
        return self._gated(args, self._inputs_known) if self.inside and self.last else args  # type: ignore[no-any-return]

    def leave(self, output: Any) -> Any:
        """The output behind a gate."""
        return self._gated(output, self._outputs_known)

    @staticmethod
    def _gated(values: Any, rule: Callable[[list[Any]], Sequence[Any]]) -> Any:
        """A nest of values, those that gradients flow to behind a gate; ``rule`` sees the gradients of all in order."""
        leaves = tree.leaves([values])
        places = [i for i, leaf in enumerate(leaves) if _differentiated(leaf)]
        if not places:
            return values

        def of_all(gradients: list[Any]) -> Sequence[Any]:
            every = [None] * len(leaves)
            for place, g in zip(places, gradients, strict=True):
                every[place] = g
            found = rule(every)
            return [found[place] for place in places]

        for place, value in zip(places, gate([leaves[i] for i in places], of_all), strict=True):
            leaves[place] = value
        return tree.rebuild([values], leaves)[0]

    def _outputs_known(self, gradients: list[Any]) -> Sequence[Any]:
        grads = tuple(gradients)
        for function in self.first:
            grads = self._replaced(function(self.module, grads), grads)
        self.grad_output = grads
        if not self.inside:  # no gradient will come to the inputs: this is the end of the way
            for function in self.last:
                function(self.module, (None,) * self.count, grads)
        return grads

    def _inputs_known(self, gradients: list[Any]) -> Sequence[Any]:
        grads = tuple(gradients)
        for function in self.last:
            grads = self._replaced(function(self.module, grads, self.grad_output), grads)
        return grads

    def _replaced(self, given: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients a hook returned, checked, or those there were."""
        if given is None:
            return grads
        new = tuple(given) if isinstance(given, tuple | list) else (given,)
        label = f"a backward hook of {type(self.module).__name__}"
        if len(new) != len(grads):
            raise ShapeError(f"{label} must return {len(grads)} gradients, not {len(new)}", op="backward")
        new = tuple(g if g is None else as_handle(g) for g in new)
        for g, old in zip(new, grads, strict=True):
            if g is not None and old is not None and not same_shape(g.shape, old.shape):
                raise ShapeError(f"{label} must keep the shape of a gradient", op="backward", operands=(old, g))
        return new


def _differentiated(x: Any) -> bool:
    return isinstance(x, Value) and dispatch.current().record(x) is not None
