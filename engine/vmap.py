"""vmap: a function of single values made one of whole batches; an interpreter around that of the mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from engine import batching, dispatch, tree
from engine.errors import ArgumentError, ShapeError, SymbolError, UnsupportedError
from engine.handle import Handle, is_scalar
from engine.makers import public
from engine.op import Op, Trait
from engine.record import Record
from engine.sizes import Shape, Size, agree
from engine.spec import DType


class Batched(Handle):
    """One value standing for a whole batch of them: ``whole`` has the batch along axis 0, which ``shape`` leaves out."""

    __slots__ = ("level", "whole")

    def __init__(self, whole: Any, level: object) -> None:
        self.whole = whole
        self.level = level

    @property
    def shape(self) -> Shape:
        return self.whole.shape[1:]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DType:
        return self.whole.dtype  # type: ignore[no-any-return]

    def _fresh(self) -> Batched:
        return Batched(self.whole, self.level)

    def _rebind(self, new: Any) -> None:
        if not isinstance(new, Batched) or new.level is not self.level:
            raise UnsupportedError("a batch cannot become a single value", op="assign", operands=(self,))
        self.whole = new.whole

    def _valueless(self, use: str) -> Any:
        raise SymbolError(
            f"{use} needs one value, and inside vmap this stands for a whole batch",
            operands=(self,),
            fix="choose with where(condition, a, b) or tg.cond, or call the function on one entry at a time",
        )

    def __bool__(self) -> bool:
        return bool(self._valueless("if, while, and, or, not and bool()"))

    def __float__(self) -> float:
        return float(self._valueless("float()"))

    def __int__(self) -> int:
        return int(self._valueless("int()"))

    __index__ = __int__

    def item(self) -> Any:
        """Raises SymbolError: a batch is many numbers."""
        return self._valueless("item()")

    def __repr__(self) -> str:
        return f"<one of {self.whole.shape[0]} of {self.dtype.name}{list(self.shape)}>"


class Vmap:
    """The interpreter that applies an op to all entries of a batch at once. ``base`` computes or writes the graph."""

    def __init__(self, base: Any, size: Size, level: object, randomness: str) -> None:
        self.base = base
        self.size = size
        self.level = level
        self.randomness = randomness
        self.name = base.name
        self.grad_enabled = base.grad_enabled

    def with_grad(self, enabled: bool) -> Vmap:
        """The same batch with or without recording."""
        return Vmap(self.base.with_grad(enabled), self.size, self.level, self.randomness)

    def mine(self, handle: Any) -> bool:
        """Whether a handle is a batch of this vmap, not of one around it."""
        return isinstance(handle, Batched) and handle.level is self.level

    def wrap(self, whole: Any) -> Batched:
        """The handle of a batch."""
        return Batched(whole, self.level)

    def unwrap(self, handle: Any) -> Any:
        """A whole batch of what a handle stands for; a single value is repeated."""
        if self.mine(handle):
            return handle.whole
        with dispatch.interpret(self.base):
            return batching.repeated(handle, self.size)

    def inside(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` of single values as one of whole batches, to be called by ``base``; nested results are kept."""

        def run(*wholes: Any) -> Any:
            here = Vmap(dispatch.current(), self.size, self.level, self.randomness)
            with dispatch.interpret(here):
                value = function(*(tree.map_tree(here.wrap, w) for w in wholes))
                return tree.map_tree(lambda v: here.unwrap(here._handle(v)), value)

        return run

    def _handle(self, value: Any) -> Any:
        return value if isinstance(value, Handle) else self.base.asarray(value, None)

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        args = op.prepare(args)
        flags = [self.mine(a) for a in args]
        if not any(flags):
            if Trait.RANDOM in op.traits and self.randomness == "error":
                raise UnsupportedError(
                    "random numbers inside vmap would be the same for each entry of the batch",
                    op=op.name,
                    fix="pass vmap(..., randomness='same') if that is meant, or draw them outside with a batch axis",
                )
            with dispatch.interpret(self.base):
                return self.base.apply(op, args, attrs)
        way = batching.way_of(op)
        if way is batching.spelt_out:
            return op.expand(*args, **attrs)  # type: ignore[misc]
        op.spec(args, attrs)  # a mistake is told with the shapes of one entry
        with dispatch.interpret(self.base):
            found = way(op, self.size, [a.whole if f else a for a, f in zip(args, flags)], flags, attrs)
        return tuple(map(self.wrap, found)) if op.many else self.wrap(found)

    def over(self, base: Any) -> Vmap:
        """The same batch around another interpreter."""
        return Vmap(base, self.size, self.level, self.randomness)

    def handle(self, arg: Any) -> Any:
        return self.base.handle(arg)

    def record(self, handle: Any) -> Record | None:
        found: Record | None = self.base.record(handle.whole if self.mine(handle) else handle)
        return found

    def owner(self, record: Record) -> Any:
        raise UnsupportedError(
            "backward() inside vmap would mix the entries of the batch",
            op="backward",
            fix="use tg.grad inside vmap, or call backward() outside",
        )

    def asarray(self, value: Any, dtype: Any) -> Any:
        return self.base.asarray(value, dtype)

    def read(self, state: Any) -> Any:
        return self.base.read(state)

    def assign(self, state: Any, value: Any) -> None:
        if self.mine(value):
            raise UnsupportedError(
                "a state holds one value, and inside vmap this is a whole batch",
                op="assign",
                operands=(state, value),
                fix="return it from the function and assign outside",
            )
        self.base.assign(state, value)

    def get_grad(self, leaf: Any) -> Any:
        return self.base.get_grad(leaf)

    def set_grad(self, leaf: Any, value: Any) -> None:
        self.base.set_grad(leaf, value)

    def leaf(self, handle: Any) -> Batched:
        return self.wrap(self.base.leaf(self.unwrap(handle)))

    def detach(self, handle: Any) -> Any:
        return self.wrap(self.base.detach(handle.whole)) if self.mine(handle) else self.base.detach(handle)

    def body(self, function: Any, specs: Any, tracked: Any) -> None:
        """Never asked: control flow inside vmap is that of ``base`` over whole batches."""
        raise AssertionError("control flow inside vmap goes through engine.control.batched")


def beneath(by: Any, run: Callable[[list[Any]], list[Any]], values: list[Any]) -> list[Any]:
    """``run(values)`` where the records it walks were made by ``by``; its results are handles of the current mode.

    Records made inside a vmap are of whole batches, so the walk goes on underneath it, and nothing there differs. What
    is around that vmap now (another vmap, over many cotangents) stays around.
    """
    if not isinstance(by, Vmap):
        return run(values)
    current = dispatch.current()
    lowered = _without(current, by)
    given = [_lowered(v, current, by) for v in values]
    with dispatch.interpret(lowered):
        found = run(given)
    return [None if v is None else _raised(v, current, by) for v in found]


def _without(current: Any, by: Vmap) -> Any:
    """The current interpreter with one vmap taken out from under it."""
    if current.level is by.level:
        return current.base
    return current.over(_without(current.base, by))


def _lowered(value: Any, current: Any, by: Vmap) -> Any:
    """A handle without its batch ``by``, which becomes its first axis."""
    if current.level is by.level:
        return current.unwrap(value)
    if not current.mine(value):
        return _lowered(value, current.base, by)
    inner = _lowered(value.whole, current.base, by)
    with dispatch.interpret(_without(current.base, by)):
        return current.wrap(batching.moved(inner, 1, 0))


def _raised(value: Any, current: Any, by: Vmap) -> Any:
    """A handle whose first axis becomes its batch ``by``."""
    if current.level is by.level:
        return current.wrap(value)
    if not current.mine(value):
        return _raised(value, current.base, by)
    with dispatch.interpret(_without(current.base, by)):
        inner = batching.moved(value.whole, 1, 0)
    return current.wrap(_raised(inner, current.base, by))


@public
def vmap(
    function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, *, randomness: str = "error"
) -> Callable[..., Any]:
    """``function`` of single values as a function of whole batches: every op in it is applied to all entries at once.

    ``in_axes``: the axis of each argument that is the batch, None for an argument that all entries share; one number
    for all arguments, or a tuple with one entry (a number, None, or a structure of them) for each. ``out_axes``: where
    the batch goes in the results. ``randomness``: "error", or "same" for the same draws in each entry (jax.vmap,
    torch.func.vmap). Nests, and works under and over ``grad``. An op without a batched form is run entry by entry.
    Raises ShapeError where the batch sizes differ, SymbolError where the function needs the value of one entry.
    """
    if randomness not in ("error", "same"):
        raise ArgumentError(f"randomness must be 'error' or 'same', not {randomness!r}", op="vmap")

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        base = dispatch.current()
        given = [a if isinstance(a, Handle) else base.asarray(a, None) for a in tree.leaves(args)]
        axes = _axes(in_axes, args)
        size = _size(given, axes)
        level = object()
        inner = Vmap(base, size, level, randomness)
        wrapped = [
            h if axis is None else inner.wrap(batching.moved(h, axis % h.ndim, 0))
            for h, axis in zip(given, axes, strict=True)
        ]
        with dispatch.interpret(inner):
            value = function(*tree.rebuild(args, wrapped), **kwargs)
            results = [inner._handle(v) for v in tree.leaves(value)]
        places = [out_axes] * len(results) if isinstance(out_axes, int) else _spread(out_axes, value)
        moved = []
        for h, place in zip(results, places, strict=True):
            if place is None:
                if inner.mine(h):
                    raise ArgumentError("out_axes None is for results that are the same for each entry", op="vmap")
                moved.append(h)
            else:
                whole = inner.unwrap(h)
                moved.append(batching.moved(whole, 0, place % whole.ndim))
        return tree.rebuild(value, moved)

    return run


def _axes(in_axes: Any, args: Sequence[Any]) -> list[int | None]:
    if isinstance(in_axes, tuple | list):
        if len(in_axes) != len(args):
            raise ArgumentError(f"in_axes has {len(in_axes)} entries for {len(args)} arguments", op="vmap")
        found: list[int | None] = []
        for axis, arg in zip(in_axes, args, strict=True):
            found += _spread(axis, arg)
        return found
    return _spread(in_axes, list(args))


def _spread(axes: Any, values: Any) -> list[int | None]:
    """An axis for each leaf: one number for all of them, or a structure like the values'."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(tree.leaves([values]))
    if isinstance(values, dict):
        return [a for key, v in values.items() for a in _spread(axes[key], v)]
    if not isinstance(values, list | tuple) or len(axes) != len(values):
        raise ArgumentError("in_axes and out_axes have the structure of what they belong to", op="vmap")
    return [a for axis, v in zip(axes, values, strict=True) for a in _spread(axis, v)]


def _size(given: list[Any], axes: list[int | None]) -> Size:
    sizes = []
    for h, axis in zip(given, axes, strict=True):
        if axis is None or is_scalar(h):
            continue
        if not -h.ndim <= axis < h.ndim:
            raise ShapeError(f"has no axis {axis} for the batch", op="vmap", operands=(h,))
        sizes.append(h.shape[axis])
    if not sizes:
        raise ArgumentError("needs an argument with a batch axis; every entry of in_axes is None", op="vmap")
    for n in sizes[1:]:
        if not agree(n, sizes[0]):
            raise ShapeError(f"batch sizes {sizes[0]} and {n} differ", op="vmap", operands=given)
    first: Size = sizes[0]
    return first
