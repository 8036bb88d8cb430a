"""A derivative step by step: how values go over a small graph, and tangents along with them or adjoints back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eager.hooks import Event, hooks
from eager.interpreter import RECORDING
from eager.tensor import Tensor
from engine import dispatch
from engine.derivatives import jvp
from engine.errors import ArgumentError
from engine.record import Record
from graph.views import label_of
from tapegraph.debug.naming import derived
from tapegraph.visual.scene import Firing, Node, Scene, Stage
from tapegraph.visual.writing import Places

MODES = ("reverse", "forward")
SHOWN = 3  # elements of an array that are written out


def walk(function: Callable[..., Any], *args: Any, mode: str = "reverse", along: int = 0) -> Scene:
    """A scene with a stage for each step in which ``function`` and its derivative are computed, on these numbers.

    ``args``: numbers or small float arrays. ``mode``: "reverse" computes the value first and then, from the result back,
    how much the result grows with each value (its adjoint); "forward" carries along with each value how fast it grows
    with argument number ``along`` (its tangent). Intermediate values are called v1, v2, ... (Griewank and Walther,
    "Evaluating derivatives", 2008). Raises ArgumentError for another mode, for an argument that is not there, and in reverse mode for a
    result of several elements.
    """
    if mode not in MODES:
        raise ArgumentError(f"mode is {mode!r}", op="walk", fix=f"it is one of {', '.join(map(repr, MODES))}")
    if not 0 <= along < len(args):
        raise ArgumentError(f"there is no argument number {along}", op="walk", fix=f"there are {len(args)}, from 0")
    names = [*inspect.signature(function).parameters][: len(args)]
    with dispatch.interpret(RECORDING):
        given = [Tensor(np.asarray(a, np.float64)).requires_grad_() for a in args]
        steps = Steps(mode)
        if mode == "forward":
            starts = [np.full(x.shape, float(i == along)) for i, x in enumerate(given)]
            steps.tangents = [*starts, *_tangents(function, given, starts)]
        for name, handle in zip(names, given, strict=True):
            steps.argument(name, handle)
        steps.stage(f"the arguments: {', '.join(names)}")
        with hooks(after=steps.forward, after_backward=steps.backward):
            result = function(*given)
            if mode == "reverse":
                steps.seed(result)
                result.backward()
    name = getattr(function, "__name__", "function")
    return Scene(f"{name}, {mode} mode", steps.stages, steps.places.found)


def _tangents(function: Callable[..., Any], given: Sequence[Any], starts: Sequence[Any]) -> list[Any]:
    """The tangent of each value on the way, in order."""

    def values(*inputs: Any) -> list[Any]:
        seen: list[Any] = []
        with hooks(after=lambda event: seen.extend(_tracked(event))):
            function(*inputs)
        return seen

    found: list[Any] = jvp(values, given, starts)[1]
    return found


def _tracked(event: Event) -> list[Any]:
    """The results of an op that derivatives are taken through."""
    results = event.result if isinstance(event.result, tuple) else (event.result,)
    return [r for r in results if r._record is not None]


@dataclass
class Steps:
    """The nodes so far and a stage for each step that was done."""

    mode: str
    tangents: list[Any] = field(default_factory=list)  # of arguments and values, in order; forward mode
    stages: list[Stage] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    names: dict[Record, str] = field(default_factory=dict)  # of arguments and values, by their tape entries
    adjoints: dict[str, Any] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    result: str = ""
    values: int = 0

    def argument(self, name: str, handle: Any) -> None:
        """An argument stands in the first stage."""
        self.names[handle._record] = name
        self._add(name, name, handle._value, "leaf", "input", (), None)

    def forward(self, event: Event) -> None:
        """A value was computed."""
        for result in [] if derived(event.origin) else _tracked(event):
            self.values += 1
            name = f"v{self.values}"
            operands = [self._operand(x) for x in event.args]
            title = f"{name} = {label_of(event.op, event.attrs)}({', '.join(operands)})"
            inputs = tuple(o for o in operands if o in self.nodes)
            self.names[result._record] = name
            if event.op.many:
                self.names.setdefault(result._record.args[0], name)
            self._add(
                name, title, result._value, event.op.name, "elementwise", inputs, self.places.number(event.origin)
            )
            told = f"{title} = {written(result._value)}"
            if self.mode == "forward":
                told += f", and it grows by {written(self.tangents[len(self.nodes) - 1])}"
            self.stage(told, name)

    def seed(self, result: Any) -> None:
        """The adjoint of the result is 1."""
        name = self.result = self.names.get(getattr(result, "_record", None), "")
        if result.size != 1 or not name:
            raise ArgumentError(
                "the result is not one element that depends on the arguments",
                op="walk",
                fix="return a sum of what is computed",
            )
        self._adjoint(name, np.ones(result.shape), ())
        self.stage(f"the result grows as fast as itself: d{name}/d{name} = 1", f"d{name}")

    def backward(self, event: Event) -> None:
        """The adjoint of a value was passed on to its operands."""
        name = self.names.get(event.record)
        if name is None:
            return
        told: list[str] = []
        touched: list[str] = []
        for operand, part in zip(event.record.args, event.gradients, strict=True):
            to = self.names.get(operand) if type(operand) is Record else None
            if to is not None and part is not None:
                told.append(f"{written(part._value)} to {to}")
                self._adjoint(to, part._value, (f"d{name}",))
                touched.append(f"d{to}")
        arrived = event.gradient if isinstance(event.gradient, list) else [event.gradient]
        own = " and ".join(written(g._value) for g in arrived if g is not None)
        words = f"{name} passes on its {own}: {', '.join(told)}"
        self.stage(words, name, *touched)

    def _operand(self, x: Any) -> str:
        record = getattr(x, "_record", None)
        if record is not None and record in self.names:
            return self.names[record]
        return written(np.asarray(getattr(x, "_value", x)))

    def _add(
        self, id: str, title: str, value: Any, op: str, kind: str, inputs: tuple[str, ...], place: int | None
    ) -> None:
        lines = [title, f"= {written(value)}"]
        if self.mode == "forward":
            lines.append(f"tangent {written(self.tangents[len(self.nodes)])}")
        shape = tuple(map(str, value.shape))
        self.nodes[id] = Node(id, op, "\n".join(lines), kind, "float64", shape, inputs, place=place)

    def _adjoint(self, name: str, part: Any, source: tuple[str, ...]) -> None:
        key, before = f"d{name}", self.adjoints.get(name)
        total = self.adjoints[name] = part if before is None else before + part
        sum_of = f"{written(before)} + {written(part)}".replace("+ -", "- ") if before is not None else ""
        told = f"= {sum_of} = {written(total)}" if sum_of else f"= {written(total)}"
        inputs = (*(self.nodes[key].inputs if key in self.nodes else ()), *source)
        self.nodes[key] = Node(
            key,
            "adjoint",
            f"d{self.result}/d{name}\n{told}",
            "other",
            "float64",
            tuple(map(str, total.shape)),
            inputs,
            part="backward",
            of=name,
            place=self.nodes[name].place,
        )

    def stage(self, caption: str, *marked: str) -> None:
        """A step is done; what it looked at is marked."""
        firings = (Firing("step", caption, (), marked),) if marked else ()
        name = f"{len(self.stages)}"
        self.stages.append(Stage(name, "eager", caption, tuple(self.nodes.values()), firings))


def written(value: Any) -> str:
    """An array in a few characters: a number, or its first elements."""
    flat = np.ravel(np.asarray(value))
    if flat.size == 1:
        return f"{flat[0]:.4g}"
    return f"[{' '.join(f'{x:.3g}' for x in flat[:SHOWN])}{' …' if flat.size > SHOWN else ''}]"
