"""The argument sets of each op: PyTorch's own (OpInfo), and ours where those are fewer than ten."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.testing import make_tensor
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import UnaryUfuncInfo

LEAST = 10
"""Fewer calls of OpInfo than these are filled up: with more shapes, then with other numbers."""

DTYPES = {"float64": torch.float64, "float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


@dataclass(frozen=True)
class Call:
    """One call of PyTorch's function: positional arguments, the first of them the input, and keywords."""

    args: tuple[Any, ...]
    named: dict[str, Any]

    def __str__(self) -> str:
        return ", ".join([_brief(a) for a in self.args] + [f"{k}={_brief(v)}" for k, v in self.named.items()])


def _brief(v: Any) -> str:
    if isinstance(v, torch.Tensor):
        return f"{str(v.dtype).removeprefix('torch.')}{list(v.shape)}"
    if isinstance(v, list | tuple):
        return f"[{', '.join(map(_brief, v))}]"
    return repr(v)[:60]


@functools.cache
def ops() -> dict[str, Any]:
    """OpInfo by "name" or "name:variant"."""
    return {op.name + (f":{op.variant_test_name}" if op.variant_test_name else ""): op for op in op_db}


def calls(key: str, dtype: str, most: int) -> Iterator[Call]:
    """At most ``most`` calls of an op; the same ones every time."""
    torch.manual_seed(0)
    np.random.seed(0)
    return itertools.islice(_calls(key, dtype), most)


def _calls(key: str, dtype: str) -> Iterator[Call]:
    op = ops()[key]
    kind = DTYPES[dtype]
    if kind not in op.supported_dtypes("cpu"):
        return
    made = 0
    for sample in _drawn(op, kind):
        made += 1
        yield sample
    if isinstance(op, UnaryUfuncInfo) and not made >= LEAST:
        for call in _shapes(op, kind):
            made += 1
            yield call
    for seed in range(1, LEAST):
        if made == 0 or made >= LEAST:
            return
        torch.manual_seed(seed)
        for call in _drawn(op, kind):
            made += 1
            yield call


def _drawn(op: Any, kind: torch.dtype) -> Iterator[Call]:
    for sample in op.sample_inputs("cpu", kind, requires_grad=kind.is_floating_point and op.supports_autograd):
        yield Call((sample.input, *sample.args), dict(sample.kwargs))


def _shapes(op: Any, kind: torch.dtype) -> Iterator[Call]:
    """An elementwise op on more shapes than OpInfo gives, broadcast and transposed ones among them."""
    low, high = op.domain
    named = dict(next(_drawn(op, kind)).named)

    def draw(*shape: int) -> Any:
        return make_tensor(shape, device="cpu", dtype=kind, low=low, high=high)

    drawn = [draw(7), draw(1), draw(2, 0, 3), draw(3, 1, 4), draw(4, 3).T, draw(6, 5)[::2]]
    drawn += [draw(3).expand(2, 3), draw(2, 3, 2, 2), draw(65), draw(1, 33)]
    for x in drawn:
        x = x.detach()
        yield Call((x.requires_grad_(kind.is_floating_point and op.supports_autograd),), named)
