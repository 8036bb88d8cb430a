"""torch.utils.checkpoint: the function itself; records are kept, nothing is computed twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """``function(*args)``. The gradients are those of PyTorch's; memory is not saved."""
    options = ("preserve_rng_state", "context_fn", "determinism_check", "debug", "early_stop")
    return function(*args, **{k: v for k, v in kwargs.items() if k not in options})


def checkpoint_sequential(functions: Any, segments: int, input: Any, **_: Any) -> Any:
    """The functions applied one after the other."""
    for function in functions:
        input = function(input)
    return input
