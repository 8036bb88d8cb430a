"""Gradients by PyTorch's interface: ``.grad``, ``backward``, hooks on tensors, ``torch.autograd.grad``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from weakref import finalize

from eager.tensor import Tensor as Computed
from engine import autodiff, dispatch
from engine.errors import GradientError, UnsupportedError
from engine.ops.arithmetic import add
from engine.ops.dtype import mark
from engine.ops.results import result
from engine.record import Record
from engine.state import State, changed
from tapegraph.torch.cell import Cell, of, record_of, wrap

Hook = Callable[[Any], Any]


class _Hooked(dict[str, Any]):
    """The attributes of a record with hooks on its gradient: they live exactly as long as the record."""

    hooks: dict[int, Hook]


_on_leaves: dict[int, dict[int, Hook]] = {}  # by id of the leaf, as long as it lives
_ever: list[bool] = []  # whether any hook was ever registered: without one, the engine's own reverse pass is called


_numbers = count()
_LAST = -1  # the number of the hook that runs after all others


class Handle:
    """What ``register_hook`` returns: ``remove()`` takes the hook away again."""

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self._hooks = hooks
        self.id = next(_numbers)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self.id, None)
        changed()  # compiled calls look whether they were traced with these hooks

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def register_hook(cell: Any, hook: Hook) -> Handle:
    """Have ``hook(gradient)`` called for this tensor; see ``Tensor.register_hook``."""
    return Handle(_hooks_of(cell), hook)


def _hooks_of(cell: Any) -> dict[int, Hook]:
    record = record_of(cell)
    if record is None:
        raise GradientError(
            "cannot register a hook on a tensor that doesn't require gradient",
            op="register_hook",
            operands=(of(cell),),
            fix="call requires_grad_() first",
        )
    _ever.append(True)
    del _ever[1:]
    held = of(cell)
    if isinstance(held, State):
        if id(held) not in _on_leaves:
            _on_leaves[id(held)] = {}
            finalize(held, _on_leaves.pop, id(held), None)
        return _on_leaves[id(held)]
    if record.op is result:  # the reverse pass gathers those of an op with several results before rules run
        cell._handle = mark(held, tag=0)
        record = record_of(cell)
        assert record is not None
    if not isinstance(record.attrs, _Hooked):
        record.attrs = _Hooked(record.attrs)
        record.attrs.hooks = {}
    return record.attrs.hooks


def retain(cell: Any) -> None:
    """Keep the gradient of a tensor that is no leaf."""
    if isinstance(of(cell), State) or "_retained" in cell.__dict__:
        return
    cell.__dict__["_retained"] = True

    def keep(gradient: Any) -> None:
        held = cell.__dict__.get("_grad")
        cell.__dict__["_grad"] = gradient if held is None else held + gradient

    _hooks_of(cell)[_LAST] = keep


class _Watching:
    """The current interpreter, with hooks called where the gradient of a record is complete."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def with_grad(self, enabled: bool) -> Any:
        """The same with or without recording."""
        return _Watching(self._inner.with_grad(enabled))

    def observing(self, parts: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """The backward step of one record, after its hooks."""
        inner = self._inner.observing(parts) if hasattr(self._inner, "observing") else parts

        def step(record: Record, g: Any, needed: set[Record], by: Any) -> list[Any]:
            if isinstance(record.attrs, _Hooked):
                g = _hooked(g, record.attrs.hooks)
            return inner(record, g, needed, by)

        return step


def _hooked(gradient: Any, hooks: dict[int, Hook]) -> Any:
    for _, hook in sorted(hooks.items(), key=lambda item: (item[0] == _LAST, item[0])):
        found = hook(wrap(gradient))
        gradient = gradient if found is None else of(found)
    return gradient


def _watched() -> Any:
    current = dispatch.current()
    return _Watching(current) if _ever else current


def backward(roots: Sequence[Any], gradients: Sequence[Any], create_graph: bool = False, inputs: Any = None) -> None:
    """Accumulate the gradients of the sum of ``roots`` into the leaves, or into ``inputs`` only."""
    if not _ever and inputs is None and len(roots) == 1:
        _recorded(roots[0])
        autodiff.backward(of(roots[0]), of(gradients[0]), create_graph=bool(create_graph))
        return
    only = None if inputs is None else [of(i) for i in ([inputs] if isinstance(inputs, Cell) else inputs)]
    with dispatch.interpret(_watched().with_grad(bool(create_graph))):
        interpreter = dispatch.current()
        records, seeds = _seeded(roots, gradients)
        for leaf, gradient in autodiff.reverse(records, seeds).items():
            owner = interpreter.owner(leaf)
            if owner is None or (only is not None and not any(owner is o for o in only)):
                continue
            if id(owner) in _on_leaves:
                gradient = _hooked(gradient, _on_leaves[id(owner)])
            held = interpreter.get_grad(owner)
            interpreter.set_grad(owner, gradient if held is None else add(held, gradient))


def _seeded(roots: Sequence[Any], gradients: Sequence[Any]) -> tuple[list[Record], list[Any]]:
    seeds = [autodiff._seed(of(root), of(gradient)) for root, gradient in zip(roots, gradients, strict=True)]
    return list(map(_recorded, roots)), seeds


def _recorded(root: Any) -> Record:
    record = record_of(root)
    if record is None:
        raise GradientError(
            "element 0 of tensors does not require grad and does not have a grad_fn",
            op="backward",
            operands=(of(root),),
            fix="make it from a tensor with requires_grad=True, outside no_grad()",
        )
    return record


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of ``outputs`` with respect to each of ``inputs``, as a tuple; ``.grad`` stays as it is.

    Raises GradientError for an input that no output depends on, unless ``allow_unused`` (None then stands for it).
    """
    if is_grads_batched:
        raise UnsupportedError("batched gradients are not supported", op="autograd.grad", fix="loop over the batch")
    roots = [outputs] if isinstance(outputs, Cell) else list(outputs)
    wanted: list[Any] = [inputs] if isinstance(inputs, Cell) else list(inputs)
    given = [grad_outputs] if grad_outputs is None or isinstance(grad_outputs, Cell) else list(grad_outputs)
    given = given if len(given) == len(roots) else given * len(roots)
    targets = [record_of(i) for i in wanted]
    if None in targets:
        raise GradientError(
            "one of the differentiated tensors does not require grad",
            op="autograd.grad",
            operands=[of(i) for i in wanted],
            fix="call requires_grad_() on it before it is used",
        )
    with dispatch.interpret(_watched().with_grad(bool(create_graph))):
        records, seeds = _seeded(roots, given)
        found = autodiff.reverse(records, seeds, {t for t in targets if t is not None})
    gradients = []
    for tensor, record in zip(wanted, targets, strict=True):
        gradient = found.get(record)  # type: ignore[arg-type]
        if gradient is None:
            if materialize_grads:
                gradients.append(tensor * 0.0)
                continue
            if not allow_unused:
                raise GradientError(
                    "one of the differentiated tensors appears to not have been used in the graph",
                    op="autograd.grad",
                    operands=(of(tensor),),
                    fix="set allow_unused=True if this is the desired behavior",
                )
        gradients.append(None if gradient is None else wrap(gradient))
    return tuple(gradients)


class _Gradient:
    """The tie of a tensor read from ``.grad`` to its owner: a write is a write into the owner's gradient, while it is that."""

    __slots__ = ("owner", "seen")

    def __init__(self, owner: State, seen: Any) -> None:
        self.owner = owner
        self.seen = seen

    def read(self, cell: Any) -> Any:
        """The gradient as it was read."""
        return cell._handle

    def write(self, new: Any) -> None:
        """Give the owner the new gradient, unless it has another one by now."""
        interpreter = dispatch.current()
        if interpreter.get_grad(self.owner) is self.seen:
            interpreter.set_grad(self.owner, _apart(new))
            self.seen = interpreter.get_grad(self.owner)


def _apart(value: Any) -> Any:
    return Computed(value._value, value._record) if type(value) is Computed else value


def gradient(cell: Any) -> Any:
    """What ``tensor.grad`` is."""
    held = of(cell)
    if not isinstance(held, State):
        return cell.__dict__.get("_grad")
    found = dispatch.current().get_grad(held)
    if found is None:
        return None
    made = wrap(found)
    made._view = _Gradient(held, found)
    return made


def set_gradient(cell: Any, value: Any) -> None:
    """What ``tensor.grad = value`` does."""
    held = of(cell)
    if not isinstance(held, State):
        cell.__dict__["_grad"] = value
        return
    given = of(value)
    dispatch.current().set_grad(held, _apart(dispatch.current().read(given) if isinstance(given, State) else given))
