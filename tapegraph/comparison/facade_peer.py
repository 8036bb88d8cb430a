"""A script written against tapegraph.torch, run with PyTorch in its place; for workers of ``tapegraph bench``.

The worker imports nothing of tapegraph's: the names that the script imports stand for PyTorch's own modules.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

PARTS = (
    "nn.functional",
    "optim.lr_scheduler",
    "utils.data",
    "distributions",
    "func",
    "special",
    "linalg",
    "amp",
    "autograd",
)


class _Package(ModuleType):
    """``tapegraph`` for a script that needs nothing of it but ``tapegraph.torch``."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(f"the script uses tapegraph.{name}, which PyTorch has not got")


def torch(case: Any, params: Any, peer: Any) -> Any:
    """``case``: script and function; ``params``: the arrays of its modules, by their names in the script."""
    real = _stand_in()
    module = _script(Path(case["script"]))
    for name, arrays in params.items():
        _found(module, name).load_state_dict({key: real.from_numpy(np.array(value)) for key, value in arrays.items()})
    function = _found(module, case["function"])
    original = getattr(function, "_torchdynamo_orig_callable", function)
    return original, dict, lambda value: _tensors(real, value)


def _stand_in() -> Any:
    """PyTorch, put where scripts look for tapegraph.torch."""
    real = importlib.import_module("torch")
    for part in PARTS:
        importlib.import_module(f"torch.{part}")
    package = _Package("tapegraph")
    package.__dict__["torch"] = real
    sys.modules["tapegraph"] = package
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "torch":
            sys.modules[f"tapegraph.{name}"] = module
    return real


def _script(path: Path) -> Any:
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _found(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _tensors(real: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return real.from_numpy(value)
    if isinstance(value, dict):
        return {key: _tensors(real, part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_tensors(real, part) for part in value)
    return value
