"""torch.utils: data, checkpointing, and names that programs import."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("data", "checkpoint"):
        return importlib.import_module(f"tapegraph.torch.utils.{name}")
    raise AttributeError(f"tapegraph.torch.utils has no {name!r}")
