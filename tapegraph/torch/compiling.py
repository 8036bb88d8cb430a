"""torch.compile: the same function, traced, optimised and compiled to native code by tapegraph."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from engine import dispatch, tree
from engine.handle import Handle
from engine.landing import entrance
from graph.builder import Builder
from tapegraph.function import compile as _compile


class _Recorded(Exception):
    """The trace of a call gives results that gradients are to be taken of later, outside of it."""


class Compiled:
    """A function that is compiled where its gradients are taken inside it, or not at all.

    A compiled call returns numbers, not what they were made from. So a training step is compiled whole, with backward and
    the optimizer's step in it; a part of one, such as a module's forward, runs line by line while gradients are recorded.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.compiled: Any = _compile(self._traced)
        self.compiled.__dict__["__name__"] = self.name
        self.recorded = False

    def _traced(self, *args: Any, **kwargs: Any) -> Any:
        found = self.function(*args, **kwargs)
        interpreter: Any = dispatch.current()
        if interpreter.grad_enabled and not interpreter.trace.grads:
            for leaf in tree.leaves(found):
                if isinstance(leaf, Handle) and interpreter.record(leaf) is not None:
                    raise _Recorded
        return found

    @entrance
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recording = dispatch.current().grad_enabled
        if isinstance(dispatch.current(), Builder) or (recording and self.recorded):
            return self.function(*args, **kwargs)
        try:
            return self.compiled(*args, **kwargs)
        except _Recorded:
            self.recorded = True
            warnings.warn(
                f"{self.name} runs line by line while gradients are recorded: torch.compile the whole "
                "training step, with backward() and optimizer.step() in it",
                stacklevel=2,
            )
            return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def compile_call(module: Any) -> Compiled:
    """The compiled call of a module, hooks included."""

    def call(*args: Any, **kwargs: Any) -> Any:
        held = module.__dict__.pop("_compiled")
        try:
            return module(*args, **kwargs)
        finally:
            module.__dict__["_compiled"] = held

    call.__name__ = type(module).__name__
    return Compiled(call)


def compile(model: Any = None, **options: Any) -> Any:
    """A compiled form of a function, compiled anew only where shapes or Python values make it another program.

    A module is given back itself, with its calls compiled. Gradients that are taken outside of the compiled function need
    it to run line by line, which it then does, with a warning. PyTorch's options (``mode``, ``dynamic``, ``backend``,
    ``fullgraph``) choose between compilers that are not here; they are ignored.
    """
    if model is None:
        return functools.partial(compile, **options)
    if hasattr(model, "named_parameters"):
        model.compile()
        return model
    return Compiled(model)
