"""Questions about tensors and settings of the process, as PyTorch programs ask and make them."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.errors import UnsupportedError
from engine.ops.promotion import can_cast as _can_cast
from engine.spec import broadcast
from tapegraph import threads
from tapegraph.torch import printing
from tapegraph.torch.cell import Cell, of
from tapegraph.torch.dtypes import Size, dtype, float32, kind, of_numpy


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, Cell)


def is_storage(obj: Any) -> bool:
    """False: memory is the engine's business."""
    return False


def is_floating_point(input: Any) -> bool:
    """Whether the numbers of a tensor are floats."""
    return bool(of(input).dtype.kind == "f")


def is_complex(input: Any) -> bool:
    """False."""
    return False


def _assert(condition: Any, message: str) -> None:
    """Raises AssertionError with the message unless the condition holds; models for torch.fx are full of it."""
    assert condition, message


def is_nonzero(input: Any) -> bool:
    """Whether the one element of a tensor is not zero."""
    return bool(input)


def numel(input: Any) -> Any:
    """The number of elements."""
    return input.numel()


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that shapes broadcast to."""
    return Size(broadcast(*(tuple(s) if isinstance(s, list | tuple) else (s,) for s in shapes)))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The dtype of a result of tensors of two dtypes."""
    found = dtypes.promote(kind(type1), kind(type2))
    return of_numpy(found)


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of the sum of two tensors or numbers."""
    return (tensor1 + tensor2).dtype  # type: ignore[no-any-return]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether PyTorch's rules let one dtype be written into another."""
    return dtypes.kind_rank(kind(from_)) <= dtypes.kind_rank(kind(to)) or bool(_can_cast(kind(from_), kind(to)))


def get_default_dtype() -> dtype:
    """float32."""
    return float32


def set_default_dtype(d: Any) -> None:
    """Only float32 is the default here. Raises UnsupportedError for another."""
    if kind(d) != dtypes.DEFAULT_FLOAT:
        raise UnsupportedError(
            "the default dtype is float32", op="set_default_dtype", fix="give dtype=torch.float64 where it is wanted"
        )


def set_default_tensor_type(t: Any) -> None:
    """Only float32 is the default here. Raises UnsupportedError for another."""
    set_default_dtype(getattr(t, "dtype", t))


def set_default_device(device: Any) -> None:
    """Only the CPU. Raises UnsupportedError for another device."""
    from tapegraph.torch.dtypes import device as checked

    checked(device)


def get_num_threads() -> int:
    """How many threads compute in static mode."""
    return threads.get_num_threads()


def set_num_threads(n: int) -> None:
    """Let ``n`` threads compute, in both modes. Raises ArgumentError for anything but a positive int."""
    threads.set_num_threads(n)


def set_float32_matmul_precision(precision: str) -> None:
    """Has no effect: float32 products are always computed in float32."""


def use_deterministic_algorithms(mode: bool, **_: Any) -> None:
    """Has no effect: every computation here is deterministic."""


def set_printoptions(
    precision: int | None = None, threshold: int | None = None, sci_mode: bool | None = None, **rest: Any
) -> None:
    """How tensors are printed: digits after the point, the size from which they are shortened, exponents or not.

    ``rest`` may have ``edgeitems`` and ``linewidth``.
    """
    options = {"precision": precision, "threshold": threshold, "sci_mode": sci_mode, **rest}
    printing.OPTIONS.update({k: v for k, v in options.items() if v is not None and k in printing.OPTIONS})
