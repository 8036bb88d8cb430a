"""Records as nodes of a scene: what is told of each, with places written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine import origin
from engine.control.body import Body
from engine.effects import ORDER
from engine.op import Op
from engine.record import Record
from graph.graph import Graph
from graph.views import kind, label
from tapegraph.visual.modules import Names, Path
from tapegraph.visual.scene import Node, Place

LONGEST = 80  # characters of an attribute
_APART = {"shape", "dtype", "name", "kind", "value", "tag"}  # attributes that a node tells otherwise


@dataclass(frozen=True)
class Told:
    """What is known of a record beside the record itself. ``of``: the forward record it is derived from."""

    module: Path = ()
    part: str = "forward"
    of: Record | None = None
    rule: str = ""


@dataclass
class Places:
    """The places of a scene; equal frames are one place."""

    found: list[Place] = field(default_factory=list)
    _numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, where: origin.Origin) -> int | None:
        """The number of the innermost user's line of an origin, None where it has none."""
        frame = next((f for f in where if type(f) is not str), None)
        if frame is None:
            return None
        number = self._numbers.get(frame)
        if number is None:
            at = origin.resolve(frame)  # type: ignore[arg-type]
            number = self._numbers[frame] = len(self.found)
            text = at.text
            # An expression over several lines is marked to the end of its first.
            end = at.end_column if at.end_line == at.line else len(text)
            self.found.append(Place(origin.as_written(at.file), at.line, at.column, end, text, at.function))
        return number


def results_of(graph: Graph, names: Names) -> dict[Record, str]:
    """What the results of a graph are to the caller."""
    found: dict[Record, list[str]] = {}
    for number, record in enumerate(graph.outputs):
        found.setdefault(record, []).append("result" if len(graph.outputs) == 1 else f"result {number}")
    for state, record in graph.updates.items():
        name = "the order of effects" if state is ORDER else names.of_state(state)
        found.setdefault(record, []).append(f"update of {name}")
    for state, grad in graph.grad_updates.items():
        if grad is not None:
            found.setdefault(grad, []).append(f"gradient of {names.of_state(state)}")
    return {record: ", ".join(roles) for record, roles in found.items()}


def node_of(
    record: Record,
    ids: Mapping[Record, str],
    places: Places,
    told: Told,
    *,
    of: str = "",
    inputs: Sequence[str] | None = None,
    name: str = "",
    **more: Any,
) -> Node:
    """The node of a record of a graph. ``ids``: of its operands; ``inputs`` where these are others, ``name`` where a leaf has a better one."""
    return Node(
        id=ids[record],
        op=record.op.name,
        label=name or label(record),
        kind=kind(record),
        dtype=types(record),
        shape=sizes(record),
        inputs=tuple(ids[a] for a in record.args if a in ids) if inputs is None else tuple(inputs),
        module=told.module,
        part=told.part,
        of=of,
        place=None if kind(record) == "input" else places.number(record.origin),  # it comes from the caller
        rule=told.rule,
        attrs=attributes(record.op, record.attrs) | _notes(record),
        **more,
    )


def types(record: Record) -> str:
    """The dtype of a record; of an op with several results, theirs."""
    if not record.op.many:
        return record.dtype.name
    dtypes: Any = record.dtype
    return ", ".join(dict.fromkeys(d.name for d in dtypes))


def sizes(record: Record) -> tuple[str, ...]:
    """The shape of a record as text; empty for an op with several results, each of which has its own."""
    return () if record.op.many else tuple(map(str, record.shape))


def attributes(op: Op, attrs: Mapping[str, Any]) -> dict[str, str]:
    """What is worth reading among an op's attributes."""
    found = {}
    for name, value in attrs.items():
        if (name in _APART and op.name != "astype") or isinstance(value, Body) or name == "bodies":
            continue
        text = str(value)
        found[name] = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return found


def notes(words: Sequence[str], several: Iterable[Any] = ()) -> dict[str, str]:
    """What rules said of a record they made, and the results of an op that has ``several``."""
    found = {"made as": ", ".join(words)} if words else {}
    shown = ", ".join(f"{r.dtype.name}[{', '.join(map(str, r.shape))}]" for r in several)
    return found | ({"results": shown} if shown else {})


def _notes(record: Record) -> dict[str, str]:
    whole, _ = getattr(record, "whole", (None, ()))
    found = {} if whole is None or whole is record.op else {"part of": whole.name}
    return found | notes([f for f in record.origin if type(f) is str], record.spec if record.op.many else ())


def users_of(nodes: Iterable[Record]) -> dict[Record, list[Record]]:
    """Which records read each."""
    found: dict[Record, list[Record]] = {}
    for record in nodes:
        for operand in dict.fromkeys(record.parents):
            found.setdefault(operand, []).append(record)
    return found
