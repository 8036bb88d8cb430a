"""Batched: the handle of a value that stands for a whole batch of them inside vmap."""

from __future__ import annotations

from typing import Any, NoReturn

from engine.advice import asked
from engine.errors import UnsupportedError
from engine.handle import Handle
from engine.landing import entrances
from engine.sizes import Shape
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

    def _valueless(self, use: str, truth: bool = False) -> Any:
        fix = "choose with where(condition, a, b) or tg.cond, or call the function on one entry at a time"
        raise asked(self, use, "one value, and inside vmap this stands for a whole batch", fix, truth)

    def __bool__(self) -> bool:
        return bool(self._valueless("if, while, and, or, not and bool()", truth=True))

    def __float__(self) -> float:
        return float(self._valueless("float()"))

    def __int__(self) -> int:
        return int(self._valueless("int()"))

    __index__ = __int__

    def item(self) -> Any:
        """Raises SymbolError: a batch is many numbers."""
        return self._valueless("item()")

    def numpy(self) -> Any:
        """Raises SymbolError: no function of NumPy, and no shape that follows from values, is that of each entry."""
        return self._valueless("a NumPy array, or a shape that depends on values,")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        """Raises SymbolError: a batch is many lists."""
        return self._valueless("tolist()")

    def backward(self, *_: Any, **__: Any) -> None:
        """Raises UnsupportedError: gradients of the entries would be mixed."""
        refuse_backward(self)

    def __repr__(self) -> str:
        return f"<one of {self.whole.shape[0]} of {self.dtype.name}{list(self.shape)}>"


def refuse_backward(*operands: Any) -> NoReturn:
    """The error of a reverse pass that begins inside vmap."""
    raise UnsupportedError(
        "backward() inside vmap would mix the entries of the batch",
        op="backward",
        operands=operands,
        fix="use tg.grad inside vmap, or call backward() outside",
    )


entrances(Batched, "item", "numpy", "tolist", "backward", "__bool__", "__int__", "__float__", "__index__", "__array__")
