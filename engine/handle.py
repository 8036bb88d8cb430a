"""Handle: what a program holds, an immutable value or a symbol of one, with operators that go through dispatch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from engine import dispatch
from engine.arguments import DEVICE, check_device
from engine.errors import ArgumentError, DTypeError, ShapeError, SymbolError, UnsupportedError
from engine.landing import MISTAKES, clear, entrance
from engine.record import NO_ATTRS
from engine.sizes import Dim, Shape, Size, agree, product, show_shape
from engine.spec import DType


def is_scalar(x: Any) -> bool:
    """Whether ``x`` is a weak scalar: a Python bool, int or float, or a named size."""
    return type(x) in (float, int, bool) or isinstance(x, Dim)


class Handle:
    """A value of the program in either mode. Values are immutable: ``x[i] = v`` rebinds the handle to a new one."""

    __slots__ = ("__weakref__",)
    __array_ufunc__ = None  # NumPy arrays on the left give way to our reflected operators
    __hash__ = object.__hash__

    @property
    def shape(self) -> Shape:
        raise NotImplementedError

    @property
    def dtype(self) -> DType:
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Size:
        """The number of elements."""
        return product(self.shape)

    @property
    def device(self) -> str:
        """Where the value is: always ``"cpu"``."""
        return DEVICE

    def to_device(self, device: Any, /, *, stream: Any = None) -> Any:
        """This value on ``device``, of which there is one, ``"cpu"`` (Array API). Raises ArgumentError for another."""
        check_device(device, "to_device")
        if stream is not None:
            raise ArgumentError("a CPU has no streams", op="to_device", operands=(self,), fix="leave stream out")
        return self

    def stray(self, op: str | None) -> SymbolError:
        """The error of using a handle without a value, a symbol, outside of the graph it belongs to."""
        return SymbolError("a symbol has no value outside its graph", op=op, operands=(self,))

    def _rebind(self, new: Any) -> None:
        """Make this handle stand for another value."""
        raise NotImplementedError

    def _fresh(self) -> Any:
        """The same value behind another handle, so that ``x[i] = v`` on one leaves the other alone."""
        return dispatch.current().handle(self._record)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d array")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(int(self.shape[0])))

    def __getitem__(self, index: Any) -> Any:
        try:
            return _INDEXING["get"](self, index)
        except MISTAKES as error:
            clear(error)
            raise

    @entrance
    def __setitem__(self, index: Any, value: Any) -> None:
        self._rebind(_INDEXING["set"](self, index, value))

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow back through this value."""
        return dispatch.current().record(self) is not None

    @property
    def grad(self) -> Any:
        """The gradient accumulated by ``backward``, or None."""
        return dispatch.current().get_grad(self)

    @grad.setter
    @entrance
    def grad(self, value: Any) -> None:
        dispatch.current().set_grad(self, value)

    def detach(self) -> Any:
        """The same value, through which no gradient flows."""
        return dispatch.current().detach(self)


_INDEXING: dict[str, Callable[..., Any]] = {}
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@"}
_SIGNS |= {"and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>"}


def install_operators(operators: dict[str, tuple[Any, bool]], unary: dict[str, Any]) -> None:
    """Generate the operators of Handle from ops: name -> (op, whether the reflected form exists)."""
    for name, (op, reflected) in operators.items():
        setattr(Handle, f"__{name}__", _binary(op, name))
        if reflected:
            setattr(Handle, f"__r{name}__", _reflected(op, name))
            setattr(Handle, f"__i{name}__", _in_place(op, name))
    for name, op in unary.items():
        setattr(Handle, f"__{name}__", _unary(op, name))


def install_methods(
    methods: dict[str, Callable[..., Any]], indexing: dict[str, Callable[..., Any]] | None = None
) -> None:
    """Give Handle functions as methods (they are written above it: a handle knows no op), and its indexing."""
    for name, function in methods.items():
        setattr(Handle, name, function if inspect.isfunction(function) else _method(function))
    _INDEXING.update(indexing or {})


def _method(op: Any) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:  # an Op is no function: as a class attribute it would not bind self
        try:
            return dispatch.current().apply(op, (self, *args), NO_ATTRS)
        except MISTAKES as error:
            clear(error)
            raise

    method.__name__ = method.__qualname__ = op.name
    method.__doc__ = op.__doc__
    return method


def _applied(op: Any, *operands: Any) -> Any:
    """An op, or a function over ops, of the operands of an operator."""
    return op(*operands) if inspect.isfunction(op) else dispatch.current().apply(op, operands, NO_ATTRS)


def _binary(op: Any, name: str) -> Callable[[Any, Any], Any]:
    def function(self: Any, other: Any, /) -> Any:
        return op(self, other)

    def operator(self: Any, other: Any, /) -> Any:
        try:
            return dispatch.current().apply(op, (self, other), NO_ATTRS)
        except MISTAKES as error:
            clear(error)
            raise

    return _named(entrance(function) if inspect.isfunction(op) else operator, f"__{name}__")


def _reflected(op: Any, name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any, /) -> Any:
        try:
            return _applied(op, other, self)
        except MISTAKES as error:
            clear(error)
            raise

    return _named(operator, f"__r{name}__")


def _in_place(op: Any, name: str) -> Callable[[Any, Any], Any]:
    @entrance
    def operator(self: Any, other: Any, /) -> Any:
        new = _applied(op, self, other)
        sign = _SIGNS[name]
        if new.dtype != self.dtype:
            raise DTypeError(
                f"{new.dtype.name} cannot take the place of {self.dtype.name}",
                op=name,
                operands=(self, other),
                fix=f"write x = x {sign} y, or cast the right side with astype",
            )
        if new.ndim != self.ndim or not all(agree(n, m) for n, m in zip(new.shape, self.shape, strict=True)):
            raise ShapeError(
                f"the result of shape {show_shape(new.shape)} cannot take the place of {show_shape(self.shape)}",
                op=name,
                operands=(self, other),
                fix=f"write x = x {sign} y",
            )
        self._rebind(new)
        return self

    return _named(operator, f"__i{name}__")


def _unary(op: Any, name: str) -> Callable[[Any], Any]:
    def operator(self: Any, /) -> Any:
        try:
            return _applied(op, self)
        except MISTAKES as error:
            clear(error)
            raise

    return _named(operator, f"__{name}__")


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    return function


def refuse_rebind(handle: Any, op: str) -> None:
    """The error of changing an outside value from inside a trace."""
    raise UnsupportedError(
        "an array made outside the traced function cannot be changed inside it",
        op=op,
        operands=(handle,),
        fix="pass it as an argument, or keep it in a tg.State",
    )


def refuse_whole(handle: Any, op: str) -> None:
    """Raise DTypeError where a gradient is to be taken with respect to what is no float."""
    if handle.dtype.kind != "f":
        raise DTypeError(
            f"gradients are taken of floats, not {handle.dtype.name}",
            op=op,
            operands=(handle,),
            fix="cast with astype('float32')",
        )
