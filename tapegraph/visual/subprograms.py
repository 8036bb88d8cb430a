"""What stands in the subprogram of a loop or a branch, and which operands outside its inputs stand for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from engine.control.body import Body, bodies_of
from engine.record import Record
from engine.sizes import evaluate


def named(control: Record) -> list[tuple[str, Body]]:
    """The subprograms of a control op with what each is."""
    found = []
    for body in bodies_of(control):
        word = next((k for k, v in control.attrs.items() if v is body), "")
        found.append((word or f"branch {len(found)}", body))
    return found


def steps(control: Record, sizes: Mapping[str, int]) -> int:
    """How often a call runs the subprograms of a control op; 1 where only the data can tell."""
    length = control.attrs.get("length", 1)
    return evaluate(length, sizes) if isinstance(length, int) or length.names() <= sizes.keys() else 1


def operands(control: Record, word: str, body: Body) -> list[Record | None]:
    """For each input of a subprogram the operand of the control op that it stands for; None where none is known."""
    args, attrs = control.args, control.attrs
    match control.op.lower.kind:  # type: ignore[union-attr]
        case "while":
            fixed = attrs["tests"]
            carried = args[fixed + attrs["consts"] :]
            given: Sequence[Record] = [
                *(args[:fixed] if word == "test" else args[fixed : -len(carried) or None]),
                *carried,
            ]
        case "switch":
            given = args[1:]
        case _:
            given = args
    return [given[i] if i < len(given) else None for i in range(len(body.inputs))]


def outcomes(control: Record, word: str, body: Body) -> dict[Record, str]:
    """What the outputs of a subprogram are to the control op."""
    carries = control.attrs.get("carries", 0)
    found: dict[Record, list[str]] = {}
    for number, record in enumerate(body.outputs):
        match control.op.lower.kind:  # type: ignore[union-attr]
            case "scan":
                role = f"carry {number}" if number < carries else f"row of result {number}"
            case "while":
                role = "whether to go on" if word == "test" else f"carry {number}"
            case _:
                role = f"result {number}"
        found.setdefault(record, []).append(role)
    return {record: ", ".join(roles) for record, roles in found.items()}


class Likeness:
    """Which records of one graph those of another are like: the same op, from the same expression, of the same spec.

    Where there are several, the first is like the first. Phases that look at a graph as a whole make records anew.
    """

    def __init__(self, before: Iterable[Record], after: Iterable[Record]) -> None:
        before, after = list(before), list(after)
        old, new = set(before), set(after)
        waiting: dict[Hashable, list[Record]] = {}
        for record in reversed(before):
            if record not in new:
                waiting.setdefault(_key(record), []).append(record)
        self._like: dict[Record, Record] = {}
        for record in after:
            if record not in old and (found := waiting.get(_key(record))):
                self._like[record] = found.pop()
        self._became = {source: record for record, source in self._like.items()}

    def of(self, record: Record) -> Record | None:
        """The record of the graph before that one of the graph after is like."""
        return self._like.get(record)

    def became(self, record: Record) -> Record:
        """The record of the graph after that is like one of the graph before; that one itself where there is none."""
        return self._became.get(record, record)


def _key(record: Record) -> Hashable:
    shape = record.op.name if record.op.many else tuple(map(str, record.shape))
    index = record.attrs.get("index") if record.op.name == "result" else None
    return record.op, record.origin, shape, index
