"""The parameters of a kernel under construction: pointers, sizes and numbers, each named once."""

from __future__ import annotations

from typing import Any

import numpy as np

from compiler.buffers import Buffer
from compiler.kernel import Param
from compiler.step import Bind
from engine.sizes import Dim, Size
from engine.spec import DType

INT64 = np.dtype(np.int64)


def type_name(dtype: DType) -> str:
    """The word that casts to a dtype in kernel text; float16 is carried as its raw bits."""
    return "bool_" if dtype.kind == "b" else "uint16" if dtype == np.float16 else dtype.name


def cast(value: str, source: DType, target: DType) -> str:
    """An expression of one dtype as an expression of another."""
    if source == np.float16:
        value, source = f"half_to_float({value})", np.dtype(np.float32)
    if target == np.float16:
        return f"float_to_half({value if source.kind == 'f' else f'float64({value})'})"
    if target.kind == "b":
        return f"{value} != {type_name(source)}(0)" if source.kind != "b" else value
    return f"{type_name(target)}({value})"


class Parameters:
    """Names what a kernel's text refers to, so that the text itself holds no size, address or number."""

    def __init__(self) -> None:
        self._pointers: dict[tuple[Buffer, str], tuple[str, Bind]] = {}
        self._integers: list[Any] = []
        self._floats: list[tuple[float, str]] = []
        self._constants: dict[tuple[str, str], str] = {}

    def pointer(self, buffer: Buffer, offset: Size) -> str:
        """The name of an address; the same address has one name, because names promise not to overlap."""
        held = self._pointers.setdefault(
            (buffer, repr(offset)), (f"p{len(self._pointers)}", Bind("ptr", buffer, offset))
        )
        return held[0]

    def integer(self, value: Any) -> str:
        """A new name for a size, even where another has the same value: coincidences must not change the text."""
        self._integers.append(value)
        return f"n{len(self._integers) - 1}"

    def constant(self, value: Any, dtype: DType) -> str:
        """A number, or a named size, as an expression of its dtype."""
        if dtype.kind == "b":
            return "True" if value else "False"
        if isinstance(value, Dim):
            name = self._named("int64", repr(value), lambda: self.integer(value))
            return name if dtype == INT64 else cast(name, INT64, dtype)
        if dtype == np.float16:
            value = int(np.float16(value).view(np.uint16))
        elif dtype.kind == "f":
            number = float(value)
            return self._named(dtype.name, number.hex(), lambda: self._float(number, dtype.name))
        whole = int(value) if int(value) < 2**63 else int(value) - 2**64  # the bits, for uint64
        name = self._named("int64", repr(whole), lambda: self.integer(whole))
        return name if dtype == INT64 else f"{type_name(dtype)}({name})"

    def _named(self, dtype: str, value: str, make: Any) -> str:
        if (dtype, value) not in self._constants:
            self._constants[dtype, value] = make()
        return self._constants[dtype, value]

    def _float(self, value: float, dtype: str) -> str:
        self._floats.append((value, dtype))
        return f"c{len(self._floats) - 1}"

    def finish(self) -> tuple[list[Param], list[Bind]]:
        """The parameters in order, and what each stands for."""
        params = [Param(name, "ptr", bind.buffer.dtype.name) for name, bind in self._pointers.values() if bind.buffer]
        binds = [bind for _, bind in self._pointers.values()]
        for i, value in enumerate(self._integers):
            params.append(Param(f"n{i}", "int"))
            binds.append(Bind("int", None, value))
        for i, (number, dtype) in enumerate(self._floats):
            params.append(Param(f"c{i}", "float", dtype))
            binds.append(Bind("float", None, number))
        return params, binds
