"""The runtime: runs a plan's table for the sizes of a call, hands out results, writes states back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from sys import getrefcount
from typing import Any, NoReturn

import numpy as np

from compiler import blas, driver, loader
from compiler.arena import Arena
from compiler.buffers import Buffer, Place
from compiler.control import native, without_code
from compiler.form import Form, Pairs, pairs
from compiler.instance import Instance
from compiler.objects import address_of
from compiler.outward import RAISED
from compiler.plan import Plan
from compiler.quick import Quick, possible
from compiler.recompute import Fit
from compiler.recorder import Recorder
from compiler.results import Results
from compiler.shapes import Shapes
from compiler.step import Callback
from engine import effects
from engine.errors import TRAPPED, FeedError, InternalError, Trap, UnsupportedError, trapped
from engine.evaluation import Numbers, Sizing
from engine.sizes import evaluate, evaluated
from engine.state import STAMP, Pending, State
from graph import reference
from graph.graph import Graph

INSTANCES = 256  # tables kept for sizes seen; the oldest goes first
# References to an array that only its state holds, as this interpreter's getrefcount counts them.
_held = State(np.zeros(1))
_SOLE_OWNER = getrefcount(_held._value)

Array = np.ndarray[Any, Any]


class Program:
    """A compiled graph. ``run(arrays)`` takes the inputs in order and returns the outputs in order."""

    literal = False  # whether it calls NumPy's kernels only

    def __init__(self, plan: Plan, traced: Graph, fitted: Fit | None = None) -> None:
        self.plan = plan
        self.fitted = fitted  # what was done for a memory budget
        self.traced = traced  # the graph as the user wrote it, for replays
        kernels = dict(zip([k.key for k in plan.kernels], loader.load(plan.kernels), strict=True))
        self.report = loader.last
        self.runner = driver.runner()
        sizing = Sizing()
        self.form = Form(plan, kernels, sizing)
        self.shapes = Shapes(plan, sizing)
        self.arena = Arena(self.form.scope)
        self.results = Results(len(plan.outputs))
        self.kept = {s: np.empty(s.shape, s.dtype) for s, p in plan.kept.items() if p is not None}
        self.pending = [(s, None if p is None else Pending(self.kept[s])) for s, p in plan.kept.items()]
        self.held: dict[State, Array] = {}  # gradients the call reads, kept alive while it runs
        for buffer, array in self._standing().items():
            for word, _ in self.form.uses.get(buffer, ()):
                self.form.words[word] += address_of(array)
        self.brought = self._words([*plan.inputs, *plan.outputs, *plan.grads.values()])
        self.uses = _grouped(self.brought.numbers, len(plan.inputs) + len(plan.outputs))
        self.pointed = self._words([*plan.states.values()])
        self.instances: dict[tuple[Any, ...], Instance] = {}
        self.lock = threading.RLock()
        self.recorder = Recorder(self)
        self.segments = self._segments()
        self.native = all(native(s) for s in plan.steps)
        self.effects = effects.ORDER in plan.updated
        self.names = [r.attrs["name"] for r in plan.graph.inputs]
        self.dtypes = [r.dtype for r in plan.graph.inputs]

    def _standing(self) -> dict[Buffer, Array]:
        """The arrays that stay where they are from call to call: those captured, and the gradients kept."""
        found = {p.buffer: array for p, array in self.plan.captured}
        return found | {p.buffer: self.kept[s] for s, p in self.plan.kept.items() if p is not None}

    def _words(self, places: Sequence[Place]) -> Pairs:
        """(word, number of the place) for each word that holds an address in one of these."""
        uses = self.form.uses
        return pairs((word, n) for n, p in enumerate(places) for word, _ in uses.get(p.buffer, ()))

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
        return sorted({n for s in self.plan.steps if isinstance(s, Callback) for n in without_code(s.record)})

    # ------------------------------------------------------------------------------------ feeds

    def instance(self, shapes: tuple[tuple[int, ...], ...]) -> Instance:
        """The table for inputs of these shapes, filled in on first sight."""
        found = self.instances.get(shapes)
        if found is None:
            sizes, values = self.shapes.solve(shapes)
            self.shapes.check(sizes)
            if self.arena.fit(values[self.form.bytes]):
                self.instances.clear()  # their words point into the memory of before
            elif len(self.instances) >= INSTANCES:
                self.instances.pop(next(iter(self.instances)))
            found = self.instances[shapes] = Instance(self, shapes, sizes, values)
        return found

    # ------------------------------------------------------------------------------------ the call

    def run(self, arrays: Sequence[Array], watch: str = "off") -> list[Array]:
        """Compute the outputs and write states and gradients back.

        ``arrays``: one for each input, in order, of the declared dtypes. ``watch``: "default" looks for the birth of
        non-finite results and tells it as a warning, "checked" looks closely and raises NonFiniteError. Raises FeedError
        where an array does not fit, and the engine's errors for mistakes in the data; then no state has changed.
        """
        with self.lock:
            instance, ready, outputs = self.begin(arrays)
            self.watch(watch)
            if self.effects:
                with effects.call():
                    self.execute(instance, ready, outputs)
            else:
                self.execute(instance, ready, outputs)
            self.leave_gradients()
            if watch != "off":
                self.recorder.ran(ready, dict(self.held), outputs, watch == "checked")
            return outputs

    def begin(self, arrays: Sequence[Array]) -> tuple[Instance, list[Array], list[Array]]:
        """The table made ready for a call, the inputs as it reads them, and the arrays that its results go to."""
        shapes = tuple([a.shape for a in arrays])
        instance = self.instances.get(shapes) or self.instance(shapes)
        ready = []
        for array, dtype in zip(arrays, self.dtypes):
            if array.dtype is not dtype and array.dtype != dtype:
                self._wrong_dtype(arrays)
            ready.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        self.own_states()
        if instance.stamp is not STAMP.now:
            instance.point_at_states()
        for state in self.plan.grads:
            self.held[state] = np.ascontiguousarray(state._grad._value)
        outputs = [self.results.make(n, *of) for n, of in enumerate(instance.outputs)]
        instance.bring([address_of(a) for a in (*ready, *outputs, *self.held.values())])
        return instance, ready, outputs

    def watch(self, how: str, calls: int = 1) -> None:
        """Before so many calls: have them recorded, or not."""
        if how == "off":
            self.recorder.lose()
        else:
            self.recorder.begin(how == "checked", calls)

    def leave_gradients(self) -> None:
        """Let each state's gradient be what the call left in memory."""
        for state, pending in self.pending:
            state._grad = pending

    def quick(
        self, shapes: tuple[tuple[int, ...], ...], handle: type, had: list[tuple[State, bool]], watch: str
    ) -> Quick | None:
        """The native call for inputs of these shapes, ready to be called under the lock; None where there can be none.

        ``handle``: the class of the results. ``had``: states, and whether the trace found gradients there. ``watch``:
        see ``run``.
        """
        if not self.native or self.plan.grads or self.effects or not possible(handle):
            return None
        instance = self.instances.get(shapes)
        if instance is None:
            return None  # worth its making only for sizes that come again
        self.own_states()
        if instance.stamp is not STAMP.now:
            instance.point_at_states()
        self.watch(watch)
        if instance.quick is None:
            instance.quick = Quick(instance, handle, had)
        instance.quick.renew(watch != "off")
        return instance.quick

    def own_states(self) -> None:
        """Give states that are about to change an array of their own, where others hold it: they keep the old value."""
        for state in self.plan.updated:
            if getrefcount(state._value) != _SOLE_OWNER:
                state.own_value()
                self.recorder.moved(state)

    def _wrong_dtype(self, arrays: Sequence[Array]) -> NoReturn:
        for array, dtype, name in zip(arrays, self.dtypes, self.names, strict=True):
            if array.dtype != dtype:
                raise FeedError(
                    f"input {name!r} must be {dtype.name}, got {array.dtype.name}",
                    op="compiled function",
                    fix=f"cast it with astype('{dtype.name}')",
                )
        raise AssertionError("every input has its dtype")

    def execute(
        self, instance: Instance, inputs: list[Array], outputs: list[Array], states: Sequence[Array] | None = None
    ) -> None:
        """Run the steps of a call that has begun; ``states``: the arrays that the table points at in place of theirs."""
        for segment in self.segments:
            if isinstance(segment, Callback):
                self.call_back(segment, instance, inputs, outputs, states)
                continue
            result = self.runner(instance.table, *segment)
            if result:
                self.failed(result, instance, inputs)

    def failed(self, result: int, instance: Instance, inputs: list[Array]) -> None:
        """Replay the call node by node: no state has been written, so the mistake happens again, at its own line."""
        decoded = driver.decode(result)
        assert decoded is not None
        row, status = decoded
        if status == RAISED and effects.HERE.raised is not None:
            raised, effects.HERE.raised = effects.HERE.raised, None
            raise raised
        failed = self.form.failed(instance.words, row)
        record = [s for s in self.plan.steps if native(s)][failed].records[0]
        if status == blas.TOO_LARGE:
            raise UnsupportedError(
                "a matrix is too large for the 32-bit sizes of this BLAS", op=record.op.name, origin=record.origin
            )
        self._replay(inputs)
        if status in TRAPPED:
            raise trapped(Trap(status), record.op.name, record.args, record.origin)
        raise InternalError(f"a kernel returned status {status}", op=record.op.name, origin=record.origin)

    def _replay(self, inputs: list[Array]) -> None:
        """Run the graph as the user wrote it, with the effects that the call has not had yet."""
        reference.run(self.traced, dict(zip(self.names, inputs, strict=True)), effects_done=effects.HERE.done)

    def memory(
        self, inputs: Sequence[Array], outputs: Sequence[Array], states: Sequence[Array] | None = None
    ) -> dict[Buffer, Array]:
        """Every buffer of a call that has begun as a flat array."""
        brought = zip(
            (*self.plan.inputs, *self.plan.outputs, *self.plan.grads.values()), (*inputs, *outputs, *self.held.values())
        )
        arrays = [s._value for s in self.plan.states] if states is None else states
        held = zip(self.plan.states.values(), arrays)
        memory = self.arena.arrays() | {b: a.reshape(-1) for b, a in self._standing().items()}
        return memory | {p.buffer: a.reshape(-1) for p, a in (*brought, *held)}

    def call_back(
        self,
        step: Callback,
        instance: Instance,
        inputs: list[Array],
        outputs: list[Array],
        states: Sequence[Array] | None = None,
    ) -> None:
        """Run the NumPy kernel of an op that has no native code."""
        memory = self.memory(inputs, outputs, states)
        operands = [value_at(p, memory, instance.sizes) for p in step.operands]
        record = step.record
        try:
            with np.errstate(all="ignore"):
                result = record.op.kernel(*operands, **evaluated(record.attrs, instance.sizes))
        except Trap as trap:
            self._replay(inputs)  # fails at the user's own line
            raise trapped(trap, record.op.name, operands, record.origin) from None
        for place, value in zip(step.results, result if record.op.many else [result], strict=True):
            if place is not None:
                value_at(place, memory, instance.sizes)[...] = value


def _grouped(numbers: Numbers, count: int) -> list[list[int]]:
    """The places at which each number below ``count`` stands."""
    found: list[list[int]] = [[] for _ in range(count)]
    for place, number in enumerate(numbers.tolist()):
        if number < count:
            found[number].append(place)
    return found


def value_at(place: Place, memory: dict[Buffer, Array], sizes: dict[str, int]) -> Array:
    """A value as a NumPy array over its buffer."""
    flat = memory[place.buffer][evaluate(place.layout.offset, sizes) :]
    shape = [evaluate(n, sizes) for n in place.shape]
    strides = [evaluate(s, sizes) * flat.itemsize for s in place.layout.strides]
    return np.lib.stride_tricks.as_strided(flat, shape, strides)
