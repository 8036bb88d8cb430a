"""Symbol: the handle of a value that will exist when the graph runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from engine import dispatch, origin
from engine.advice import asked
from engine.errors import SymbolError, UnsupportedError
from engine.handle import Handle
from engine.landing import entrances
from engine.record import Record
from engine.sizes import Shape
from engine.spec import DType

if TYPE_CHECKING:
    from graph.trace import Trace


class Symbol(Handle):
    """A node of the graph being built. It has a shape and a dtype, and no value yet."""

    __slots__ = ("_record", "_trace")

    def __init__(self, record: Record, trace: Trace) -> None:
        self._record = record
        self._trace = trace

    @property
    def shape(self) -> Shape:
        return self._record.shape

    @property
    def dtype(self) -> DType:
        return self._record.dtype

    @property
    def name(self) -> str | None:
        """The name of an input or a state; None for a computed value."""
        return self._record.attrs.get("name")

    def _rebind(self, new: Any) -> None:
        if new._trace is not self._trace:
            raise UnsupportedError(
                "a value of the program around cannot be changed inside a subprogram of scan, cond or while_loop",
                op="assign",
                operands=(self,),
                fix="make it part of the carry or of the results, or keep it in a tg.State",
            )
        self._record = new._record

    def stray(self, op: str | None) -> SymbolError:
        """The error of using a symbol where its graph is not: where it was made, and where the program put it."""
        told = f"; {self.name} is an input of it" if not self._record.args else ""
        fix = "return the value from the traced function, or keep it in a tg.State"
        found = next(filter(None, (find(self) for find in self._trace.whereabouts)), None)
        if found is not None:
            name, put = found
            told += f"; it was put into {name}"
            fix += f", instead of {origin.short(put[0])}" if put else ""
        problem = f"this symbol belongs to another graph, whose trace has ended, and has no value{told}"
        return SymbolError(problem, op=op, operands=(self,), fix=fix)

    def _valueless(self, use: str, fix: str, truth: bool = False) -> NoReturn:
        raise asked(self, use, "a value, but in static mode the graph is built before any value exists", fix, truth)

    def _fresh(self) -> Any:
        by: Any = dispatch.current()
        while not hasattr(by, "key") and hasattr(by, "base"):
            by = by.base  # a batch is mapped over; the trace lies beneath
        # Inside a subprogram the record of a value from around it is another one.
        return by.handle(by.key(self)) if hasattr(by, "key") else Symbol(self._record, self._trace)

    def requires_grad_(self, requires: bool = True) -> Any:
        """Raises UnsupportedError: inside a traced function only parameters carry a gradient."""
        dispatch.current().require_grad(self, requires)  # type: ignore[attr-defined]

    def __bool__(self) -> bool:
        self._valueless(
            "if, while, and, or, not and bool()",
            "choose with where(condition, a, b), or run this function in eager mode",
            truth=True,
        )

    def __float__(self) -> float:
        self._valueless("float()", "keep it as an array, return it from the function and convert it there")

    def __int__(self) -> int:
        self._valueless("int()", "keep it as an array, or pass the number as a Python argument")

    def __index__(self) -> int:
        self._valueless("use as an index or a size", "index with take(), or pass the number as a Python argument")

    def item(self) -> Any:
        """Raises SymbolError: a symbol has no value."""
        self._valueless("item()", "return the array from the function and call item() on the result")

    def numpy(self) -> Any:
        """Raises SymbolError: a symbol has no value."""
        self._valueless("numpy()", "return the array from the function, or use the library's own functions on it")

    tolist = item

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._valueless("conversion to a NumPy array", "use the library's own function instead of NumPy's")

    def _show(self) -> str:
        if origin.is_user_file(sys._getframe(2).f_code.co_filename):
            self._trace.shown.append(origin.capture(skip=3))
        return repr(self)

    def __str__(self) -> str:
        return self._show()

    def __format__(self, how: str) -> str:
        if how:
            self._valueless(f"a format like {how!r}", "print it with tg.print, or return it and format it there")
        return self._show()

    def __repr__(self) -> str:
        label = f" {self.name!r}" if self.name else ""
        return f"<symbol{label} {self._record.spec} from {self._record.op.name}>"


def symbol_in(x: Any) -> Symbol | None:
    """The symbol that a variable holds: itself, or inside a tensor of the PyTorch facade."""
    if type(x) is not Symbol:
        x = getattr(x, "_handle", None)
    return x if type(x) is Symbol else None


entrances(Symbol, "item", "numpy", "tolist", "__bool__", "__int__", "__float__", "__index__", "__array__")
