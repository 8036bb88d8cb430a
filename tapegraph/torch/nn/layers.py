"""The layers of tapegraph.nn under PyTorch's roof: each is a module around one of ours, which holds its states and computes."""

from __future__ import annotations

import inspect
import re
from typing import Any

from engine.state import State
from tapegraph import nn as ours
from tapegraph.nn.losses import Loss
from tapegraph.torch.cell import of, wrap
from tapegraph.torch.dtypes import kind
from tapegraph.torch.nn import containers
from tapegraph.torch.nn.module import Module
from tapegraph.torch.nn.parameter import shell_of
from tapegraph.torch.tensor import Tensor

_WORDS = {"dim": "axis", "start_dim": "start_axis", "end_dim": "end_axis"}
_DROPPED = frozenset({"device", "inplace", "size_average", "reduce"})
_SHOWN_IN_PLACE = frozenset({"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"})
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict")


class Layer(Module):
    """A module that one of tapegraph's own computes. ``kind``: the class of that one."""

    kind: Any = None
    _inner: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        taken = inspect.signature(self.kind.__init__).parameters
        given = {}
        for name, value in kwargs.items():
            word = name if name in taken or name not in _WORDS else _WORDS[name]
            if word in taken or word not in _DROPPED:
                given[word] = kind(value) if word == "dtype" else _unwrapped(value)
        self._around(self.kind(*map(_unwrapped, args), **given))
        if kwargs.get("inplace"):
            self.__dict__["_writes"] = True

    def _around(self, inner: Any) -> None:
        """Take over the states and parts of a layer of tapegraph's."""
        self.__dict__["_inner"] = inner
        self.__dict__["_training"] = inner.__dict__.get("_training", True)
        for name, value in vars(inner).items():
            if isinstance(value, State):
                parameter = hasattr(type(value), "requires_grad") and isinstance(value, ours.Parameter)
                (self._parameters if parameter else self._buffers)[name] = shell_of(value)
            elif isinstance(value, ours.Module):
                self._modules[name] = around(value)
            elif value is None and name in _OPTIONAL:
                self._parameters[name] = None
        self._transient |= set(inner.__dict__.get("_transient", ()))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            inner = self.__dict__.get("_inner")
            if inner is None or name.startswith("__"):
                raise
            found = getattr(inner, name if hasattr(inner, name) else _WORDS.get(name, name), _ABSENT)
            if found is _ABSENT:
                raise
            return _method(found) if callable(found) else found

    def __setattr__(self, name: str, value: Any) -> None:
        inner = self.__dict__.get("_inner")
        if inner is not None and (name in vars(inner) or _WORDS.get(name) in vars(inner)) and name != "_training":
            word = name if name in vars(inner) else _WORDS[name]
            object.__setattr__(inner, word, _unwrapped(value))
            if not isinstance(value, Tensor | Module) and name not in self._parameters | self._buffers | self._modules:
                return
        super().__setattr__(name, value)
        if inner is not None and name in self._buffers and self._buffers[name] is not None:
            object.__setattr__(inner, name, self._buffers[name]._handle)

    def _cast(self, dtype: Any) -> None:
        super()._cast(dtype)
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            if tensor is not None:
                object.__setattr__(self._inner, name, tensor._handle)

    @property
    def training(self) -> bool:
        """Whether it is being trained."""
        return bool(self._inner.training)

    @training.setter
    def training(self, mode: bool) -> None:
        self.__dict__["_training"] = bool(mode)
        self._inner.training = mode

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            named = {_WORDS.get(k, k): of(v) for k, v in kwargs.items()}
            return wrap(self._inner.forward(*map(of, args), **named))
        result = wrap(self._inner.forward(*map(of, args)))
        if "_writes" in self.__dict__:
            from tapegraph.torch.cell import replace

            return replace(args[0], of(result))
        return result

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        self._inner.reset_parameters()

    def extra_repr(self) -> str:
        """The arguments shown by ``repr``."""
        if isinstance(self._inner, Loss | ours.MultiheadAttention):
            return ""
        text = re.sub(r"(\b|_)axis=", r"\1dim=", str(self._inner.extra_repr()))
        if "bias" in self._parameters:
            text = re.sub(r"(affine=\w+)", rf"\1, bias={self._parameters['bias'] is not None}", text)
        if self._get_name() in _SHOWN_IN_PLACE or "_writes" in self.__dict__:
            text += ", " * bool(text) + f"inplace={'_writes' in self.__dict__}"
        return text

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from copy import deepcopy

        copy = object.__new__(type(self))
        memo[id(self)] = copy
        copy._prepare()
        copy._around(deepcopy(self._inner, memo))
        for name, value in self.__dict__.items():
            if name not in copy.__dict__:
                copy.__dict__[name] = deepcopy(value, memo)
        copy.__dict__["_forward_hooks"] = dict(self._forward_hooks)
        copy.__dict__["_forward_pre_hooks"] = dict(self._forward_pre_hooks)
        return copy


_ABSENT = object()


def _method(function: Any) -> Any:
    return lambda *args, **named: wrap(function(*map(of, args), **named))


# Parameters that a layer may be built without; they are registered as None then, as in PyTorch.
_OPTIONAL = frozenset(
    {"weight", "bias", "in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight"}
)


class _Adapter(ours.Module):
    """A module of the user's as one of tapegraph's, where one is an argument of a layer."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.__dict__["_module"] = module
        for i, (_, state) in enumerate([*module.named_parameters(), *module.named_buffers()]):
            setattr(self, f"state{i}", state._handle)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return of(self.__dict__["_module"](*map(wrap, args), **{k: wrap(v) for k, v in kwargs.items()}))


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Layer):
        return value._inner
    if isinstance(value, Module):
        return _Adapter(value)
    if isinstance(value, type) and issubclass(value, Layer):
        return value.kind
    if callable(value) and not isinstance(value, type) and hasattr(value, "__module__"):
        return _unwrapped_function(value)
    return of(value)


def _unwrapped_function(function: Any) -> Any:
    """A function on tensors as one on values, for layers that take an activation or a distance."""
    if getattr(function, "__module__", "").startswith(("engine.", "tapegraph.nn")):
        return function
    name = getattr(function, "__name__", "")
    if getattr(function, "__module__", "") == "tapegraph.torch" and hasattr(ours.functional, name):
        return getattr(ours.functional, name)
    return lambda *args, **named: of(function(*map(wrap, args), **named))


def around(inner: Any) -> Any:
    """The module around a part of a layer of tapegraph's."""
    if isinstance(inner, _Adapter):
        return inner.__dict__["_module"]
    name = type(inner).__name__
    if name in _CONTAINERS:
        made = getattr(containers, name)()
        for key, part in inner.named_children():
            made.add_module(key, around(part))
        return made
    made = object.__new__(LAYERS.get(name, Layer))
    made._prepare()
    made._around(inner)
    return made


def _made(name: str, inner: Any) -> Any:
    return type(name, (Layer,), {"kind": inner, "__doc__": inner.__doc__, "__module__": "tapegraph.torch.nn"})


LAYERS: dict[str, Any] = {
    name: _made(name, value)
    for name, value in ((n, getattr(ours, n)) for n in ours.__all__)
    if isinstance(value, type) and issubclass(value, ours.Module) and name not in ("Module", *_CONTAINERS)
}
