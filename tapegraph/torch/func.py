"""torch.func: derivatives and batches of functions, by the engine's own transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eager.tensor import Tensor as Computed
from engine import autodiff, derivatives, dispatch
from engine import vmap as batching
from engine.errors import UnsupportedError
from engine.record import Record
from tapegraph.torch.cell import of, wrap


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with every tensor in its dicts, lists and tuples changed."""
    if isinstance(value, dict):
        return {k: _each(change, v) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_each(change, v) for v in value))
    if isinstance(value, list | tuple):
        return type(value)(_each(change, v) for v in value)
    return change(value)


def inside(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function on tensors as one on values of the engine."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return _each(of, function(*_each(wrap, args), **_each(wrap, kwargs)))

    call.__name__ = getattr(function, "__name__", "function")
    return call


def outside(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function on values of the engine as one on tensors."""

    def call(*args: Any, **kwargs: Any) -> Any:
        _depth.append(None)
        try:
            found = function(*_each(of, args), **_each(of, kwargs))
        finally:
            _depth.pop()
        return _each(wrap, found if _depth else _each(_settled, found))

    return call


_depth: list[None] = []  # of transforms inside transforms


def _settled(value: Any) -> Any:
    """A result of the outermost transform: nothing is remembered of it if no tensor that requires gradients is behind it."""
    interpreter = dispatch.current()
    record = interpreter.record(value) if type(value) is Computed else None
    if record is None:
        return value
    seen, left = {record}, [record]
    while left:
        record = left.pop()
        if interpreter.owner(record) is not None:
            return value
        fresh = {a for a in record.args if isinstance(a, Record)} - seen
        seen |= fresh
        left.extend(fresh)
    return interpreter.detach(value)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """``func`` over a batch: axis ``in_dims`` of the arguments is cut off, and results are stacked along ``out_dims``."""
    return outside(batching.vmap(inside(func), in_dims, out_dims, randomness=randomness))


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function with one number as its result; with ``has_aux`` of the first of its two results."""
    both = grad_and_value(func, argnums, has_aux)

    def call(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return call


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The gradient, and what the function returned."""

    def call(*args: Any, **kwargs: Any) -> Any:
        kept: list[Any] = []

        def first(*values: Any, **named: Any) -> Any:
            found = inside(func)(*values, **named)
            kept[:] = [found[1] if has_aux else None]
            return found[0] if has_aux else found

        value, gradient = outside(autodiff.value_and_grad(first, argnums))(*args, **kwargs)
        return gradient, ((value, outside(lambda: kept[0])()) if has_aux else value)

    return call


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, Callable[..., Any]]:
    """The result at ``primals``, and the function from a gradient of the result to those of each of ``primals``."""
    if has_aux:
        raise UnsupportedError("auxiliary results are not offered", op="func.vjp", fix="return only the result")
    value, back = derivatives.vjp(inside(func), *_each(of, primals))
    return _each(wrap, value), outside(back)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The result at ``primals`` and its derivative in the direction ``tangents``."""
    found: tuple[Any, Any] = outside(lambda at, along: derivatives.jvp(inside(func), at, along))(primals, tangents)
    return found


def jacrev(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The Jacobian, row by row: for functions with fewer results than arguments."""
    return outside(derivatives.jacobian(inside(func), argnums))


def jacfwd(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The Jacobian, column by column: for functions with fewer arguments than results."""
    return outside(derivatives.jacobian(inside(func), argnums, mode="forward"))


def hessian(func: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The second derivatives of a function with one number as its result."""
    return outside(derivatives.hessian(inside(func), argnums))


__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"]
