"""torch.nn: modules, layers, functions, initialisers."""

from __future__ import annotations

import importlib
from typing import Any

from tapegraph.torch.nn.containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from tapegraph.torch.nn.layers import LAYERS as _LAYERS
from tapegraph.torch.nn.module import Module
from tapegraph.torch.nn.parameter import Buffer, Parameter, UninitializedParameter

globals().update(_LAYERS)


class DataParallel(Module):
    """The module itself: there is one device."""

    def __init__(self, module: Any, *_: Any, **__: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name in ("functional", "init", "utils", "parameter", "modules"):
        return importlib.import_module(f"tapegraph.torch.nn.{name}")
    raise AttributeError(f"tapegraph.torch.nn has no {name!r}")


__all__ = [
    "Buffer",
    "DataParallel",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "UninitializedParameter",
    *_LAYERS,
]
