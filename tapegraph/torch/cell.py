"""Tensor, the cell: PyTorch's tensors change in place and share memory; here a cell holds one of the engine's immutable values.

Writing into a cell puts another value in it. A view remembers the cell it was taken from and how: a write into the view is
written on into that cell, and the view takes its value anew once that cell holds another one. So the meaning of PyTorch's
aliasing is kept, in both modes, without aliasing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from eager.interpreter import RECORDING
from eager.tensor import Tensor as Computed
from engine import dispatch, tree
from engine.dtypes import kind_rank
from engine.errors import DTypeError, GradientError, ShapeError, UnsupportedError
from engine.handle import Handle, refuse_rebind
from engine.ops.arithmetic import add
from engine.ops.dtype import astype
from engine.record import Record
from engine.sizes import same_shape
from engine.state import Parameter as EngineParameter
from engine.state import State, changed
from graph.symbol import Symbol


class View:
    """How a cell depends on the one it was taken from.

    ``get`` makes its value from the parent's, ``put(parent's value, new)`` is the parent's value after a write (None:
    it cannot be written to). A quiet view, of ``detach`` and ``data``, is written past all recording; it does not keep
    a recorded parent alive, with all that is recorded behind it.
    """

    __slots__ = ("get", "lost", "parent", "put", "quiet", "seen")

    def __init__(self, parent: Any, get: Any, put: Any, quiet: bool) -> None:
        base = of(parent)
        weak = quiet and not isinstance(base, State) and dispatch.current().record(base) is not None
        self.parent: Callable[[], Any] = weakref.ref(parent) if weak else lambda: parent
        self.get = get
        self.put = put
        self.quiet = quiet
        self.seen = token(base)
        self.lost = weak and parent._view is not None  # when a weak parent is gone: whether its own parent may live on

    def read(self, cell: Any) -> Any:
        """The value of the cell now."""
        parent = self.parent()
        if parent is not None:
            base = of(parent)
            now = token(base)
            if now is not self.seen:
                new = self.get(base)
                if type(new) is Symbol and type(cell._handle) is Computed:
                    return new  # a tensor from outside a trace does not keep what the trace makes of it
                cell._adopt(new)
                self.seen = now
        return cell._handle

    def write(self, new: Any) -> None:
        """Give the parent the value that a write of ``new`` into the view leaves it with."""
        parent = self.parent()
        if parent is None:
            if self.lost:
                raise UnsupportedError(
                    "the tensor that this one was detached from is gone, and with it the way to what it was a view of",
                    op="in-place write",
                    fix="write before detaching, or into a .clone()",
                )
            return
        if self.quiet:
            with dispatch.interpret(dispatch.current().with_grad(False)):
                write(parent, _behind(of(parent), new))
        elif self.put is None:
            raise GradientError(
                "more than one element of the written-to tensor refers to a single memory location",
                op="in-place write",
                fix="clone() the expanded tensor before writing into it",
            )
        else:
            write(parent, self.put(of(parent), new))
        self.seen = token(of(parent))


def _behind(old: Any, new: Any) -> Any:
    """The value ``new`` with the gradient of ``old``, which is not told of the change."""
    if type(old) is Computed:
        return Computed(new._value, old._record)
    if isinstance(old, Symbol) and old._record.tracked:
        with dispatch.interpret(dispatch.current().with_grad(True)):
            return add(old, dispatch.current().detach(new - old))
    return new


class Argument:
    """The mark of a cell that is an argument of a traced function: a write is also an assignment to that argument."""

    __slots__ = ("symbol",)

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol

    def read(self, cell: Any) -> Any:
        """The value of the cell now."""
        return cell._handle

    def write(self, new: Any) -> None:
        """Have the call assign ``new`` to the argument."""
        self.symbol._rebind(new)


class Cell:
    """What every tensor has: ``_handle``, the value it holds, and ``_view``, where a write has to be passed on to."""

    __slots__ = ("__dict__", "__weakref__", "_handle", "_view")

    _handle: Any
    _view: Any

    def _adopt(self, new: Any) -> None:
        held = self._handle
        if isinstance(held, State):
            held.assign(new)
            return
        self._changed()
        if type(new) is Computed:
            if self._view is None and type(held) is Computed:
                self._keep_strides(held._value, new._value)
            self._handle = Computed(new._value, new._record)  # of its own: a compiled call may rebind an argument
        else:
            if type(held) is Computed and type(new) is Symbol:
                refuse_rebind(held, "in-place write")
            self._handle = new

    def _changed(self) -> None:
        """Tell compiled functions that have read this cell that it holds another value."""
        if "_writes" in self.__dict__:
            self.__dict__["_writes"] += 1
            changed()

    def _keep_strides(self, old: Any, new: Any) -> None:
        if new.strides != old.strides:
            self.__dict__.setdefault("_strides", old.strides)  # a write leaves elements where they are


TENSOR: Any = None  # the class of plain tensors; set where it is defined
_new = object.__new__


def wrap(handle: Any) -> Any:
    """A tensor that holds a value of the engine; lists and tuples of values become those of tensors."""
    if isinstance(handle, Handle):
        made = _new(TENSOR)
        made._handle = handle
        made._view = None
        return made
    if isinstance(handle, tuple) and hasattr(handle, "_fields"):
        return type(handle)(*map(wrap, handle))
    if isinstance(handle, list | tuple):
        return type(handle)(map(wrap, handle))
    if isinstance(handle, np.ndarray):
        return wrap(dispatch.current().asarray(handle, None))
    return handle


def of(x: Any) -> Any:
    """What the engine takes for ``x``: the value a tensor holds now; lists and tuples of them; a number for NumPy's scalars."""
    if isinstance(x, Cell):
        if dispatch.current() is not RECORDING:
            _note(x)
        view = x._view
        return x._handle if view is None else view.read(x)
    if isinstance(x, np.generic):
        return x.item()
    if type(x) in (list, tuple) and any(isinstance(part, Cell | list | tuple) for part in x):
        return type(x)(map(of, x))
    return x


def _note(cell: Cell) -> None:
    """Inside a trace: note that the program depends on the value of a tensor from outside, which a write may replace."""
    watch = getattr(dispatch.current(), "watch", None)
    if watch is not None and type(cell._handle) is Computed:
        cell.__dict__.setdefault("_writes", 0)
        watch(cell, "_writes")


def token(handle: Any) -> Any:
    """An object that is another one once the handle holds another value."""
    if type(handle) is Computed:
        return handle._value
    if isinstance(handle, State):
        lift = getattr(dispatch.current(), "lift", None)
        return handle._value if lift is None else lift(handle)
    return handle._record


def view_of(parent: Any, get: Callable[[Any], Any], put: Callable[[Any, Any], Any] | None, quiet: bool = False) -> Any:
    """The tensor that ``get`` makes of the parent's value, tied to the parent."""
    made = _new(TENSOR)
    made._handle = get(of(parent))
    made._view = View(parent, get, put, quiet)
    return made


def write(cell: Any, new: Any) -> None:
    """Put a value of the engine into a cell, and on into what the cell is a view of."""
    if writable(cell):
        view = cell._view
        if view is not None:
            view.write(new)
        cell._adopt(new)


def writable(cell: Any) -> bool:
    """True; raises GradientError for a leaf whose gradient would belong to neither value, as PyTorch does."""
    held = cell._handle
    if isinstance(held, State) and held.trainable and dispatch.current().grad_enabled:
        raise GradientError(
            "a leaf Variable that requires grad is being used in an in-place operation",
            op="in-place write",
            operands=(held,),
            fix="do it inside torch.no_grad(), or to a copy: x = x + 0",
        )
    return True


def replace(cell: Any, new: Any) -> Any:
    """An in-place op: ``cell`` takes over the result ``new`` of its out-of-place form; returns the cell."""
    if type(new) in (bool, int, float):
        new = dispatch.current().asarray(new, None)
    held = cell._handle
    if not same_shape(tuple(new.shape), tuple(held.shape)):
        raise _misfit(ShapeError, f"the result has shape {tuple(new.shape)}, the tensor {tuple(held.shape)}", held, new)
    if new.dtype != held.dtype:
        if kind_rank(new.dtype) > kind_rank(held.dtype):
            raise _misfit(DTypeError, f"result type {new.dtype.name} can't be cast to {held.dtype.name}", held, new)
        new = astype(new, held.dtype)
    write(cell, new)
    return cell


def _misfit(error: Any, problem: str, held: Any, new: Any) -> Any:
    fix = "use the form that makes a new tensor"
    return error(
        f"an in-place operation keeps shape and dtype: {problem}", op="in-place write", operands=(held, new), fix=fix
    )


def copy_of(handle: Any) -> Any:
    """The same numbers as a value of its own, through which gradients flow."""
    if isinstance(handle, State):
        handle = dispatch.current().read(handle)
    return (
        Computed(handle._value, handle._record) if type(handle) is Computed else Symbol(handle._record, handle._trace)
    )


def leaf_of(handle: Any) -> Any:
    """A value that gradients are taken of: a Parameter of the engine, or inside a trace a marked symbol."""
    if isinstance(handle, Symbol):
        return dispatch.current().leaf(handle)
    return EngineParameter(handle._value)


def _inside(cell: Any) -> Any:
    return of(cell)


def _put(cell: Any, leaf: Any) -> Any:
    """Another tensor around ``leaf``; of an input of a trace, one whose writes are assignments to the argument."""
    if leaf is cell._handle:
        return cell
    made = _new(TENSOR)
    made._handle = leaf
    made._view = None
    if isinstance(leaf, Symbol) and not leaf._record.args:
        made._handle = Symbol(leaf._record, leaf._trace)
        made._view = Argument(leaf)
    return made


def register(kind: type) -> None:
    """Let the engine's trees, and with them traced functions, go into tensors of this class."""
    tree.register(kind, _inside, _put)


def record_of(cell: Any) -> Record | None:
    """The record behind a tensor if gradients flow through it."""
    return dispatch.current().record(of(cell))
