"""torch.Tensor: what a tensor is and remembers; its arithmetic and most methods come from the table of spellings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.errors import DTypeError, GradientError
from engine.handle import Handle
from engine.ops.create import asarray
from engine.ops.dtype import astype
from engine.state import State
from tapegraph.torch import backward as _backward
from tapegraph.torch import cell, printing
from tapegraph.torch.cell import of, view_of, write
from tapegraph.torch.described import Described
from tapegraph.torch.dtypes import Size


class Tensor(Described):
    """An array of numbers that can be changed in place. ``torch.tensor(data)`` makes one; so do all functions here.

    ``Tensor(2, 3)``: float32 of that shape (zeros); ``Tensor([[1, 2]])``: float32 of these numbers, as in PyTorch.
    """

    __slots__ = ()
    __array_priority__ = 1000
    __array_ufunc__ = None  # NumPy arrays on the left give way to our reflected operators
    __hash__ = object.__hash__

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        made._view = None
        if len(args) == 1 and not isinstance(args[0], int | Size):
            made._handle = astype(asarray(of(args[0])), dtypes.float32)
        else:
            made._handle = asarray(np.zeros(args[0] if args and isinstance(args[0], Size) else args, np.float32))
        return made

    # ------------------------------------------------------------------------------------------ gradients

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow back through it."""
        held = of(self)
        if isinstance(held, State):
            return held.trainable
        return dispatch.current().record(held) is not None

    @requires_grad.setter
    def requires_grad(self, requires: bool) -> None:
        self.requires_grad_(requires)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Make this a leaf that gradients are taken of, or no longer; returns the tensor."""
        held = of(self)
        if isinstance(held, State):
            if hasattr(type(held), "requires_grad") and held.trainable != requires_grad:
                held.requires_grad = requires_grad  # type: ignore[misc]
        elif requires_grad and dispatch.current().record(held) is None:
            if held.dtype.kind != "f":
                raise DTypeError(
                    f"only floating point tensors can require gradients, not {held.dtype.name}",
                    op="requires_grad_",
                    operands=(held,),
                    fix="make it with dtype=torch.float32, or cast with .float()",
                )
            self._handle = cell.leaf_of(held)
            self._changed()
        elif not requires_grad and dispatch.current().record(held) is not None:
            raise GradientError(
                "you can only change requires_grad flags of leaf variables",
                op="requires_grad_",
                operands=(held,),
                fix="use .detach()",
            )
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it."""
        held = of(self)
        return isinstance(held, State) or dispatch.current().record(held) is None

    @property
    def grad_fn(self) -> Any:
        """The recorded op that made it, or None."""
        held = of(self)
        return None if isinstance(held, State) else dispatch.current().record(held)

    @property
    def grad(self) -> Any:
        """The gradient that ``backward`` accumulated here, or None."""
        return _backward.gradient(self)

    @grad.setter
    def grad(self, value: Any) -> None:
        _backward.set_gradient(self, value)

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Accumulate gradients into ``.grad`` of the leaves it depends on; records are kept, so it may be called again."""
        _backward.backward([self], [gradient], create_graph, inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor, which is no leaf, in its ``.grad`` at the next ``backward``."""
        _backward.retain(self)

    def register_hook(self, hook: Callable[[Any], Any]) -> Any:
        """Call ``hook(gradient)`` when ``backward`` has found the gradient of this tensor; what it returns takes its place."""
        return _backward.register_hook(self, hook)

    register_post_accumulate_grad_hook = None

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called."""
        return "_retained" in self.__dict__

    def detach(self) -> Any:
        """The same numbers, through which no gradient flows. A write into it is a write into this tensor."""
        return view_of(self, _detached, None, quiet=True)

    def detach_(self) -> Any:
        """Cut this tensor from what was recorded."""
        self._handle = _detached(of(self))
        self._changed()
        return self

    @property
    def data(self) -> Any:
        """The same numbers outside of all recording; a write into it is a write into this tensor."""
        return self.detach()

    @data.setter
    def data(self, new: Any) -> None:
        with dispatch.interpret(dispatch.current().with_grad(False)):
            held, new = of(self), of(new)
            if isinstance(held, State) and (tuple(new.shape) != held.shape or new.dtype != held.dtype):
                fresh = type(held)(new, name=held.name)
                fresh.trainable = held.trainable
                gradient = dispatch.current().get_grad(held)
                if gradient is not None and tuple(gradient.shape) == tuple(fresh.shape):
                    dispatch.current().set_grad(fresh, astype(gradient, fresh.dtype))
                self._handle = fresh
            else:
                write(self, new)

    # ------------------------------------------------------------------------------------------ out of the engine

    def item(self) -> Any:
        """The Python number of a one-element tensor."""
        return _computed(of(self)).item()

    def tolist(self) -> Any:
        """The numbers as nested Python lists."""
        return of(self).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The value as a read-only NumPy array. Raises GradientError where gradients flow, as PyTorch does."""
        if self.requires_grad and not force:
            raise GradientError(
                "can't call numpy() on a Tensor that requires grad", op="numpy", fix="use tensor.detach().numpy()"
            )
        found: np.ndarray[Any, Any] = of(self).numpy()
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(of(self), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return _computed(of(self)).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        found: tuple[int, int] = _computed(of(self)).__dlpack_device__()
        return found

    def __bool__(self) -> bool:
        return bool(_computed(of(self)))

    def __int__(self) -> int:
        return int(_computed(of(self)))

    def __float__(self) -> float:
        return float(_computed(of(self)))

    def __index__(self) -> int:
        return int(_computed(of(self)).__index__())

    def __len__(self) -> int:
        shape = of(self).shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return int(shape[0])

    __getitem__: Any
    __setitem__: Any

    def __iter__(self) -> Iterator[Any]:
        if not self._handle.shape:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(int(self._handle.shape[0])))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    def __repr__(self) -> str:
        held = of(self)
        if not isinstance(held, Handle):
            return f"Tensor({held!r})"
        if not hasattr(held, "_value"):
            return repr(held)
        value = held._value
        usual = (np.float32,) if value.size == 0 else (np.float32, np.int64, np.bool_)
        suffixes = [] if self.dtype.np in usual else [f"dtype={self.dtype}"]
        if self.requires_grad:
            made_by = self.grad_fn
            suffixes.append("requires_grad=True" if made_by is None else f"grad_fn=<{made_by.op.name}>")
        return printing.shown(value, suffixes)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        held = of(self)
        if not self.is_leaf:
            raise GradientError(
                "only tensors created explicitly by the user support deepcopy", op="deepcopy", fix="detach() it first"
            )
        copy = object.__new__(type(self))
        copy._handle = _restored_handle(*_parts(held))
        copy._view = None
        copy.__dict__.update({k: v for k, v in self.__dict__.items() if not k.startswith("_")})
        if self.grad is not None:
            copy.grad = self.grad.clone()
        memo[id(self)] = copy
        return copy

    def __reduce__(self) -> Any:
        return _restored, (type(self), *_parts(of(self)))


def _computed(handle: Any) -> Any:
    return dispatch.current().read(handle) if isinstance(handle, State) else handle


def _detached(handle: Any) -> Any:
    return dispatch.current().detach(_computed(handle))


def _parts(held: Any) -> tuple[Any, ...]:
    if isinstance(held, State):
        return np.array(held), type(held), held.name, held.trainable
    return held.numpy(), None, None, False


def _restored_handle(value: Any, state: Any, name: str | None, trainable: bool) -> Any:
    if state is None:
        return asarray(value)
    made = state(value, name=name)
    made.trainable = trainable
    return made


def _restored(cls: Any, *parts: Any) -> Any:
    made = object.__new__(cls)
    made._handle = _restored_handle(*parts)
    made._view = None
    return made


cell.TENSOR = Tensor
cell.register(Tensor)
