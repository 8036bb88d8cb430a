"""Arguments of PyTorch as arguments of ours, and results of ours as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import tapegraph as tg
import tapegraph.torch as facade
from tapegraph.torch.cell import Cell

HELD = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
HELD |= {torch.uint16, torch.uint32, torch.uint64, torch.float16, torch.float32, torch.float64}


class Foreign(Exception):
    """An argument that this engine does not have: a complex number, a sparse tensor, a dtype it does not hold."""


def array(t: torch.Tensor) -> np.ndarray[Any, Any]:
    """The numbers of a tensor of PyTorch."""
    if t.layout != torch.strided or t.dtype not in HELD:
        raise Foreign(f"{t.dtype} {t.layout}")
    return t.detach().resolve_conj().resolve_neg().numpy()


def tensors(given: Any) -> list[torch.Tensor]:
    """The tensors in nested arguments, in order."""
    if isinstance(given, torch.Tensor):
        return [given]
    if isinstance(given, dict):
        return [t for v in given.values() for t in tensors(v)]
    if isinstance(given, slice):
        return tensors([given.start, given.stop, given.step])
    return [t for v in given for t in tensors(v)] if isinstance(given, list | tuple) else []


def put(given: Any, made: list[Any], space: Any) -> Any:
    """The same nested arguments for a namespace of ours, with ``made`` in place of their tensors, used up from the front."""
    match given:
        case torch.Tensor():
            return made.pop(0)
        case torch.Size():
            return tuple(given)
        case dict():
            return {k: put(v, made, space) for k, v in given.items()}
        case slice():
            return slice(*[put(v, made, space) for v in (given.start, given.stop, given.step)])
        case list() | tuple():
            return type(given)([put(v, made, space) for v in given])
        case torch.dtype():
            if given not in HELD:
                raise Foreign(str(given))
            return getattr(space, str(given).removeprefix("torch."))
        case torch.device() | torch.memory_format() | torch.layout():
            return "cpu" if isinstance(given, torch.device) else None
        case complex():
            raise Foreign("a complex number")
        case torch.nn.PairwiseDistance():
            return space.nn.functional.pairwise_distance
        case torch.Generator() | torch.nn.Module():
            raise Foreign(type(given).__name__)
    return given


def results(found: Any) -> list[Any]:
    """The tensors and numbers of a result, in order, ours or PyTorch's."""
    if isinstance(found, list | tuple):
        return [y for part in found for y in results(part)]
    return [] if found is None else [found]


def numbers(y: Any) -> Any:
    """A result as an array: of ours, of PyTorch's, or a Python number."""
    if isinstance(y, torch.Tensor):
        return array(y)
    if isinstance(y, Cell):
        return np.asarray(y.detach())
    return np.asarray(y)


def native(x: Any) -> Any:
    """A copy of an array as a native tensor."""
    return tg.asarray(np.array(x))


def celled(x: Any) -> Any:
    """A copy of an array as a tensor of the facade."""
    return facade.from_numpy(np.array(x))
