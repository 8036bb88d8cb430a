"""All that the op library knows of one function: its signature, its words, and facts read from its record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine import lowering
from engine.makers import COMPOSITES, PUBLIC
from engine.op import OPS, Op
from tapegraph.optable import Row, rows

KINDS = {
    "op": "an op: a record with a kernel",
    "composite": "a composite, written in ops",
    "function": "a function over ops",
}


@dataclass(frozen=True)
class Card:
    """``facts``: pairs of a heading and what stands under it, some of several lines."""

    row: Row
    signature: str
    text: str
    facts: tuple[tuple[str, str], ...]


def card(name: str) -> Card | None:
    """The card of a public name, or of a primitive behind one; None where there is none."""
    row = next((r for r in (*rows(), *rows(hidden=True)) if r.name == name), None)
    return None if row is None else card_of(row)


def card_of(row: Row) -> Card:
    """The card of a row of the table."""
    name = row.name
    op = OPS[name] if row.kind == "op" else None
    face = op.public if op else COMPOSITES[name].function if row.kind == "composite" else PUBLIC[name]
    text = inspect.cleandoc(face.__doc__ or row.text).replace("``", "")
    return Card(row, f"tg.{name}{signature(face)}", text, tuple(_facts(row, op)))


def signature(face: Callable[..., Any]) -> str:
    """The parameters of a function with their defaults, without annotations; "(...)" where Python does not know them."""
    try:
        found = inspect.signature(face).parameters.values()
    except (TypeError, ValueError):
        return "(...)"
    return str(inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in found]))


def _facts(row: Row, op: Op | None) -> Iterator[tuple[str, str]]:
    yield "kind", KINDS[row.kind] + (", which only other functions use" if op is not None and op.hidden else "")
    yield "defined in", row.place
    if row.dtypes:
        yield "dtypes", row.dtypes + ("; integers become the default float" if op is not None and op.floating else "")
    if op is None:
        if row.gradient:
            yield "gradient", row.gradient
            yield "native code", row.code
    else:
        if op.domain:
            yield "domain", " and ".join(f"[{low:g}, {high:g}]" for low, high in op.domain) + ", where tests sample"
        yield "gradient", _gradient(op)
        yield "native code", native(op)
        if op.batch is not None:
            yield "under vmap", op.batch if isinstance(op.batch, str) else "a rule of its own"
        if op.traits:
            yield "traits", ", ".join(sorted(trait.name.lower() for trait in op.traits))
        yield "order", f"{op.order} in the proof that rewriting ends"
    yield "ONNX", row.onnx or "no name there"


def _gradient(op: Op) -> str:
    if not any(op.vjp):
        return "none"
    for_some = "" if op.vjp_together or all(op.vjp) else f" for {sum(map(bool, op.vjp))} of {len(op.vjp)} operands"
    looked = [word for word, kept in (("its operands", op.keeps_x), ("its result", op.keeps_y)) if kept]
    return f"a rule in ops{for_some}, which looks at {' and '.join(looked) or 'neither operands nor result'}"


def native(op: Op) -> str:
    """How the compiler makes code of an op."""
    match op.lower:
        case lowering.Scalar(template, expensive, traps, _, integer):
            parts = [template, f"{integer} (integers)" if integer else "", f"a mistake where {traps}" if traps else ""]
            cost = "; stored rather than computed twice" if expensive else ""
            return "\n".join([f"for each element, fused with what is around it{cost}:", *filter(None, parts)])
        case lowering.Fold(start, step):
            return f"a fold from {start}:\n{step.format(acc='acc', x='x')}"
        case lowering.Loop(products=products):
            return "a loop of its own" + (", which calls the BLAS" if products else "")
        case lowering.View():
            return "none where elements can be read in another order; else they are copied"
        case lowering.Assemble():
            return "operands are copied into parts of the result"
        case lowering.Product():
            return "a matrix product: tiles of our own, or the BLAS"
        case lowering.Control(kind):
            return f"subprograms that the native driver runs ({kind})"
        case lowering.Outward():
            return "a call out into Python, in the order of the program"
        case _:
            return "through ops: a graph holds those instead" if op.expand else "calls back into the NumPy kernel"
