"""Ways to look at a graph: as text with the user's lines, as a networkx graph, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import networkx as nx

from engine.lowering import Control
from engine.op import Op, Trait
from engine.ops.dtype import leaf as LEAF
from engine.ops.results import result as RESULT
from engine.origin import resolve, user_frames
from engine.record import Record
from engine.sizes import show_shape
from engine.work import multiplies
from graph.graph import Graph

_COLOURS = {
    "input": "#8fbcdb",
    "state": "#c3b1e1",
    "constant": "#d9d9d9",
    "elementwise": "#b7dfb0",
    "reduction": "#f7c98b",
    "product": "#f29c94",
    "view": "#f5eeb8",
    "control": "#c9b8a8",
    "other": "#e8c9a9",
}


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
    return next((name for trait, name in traits.items() if trait in op.traits), "view" if op is RESULT else "other")


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


def draw(graph: Graph, ax: Any = None) -> Any:
    """Draw the graph in layers from inputs (left) to results (right) and return the matplotlib axes.

    Constants and leaves stand just before their first user; results have a bold outline. Meant for up to a hundred nodes.
    """
    from matplotlib import pyplot  # costs half a second, and only pictures need it
    from matplotlib.patches import Patch

    net = to_networkx(graph)
    layer = _layers(net)
    nx.set_node_attributes(net, layer, "layer")
    positions = _untangled(net, layer)
    width = max(layer.values(), default=0) + 1
    height = max((len(c) for c in _columns(layer).values()), default=1)
    if ax is None:
        _, ax = pyplot.subplots(figsize=(max(5, 0.95 * width), max(2.5, 0.62 * height)))
    results = {r.serial for r in graph.results}
    kinds = [net.nodes[n]["kind"] for n in net]
    nx.draw_networkx_edges(
        net,
        positions,
        ax=ax,
        edge_color="#999999",
        width=0.8,
        arrowsize=7,
        node_size=620,
        connectionstyle="arc3,rad=0.06",
    )
    nx.draw_networkx_nodes(
        net,
        positions,
        ax=ax,
        node_size=620,
        node_color=[_COLOURS[k] for k in kinds],
        edgecolors=["#222222" if n in results else "#888888" for n in net],
        linewidths=[1.8 if n in results else 0.6 for n in net],
    )
    labels = {n: net.nodes[n]["label"] for n in net}
    nx.draw_networkx_labels(net, positions, labels, ax=ax, font_size=6.5)
    shown = [k for k in _COLOURS if k in kinds]
    ax.legend(
        handles=[Patch(color=_COLOURS[k], label=k) for k in shown],
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=len(shown) or 1,
        fontsize=7,
        frameon=False,
    )
    ax.set_axis_off()
    ax.margins(0.04)
    return ax


def _layers(net: nx.DiGraph) -> dict[int, int]:
    """The topological generation of each node; what has no operands moves up to its first user."""
    layer = {n: depth for depth, nodes in enumerate(nx.topological_generations(net)) for n in nodes}
    for n in net:
        if net.in_degree(n) == 0 and net.out_degree(n):
            layer[n] = min(layer[m] for m in net.successors(n)) - 1
    return layer


def _columns(layer: dict[int, int]) -> dict[int, list[int]]:
    columns: dict[int, list[int]] = {}
    for n, depth in layer.items():
        columns.setdefault(depth, []).append(n)
    return columns


def _untangled(net: nx.DiGraph, layer: dict[int, int]) -> dict[int, tuple[float, float]]:
    """Positions by layer, each layer sorted by the mean height of its neighbours, back and forth a few times."""
    columns = _columns(layer)
    height = {n: float(i) for nodes in columns.values() for i, n in enumerate(nodes)}
    for sweep in range(6):
        for depth in sorted(columns, reverse=sweep % 2 == 1):
            near = net.predecessors if sweep % 2 == 0 else net.successors
            mean = {n: _mean([height[m] for m in near(n)], height[n]) for n in columns[depth]}
            columns[depth].sort(key=mean.__getitem__)
            middle = (len(columns[depth]) - 1) / 2
            height.update({n: i - middle for i, n in enumerate(columns[depth])})
    return {n: (float(layer[n]), -height[n]) for n in net}


def _mean(numbers: list[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
