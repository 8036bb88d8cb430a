"""The old names of tensor types: ``torch.LongTensor([1, 2])`` makes one, ``isinstance(x, torch.LongTensor)`` asks for it."""

from __future__ import annotations

from typing import Any

from engine.ops.create import asarray
from engine.ops.dtype import astype
from tapegraph.torch.cell import Cell, of, wrap
from tapegraph.torch.dtypes import TYPE_NAMES, Size, dtype
from tapegraph.torch.meanings import tg


class _Type(type):
    """A class of tensors of one dtype, which exist as tensors only."""

    dtype: dtype

    def __call__(cls, *args: Any) -> Any:
        if len(args) == 1 and not isinstance(args[0], int | Size):
            given = of(args[0])
            return wrap(astype(given if isinstance(args[0], Cell) else asarray(given), cls.dtype.np))
        return wrap(tg.zeros(args[0] if args and isinstance(args[0], Size) else args, dtype=cls.dtype.np))

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Cell) and of(value).dtype == cls.dtype.np


TYPES = {
    name: _Type(name, (), {"dtype": of_name, "__module__": "tapegraph.torch"}) for name, of_name in TYPE_NAMES.items()
}
