"""tapegraph: one program, two engines. ``import tapegraph as tg``."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tapegraph import _beside

_beside.check()

from eager.interpreter import RECORDING as _RECORDING  # noqa: E402
from engine import dispatch as _dispatch  # noqa: E402

_dispatch.install_default(_RECORDING)

from eager.tensor import Tensor  # noqa: E402
from engine import control as _control  # noqa: E402 - registers its functions
from engine import custom as _custom  # noqa: E402 - and these theirs
from engine import errors  # noqa: E402
from engine.autodiff import grad, value_and_grad  # noqa: E402
from engine.dtypes import (  # noqa: E402
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from engine.ops import public_functions as _public_functions  # noqa: E402
from engine.ops.random import Generator, default_generator, manual_seed  # noqa: E402
from engine.sizes import Dim  # noqa: E402
from engine.spec import Spec  # noqa: E402
from engine.state import Parameter, State  # noqa: E402
from tapegraph.array_api import VERSION as __array_api_version__  # noqa: E402
from tapegraph.array_api import namespace_info as __array_namespace_info__  # noqa: E402
from tapegraph.mode import current_mode, eager, enable_grad, mode, no_grad  # noqa: E402

if _taken := sorted(_public_functions().keys() & globals().keys()):
    raise ImportError(f"ops named {', '.join(_taken)} would hide what the package has under these names")
globals().update(_public_functions())

if TYPE_CHECKING:
    from tapegraph import data, debug, extend, linalg, models, nn, optim, testing
    from tapegraph.compare import compare
    from tapegraph.debug.printing import print
    from tapegraph.define import static
    from tapegraph.function import compile, function
    from tapegraph.io import load, save
    from tapegraph.subnormals import set_flush_denormal
    from tapegraph.threads import get_num_threads, set_num_threads
    from tapegraph.visual.visualizing import visualize

__version__ = "0.1.0"

# Loaded on first use, so that importing the package stays quick.
_LAZY = {
    "nn": "tapegraph.nn",
    "linalg": "tapegraph.linalg",
    "optim": "tapegraph.optim",
    "data": "tapegraph.data",
    "models": "tapegraph.models",
    "testing": "tapegraph.testing",
    "extend": "tapegraph.extend",
    "debug": "tapegraph.debug",
    "function": "tapegraph.function:function",
    "compile": "tapegraph.function:compile",
    "static": "tapegraph.define:static",
    "compare": "tapegraph.compare:compare",
    "save": "tapegraph.io:save",
    "load": "tapegraph.io:load",
    "hooks": "eager.hooks:hooks",
    "set_num_threads": "tapegraph.threads:set_num_threads",
    "get_num_threads": "tapegraph.threads:get_num_threads",
    "set_flush_denormal": "tapegraph.subnormals:set_flush_denormal",
    "print": "tapegraph.debug.printing:print",
    "visualize": "tapegraph.visual.visualizing:visualize",
}

bool = bool_  # the standard's name of the dtype
newaxis = None
e, pi, inf, nan = 2.718281828459045, 3.141592653589793, float("inf"), float("nan")


def tensor(data: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of Python numbers, nested lists or an array; Python floats become float32, integers int64.

    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    made: Tensor = asarray(data, dtype=dtype)  # type: ignore[name-defined]  # noqa: F821
    return made.requires_grad_() if requires_grad else made


def __getattr__(name: str) -> Any:
    place = _LAZY.get(name)
    if place is None:
        raise AttributeError(f"module 'tapegraph' has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    found = importlib.import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


class _Package(ModuleType):
    """Keeps ``tg.function`` the function: importing the module of that name would put itself in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and ":" in _LAZY.get(name, "")):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "Dim",
    "Generator",
    "Parameter",
    "Spec",
    "State",
    "Tensor",
    "__array_api_version__",
    "__array_namespace_info__",
    "bool",
    "bool_",
    "current_mode",
    "default_generator",
    "eager",
    "enable_grad",
    "errors",
    "float16",
    "float32",
    "float64",
    "grad",
    "int8",
    "int16",
    "int32",
    "int64",
    "manual_seed",
    "mode",
    "no_grad",
    "tensor",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "value_and_grad",
    *_LAZY,
    *_public_functions(),
]
