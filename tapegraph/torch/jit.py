"""torch.jit: scripts are the functions themselves; ``torch.compile`` is what compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def script(obj: Any = None, *_: Any, **__: Any) -> Any:
    """The function, class or module itself."""
    return obj if obj is not None else script


def trace(func: Callable[..., Any], example_inputs: Any = None, *_: Any, **__: Any) -> Any:
    """The function or module itself."""
    return func


def ignore(function: Any = None, **_: Any) -> Any:
    """The function itself."""
    return function if callable(function) else ignore


export = unused = script_method = _overload_method = ignore


def is_scripting() -> bool:
    """False."""
    return False


is_tracing = is_scripting
