"""The words of the tables' right sides: the engine's functions, and what PyTorch's mean where the engine has only the parts."""

from __future__ import annotations

from typing import Any

from engine.ops import public_functions
from tapegraph.torch import matrices, meanings, places
from tapegraph.torch.cell import copy_of


def _defined(module: Any) -> dict[str, Any]:
    return {n: f for n, f in vars(module).items() if callable(f) and getattr(f, "__module__", "") == module.__name__}


WORDS: dict[str, Any] = public_functions() | _defined(meanings) | _defined(places) | _defined(matrices)
WORDS |= {"bool": bool, "copy_of": copy_of}
