"""What changing a scan in a graph takes: which records are scans, and records like others with other operands."""

from __future__ import annotations

from collections.abc import Sequence

from engine.control.body import Body
from engine.effects import seen_back
from engine.lowering import Control
from engine.ops.dtype import leaf as LEAF
from engine.ops.dtype import mark
from engine.record import Record


def is_scan(record: Record) -> bool:
    """Whether a record is a scan."""
    return isinstance(record.op.lower, Control) and record.op.lower.kind == "scan"


def unmarked(record: Record) -> Record:
    """The value behind the marks that gradients, and those who watch these, put on it."""
    while record.op in (mark, seen_back):
        record = record.args[0]
    return record


def with_args(node: Record, args: Sequence[Record]) -> Record:
    """The same op on other operands of the same specs."""
    return Record(node.op, tuple(args), node.attrs, node.shape, node.dtype, node.origin, node.tracked)


def leaf_for(record: Record) -> Record:
    """An input of a body that stands for a value made outside."""
    attrs = {"name": "kept", "kind": "input"}
    return Record(LEAF, (), attrs, record.shape, record.dtype, record.origin, False)


def scan_of(old: Record, body: Body, args: Sequence[Record], consts: int) -> Record:
    """A scan like ``old`` with another body and other operands."""
    attrs = {**old.attrs, "body": body, "consts": consts}
    specs = old.op.infer(*(a.spec for a in args), **attrs)
    shapes, dtypes = tuple(s.shape for s in specs), tuple(s.dtype for s in specs)
    return Record(old.op, tuple(args), attrs, shapes, dtypes, old.origin, False)


def replaced(body: Body, new: dict[Record, Record]) -> list[Record]:
    """The outputs of a body that reads the values of ``new`` in place of its keys, where that is what they use."""
    for node in body.nodes:
        if node not in new and any(a in new for a in node.args):
            new[node] = with_args(node, [new.get(a, a) for a in node.args])
    return [new.get(r, r) for r in body.outputs]
