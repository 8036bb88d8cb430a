"""The methods and operators of tensors, made from the table of spellings, from the views and from the engine's operators."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from eager.interpreter import RECORDING
from engine import dispatch, dtypes
from engine.handle import Handle
from engine.landing import MISTAKES, clear, entrance, entrances
from engine.op import OPS
from engine.ops.dtype import astype
from engine.record import NO_ATTRS
from engine.sizes import Dim
from tapegraph.torch import indexing, random, views
from tapegraph.torch.cell import Cell, of, replace, wrap
from tapegraph.torch.dtypes import bool_, dtype, float16, float32, float64, int8, int16, int32, int64, uint8
from tapegraph.torch.meanings import tg
from tapegraph.torch.spelling import Spelling, in_place, read, spelled
from tapegraph.torch.table import TABLE
from tapegraph.torch.tensor import Tensor
from tapegraph.torch.vocabulary import WORDS

SPELLINGS: dict[str, Spelling]
SPELLINGS, MISSING = read(TABLE, WORDS, __file__)
_new = object.__new__


# ------------------------------------------------------------------------------------------ operators


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Two values of different dtypes as PyTorch promotes them: a 0-d one does not widen the other within its kind."""
    if a.dtype.kind == b.dtype.kind or (a.dtype.kind in "iu" and b.dtype.kind in "iu"):
        if a.ndim and not b.ndim:
            return a, astype(b, a.dtype)
        if b.ndim and not a.ndim:
            return astype(a, b.dtype), b
    return a, b


def _operand(x: Any) -> Any:
    x = of(x)
    if isinstance(x, np.ndarray):
        return dispatch.current().asarray(x, None)
    return x


def _binary(op: Any, name: str, reflected: bool) -> Callable[[Any, Any], Any]:
    of_bools = {"add": tg.logical_or, "multiply": tg.logical_and}.get(op.name)

    def operator(self: Any, other: Any) -> Any:
        by = dispatch.current()
        a = self._handle if self._view is None and by is RECORDING else of(self)
        kind = type(other)
        if kind is float or kind is int:
            b = other
        else:
            if not isinstance(other, _OPERANDS):
                return NotImplemented
            b = _operand(other)
            if isinstance(b, Handle):
                if a.dtype is not b.dtype:
                    a, b = _alike(a, b)
                elif of_bools is not None and a.dtype.kind == "b":
                    return wrap(of_bools(a, b))
        made = _new(Tensor)
        try:
            made._handle = by.apply(op, (b, a) if reflected else (a, b), NO_ATTRS)
        except MISTAKES as error:
            clear(error)
            raise
        made._view = None
        return made

    operator.__name__ = operator.__qualname__ = name
    return operator


_OPERANDS = (Cell, int, float, np.generic, np.ndarray, Dim)


def _bitwise(name: str) -> Callable[[Any, Any], Any]:
    @entrance
    def operator(self: Any, other: Any) -> Any:
        a, b = of(self), _operand(other)
        boolean = all(x.dtype == dtypes.bool_ if isinstance(x, Handle) else isinstance(x, bool) for x in (a, b))
        return wrap(getattr(tg, f"logical_{name}" if boolean else f"bitwise_{name}")(a, b))

    return operator


_OPERATORS = {
    "add": ("add", True),
    "sub": ("subtract", True),
    "mul": ("multiply", True),
    "truediv": ("divide", True),
    "floordiv": ("floor_divide", True),
    "mod": ("remainder", True),
    "pow": ("pow", True),
    "eq": ("equal", False),
    "ne": ("not_equal", False),
    "lt": ("less", False),
    "le": ("less_equal", False),
    "gt": ("greater", False),
    "ge": ("greater_equal", False),
}


def _install_operators() -> None:
    for name, (op, reflected) in _OPERATORS.items():
        setattr(Tensor, f"__{name}__", _binary(OPS[op], f"__{name}__", False))
        if reflected:
            setattr(Tensor, f"__r{name}__", _binary(OPS[op], f"__r{name}__", True))
            setattr(Tensor, f"__i{name}__", in_place(getattr(Tensor, f"__{name}__"), f"__i{name}__"))
    for name in ("and", "or", "xor"):
        setattr(Tensor, f"__{name}__", _bitwise(name))
        setattr(Tensor, f"__r{name}__", _bitwise(name))
        setattr(Tensor, f"__i{name}__", in_place(_bitwise(name), f"__i{name}__"))
    for symbol, name in (("lshift", "bitwise_left_shift"), ("rshift", "bitwise_right_shift")):
        if name in SPELLINGS:
            setattr(Tensor, f"__{symbol}__", SPELLINGS[name].function)
    for symbol, name in (
        ("neg", "neg"),
        ("abs", "abs"),
        ("matmul", "matmul"),
        ("invert", "bitwise_not"),
        ("pos", "positive"),
    ):
        setattr(Tensor, f"__{symbol}__", SPELLINGS[name].function)
    Tensor.__rmatmul__ = lambda self, other: wrap(tg.matmul(_operand(other), of(self)))  # type: ignore[attr-defined]
    Tensor.__getitem__ = indexing.getitem
    Tensor.__setitem__ = indexing.setitem
    Tensor.__rpow__ = _power_of  # type: ignore[attr-defined]


def _power_of(self: Any, other: Any) -> Any:
    return wrap(tg.pow(_operand(other), of(self)))


# ------------------------------------------------------------------------------------------ methods


def _where(self: Any, condition: Any, other: Any) -> Any:
    """This tensor where the condition holds, the other elsewhere."""
    return wrap(tg.where(of(condition), of(self), of(other)))


def _apply_(self: Any, function: Callable[[Any], Any]) -> Any:
    """Each number replaced by what ``function`` makes of it."""
    changed = np.vectorize(function, otypes=[self._handle.dtype])(np.asarray(of(self)))
    return replace(self, dispatch.current().asarray(changed, None))


def _copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """The numbers of ``src``, which broadcasts and is cast, written into this tensor."""
    held = of(self)
    given = of(src)
    given = given if isinstance(given, Handle) else dispatch.current().asarray(given, held.dtype)
    return replace(self, tg.broadcast_to(astype(given, held.dtype), held.shape))


def _fill_(self: Any, value: Any) -> Any:
    """Every element set to one number."""
    held = of(self)
    return replace(self, tg.full(held.shape, of(value), dtype=held.dtype))


def _fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Any:
    """The diagonal of a matrix set to one number."""
    views.diagonal(self).fill_(fill_value)
    return self


def _set_(self: Any, source: Any = None) -> Any:
    """Hold what another tensor holds, whatever its shape."""
    self._handle, self._view = of(source), None
    self._changed()
    return self


def _of_kind(made: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
        return made(*size, dtype=dtype or self.dtype, requires_grad=requires_grad)

    return method


def _install_methods(creation: Any) -> None:
    for name, entry in SPELLINGS.items():
        if "m" in entry.where and name not in Tensor.__dict__:
            setattr(Tensor, name, entry.function)
        if "_" in entry.where:
            setattr(Tensor, f"{name}_", in_place(entry.function, f"{name}_"))
    for name, function in views.VIEWS.items():
        setattr(Tensor, name, function)
    for name in ("unsqueeze", "squeeze", "t", "transpose", "swapaxes"):
        setattr(Tensor, f"{name}_", _reshaping(views.VIEWS[name], f"{name}_"))
    for name, target in _CASTS.items():
        setattr(Tensor, name, _cast(target, name))
    for name in random.IN_PLACE:
        setattr(Tensor, name, random.IN_PLACE[name])
    extra = {
        "T": property(lambda self: views.permute(self, tuple(reversed(range(self.ndim)))) if self.ndim else self),
        "mT": property(views.adjoint),
        "H": property(views.t),
        "mH": property(views.adjoint),
        "where": _where,
        "apply_": _apply_,
        "copy_": _copy_,
        "fill_": _fill_,
        "fill_diagonal_": _fill_diagonal_,
        "zero_": lambda self: _fill_(self, 0),
        "set_": _set_,
        "new_zeros": _of_kind(creation.zeros),
        "new_ones": _of_kind(creation.ones),
        "new_empty": _of_kind(creation.empty),
        "new_full": lambda self, size, fill_value, **named: creation.full(
            size, fill_value, **{"dtype": self.dtype, **named}
        ),
        "new_tensor": lambda self, data, **named: creation.tensor(data, **{"dtype": self.dtype, **named}),
        "new": lambda self, *size: (
            creation.empty(*size, dtype=self.dtype) if size else creation.empty(0, dtype=self.dtype)
        ),
        "bernoulli": random.bernoulli,
        "multinomial": random.multinomial,
        "scatter_": in_place(SPELLINGS["scatter"].function, "scatter_"),
    }
    for name, made in extra.items():
        setattr(Tensor, name, made)


def _reshaping(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The form of a view that changes the shape of the tensor itself."""

    def method(self: Any, *args: Any, **named: Any) -> Any:
        self._handle, self._view = of(function(self, *args, **named)), None
        self._changed()
        return self

    method.__name__ = method.__qualname__ = name
    return method


_ENTRANCES = frozenset({"__getitem__", "__setitem__", "__bool__", "__int__", "__float__", "__index__", "__iter__"})

_CASTS = {
    "float": float32,
    "double": float64,
    "half": float16,
    "long": int64,
    "int": int32,
    "short": int16,
    "char": int8,
    "byte": uint8,
    "bool": bool_,
}


def _cast(target: dtype, name: str) -> Callable[[Any], Any]:
    def method(self: Any, memory_format: Any = None) -> Any:
        return self.to(target)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The numbers as {target!r}; the tensor itself where they are that already."
    return method


def install(creation: Any) -> None:
    """Give Tensor its methods and operators; ``creation`` is the module of functions that make tensors."""
    _install_operators()
    _install_methods(creation)
    covered = {id(entry.function) for entry in SPELLINGS.values()}
    own = [name for name, made in vars(Tensor).items() if inspect.isfunction(made) and id(made) not in covered]
    entrances(Tensor, *(name for name in own if not name.startswith("__") or name in _ENTRANCES))


__all__ = ["MISSING", "SPELLINGS", "install", "spelled"]
