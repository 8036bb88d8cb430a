"""Ways to look at a graph: as text with the user's lines, as a networkx graph; what a record is in a word."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import networkx as nx

from engine.lowering import Control, View
from engine.op import Op, Trait
from engine.ops.dtype import leaf as LEAF
from engine.ops.results import result as RESULT
from engine.origin import resolve, user_frames
from engine.record import Record
from engine.sizes import show_shape
from engine.work import multiplies
from graph.graph import Graph


def kind(record: Record) -> str:
    """What sort of node a record is: input or state, or what sort of op it applies."""
    if record.op is LEAF:
        return "input" if record.attrs["kind"] == "input" else "state"
    return kind_of(record.op)


@cache
def kind_of(op: Op) -> str:
    """What sort of op it is: constant, elementwise, reduction, product, view, control or other."""
    if op.name in ("full", "iota", "size_of"):
        return "constant"
    if isinstance(op.lower, Control):
        return "control"
    if multiplies(op):
        return "product"
    traits = {Trait.REDUCTION: "reduction", Trait.VIEW: "view", Trait.ELEMENTWISE: "elementwise"}
    return next(
        (name for trait, name in traits.items() if trait in op.traits),
        "view" if isinstance(op.lower, View) or op is RESULT else "other",
    )


def place(record: Record) -> str:
    """The user's line of a record, ``file:line text``; empty where it has none."""
    frames = user_frames(record.origin)
    if not frames:
        return ""
    found = resolve(frames[0])
    return f"{found.short} {found.text.strip()}".rstrip()


def dump(graph: Graph) -> str:
    """The graph as text, one line for each node: number, op, operands, spec and the user's line; then the results."""
    number = {record: f"%{i}" for i, record in enumerate(graph.nodes)}
    lines = []
    for record in graph.nodes:
        text = f"{number[record]} = {_written(record, number)} : {_spec(record)}"
        where = place(record)
        lines.append(f"{text:<64}  # {where}" if where else text)
    if graph.outputs:
        lines.append("return " + ", ".join(number[r] for r in graph.outputs))
    for state, record in graph.updates.items():
        lines.append(f"{state.name or 'state'} <- {number[record]}")
    for state, grad in graph.grad_updates.items():
        lines.append(f"{state.name or 'state'}.grad <- {'None' if grad is None else number[grad]}")
    return "\n".join(lines)


def _written(record: Record, number: dict[Record, str]) -> str:
    if record.op.name == "leaf":
        return f"{record.attrs['kind']} {record.attrs['name']!r}"
    attrs = {k: v for k, v in record.attrs.items() if k not in ("shape", "dtype") or record.op.name == "astype"}
    shown = [*(number[a] for a in record.args), *(f"{k}={v}" for k, v in attrs.items())]
    return " ".join([record.op.name, *shown])


def _spec(record: Record) -> str:
    if record.op.many:
        return repr(record.spec)
    return f"{record.dtype.name}[{show_shape(record.shape).strip('(),')}]"


def to_networkx(graph: Graph) -> nx.DiGraph:
    """The graph as a ``networkx.DiGraph``: nodes are serial numbers with op, kind, shape, dtype, place, label and attrs,
    edges go from operand to user and hold the operand's positions."""
    found = nx.DiGraph()
    for record in graph.nodes:
        found.add_node(
            record.serial,
            op=record.op.name,
            kind=kind(record),
            shape=tuple(map(str, record.shape)),
            dtype=str(record.dtype),
            place=place(record),
            label=label(record),
            attrs={k: str(v) for k, v in record.attrs.items()},
            record=record,
        )
        for position, arg in enumerate(record.args):
            if found.has_edge(arg.serial, record.serial):
                found.edges[arg.serial, record.serial]["positions"] += (position,)
            else:
                found.add_edge(arg.serial, record.serial, positions=(position,))
    return found


def label(record: Record) -> str:
    """A record in a word: the name of a leaf, the number that a constant is, else its op, shortened."""
    return label_of(record.op, record.attrs)


def label_of(op: Op, attrs: Mapping[str, Any]) -> str:
    """An application of an op in a word."""
    match op.name:
        case "leaf":
            return str(attrs["name"])
        case "full":
            value = attrs["value"]
            return f"{value:.3g}" if isinstance(value, float) else str(value)
        case "result":
            return f"result {attrs['index']}"
    short = {"multiply": "mul", "subtract": "sub", "divide": "div", "negative": "neg", "permute_dims": "permute"}
    return short.get(op.name, op.name.removesuffix("_to"))
