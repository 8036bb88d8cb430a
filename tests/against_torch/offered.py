"""Where a function of PyTorch's stands here: among the native ones, and in the facade tapegraph.torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tapegraph.torch as facade
from tests.against_torch.natively import native

PROPERTIES = ("T", "H", "mT", "mH")


def in_facade(key: str) -> Callable[..., Any] | None:
    """The facade's function of this name (or "name:variant"), or its method; None where it has none."""
    if key in OTHERWISE:
        return OTHERWISE[key]
    name = key.partition(":")[0]
    if name in OTHERWISE:
        return OTHERWISE[name]
    if name in PROPERTIES:
        return lambda x: getattr(x, name)
    found: Any = facade
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            break
    if callable(found) and not isinstance(found, type):
        return found
    if "." not in name and callable(getattr(facade.Tensor, name, None)):
        return lambda x, *args, **named: getattr(x, name)(*args, **named)
    return None


OTHERWISE: dict[str, Any] = {
    "where": lambda x, condition, other: facade.where(condition, x, other),
    "einsum": lambda operands, equation: facade.einsum(equation, *operands),
    "nn.functional.embedding": lambda weight, input, **named: facade.nn.functional.embedding(input, weight, **named),
    "nn.functional.embedding_bag": lambda weight, input, **named: facade.nn.functional.embedding_bag(
        input, weight, **named
    ),
    "normal:in_place": lambda x, *args, **named: x.detach().clone().normal_(*args, **named),
    "linalg.lstsq:grad_oriented": lambda a, b, driver=None: facade.linalg.lstsq(a, b, driver=driver)[:2],
    "zero_": lambda x: x.clone().zero_(),
    "linalg.pinv:singular": lambda a, b: facade.linalg.pinv(a @ b.mT),
    "__rdiv__": lambda x, y: y / x,
    "__getitem__": lambda x, index: x[index],
    **{
        n: (lambda n: lambda x, *args, **named: getattr(x, n)(*args, **named))(n)
        for n in ("bool", "byte", "char", "double", "float", "half", "int", "long", "short", "to")
    },
}
"""Where OpInfo calls a method, or a function with its arguments in another order."""

ROUTES = {"native": native, "facade": in_facade}
