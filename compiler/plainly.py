"""Walks a plan with every kernel as plain Python: the compiler without numba, checked where native code is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.buffers import Buffer, Place
from compiler.control import Turn
from compiler.memory import arrange, lifetimes
from compiler.outward import Outside
from compiler.plan import Plan
from compiler.shapes import Shapes
from compiler.step import Callback, Step
from engine.errors import Trap
from engine.evaluation import Sizing
from engine.sizes import evaluate, evaluated
from engine.state import State
from graph.reference import solve_sizes

Array = np.ndarray[Any, Any]
GARBAGE = 0xA5  # fills fresh memory, so that a value read before it is written shows


class Pointer:
    """An address: elements before it may be read too, elements outside its buffer may not."""

    def __init__(self, flat: Array, offset: int) -> None:
        self.flat, self.offset, self.itemsize = flat, offset, flat.itemsize

    def _place(self, i: int) -> int:
        place = self.offset + int(i)
        assert 0 <= place < self.flat.size, f"element {place} of a buffer of {self.flat.size}"
        return place

    def __getitem__(self, i: int | slice) -> Any:
        """One element; or, as the library's twins ask for a matrix, all from an element on."""
        return self.flat[self._place(i.start) :] if isinstance(i, slice) else self.flat[self._place(i)]

    def __setitem__(self, i: int, value: Any) -> None:
        self.flat[self._place(i)] = value


@dataclass
class Ran:
    """What a walk gives: outputs in order, new values of states, new gradients (None where one is dropped)."""

    outputs: list[Array]
    updates: dict[State, Array]
    grads: dict[State, Array | None]


def run(plan: Plan, arrays: Sequence[Array]) -> Ran:
    """The results of a plan, given its inputs in order; states are read, and written on copies only.

    Raises Trap for a kernel's bad status, IndexRangeError for a part outside its array, AssertionError for an access
    outside a buffer.
    """
    sizes = solve_sizes(plan.graph, {r.attrs["name"]: a.shape for r, a in zip(plan.graph.inputs, arrays, strict=True)})
    Shapes(plan, Sizing()).check(sizes)
    memory = _memory(plan, arrays, sizes)
    with np.errstate(all="ignore"):
        for step in plan.steps:
            if isinstance(step, Callback | Turn | Outside):
                record = step.record
                operands = [_array(p, memory, sizes) for p in step.operands]
                found = record.op.kernel(*operands, **evaluated(record.attrs, sizes))
                for place, value in zip(step.results, found if record.op.many else [found], strict=True):
                    if place is not None:
                        _array(place, memory, sizes)[...] = value
            else:
                status = step.kernel.function(*_arguments(step, memory, sizes))
                if status:
                    raise Trap(int(status), f" (from\n{step.kernel.text})")
    return Ran(
        [_array(p, memory, sizes) for p in plan.outputs],
        {s: _array(plan.states[s], memory, sizes) for s in plan.updated},
        {s: None if p is None else _array(p, memory, sizes) for s, p in plan.kept.items()},
    )


def _memory(plan: Plan, arrays: Sequence[Array], sizes: dict[str, int]) -> dict[Buffer, Array]:
    """Every buffer as a flat array; temporaries share one arena as they do natively."""
    offsets, total = arrange(lifetimes(plan.steps, plan.times), sizes)
    arena = np.full(total, GARBAGE, np.uint8)
    memory = {b: arena[o : o + evaluate(b.size, sizes) * b.dtype.itemsize].view(b.dtype) for b, o in offsets.items()}
    memory |= {p.buffer: np.ascontiguousarray(a).reshape(-1) for p, a in zip(plan.inputs, arrays, strict=True)}
    memory |= {p.buffer: a.reshape(-1) for p, a in plan.captured}
    memory |= {p.buffer: s._value.copy().reshape(-1) for s, p in plan.states.items()}
    memory |= {p.buffer: np.ascontiguousarray(s._grad._value).reshape(-1) for s, p in plan.grads.items()}
    for place in (*plan.outputs, *(p for p in plan.kept.values() if p is not None)):
        count = evaluate(place.buffer.size, sizes) * place.buffer.dtype.itemsize
        memory[place.buffer] = np.full(count, GARBAGE, np.uint8).view(place.buffer.dtype)
    return memory


def _arguments(step: Step, memory: dict[Buffer, Array], sizes: dict[str, int]) -> list[Any]:
    values: list[Any] = []
    for param, bind in zip(step.kernel.params, step.binds, strict=True):
        if bind.kind == "ptr":
            flat, offset = memory[bind.buffer], evaluate(bind.value, sizes)
            flat = flat.view(np.uint16) if flat.dtype == np.float16 else flat
            values.append(Pointer(flat, offset))
        elif bind.kind == "blas":
            values.append(0)
        elif bind.kind == "pieces":
            values.append([0])  # every step runs whole
        elif param.kind == "int":
            values.append(int(evaluate(bind.value, sizes)))
        else:
            values.append(np.dtype(param.dtype).type(bind.value))
    return values


def _array(place: Place, memory: dict[Buffer, Array], sizes: dict[str, int]) -> Array:
    flat = memory[place.buffer][evaluate(place.layout.offset, sizes) :]
    strides = [evaluate(s, sizes) * flat.itemsize for s in place.layout.strides]
    return np.lib.stride_tricks.as_strided(flat, [evaluate(n, sizes) for n in place.shape], strides)
