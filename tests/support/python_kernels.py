"""Walks a plan with every kernel as plain Python: the compiler without numba, checked where native code is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.buffers import Buffer, Place
from compiler.control import Turn
from compiler.memory import arrange, lifetimes
from compiler.outward import Outside
from compiler.plan import Plan, make_plan
from compiler.step import Callback, Step
from engine.sizes import evaluate, evaluated
from graph.graph import Graph
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


def run(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of a graph, given its inputs in order; states are read, and written on copies only.

    Raises AssertionError for a bad status and for an access outside a buffer.
    """
    plan = make_plan(graph)
    sizes = solve_sizes(graph, {r.attrs["name"]: a.shape for r, a in zip(graph.inputs, arrays, strict=True)})
    memory = _memory(plan, arrays, sizes)
    with np.errstate(all="ignore"):
        for step in plan.steps:
            if isinstance(step, Callback | Turn | Outside):
                record = step.record
                operands = [_array(p, memory, sizes) for p in step.operands]
                found = record.op.kernel(*operands, **evaluated(record.attrs, sizes))
                places = [step.result] if isinstance(step, Outside) else step.results
                for place, value in zip(places, found if record.op.many else [found], strict=True):
                    if place is not None:
                        _array(place, memory, sizes)[...] = value
            else:
                status = step.kernel.function(*_arguments(step, memory, sizes))
                assert status == 0, f"status {status} from\n{step.kernel.text}"
    return [_array(p, memory, sizes) for p in plan.outputs]


def _memory(plan: Plan, arrays: Sequence[Array], sizes: dict[str, int]) -> dict[Buffer, Array]:
    """Every buffer as a flat array; temporaries share one arena as they do natively."""
    offsets, total = arrange(lifetimes(plan.steps, plan.times), sizes)
    arena = np.full(total, GARBAGE, np.uint8)
    memory = {b: arena[o : o + evaluate(b.size, sizes) * b.dtype.itemsize].view(b.dtype) for b, o in offsets.items()}
    memory |= {p.buffer: np.ascontiguousarray(a).reshape(-1) for p, a in zip(plan.inputs, arrays, strict=True)}
    memory |= {p.buffer: a.reshape(-1) for p, a in plan.captured}
    memory |= {p.buffer: s._value.copy().reshape(-1) for s, p in plan.states.items()}
    for place in plan.outputs:
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
