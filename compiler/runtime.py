"""The runtime: fills the plan's table for the sizes of a call, runs it, hands out results, writes states back."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from sys import getrefcount
from typing import Any, NoReturn

import numpy as np

from compiler import blas, driver, loader
from compiler.buffers import Buffer, Place
from compiler.control import Turn, native, without_code
from compiler.memory import lifetimes
from compiler.plan import Plan
from compiler.step import Callback
from compiler.table import Arena, Table
from engine.errors import TRAPPED, FeedError, InternalError, Trap, UnsupportedError, trapped
from engine.lowering import Loop, Product
from engine.ops.slices import check_slice
from engine.sizes import evaluate, evaluated, static_shape
from engine.spec import Spec
from engine.state import Pending, State
from graph import reference
from graph.graph import Graph

# Below this many multiplications a second BLAS thread costs more than it brings, above all on a busy machine where the
# call then waits for a core (seen: 16 ms for a product of 10 microseconds).
THREADED_WORK = 4_000_000
INSTANCES = 32  # tables kept for sizes seen; the oldest goes first
# References to an array that only its state holds, as this interpreter's getrefcount counts them.
_held = State(np.zeros(1))
_SOLE_OWNER = getrefcount(_held._value)

Array = np.ndarray[Any, Any]

_DATA = object.__basicsize__  # NumPy's array struct begins with the data pointer, right behind the object header


def address_of(array: Array) -> int:
    """The address of an array's first element; five times quicker than ``array.ctypes.data``, which every call pays."""
    return ctypes.c_void_p.from_address(id(array) + _DATA).value or 0


_probe = np.zeros(3)
if address_of(_probe) != _probe.ctypes.data:  # an interpreter that lays objects out otherwise

    def address_of(array: Array) -> int:
        return int(array.ctypes.data)


class Instance:
    """The plan filled in for one set of sizes: argument blocks, table, arena and the slots a call must patch."""

    def __init__(self, program: Program, sizes: dict[str, int]) -> None:
        plan = program.plan
        self.sizes = sizes
        program.check_parts(sizes)
        self.arena = Arena(program.lives, sizes)
        self.bytes = self.arena.bytes
        self.kept: dict[State, Array] = {
            s: np.empty([evaluate(n, sizes) for n in p.shape], p.buffer.dtype)
            for s, p in plan.kept.items()
            if p is not None
        }
        self.memory = self.arena.arrays
        address = self.arena.address
        for place, array in plan.captured:
            address[place.buffer] = array.ctypes.data
            self.memory[place.buffer] = array.reshape(-1)
        for state, array in self.kept.items():
            held = plan.kept[state]
            assert held is not None
            address[held.buffer] = array.ctypes.data
            self.memory[held.buffer] = array.reshape(-1)
        self.table = Table(plan.steps, sizes, program.kernels, address)
        self.table_address = self.table.rows.ctypes.data
        self.blocks = self.table.blocks
        self.patches = self.table.patches
        self.inputs = [self.patches.get(p.buffer, []) for p in plan.inputs]
        self.outputs = [
            (tuple(evaluate(n, sizes) for n in p.shape), p.buffer.dtype, self.patches.get(p.buffer, []), p.buffer)
            for p in plan.outputs
        ]
        self.states = [(s, self.patches.get(p.buffer, []), p.buffer) for s, p in plan.states.items()]
        self.updated = list(plan.updated)
        self.grads = [(s, self.patches.get(p.buffer, []), p.buffer) for s, p in plan.grads.items()]
        self.held: dict[State, Array] = {}  # gradients the call reads, kept alive while it runs
        self.changes = -1
        self.pending = [(s, None if p is None else Pending(self.kept[s])) for s, p in plan.kept.items()]
        self.threads = blas.Threads(1) if 0 < self._work(plan) < THREADED_WORK else None

    def _work(self, plan: Plan) -> int:
        """Multiplications of the largest matrix product."""
        records = [r for s in plan.steps for r in s.records]
        products = [r.spec.size * r.args[0].shape[-1] for r in records if isinstance(r.op.lower, Product)]
        products += [  # of loops that call the BLAS, a bound
            r.args[-1].spec.size * r.args[0].shape[-1]
            for r in records
            if isinstance(r.op.lower, Loop) and r.op.lower.products
        ]
        inner = [self._work(p) for s in plan.steps if isinstance(s, Turn) for p in s.parts]
        return max((evaluate(n, self.sizes) for n in products), default=0) or max(inner, default=0)


class Program:
    """A compiled graph. ``run(arrays)`` takes the inputs in order and returns the outputs in order."""

    def __init__(self, plan: Plan, traced: Graph) -> None:
        self.plan = plan
        self.traced = traced  # the graph as the user wrote it, for replays
        self.kernels = dict(zip([k.key for k in plan.kernels], loader.load(plan.kernels), strict=True))
        self.report = loader.last
        self.runner = driver.runner()
        self.lives = lifetimes(plan.steps)
        self.instances: dict[tuple[Any, ...], Instance] = {}
        self.lock = threading.RLock()
        self.segments = self._segments()
        self.parts = [
            r for r in plan.graph.nodes if r.op.name in ("slice", "slice_set") and not static_shape(r.args[0].shape)
        ]
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

    def check_parts(self, sizes: dict[str, int]) -> None:
        """Raise IndexRangeError where, for these sizes, a slice or an index by number reaches outside its array."""
        for record in self.parts:
            attrs = evaluated(record.attrs, sizes)
            try:
                check_slice(evaluated(record.args[0].shape, sizes), **attrs)
            except Trap as trap:
                operands = [Spec(evaluated(a.shape, sizes), a.dtype) for a in record.args[:1]]
                raise trapped(trap, record.op.name, operands, record.origin) from None

    @property
    def callbacks(self) -> list[str]:
        """Names of the ops that have no native code here and run their NumPy kernel."""
        return sorted({n for s in self.plan.steps if isinstance(s, Callback) for n in without_code(s.record)})

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
        try:
            return reference.solve_sizes(self.plan.graph, {n: a.shape for n, a in zip(self.names, arrays, strict=True)})
        except FeedError as mistake:
            raise FeedError(mistake.problem, op="compiled function") from None

    # ------------------------------------------------------------------------------------ the call

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Compute the outputs and write states and gradients back.

        ``arrays``: one for each input, in order, of the declared dtypes. Raises FeedError where one does not fit, and
        the engine's errors for mistakes in the data; then no state has changed.
        """
        with self.lock:
            instance = self.instances.get(tuple([a.shape for a in arrays])) or self.instance(arrays)
            blocks = instance.blocks
            ready = []
            for array, patches, dtype in zip(arrays, instance.inputs, self.dtypes):
                if array.dtype is not dtype and array.dtype != dtype:
                    self._wrong_dtype(arrays)
                if not array.flags.c_contiguous:
                    array = np.ascontiguousarray(array)
                ready.append(array)  # keeps a copy alive until the call is over
                if patches:
                    address = address_of(array)
                    for slot, offset in patches:
                        blocks[slot] = address + offset
            for state in instance.updated:
                if getrefcount(state._value) != _SOLE_OWNER:
                    state.own_value()  # somebody else holds the array: they keep the old value
            if instance.changes != State.changes or instance.grads:
                self._point_at_states(instance)
            outputs = []
            for shape, dtype, patches, _ in instance.outputs:
                array = np.empty(shape, dtype)
                outputs.append(array)
                if patches:
                    address = address_of(array)
                    for slot, offset in patches:
                        blocks[slot] = address + offset
            if instance.threads is None:
                self._execute(instance, ready, outputs)
            else:
                with instance.threads:
                    self._execute(instance, ready, outputs)
            for state, pending in instance.pending:
                state._grad = pending
            return outputs

    def _wrong_dtype(self, arrays: Sequence[Array]) -> NoReturn:
        for array, dtype, name in zip(arrays, self.dtypes, self.names, strict=True):
            if array.dtype != dtype:
                raise FeedError(
                    f"input {name!r} must be {dtype.name}, got {array.dtype.name}",
                    op="compiled function",
                    fix=f"cast it with astype('{dtype.name}')",
                )
        raise AssertionError("every input has its dtype")

    def run_checked(self, arrays: Sequence[Array]) -> list[Array]:
        """Like ``run``, but a NaN or an infinity that reaches a result is traced to where it was born.

        The graph as the user wrote it is replayed node by node. Raises NonFiniteError; then no state has changed.
        """
        with self.lock:
            before = [(s, s._value.copy(), s._grad) for s in self.plan.states]
            outputs = self.run(arrays)
            results = [*outputs, *(s._value for s in self.plan.updated)]
            if all(np.isfinite(r).all() for r in results if r.dtype.kind == "f"):
                return outputs
            for state, value, grad in before:
                state.hold(value)
                state._grad = grad
            reference.run(self.traced, dict(zip(self.names, arrays, strict=True)), stop_at_nonfinite=True)
            return self.run(arrays)  # what came in was not finite: nothing was born here

    def _point_at_states(self, instance: Instance) -> None:
        """Write the addresses of states (and of gradients read) into the argument blocks."""
        for state, patches, _ in instance.states:
            address = address_of(state._value)
            for slot, offset in patches:
                instance.blocks[slot] = address + offset
        for state, patches, _ in instance.grads:
            instance.held[state] = array = np.ascontiguousarray(state._grad._value)
            for slot, offset in patches:
                instance.blocks[slot] = address_of(array) + offset
        instance.changes = State.changes

    def _execute(self, instance: Instance, inputs: list[Array], outputs: list[Array]) -> None:
        for segment in self.segments:
            if isinstance(segment, Callback):
                self._call_back(segment, instance, inputs, outputs)
                continue
            result = self.runner(instance.table_address, *segment)
            if result:
                self._failed(result, inputs)

    def _failed(self, result: int, inputs: list[Array]) -> None:
        """Replay the call node by node: no state has been written, so the mistake happens again, at its own line."""
        decoded = driver.decode(result)
        assert decoded is not None
        row, status = decoded
        record = [s for s in self.plan.steps if native(s)][row].records[0]
        if status == blas.TOO_LARGE:
            raise UnsupportedError(
                "a matrix is too large for the 32-bit sizes of this BLAS", op=record.op.name, origin=record.origin
            )
        reference.run(self.traced, dict(zip(self.names, inputs, strict=True)))
        if status in TRAPPED:
            raise trapped(Trap(status), record.op.name, record.args, record.origin)
        raise InternalError(f"a kernel returned status {status}", op=record.op.name, origin=record.origin)

    def _call_back(self, step: Callback, instance: Instance, inputs: list[Array], outputs: list[Array]) -> None:
        memory = dict(instance.memory)
        memory.update({p.buffer: a.reshape(-1) for p, a in zip(self.plan.inputs, inputs, strict=True)})
        memory.update({b: a.reshape(-1) for (*_, b), a in zip(instance.outputs, outputs, strict=True)})
        memory.update({b: s._value.reshape(-1) for s, _, b in instance.states})
        memory.update({b: instance.held[s].reshape(-1) for s, _, b in instance.grads})
        operands = [_array(p, memory, instance.sizes) for p in step.operands]
        record = step.record
        try:
            with np.errstate(all="ignore"):
                result = record.op.kernel(*operands, **evaluated(record.attrs, instance.sizes))
        except Trap as trap:
            reference.run(self.traced, dict(zip(self.names, inputs, strict=True)))  # fails at the user's own line
            raise trapped(trap, record.op.name, operands, record.origin) from None
        for place, value in zip(step.results, result if record.op.many else [result], strict=True):
            if place is not None:
                _array(place, memory, instance.sizes)[...] = value


def _array(place: Place, memory: dict[Buffer, Array], sizes: dict[str, int]) -> Array:
    """A value as a NumPy array over its buffer."""
    flat = memory[place.buffer][evaluate(place.layout.offset, sizes) :]
    shape = [evaluate(n, sizes) for n in place.shape]
    strides = [evaluate(s, sizes) * flat.itemsize for s in place.layout.strides]
    return np.lib.stride_tricks.as_strided(flat, shape, strides)
