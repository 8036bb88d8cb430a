"""The runtime: fills the plan's table for the sizes of a call, runs it, hands out results, writes states back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler import blas, driver, loader
from compiler.buffers import Buffer, Place
from compiler.emit import Step
from compiler.memory import ALIGNMENT, arrange, lifetimes
from compiler.plan import Callback, Plan
from engine.errors import FeedError, InternalError, trapped
from engine.spec import Dim, evaluate, evaluated
from engine.state import Pending, State
from graph import reference


INSTANCES = 32  # tables kept for sizes seen; the least recently used goes first
_SOLE_OWNER = 2  # references to an array that only its state holds, as getrefcount counts them

Array = np.ndarray[Any, Any]


class Instance:
    """The plan filled in for one set of sizes: argument blocks, table, arena and the slots a call must patch."""

    def __init__(self, program: Program, sizes: dict[str, int]) -> None:
        plan = program.plan
        self.sizes = sizes
        offsets, total = arrange(program.lives, sizes)
        self.arena = np.empty(total + ALIGNMENT, np.uint8)
        start = -self.arena.ctypes.data % ALIGNMENT
        base = self.arena.ctypes.data + start
        self.bytes = total
        self.kept: dict[State, Array] = {
            s: np.empty([evaluate(n, sizes) for n in p.shape], p.buffer.dtype)
            for s, p in plan.kept.items()
            if p is not None
        }
        self.memory: dict[Buffer, Array] = {
            b: self.arena[start + o : start + o + evaluate(b.size, sizes) * b.dtype.itemsize].view(b.dtype)
            for b, o in offsets.items()
        }
        address = {b: base + o for b, o in offsets.items()}
        for place, array in plan.captured:
            address[place.buffer] = array.ctypes.data
            self.memory[place.buffer] = array.reshape(-1)
        for state, array in self.kept.items():
            held = plan.kept[state]
            assert held is not None
            address[held.buffer] = array.ctypes.data
            self.memory[held.buffer] = array.reshape(-1)
        self.patches: dict[Buffer, list[tuple[int, int]]] = {}
        self._fill(program, address)
        self.inputs = [self.patches.get(p.buffer, []) for p in plan.inputs]
        self.outputs = [
            (tuple(evaluate(n, sizes) for n in p.shape), p.buffer.dtype, self.patches.get(p.buffer, []), p.buffer)
            for p in plan.outputs
        ]
        self.states = [(s, self.patches.get(p.buffer, []), p.buffer, s in plan.updated) for s, p in plan.states.items()]
        self.grads = [(s, self.patches.get(p.buffer, []), p.buffer) for s, p in plan.grads.items()]
        self.versions = [-1] * len(self.states)
        self.pending = {s: Pending(a) for s, a in self.kept.items()}

    def _fill(self, program: Program, address: dict[Buffer, int]) -> None:
        steps = [s for s in program.plan.steps if isinstance(s, Step)]
        counts = [len(s.kernel.params) for s in steps]
        self.blocks = np.zeros(sum(counts) + 1, np.int64)
        rows, slot = [], 0
        for step, count in zip(steps, counts, strict=True):
            values: list[Any] = []
            for number, bind in enumerate(step.binds):
                if bind.kind == "ptr":
                    buffer = bind.buffer
                    assert buffer is not None
                    offset = evaluate(bind.value, self.sizes) * buffer.dtype.itemsize
                    known = address.get(buffer)
                    if known is None:
                        self.patches.setdefault(buffer, []).append((slot + number, offset))
                        values.append(0)
                    else:
                        values.append(known + offset)
                elif bind.kind == "int":
                    values.append(evaluate(bind.value, self.sizes))
                elif bind.kind == "blas":
                    values.append(blas.addresses(bind.value[0])[bind.value[1]])
                else:
                    values.append(bind.value)
            step.kernel.layout.pack_into(self.blocks, 8 * slot, *values)
            rows.append(self.blocks.ctypes.data + 8 * slot)
            slot += count
        self.table = driver.table(program.addresses, rows) if rows else np.zeros((1, 2), np.int64)


class Program:
    """A compiled graph. ``run(arrays)`` takes the inputs in order and returns the outputs in order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.addresses = loader.load(plan.kernels)
        self.report = loader.last
        self.runner = driver.runner()
        self.lives = lifetimes(plan.steps)
        self.instances: dict[tuple[Any, ...], Instance] = {}
        self.lock = threading.RLock()
        self.segments = self._segments()
        self.names = [r.attrs["name"] for r in plan.graph.inputs]
        self.dtypes = [r.dtype for r in plan.graph.inputs]

    def _segments(self) -> list[tuple[int, int] | Callback]:
        """Runs of native rows, and the callbacks between them."""
        found: list[tuple[int, int] | Callback] = []
        row = first = 0
        for step in self.plan.steps:
            if isinstance(step, Callback):
                if row > first:
                    found.append((first, row))
                found.append(step)
                first = row
            else:
                row += 1
        if row > first:
            found.append((first, row))
        return found

    @property
    def callbacks(self) -> list[str]:
        """Names of the ops that have no native code here and run their NumPy kernel."""
        return sorted({s.record.op.name for s in self.plan.steps if isinstance(s, Callback)})

    # ------------------------------------------------------------------------------------ feeds

    def instance(self, arrays: Sequence[Array]) -> Instance:
        """The table for the sizes of these inputs, made on first sight."""
        key = tuple([a.shape for a in arrays])
        found = self.instances.get(key)
        if found is None:
            found = self.instances[key] = Instance(self, self.solve(arrays))
            if len(self.instances) > INSTANCES:
                self.instances.pop(next(iter(self.instances)))
        return found

    def solve(self, arrays: Sequence[Array]) -> dict[str, int]:
        """The values of the named sizes; raises FeedError where an input does not fit its declaration."""
        if len(arrays) != len(self.names):
            raise FeedError(
                f"takes {len(self.names)} inputs ({', '.join(self.names)}), got {len(arrays)}", op="compiled function"
            )
        sizes: dict[str, int] = {}
        for record, array in zip(self.plan.graph.inputs, arrays, strict=True):
            fits = len(record.shape) == array.ndim
            for want, got in zip(record.shape, array.shape, strict=False):
                if isinstance(want, Dim):
                    fits = fits and sizes.setdefault(str(want), got) == got
                else:
                    fits = fits and want == got
            if not fits:
                known = ", ".join(f"{k}={v}" for k, v in sizes.items())
                raise FeedError(
                    f"input {record.attrs['name']!r} must be {record.spec}, got {array.dtype.name}{list(array.shape)}"
                    + (f" (with {known})" if known else ""),
                    op="compiled function",
                )
        return sizes

    # ------------------------------------------------------------------------------------ the call

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Compute the outputs and write states and gradients back.

        ``arrays``: one for each input, in order, of the declared dtypes. Raises FeedError where one does not fit, and
        the engine's errors for mistakes in the data; then no state has changed.
        """
        with self.lock:
            instance = self.instance(arrays)
            blocks = instance.blocks
            ready = []
            for array, patches, dtype, name in zip(arrays, instance.inputs, self.dtypes, self.names, strict=True):
                if array.dtype is not dtype and array.dtype != dtype:
                    raise FeedError(
                        f"input {name!r} must be {dtype.name}, got {array.dtype.name}",
                        op="compiled function",
                        fix=f"cast it with astype('{dtype.name}')",
                    )
                if not array.flags.c_contiguous:
                    array = np.ascontiguousarray(array)
                ready.append(array)  # keeps a copy alive until the call is over
                if patches:
                    address = array.ctypes.data
                    for slot, offset in patches:
                        blocks[slot] = address + offset
            self._point_at_states(instance)
            outputs = []
            for shape, dtype, patches, _ in instance.outputs:
                array = np.empty(shape, dtype)
                outputs.append(array)
                if patches:
                    address = array.ctypes.data
                    for slot, offset in patches:
                        blocks[slot] = address + offset
            self._execute(instance, ready, outputs)
            for state, place in self.plan.kept.items():
                state._grad = None if place is None else instance.pending[state]
            return outputs

    def _point_at_states(self, instance: Instance) -> None:
        blocks, versions = instance.blocks, instance.versions
        for i, (state, patches, _, updated) in enumerate(instance.states):
            if updated and sys.getrefcount(state._value) != _SOLE_OWNER:
                state.own_value()  # somebody else holds the array: they keep the old value
            if versions[i] != state._version:
                versions[i] = state._version
                address = state._value.ctypes.data
                for slot, offset in patches:
                    blocks[slot] = address + offset
        for state, patches, _ in instance.grads:
            address = state._grad._value.ctypes.data
            for slot, offset in patches:
                blocks[slot] = address + offset

    def _execute(self, instance: Instance, inputs: list[Array], outputs: list[Array]) -> None:
        table = instance.table.ctypes.data
        for segment in self.segments:
            if isinstance(segment, Callback):
                self._call_back(segment, instance, inputs, outputs)
                continue
            result = self.runner(table, *segment)
            if result:
                self._failed(result, inputs)

    def _failed(self, result: int, inputs: list[Array]) -> None:
        """Replay the call node by node: no state has been written, so the mistake happens again, at its own line."""
        decoded = driver.decode(result)
        assert decoded is not None
        row, status = decoded
        reference.run(self.plan.graph, dict(zip(self.names, inputs, strict=True)))
        step = [s for s in self.plan.steps if isinstance(s, Step)][row]
        record = step.records[0]
        if status in (1, 2, 3):
            raise trapped(status, record.op.name, record.args, record.origin)
        raise InternalError(f"a kernel returned status {status}", op=record.op.name, origin=record.origin)

    def _call_back(self, step: Callback, instance: Instance, inputs: list[Array], outputs: list[Array]) -> None:
        memory = dict(instance.memory)
        memory.update({p.buffer: a.reshape(-1) for p, a in zip(self.plan.inputs, inputs, strict=True)})
        memory.update({b: a.reshape(-1) for (*_, b), a in zip(instance.outputs, outputs, strict=True)})
        memory.update({b: s._value.reshape(-1) for s, _, b, _ in instance.states})
        memory.update({b: s._grad._value.reshape(-1) for s, _, b in instance.grads})
        operands = [_array(p, memory, instance.sizes) for p in step.operands]
        record = step.record
        with np.errstate(all="ignore"):
            result = record.op.kernel(*operands, **evaluated(record.attrs, instance.sizes))
        _array(step.result, memory, instance.sizes)[...] = result


def _array(place: Place, memory: dict[Buffer, Array], sizes: dict[str, int]) -> Array:
    """A value as a NumPy array over its buffer."""
    flat = memory[place.buffer][evaluate(place.layout.offset, sizes) :]
    shape = [evaluate(n, sizes) for n in place.shape]
    strides = [evaluate(s, sizes) * flat.itemsize for s in place.layout.strides]
    return np.lib.stride_tricks.as_strided(flat, shape, strides)

