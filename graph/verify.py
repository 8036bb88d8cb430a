"""Verification: the invariants of a graph, checked node by node."""

from __future__ import annotations

from engine.errors import InternalError
from engine.origin import user_frames
from engine.record import Record
from engine.spec import Incompatible
from graph.graph import Graph


def verify(graph: Graph) -> None:
    """Check a graph; linear in its nodes. Raises InternalError naming the node that breaks an invariant:

    every node stands once and after its operands; its spec is what its op infers; inputs, states, gradients and
    captured arrays are leaves of the graph; results are nodes; an update has its state's spec; a computed node has a
    place in the user's file, unless no node has one (a graph made by a machine). Leaves are known by name instead.
    """
    seen: set[Record] = set()
    for record in graph.nodes:
        if record in seen:
            raise _broken(record, "stands in the graph twice")
        for arg in record.args:
            if not isinstance(arg, Record):
                raise _broken(record, f"has an operand that is no record: {arg!r}")
            if arg not in seen:
                raise _broken(record, f"is computed before its operand {arg}")
        seen.add(record)
        if record.op.name != "leaf":
            _check_spec(record)
    _check_leaves(graph, seen)
    _check_results(graph, seen)
    computed = [r for r in graph.nodes if r.op.name != "leaf"]
    placeless = [r for r in computed if not user_frames(r.origin)]
    if placeless and len(placeless) < len(computed):
        raise _broken(placeless[0], "has no place in the user's file")


def _check_spec(record: Record) -> None:
    try:
        spec = record.op.inferred(record.args, record.attrs)
    except (Incompatible, TypeError, ValueError, IndexError, KeyError, StopIteration) as mistake:
        raise _broken(record, f"has operands that do not fit its op: {mistake}") from mistake
    if spec != record.spec:
        raise _broken(record, f"says {record.spec}, but its op infers {spec}")


def _check_leaves(graph: Graph, seen: set[Record]) -> None:
    listed = set(graph.leaves)
    if len(listed) != len(graph.leaves):
        raise InternalError("a leaf is listed twice among inputs, states, gradients and captured arrays", origin=())
    for leaf in graph.leaves:
        if leaf not in seen:
            raise _broken(leaf, "is a leaf of the graph, but none of its nodes")
        if leaf.op.name != "leaf":
            raise _broken(leaf, "is listed as a leaf, but computed")
    for record in graph.nodes:
        if record.op.name == "leaf" and record not in listed:
            raise _broken(record, "is a leaf that nothing is fed to")
    for state, leaf in (*graph.states.items(), *graph.grads.items()):
        if tuple(state.shape) != leaf.shape or state.dtype != leaf.dtype:
            raise _broken(leaf, f"stands for a state of {state.dtype}{list(state.shape)}")
    for leaf, array in graph.captured.items():
        if array.shape != leaf.shape or array.dtype != leaf.dtype:
            raise _broken(leaf, f"stands for an array of {array.dtype}{list(array.shape)}")


def _check_results(graph: Graph, seen: set[Record]) -> None:
    for record in graph.results:
        if record not in seen:
            raise _broken(record, "is a result, but no node of the graph")
    for state, record in (*graph.updates.items(), *graph.grad_updates.items()):
        if record is not None and (tuple(state.shape) != record.shape or state.dtype != record.dtype):
            name = state.name or "a state"
            raise _broken(record, f"is written to {name}, which is {state.dtype}{list(state.shape)}")
    for state in graph.updates:
        if state not in graph.states:
            raise InternalError(f"{state.name or 'a state'} is written to, but none of the graph's states", origin=())


def _broken(record: Record, problem: str) -> InternalError:
    name = record.attrs.get("name")
    return InternalError(f"node {record}{f' {name!r}' if name else ''} {problem}", origin=record.origin)
