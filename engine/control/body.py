"""Body: a subprogram of a graph, the records between its inputs and its outputs, which a control op runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine import dispatch, origin, stepping
from engine.compute import compute, told
from engine.errors import Sentence
from engine.ops.results import result as RESULT
from engine.record import Record
from engine.sizes import Size
from engine.spec import Spec

Array = np.ndarray[Any, Any]


class Body:
    """Records in dependence order; ``inputs`` are leaves among them, ``outputs`` what a run gives.

    What the subprogram used of the program around it stands among the inputs too, so a body is closed.
    ``sizes``: the numbers behind named sizes, once a call has brought them.
    """

    def __init__(
        self,
        inputs: Sequence[Record],
        nodes: Sequence[Record],
        outputs: Sequence[Record],
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.inputs = tuple(inputs)
        self.nodes = tuple(nodes)
        self.outputs = tuple(outputs)
        self.sizes: Mapping[str, int] = sizes or {}

    def at(self, sizes: Mapping[str, int]) -> Body:
        """The same subprogram for these numbers behind its named sizes."""
        return Body(self.inputs, self.nodes, self.outputs, sizes)

    def run(self, *operands: Array) -> list[Array]:
        """What it computes from NumPy arrays by the NumPy kernels of its ops."""
        values: dict[Record, Any] = dict(zip(self.inputs, operands, strict=True))
        with stepping.turn(self.nodes) as onlooker:
            if onlooker is not None:
                onlooker.begun(self.inputs, values)
            for record in self.nodes:
                if record not in values:
                    try:
                        values[record] = compute(record, [values[a] for a in record.args], self.sizes)
                    except Sentence as mistake:
                        if not mistake.scope:
                            told(mistake, record, values)
                        raise
                    if onlooker is not None:
                        onlooker.seen(record, values)
        return [values[r] for r in self.outputs]

    def inline(self, operands: Sequence[Any]) -> list[Any]:
        """The same ops applied to handles in the current mode; each keeps its own line of the user's file."""
        interpreter = dispatch.current()
        values: dict[Record, Any] = dict(zip(self.inputs, operands, strict=True))
        for record in self.nodes:
            if record in values:
                continue
            if record.op is RESULT:
                values[record] = values[record.args[0]][record.attrs["index"]]
                continue
            with origin.inherit(record.origin):
                values[record] = interpreter.apply(record.op, tuple(values[a] for a in record.args), record.attrs)
        return [values[r] for r in self.outputs]

    def __repr__(self) -> str:
        return f"<body of {len(self.nodes)} nodes>"


def bodies_of(record: Record) -> list[Body]:
    """The subprograms of a control op; none of any other."""
    found = [v for v in record.attrs.values() if isinstance(v, Body)]
    return found + list(record.attrs.get("bodies", ()))


class Traced:
    """A subprogram just traced: its body, what it used from outside (its first inputs), the states it changed.

    ``outside``: handles of the program around it. ``states``: for each state the subprogram assigned to, the number of
    its entry in ``outside``, in the order of the last outputs.
    """

    def __init__(self, body: Body, outside: list[Any], states: dict[Any, int]) -> None:
        self.body = body
        self.outside = outside
        self.states = states


def trace(function: Callable[..., Sequence[Any]], specs: Sequence[Spec], tracked: Sequence[bool]) -> Traced | None:
    """``function`` of handles as a subprogram, or None in a mode that runs functions directly."""
    found: Traced | None = dispatch.current().body(function, specs, tracked)
    return found


def follows(handle: Any) -> bool:
    """Whether gradients flow back through a handle."""
    return dispatch.current().record(handle) is not None


def row(n: Size, spec: Spec) -> Spec:
    """The spec of ``n`` values stacked along a new first axis."""
    return Spec((n, *spec.shape), spec.dtype)
