"""Programs that keep every bit: the NumPy kernels of a graph's ops, called one after the other as eager mode calls them.

A kernel's result depends on how its operands lie in memory (NumPy adds up a transposed matrix in another order), so the
arrays that one kernel makes are handed to the next as they are.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.buffers import new_place
from compiler.instance import Instance
from compiler.plan import Plan
from compiler.runtime import Program
from compiler.step import Callback
from engine.errors import Trap, trapped
from engine.ops.results import result as RESULT
from engine.record import Record
from engine.sizes import evaluated
from graph.graph import Graph

Array = np.ndarray[Any, Any]
Attrs = list[dict[str, Any]]

KNOWN = 256  # shapes of calls for which the attributes are kept


class Literal(Program):
    """A graph traced literally (see ``Trace``) and run by the kernels that give its ops their meaning."""

    literal = True

    def __init__(self, graph: Graph) -> None:
        super().__init__(plan_of(graph), graph)
        self.native = False
        self.kept = {}
        self.computed = [r for r in graph.nodes if r.op.name != "leaf"]
        self.text, self._function = _written(graph, self.computed)
        self._attrs: dict[tuple[tuple[int, ...], ...], Attrs] = {}

    def quick(self, *_: Any) -> None:
        """None: there is no native call."""

    def begin(self, arrays: Sequence[Array]) -> tuple[Instance, list[Array], list[Array]]:
        """As of any program, but for the arrays, which stay as they lie in memory."""
        for array, dtype in zip(arrays, self.dtypes, strict=True):
            if array.dtype != dtype:
                self._wrong_dtype(arrays)
        shapes = tuple([a.shape for a in arrays])
        instance = self.instances.get(shapes) or self.instance(shapes)
        self.own_states()
        self.held = {state: state._grad._value for state in self.plan.grads}
        return instance, list(arrays), []

    def execute(
        self, instance: Instance, inputs: list[Array], outputs: list[Array], states: Sequence[Array] | None = None
    ) -> None:
        """Call the kernels. ``states``: arrays to read and write in place of what the states hold."""
        graph = self.traced
        held = dict(zip(graph.states, states or [s._value for s in graph.states], strict=True))
        leaves = [*inputs, *held.values(), *self.held.values(), *graph.captured.values()]
        try:
            with np.errstate(all="ignore"):
                found = self._function(leaves, self._attributes(instance))
        except Trap as trap:
            self._replay(inputs)  # fails at the user's own line
            record = self.computed[0]
            raise trapped(trap, record.op.name, record.args, record.origin) from None
        results = iter(_apart(found, leaves))
        outputs[:] = [next(results) for _ in graph.outputs]
        for state, value in [(s, next(results)) for s in graph.updates]:
            np.copyto(held[state], value)
        for state, pending in self.pending:
            if pending is not None:
                self.kept[state] = pending._memory = next(results)

    def _attributes(self, instance: Instance) -> Attrs:
        found = self._attrs.get(instance.shapes)
        if found is None:
            if len(self._attrs) >= KNOWN:
                self._attrs.clear()
            found = self._attrs[instance.shapes] = [
                {k: evaluated(v, instance.sizes) for k, v in r.attrs.items()} for r in self.computed
            ]
        return found


def plan_of(graph: Graph) -> Plan:
    """A plan of kernels of NumPy only; the program hands values on itself."""
    steps: list[Any] = [Callback(r, [], []) for r in graph.nodes if r.op.name != "leaf"]

    def placed(kind: str, records: Any) -> list[Any]:
        return [new_place(kind, r.dtype, r.shape, key) for key, r in records]

    kept = {s: None if r is None else new_place("kept", r.dtype, r.shape, s) for s, r in graph.grad_updates.items()}
    return Plan(
        graph,
        steps,
        list(range(len(steps))),
        placed("input", enumerate(graph.inputs)),
        list(zip(placed("captured", enumerate(graph.captured)), graph.captured.values(), strict=True)),
        dict(zip(graph.states, placed("state", graph.states.items()), strict=True)),
        dict(zip(graph.grads, placed("grad", graph.grads.items()), strict=True)),
        placed("output", enumerate(graph.outputs)),
        kept,
        set(graph.updates),
        [],
        {},
        {},
    )


def _written(graph: Graph, computed: Sequence[Record]) -> tuple[str, Callable[..., Any]]:
    """The calls of a graph's kernels as one Python function of the leaves and the attributes of each call."""
    names = {r: f"v{n}" for n, r in enumerate(graph.nodes)}
    last: dict[Record, Record] = {}
    for record in computed:
        last.update(dict.fromkeys(record.args, record))
    kept = {*graph.results, *graph.leaves}
    lines = [f"def run(leaves, attrs):\n    {''.join(f'{names[r]}, ' for r in graph.leaves)} = leaves"]
    if not graph.leaves:
        lines = ["def run(leaves, attrs):"]
    space: dict[str, Any] = {"asarray": np.asarray}
    for n, record in enumerate(computed):
        args = ", ".join(names[a] for a in record.args)
        if record.op is RESULT:
            lines.append(f"    {names[record]} = asarray({args}[{record.attrs['index']}])")
        else:
            kernel = f"{record.op.name}_{n}"
            space[kernel] = record.op.kernel
            given = ", ".join(x for x in (args, f"**attrs[{n}]" if record.attrs else "") if x)
            call = f"{kernel}({given})"
            lines.append(f"    {names[record]} = {call if record.op.many else f'asarray({call})'}")
        gone = [names[a] for a in dict.fromkeys(record.args) if last[a] is record and a not in kept]
        if gone:
            lines.append(f"    del {', '.join(gone)}")
    lines.append(f"    return {''.join(f'{names[r]}, ' for r in graph.results) or '()'}\n")
    text = "\n".join(lines)
    file = f"<kernels of NumPy {id(graph):x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), space)
    return text, space["run"]


def _apart(found: Sequence[Array], leaves: Sequence[Array]) -> list[Array]:
    """The results, each in memory of its own: a kernel may return its operand, or a view of it."""
    held = {id(a) for a in leaves}
    own = []
    for array in found:
        if array.base is not None or id(array) in held:
            array = array.copy(order="K")
        held.add(id(array))
        own.append(array)
    return own
