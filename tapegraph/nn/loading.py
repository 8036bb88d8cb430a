"""Values saved elsewhere taken over into the states of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from engine.handle import Handle
from engine.sizes import show_shape
from engine.state import State


def taken_over(
    states: Mapping[str, State], saved: Mapping[str, Any], strict: bool, kind: str
) -> tuple[list[str], list[str]]:
    """Give ``states`` the saved values of their names; the names missing there, and those nobody here has.

    Raises ArgumentError, having changed nothing, for a wrong shape and (if ``strict``) for other names.
    """
    missing = [path for path in states if path not in saved]
    unexpected = [path for path in saved if path not in states]
    arrays = {path: _array(saved[path]) for path in states if path in saved}
    wrong = [
        f"{path} is {show_shape(array.shape)}, the model has {show_shape(states[path].shape)}"
        for path, array in arrays.items()
        if array.shape != states[path].shape
    ]
    problems = [f"wrong shape: {line}" for line in wrong]
    if strict:
        problems += [f"missing: {path}" for path in missing] + [f"unexpected: {path}" for path in unexpected]
    if problems:
        raise ArgumentError(
            f"the values do not fit this {kind}\n    " + "\n    ".join(problems),
            op="load_state_dict",
            fix="" if wrong else "strict=False takes over the keys that fit and leaves the rest",
        )
    for path, array in arrays.items():
        states[path].assign(np.array(array, dtype=states[path].dtype))
    return missing, unexpected


def _array(value: Any) -> np.ndarray[Any, Any]:
    """The numbers of a value; PyTorch's tensors may be on another device, need gradients or be bfloat16."""
    if hasattr(value, "detach") and not isinstance(value, Handle):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
    return np.asarray(value)
