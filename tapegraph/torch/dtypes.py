"""torch.dtype, torch.Size and torch.device: what PyTorch programs ask about a tensor, answered in PyTorch's spelling."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes as ours
from engine.errors import DTypeError, UnsupportedError
from engine.sizes import Size as _Size
from engine.sizes import product


class dtype:
    """A kind of number. ``np``: the same as NumPy's dtype, which is what the engine speaks."""

    __slots__ = ("name", "np")

    def __init__(self, np_dtype: Any, name: str) -> None:
        self.np = np_dtype
        self.name = name

    @property
    def is_floating_point(self) -> bool:
        """Whether it is a float."""
        return bool(self.np.kind == "f")

    @property
    def is_signed(self) -> bool:
        """Whether it has negative numbers."""
        return bool(self.np.kind in "fi")

    @property
    def is_complex(self) -> bool:
        """False: the engine has no complex numbers."""
        return False

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self.np.itemsize)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return of_numpy, (self.np,)


DTYPES = {d: dtype(d, d.name) for d in sorted(ours.EVERY, key=str)}
float16, float32, float64 = (DTYPES[d] for d in (ours.float16, ours.float32, ours.float64))
int8, int16, int32, int64 = (DTYPES[d] for d in (ours.int8, ours.int16, ours.int32, ours.int64))
uint8, uint16, uint32, uint64 = (DTYPES[d] for d in (ours.uint8, ours.uint16, ours.uint32, ours.uint64))
bool_ = DTYPES[ours.bool_]

_PYTHON = {"float": ours.DEFAULT_FLOAT, "int": ours.DEFAULT_INT, "bool": ours.bool_}
TYPE_NAMES = {
    "HalfTensor": float16,
    "FloatTensor": float32,
    "DoubleTensor": float64,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "ShortTensor": int16,
    "IntTensor": int32,
    "LongTensor": int64,
    "BoolTensor": bool_,
}


def of_numpy(np_dtype: Any) -> dtype:
    """The torch.dtype of a NumPy dtype."""
    return DTYPES[np.dtype(np_dtype)]


def kind(given: Any) -> Any:
    """The engine's dtype of what PyTorch programs write for one; None stays None. Raises DTypeError for the rest."""
    if given is None:
        return None
    if type(given) is dtype:
        return given.np
    if isinstance(given, type) and given.__name__ in _PYTHON:
        return _PYTHON[given.__name__]
    if isinstance(given, str):
        name = given.rpartition(".")[2]
        if name in TYPE_NAMES:
            return TYPE_NAMES[name].np
        given = name
    try:
        return ours.as_dtype(given)
    except TypeError:
        raise DTypeError(f"{given!r} is not a dtype the engine holds", op="dtype", fix="use torch.float32") from None


class Size(tuple[_Size, ...]):
    """The shape of a tensor: a tuple of sizes, which inside a trace may be names."""

    __slots__ = ()

    def numel(self) -> Any:
        """The number of elements."""
        return product(self)

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if type(index) is slice else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"


class device:
    """Where a tensor lives: the CPU. Raises UnsupportedError for an accelerator, which this engine does not drive."""

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: Any = None) -> None:
        name: str = str(type)
        if name.partition(":")[0] not in ("cpu", "meta"):
            raise UnsupportedError(
                f"there is no device {name!r}: tapegraph computes on the CPU",
                op="device",
                fix='choose with torch.device("cuda" if torch.cuda.is_available() else "cpu")',
            )
        self.type = name.partition(":")[0]
        self.index = index

    def __eq__(self, other: object) -> Any:
        return isinstance(other, device) and other.type == self.type

    def __hash__(self) -> Any:
        return hash(self.type)

    def __str__(self) -> str:
        return self.type

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"

    def __enter__(self) -> device:
        return self

    def __exit__(self, *_: Any) -> None:
        return None


CPU = device("cpu")


class _Limits:
    """What numpy knows of the range of a dtype, under PyTorch's names."""

    def __init__(self, found: Any) -> None:
        for name in ("min", "max", "eps", "tiny", "bits", "resolution", "smallest_normal"):
            if hasattr(found, name):
                limit = getattr(found, name)
                setattr(self, name, limit.item() if isinstance(limit, np.generic) else limit)


class finfo(_Limits):
    """The range and precision of a float dtype (float32 unless given)."""

    def __init__(self, type: Any = None) -> None:
        super().__init__(np.finfo(kind(type) or ours.DEFAULT_FLOAT))


class iinfo(_Limits):
    """The range of an integer dtype."""

    def __init__(self, type: Any) -> None:
        super().__init__(np.iinfo(kind(type)))
