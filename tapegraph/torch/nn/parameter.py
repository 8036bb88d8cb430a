"""nn.Parameter and nn.Buffer: tensors that modules register, held by the engine's named states."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from engine.handle import Handle
from engine.ops.create import asarray
from engine.state import Parameter as EngineParameter
from engine.state import State
from tapegraph.torch import cell
from tapegraph.torch.cell import of
from tapegraph.torch.tensor import Tensor


class Parameter(Tensor):
    """A tensor that training changes: a module registers it when it is assigned to one of its attributes.

    It holds a copy of ``data``. ``requires_grad=False`` freezes it.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        value = of(data) if data is not None else np.zeros(0, np.float32)
        made = object.__new__(cls)
        made._handle = EngineParameter(value if isinstance(value, Handle) else asarray(value))
        made._handle.trainable = bool(requires_grad)
        made._view = None
        return made

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that a module saves but training does not change."""

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = buffer_of(data)
        made.__dict__["persistent"] = persistent
        return made


_shells: WeakValueDictionary[int, Any] = WeakValueDictionary()


def shell_of(state: State) -> Any:
    """The one tensor around a state of the engine: a Parameter around a parameter."""
    found = _shells.get(id(state))
    if found is None or found._handle is not state:
        found = object.__new__(Parameter if isinstance(state, EngineParameter) else Tensor)
        found._handle = state
        found._view = None
        _shells[id(state)] = found
    return found


def buffer_of(data: Any) -> Any:
    """A tensor held by a state, so that compiled functions read it anew at each call and may update it."""
    held = of(data)
    if isinstance(held, State):
        return data
    made = object.__new__(Tensor)
    made._handle = State(held)
    made._view = None
    return made


class UninitializedParameter(Parameter):
    """Not supported: give layers their sizes."""


def is_lazy(param: Any) -> bool:
    """False: there are no uninitialised parameters here."""
    return False


cell.register(Parameter)
