"""torch.nn.utils: clipping of gradients, parameters as one vector, and packed sequences (``rnn``)."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from tapegraph.nn import utils as _ours
from tapegraph.torch.cell import Cell, of, wrap


def _values(parameters: Any) -> list[Any]:
    return [of(p) for p in ([parameters] if isinstance(parameters, Cell) else parameters)]


def get_total_norm(tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None) -> Any:
    """The norm of several tensors taken as one vector."""
    return wrap(_ours.get_total_norm(_values(tensors), norm_type, error_if_nonfinite))


def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Any:
    """Scale the gradients so that the norm of all of them is at most ``max_norm``; returns the norm before."""
    return wrap(_ours.clip_grad_norm_(_values(parameters), of(max_norm), norm_type, error_if_nonfinite))


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value]."""
    _ours.clip_grad_value_(_values(parameters), of(clip_value))


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """The parameters one after the other as one vector."""
    return wrap(_ours.parameters_to_vector(_values(parameters)))


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Write the parts of a vector into parameters."""
    _ours.vector_to_parameters(of(vec), _values(parameters))


def __getattr__(name: str) -> Any:
    if name == "rnn":
        return importlib.import_module("tapegraph.torch.nn.utils.rnn")
    raise AttributeError(f"tapegraph.torch.nn.utils has no {name!r}")
