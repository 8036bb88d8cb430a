"""vmap: a function of single values made one of whole batches; an interpreter around that of the mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from engine import batch_folding, batching, dispatch, tree
from engine.batch_axes import axes_of, batch_size, spread
from engine.batched import Batched, refuse_backward
from engine.errors import ArgumentError, UnsupportedError
from engine.handle import Handle
from engine.landing import entrance
from engine.makers import public
from engine.op import Op, apply, as_handle, handles
from engine.record import Record, fits
from engine.sizes import Shape, Size


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
        return self.over(self.base.with_grad(enabled))

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

    def along(self, handle: Any, shape: Shape) -> Any:
        """What a handle stands for, broadcast to a shape that begins with the batch; a single number stays one."""
        if not self.mine(handle):
            return batching.broadcast_to(handle, shape) if handle.ndim else handle
        (whole,) = batching.aligned([handle.whole], [True], len(shape) - 1)
        return batching.broadcast_to(whole, shape)

    def inside(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` of single values as one of whole batches, to be called by ``base``; nested results are kept."""

        def run(*wholes: Any) -> Any:
            here = self.over(dispatch.current())
            with dispatch.interpret(here):
                value = function(*(tree.map_tree(here.wrap, w) for w in wholes))
                return tree.map_tree(lambda v: here.unwrap(as_handle(v)), value)

        return run

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        args = op.prepare(args)
        flags = [self.mine(a) for a in args]
        if not any(flags):
            with dispatch.interpret(self.base):
                return self.base.apply(op, args, attrs)
        spec = op.spec(args, attrs)  # a mistake is told with the shapes of one entry
        way = batching.way_of(op)
        found: Any = NotImplemented if way is None else self._whole(way, spec, op, args, flags, attrs)
        if found is NotImplemented:
            if op.expand is not None:
                return op.expand(*args, **attrs)
            found = self._whole(batching.WAYS["entries"], spec, op, args, flags, attrs)
        return tuple(map(self.wrap, found)) if op.many else self.wrap(found)

    def _whole(
        self, way: batching.Way, spec: Any, op: Op, args: tuple[Any, ...], flags: list[bool], attrs: dict[str, Any]
    ) -> Any:
        """The op on all entries, as a way says, under this interpreter."""
        given = [a.whole if f else a for a, f in zip(args, flags, strict=True)]
        with dispatch.interpret(self.base):
            if isinstance(self.size, int) and self.size == 0 and way is batching.WAYS["entries"]:
                return [batching.nothing(s) for s in spec] if op.many else batching.nothing(spec)
            if way in _WITHIN:
                return way(op, self, given, flags, attrs)
            return way(op, self.size, given, flags, attrs)

    def over(self, base: Any) -> Vmap:
        """The same batch around another interpreter."""
        return Vmap(base, self.size, self.level, self.randomness)

    def handle(self, arg: Any) -> Any:
        return self.base.handle(arg)

    def record(self, handle: Any) -> Record | None:
        found: Record | None = self.base.record(handle.whole if self.mine(handle) else handle)
        return found

    def fits(self, handle: Any, record: Record) -> bool:
        return fits(handle, record)

    def owner(self, record: Record) -> Any:
        refuse_backward()

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

    def grad_note(self, leaf: Any) -> Any:
        return self.base.grad_note(leaf)

    def note_grad(self, leaf: Any, note: Any) -> None:
        self.base.note_grad(leaf, note)

    def leaf(self, handle: Any) -> Batched:
        return self.wrap(self.base.leaf(self.unwrap(handle)))

    def detach(self, handle: Any) -> Any:
        return self.wrap(self.base.detach(handle.whole)) if self.mine(handle) else self.base.detach(handle)

    def body(self, function: Any, specs: Any, tracked: Any) -> None:
        """Never asked: control flow inside vmap is that of ``base`` over whole batches."""
        raise AssertionError("control flow inside vmap goes through the functions of engine.control")


def drawn_in_vmap(draw: Callable[..., Any], shape: Shape, *rest: Any) -> Any:
    """What ``draw(shape, *rest)`` takes from a stream of random numbers; each vmap around says whether entries share it.

    With numbers of its own for each entry, the stream moves on by those of all entries.
    """
    inner = dispatch.current()
    if not isinstance(inner, Vmap):
        return draw(shape, *rest)
    if inner.randomness == "error":
        raise UnsupportedError(
            "random numbers inside vmap: it is not said whether all entries share them",
            op="vmap",
            fix="pass vmap(..., randomness='different') or 'same', or draw with key= from a batch of keys",
        )
    if inner.randomness == "same":
        if any(map(inner.mine, rest)):
            return _shared_words(inner, draw, shape, *rest)
        with dispatch.interpret(inner.base):
            return drawn_in_vmap(draw, shape, *rest)
    whole = (inner.size, *shape)
    with dispatch.interpret(inner.base):
        found = drawn_in_vmap(draw, whole, *(inner.along(r, whole) if isinstance(r, Handle) else r for r in rest))
    return inner.wrap(found)


def _shared_words(inner: Vmap, draw: Callable[..., Any], shape: Shape, *rest: Any) -> Any:
    """The same random words for each entry, put to a use that differs from entry to entry."""
    if isinstance(inner.base, Vmap) and inner.base.randomness != "same":
        raise UnsupportedError(
            "bounds that differ from entry to entry, of numbers that entries share, in a vmap that does not share them",
            op="vmap",
            fix="pass randomness='different' to both, or draw with key= from a batch of keys",
        )
    return draw(shape, *rest)


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


_WITHIN: set[Any] = set()


def within(way: Callable[..., Any]) -> None:
    """Give a way the vmap itself in place of the size of its batch: the op has a rule that will run inside."""
    _WITHIN.add(way)


def _ticket(op: Op, outer: Vmap, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """A gate in front of whole batches, whose rule sees the gradients of single values."""
    ticket = attrs["ticket"]
    ticket.rule = outer.inside(ticket.rule)
    return batching.repeated(apply(op, *batching.every(args, flags, outer.size), **attrs), outer.size)


within(_ticket)
batching.WAYS.update(batch_folding.WAYS, ticket=_ticket)


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
    the batch goes in the results. ``randomness``: whether draws from a generator are an "error", the "same" for each
    entry, or "different" (drawn for all entries at once); a draw with ``key=`` is a function of its key, in a batch as
    elsewhere (jax.vmap, torch.func.vmap). Nests, and works under and over ``grad``. An op without a batched form is run entry by entry.
    Raises ShapeError where the batch sizes differ, SymbolError where the function needs the value of one entry.

    >>> tg.vmap(lambda row: tg.sum(row))(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([3., 7.])
    """
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(f"randomness must be 'error', 'same' or 'different', not {randomness!r}", op="vmap")

    @entrance
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        base = dispatch.current()
        given = handles(args)
        axes = axes_of(in_axes, args)
        size = batch_size(given, axes)
        level = object()
        inner = Vmap(base, size, level, randomness)
        wrapped = [
            h if axis is None else inner.wrap(batching.moved(h, axis % h.ndim, 0))
            for h, axis in zip(given, axes, strict=True)
        ]
        with dispatch.interpret(inner):
            value = function(*tree.rebuild(args, wrapped), **kwargs)
            results = handles(value)
        places = [out_axes] * len(results) if isinstance(out_axes, int) else spread(out_axes, value)
        moved = []
        for h, place in zip(results, places, strict=True):
            if place is None:
                if inner.mine(h):
                    raise ArgumentError("out_axes None is for results that are the same for each entry", op="vmap")
                moved.append(h)
            else:
                whole = inner.unwrap(h)
                if not -whole.ndim <= place < whole.ndim:
                    raise ArgumentError(
                        f"out_axes puts the batch at axis {place} of a result of {whole.ndim} axes with it", op="vmap"
                    )
                moved.append(batching.moved(whole, 0, place % whole.ndim))
        return tree.rebuild(value, moved)

    return run
