"""What a tensor says of itself, shape, dtype, device, and what it is in another dtype."""

from __future__ import annotations

from typing import Any

from engine.ops.dtype import astype
from engine.sizes import product
from tapegraph.torch import cell, layout
from tapegraph.torch.cell import Cell, copy_of, of, wrap
from tapegraph.torch.dtypes import CPU, TYPE_NAMES, Size, device, dtype, kind, of_numpy


class Described(Cell):
    """The part of a tensor that is about its kind and not about its numbers."""

    __slots__ = ()

    @property
    def shape(self) -> Size:
        """The sizes of its axes."""
        return Size(of(self).shape)

    @property
    def dtype(self) -> dtype:
        """The kind of its numbers."""
        return of_numpy(self._handle.dtype)

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self._handle.shape)

    @property
    def device(self) -> device:
        """The CPU."""
        return CPU

    is_cuda = is_sparse = is_quantized = is_mps = is_meta = False
    names = None

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return self.shape if dim is None else of(self).shape[dim]

    def numel(self) -> Any:
        """The number of elements."""
        return product(self._handle.shape)

    nelement = numel

    def dim(self) -> int:
        """The number of axes."""
        return len(self._handle.shape)

    ndimension = dim

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours along each axis lie (in PyTorch), or along one."""
        steps = layout.strided(self).layout.strides
        return tuple(steps) if dim is None else steps[dim]

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self._handle.dtype.itemsize)

    def is_floating_point(self) -> bool:
        """Whether its numbers are floats."""
        return bool(self._handle.dtype.kind == "f")

    def is_complex(self) -> bool:
        """False."""
        return False

    def is_contiguous(self, **_: Any) -> bool:
        """Whether the elements lie in row-major order without gaps (in PyTorch)."""
        return layout.dense(self)

    def is_same_size(self, other: Any) -> bool:
        """Whether the shapes are equal."""
        return bool(self.shape == other.shape)

    def data_ptr(self) -> int:
        """A number that tensors of equal memory share."""
        return id(cell.token(of(self)))

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """The tensor in the dtype among the arguments (a dtype, or a tensor that has one); devices are all the CPU."""
        target = kwargs.get("dtype")
        for given in (*args, kwargs.get("other")):
            if isinstance(given, Described):
                target = given.dtype
            elif isinstance(given, dtype) or given in (float, int, bool):
                target = given
            elif isinstance(given, str | device):
                device(given)
        if kwargs.get("device") is not None:
            device(kwargs["device"])
        copy = kwargs.get("copy", False)
        if target is None or kind(target) == self._handle.dtype:
            return wrap(copy_of(of(self))) if copy else self
        return wrap(astype(of(self), kind(target)))

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The tensor in another dtype; without one, the name of its type, like "torch.FloatTensor"."""
        if dtype is None:
            return f"torch.{_type_name(self.dtype)}"
        return self.to(of_numpy(kind(getattr(dtype, "dtype", dtype))))

    def type_as(self, other: Any) -> Any:
        """The tensor in the dtype of another one."""
        return self.to(other.dtype)

    def cpu(self, **_: Any) -> Any:
        """The tensor itself."""
        return self

    def cuda(self, device: Any = None, **_: Any) -> Any:
        """Raises UnsupportedError: there is no GPU here."""
        return self.to("cuda" if device is None else device)

    def pin_memory(self, *_: Any) -> Any:
        """The tensor itself."""
        return self

    def share_memory_(self) -> Any:
        """The tensor itself."""
        return self

    def is_pinned(self) -> bool:
        """False."""
        return False

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1


def _type_name(found: dtype) -> str:
    return next(name for name, of_name in TYPE_NAMES.items() if of_name is found)
