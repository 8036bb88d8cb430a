"""What tells the calls of a function apart, so that each finds the version compiled for its kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import dispatch, tree

Array = np.ndarray[Any, Any]


def signature(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, list[Array]]:
    """What tells calls apart (dtypes and Python values, shapes, structure, whether gradients are recorded); the leaves
    of the arguments, and the arrays among them."""
    flat: Any = args
    structure: Any = len(args)
    if kwargs or not tree.NESTED.isdisjoint(map(type, args)):
        flat = tree.leaves([*args, *kwargs.values()])
        structure = repr(tree.map_tree(lambda _: 0, [list(args), kwargs]))
    arrays: list[Array] = []
    shapes = []
    key: list[Any] = []
    for a in flat:
        if type(a) is Tensor:
            a = a._value
        if type(a) is np.ndarray:
            arrays.append(a)
            shapes.append(a.shape)
            key.append(a.dtype)
        else:
            key.append(_constant_key(a))
    return (tuple(key), tuple(shapes), structure, dispatch.current().grad_enabled), flat, arrays


def _constant_key(value: Any) -> Any:
    """How two Python arguments are told apart: numbers and strings by value, objects by identity."""
    if value is None or isinstance(value, bool | int | str | bytes | np.dtype):
        return (type(value), value)
    if isinstance(value, float):
        return (float, value.hex())
    if isinstance(value, np.generic):
        return (type(value), value.item())
    return _Same(value)


class _Same:
    """An object as a key by identity, kept alive so that its id stays its own."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def key_text(key: Any) -> str:
    if isinstance(key, _Same):
        return f"another {type(key.value).__name__}"
    if isinstance(key, np.dtype):
        return f"an array of {key.name}"
    first, second = key
    return repr(float.fromhex(second) if first is float else second)
