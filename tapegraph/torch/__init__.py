"""PyTorch's spelling of tapegraph: ``import tapegraph.torch as torch`` and leave the rest of the program as it is.

What is different, and why, stands in docs/decisions/009-torch-facade.md.
"""

from __future__ import annotations

import importlib
from typing import Any as _Any

import tapegraph as _tapegraph  # noqa: F401 - puts the eager interpreter in place
from tapegraph.torch import creation as _creation
from tapegraph.torch import dtypes as _dtypes
from tapegraph.torch import elsewhere as _elsewhere
from tapegraph.torch import methods as _methods
from tapegraph.torch import random as _random
from tapegraph.torch import types as _types
from tapegraph.torch.backward import Handle as _Handle  # noqa: F401
from tapegraph.torch.dtypes import Size, device, dtype, finfo, iinfo
from tapegraph.torch.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tapegraph.torch.tensor import Tensor
from tapegraph.torch.views import VIEWS as _VIEWS
from tapegraph.torch.views import broadcast_tensors

_methods.install(_creation)


def _published() -> dict[str, _Any]:
    found: dict[str, _Any] = {}
    for name, entry in _methods.SPELLINGS.items():
        if "f" in entry.where:
            found[name] = entry.function
    found |= {name: function for name, function in _VIEWS.items() if name not in _METHODS_ONLY}
    for module in (_creation, _random):
        found |= {
            name: value
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and name[0] != "_" and name[-1] != "_"
        }
    found |= {name: getattr(Tensor, name) for name in _IN_PLACE if hasattr(Tensor, name)}
    found |= {value.name: value for value in _dtypes.DTYPES.values()}
    found |= {name: _dtypes.of_numpy(_dtypes.kind(target)) for name, target in _ALIASES.items()}
    found.pop("fork_rng")  # of torch.random
    return (
        found
        | _types.TYPES
        | {"range": _creation.range_, "asarray": _creation.asarray_, "default_generator": _random.default_generator}
    )


_ALIASES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "bool": "bool",
}
_METHODS_ONLY = frozenset({"contiguous", "expand", "expand_as", "reshape_as", "view", "view_as"})
_IN_PLACE = ("relu_", "sigmoid_", "tanh_", "exp_", "zero_", "fill_", "clamp_", "abs_", "sqrt_", "neg_", "dropout_")

e, pi, inf, nan = 2.718281828459045, 3.141592653589793, float("inf"), float("nan")
newaxis = None
strided = "strided"
contiguous_format = preserve_format = channels_last = "contiguous_format"
__version__ = "2.13.0+tapegraph"

globals().update(_published())

from tapegraph.torch.compiling import compile  # noqa: E402
from tapegraph.torch.func import vmap  # noqa: E402
from tapegraph.torch.inquiry import (  # noqa: E402
    _assert,  # noqa: F401
    broadcast_shapes,
    can_cast,
    get_default_dtype,
    get_num_threads,
    is_complex,
    is_floating_point,
    is_nonzero,
    is_storage,
    is_tensor,
    numel,
    promote_types,
    result_type,
    set_default_dtype,
    set_default_tensor_type,
    set_float32_matmul_precision,
    set_num_threads,
    set_printoptions,
    use_deterministic_algorithms,
)
from tapegraph.torch.storing import load, save  # noqa: E402

# Loaded on first use; ``import tapegraph.torch.nn as nn`` works as well.
_PARTS = (
    "amp",
    "autograd",
    "backends",
    "cuda",
    "distributions",
    "func",
    "jit",
    "linalg",
    "mps",
    "nn",
    "optim",
    "special",
    "utils",
    "version",
)


def __getattr__(name: str) -> _Any:
    if name in _PARTS:
        try:
            return importlib.import_module(f"tapegraph.torch.{name}")
        except ModuleNotFoundError as missing:
            if missing.name != f"tapegraph.torch.{name}":
                raise
    if name in _elsewhere.NOT_OFFERED:
        raise AttributeError(f"torch.{name} is not offered; {_elsewhere.NOT_OFFERED[name]}")
    if name in _methods.MISSING:
        needed = ", ".join(_methods.MISSING[name])
        raise AttributeError(f"torch.{name} needs {needed}, which this engine has not got")
    raise AttributeError(f"tapegraph.torch has no {name!r}")


def __dir__() -> list[str]:
    return sorted({name for name in globals() if not name.startswith("_")} | set(_PARTS))


__all__ = [
    "Size",
    "Tensor",
    "broadcast_shapes",
    "broadcast_tensors",
    "can_cast",
    "compile",
    "device",
    "dtype",
    "enable_grad",
    "finfo",
    "get_default_dtype",
    "get_num_threads",
    "iinfo",
    "inference_mode",
    "is_complex",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_nonzero",
    "is_storage",
    "is_tensor",
    "load",
    "no_grad",
    "numel",
    "promote_types",
    "result_type",
    "save",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "use_deterministic_algorithms",
    "vmap",
    *_published(),
]
