"""torch.autograd.functional: Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapegraph.torch import func as transforms
from tapegraph.torch.backward import grad
from tapegraph.torch.cell import Cell


def _given(inputs: Any, create_graph: bool) -> tuple[Any, ...]:
    tensors: tuple[Any, ...] = (inputs,) if isinstance(inputs, Cell) else tuple(inputs)
    if create_graph:
        return tuple(t.clone() if t.requires_grad else t.detach().clone().requires_grad_() for t in tensors)
    return tuple(t.detach().clone().requires_grad_() for t in tensors)


def _taken(found: Any, create_graph: bool) -> Any:
    return found if create_graph else transforms._each(lambda t: t.detach() if isinstance(t, Cell) else t, found)


def _alike(inputs: Any, found: Any) -> Any:
    """One tensor for one tensor, a tuple for a tuple."""
    return found[0] if isinstance(inputs, Cell) else tuple(found)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and the gradients of its product with ``v`` (one for a single number)."""
    given = _given(inputs, create_graph)
    value = func(*given)
    found = grad(value, given, v, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    return _taken(value, create_graph), _alike(inputs, found)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and its derivative in the direction ``v``, shaped as the inputs."""
    given = (inputs,) if isinstance(inputs, Cell) else tuple(inputs)
    along = tuple(t * 0 + 1 for t in given) if v is None else (v,) if isinstance(v, Cell) else tuple(v)
    return _taken(transforms.jvp(func, given, along), create_graph)  # type: ignore[no-any-return]


def jacobian(func: Callable[..., Any], inputs: Any, create_graph: bool = False, **_: Any) -> Any:
    """d func / d input, of the shape of the result and then that of the input; tuples of them for tuples."""
    given = (inputs,) if isinstance(inputs, Cell) else tuple(inputs)
    value = func(*given)
    if isinstance(value, tuple):
        return tuple(jacobian(lambda *args, i=i: func(*args)[i], inputs, create_graph) for i in range(len(value)))
    found = transforms.jacrev(func, tuple(range(len(given))))(*given)
    return _taken(_alike(inputs, found), create_graph)


def hessian(func: Callable[..., Any], inputs: Any, create_graph: bool = False, **_: Any) -> Any:
    """Second derivatives of a function with one number as its result; a tuple of rows for a tuple of inputs."""
    count = tuple(range(1 if isinstance(inputs, Cell) else len(inputs)))

    def slopes(*args: Any) -> Any:
        return transforms.grad(func, count)(*args)

    if isinstance(inputs, Cell):
        return jacobian(lambda x: slopes(x)[0], inputs, create_graph)
    return jacobian(lambda *args: tuple(slopes(*args)), inputs, create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and the product of its Hessian with ``v``, without making the Hessian."""
    given = _given(inputs, create_graph)
    value = func(*given)
    slopes = grad(value, given, create_graph=True, allow_unused=True, materialize_grads=True)
    along = [None] * len(given) if v is None else [v] if isinstance(v, Cell) else list(v)
    found = grad(slopes, given, along, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    return _taken(value, create_graph), _alike(inputs, found)


vhp = hvp  # second derivatives do not depend on the order

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
