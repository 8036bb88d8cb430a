"""Module: a piece of a network, which is called, switched, cast, watched and saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from engine import dispatch
from engine.dtypes import FLOATS, as_dtype
from engine.landing import MISTAKES, clear
from engine.ops.dtype import astype
from engine.state import State, changed
from tapegraph.nn import hooks
from tapegraph.nn.hooks import Handle, Hook
from tapegraph.nn.loading import taken_over
from tapegraph.nn.parts import Parts, join


class Keys(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Parts):
    """Base class of layers and networks. Subclasses set attributes in ``__init__`` and define ``forward``.

    An attribute that is a Parameter is trained; one that is another State is a buffer, saved but not trained; one that
    is a Module is a part. Assigning a plain value to such a name (``self.count += 1``) writes into the state, in both
    modes. A nameless state takes its dotted path as its name, so that errors can print ``layers.0.weight``.
    """

    _training = True
    _hooks: tuple[Hook, ...] = ()

    @property
    def training(self) -> bool:
        """Whether it is being trained; set by ``train`` and ``eval``. A trace that reads it holds for this value only."""
        watch = getattr(dispatch.current(), "watch", None)
        if watch is not None:
            watch(self, "_training")
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = bool(mode)
        changed()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; written in ops on handles."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            interpreter = dispatch.current()
            if hasattr(interpreter, "calling"):  # it keeps account of what the program consists of
                interpreter.watch(self, "_hooks")
                with interpreter.calling(self):
                    return self._called(args, kwargs)
            if self._hooks:
                return hooks.call(self, self._hooks, args, kwargs)
            return self.forward(*args, **kwargs)
        except MISTAKES as error:
            clear(error)
            raise

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return hooks.call(self, self._hooks, args, kwargs) if self._hooks else self.forward(*args, **kwargs)

    # ------------------------------------------------------------------------------------------ switching

    def apply(self, function: Callable[[Module], Any]) -> Any:
        """Call ``function`` on every part, innermost first, then on this module; returns the module."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Switch dropout and its like on (or off), here and in every part; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Switch to inference: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Freeze (False) or thaw every parameter; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of every parameter: each ``.grad`` becomes None, or zeros where it was something."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = np.zeros(parameter.shape, parameter.dtype)

    def to(self, dtype: Any) -> Any:
        """Cast every parameter and buffer of floats to float32 or float64; returns the module.

        A state keeps its dtype for life, so those of another dtype are replaced: build the optimizer afterwards.
        Shared ones stay shared; gradients are cast too. Raises ArgumentError for a dtype that is no such float.
        """
        target = as_dtype(dtype)
        if target not in FLOATS:
            self._refuse("to", f"parameters are float32 or float64, not {target.name}")
        made: dict[State, State] = {}
        for module in list(self.modules()):
            for name, state in list(vars(module).items()):
                if isinstance(state, State) and state.dtype.kind == "f" and state.dtype != target:
                    module._place_cast(name, state, target, made)
        return self

    def _place_cast(self, name: str, state: State, target: Any, made: dict[State, State]) -> None:
        if state not in made:
            cast = made[state] = type(state)(state.numpy(), target, name=state.name)
            cast.trainable = state.trainable
            if state.grad is not None:
                cast.grad = astype(state.grad, target)
        self.__dict__[name] = made[state]

    def float(self) -> Any:
        """Cast to float32; see ``to``."""
        return self.to("float32")

    def double(self) -> Any:
        """Cast to float64; see ``to``."""
        return self.to("float64")

    # ------------------------------------------------------------------------------------------ hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, args)`` before each forward; what it returns (unless None) takes the place of args.

        ``with_kwargs``: ``hook(module, args, kwargs)``, which returns None or a pair. In static mode hooks run while
        the graph is built; adding or removing one makes a new trace. The handle's ``remove()`` ends it.
        """
        return hooks.add(self, "before", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, args, output)`` after each forward; what it returns (unless None) takes the place of output.

        ``with_kwargs``: ``hook(module, args, kwargs, output)``. See ``register_forward_pre_hook``.
        """
        return hooks.add(self, "after", hook, prepend, with_kwargs)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known; it may return others.

        ``grad_output``: a tuple, one for each array the module returned, None where no gradient arrives.
        """
        return hooks.add(self, "before_backward", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known; it may return others.

        ``grad_input``: a tuple, one for each positional argument of forward, None for what is no array of floats or
        gets no gradient. The hook may compute with them in ops; they must not be written to.
        """
        return hooks.add(self, "after_backward", hook, prepend)

    # ------------------------------------------------------------------------------------------ saving

    def _saved(self, prefix: str = "") -> dict[str, State]:
        found: dict[str, State] = {}
        for path, module in self.named_modules(prefix, remove_duplicate=False):
            for name, value in vars(module).items():
                if isinstance(value, State) and name not in module._transient:
                    found[join(path, name)] = value
        return found

    def state_dict(self, prefix: str = "") -> dict[str, np.ndarray[Any, Any]]:
        """A copy of every parameter and persistent buffer by dotted path, as NumPy arrays; shared ones under each path."""
        return {path: np.array(state) for path, state in self._saved(prefix.removesuffix(".")).items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Take over the values of a ``state_dict`` (NumPy arrays, our own or PyTorch's tensors), cast to the dtypes held here.

        Raises ArgumentError naming every missing and unexpected key (unless ``strict`` is False) and every array of
        the wrong shape; nothing has been changed then. Returns the keys passed over.
        """
        return Keys(*taken_over(self._saved(), state_dict, strict, type(self).__name__))

    # ------------------------------------------------------------------------------------------ showing

    def extra_repr(self) -> str:
        """The arguments shown by ``repr``."""
        return ""

    def __repr__(self) -> str:
        parts = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._parts()]
        extra = self.extra_repr()
        if not parts:
            return f"{type(self).__name__}({extra})"
        lines = ([extra] if extra else []) + parts
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"
