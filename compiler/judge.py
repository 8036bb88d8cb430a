"""Which step of a program computes something else than its ops mean, from the very operands it was given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from compiler.bounds import NUMPY, bound
from compiler.control import Turn
from compiler.fuse import INLINE
from compiler.plan import make_plan
from compiler.runtime import Program
from compiler.step import Step
from compiler.turns import walked
from compiler.walk import AnyStep, Walk, outside, stored, untouched
from engine.compute import compute
from engine.errors import FeedError
from engine.lowering import Fold, Scalar, View
from engine.ops.dtype import leaf as LEAF
from engine.ops.results import result as RESULT
from engine.record import Record
from engine.sizes import evaluated
from graph.graph import Graph
from graph.mismatch import Difference, apart, gap, size
from graph.suspects import wrong_rewrite
from graph.wide import wide, widened

Array = np.ndarray[Any, Any]
Values = dict[Record, Any]

CLOSE = 16  # ulp: a step whose results are all this close needs no second look
ENDS, SHORT = 32, 4096  # additions at the ends of a sum, and a sum that may be added in a single row
NOISE = 64  # times the rounding error that NumPy itself makes of the same operands, and as many ulp


def wrong_step(program: Program, arrays: Sequence[Array], prepare: Any = None) -> Difference | None:
    """The first step of a call that leaves a wrong value, judged on the operands it was given; None where none does.

    ``arrays``: the inputs in order. ``prepare``: what was done to the graphs of subprograms, (phases, fidelity). States
    and gradients stay as they are.
    """
    with untouched(program):
        walk = Walk(program, arrays)
        ran: list[AnyStep] = []
        for wave in chain(walk.waves(), [[]]):
            for step in ran:
                if (found := _judged(walk, step, prepare)) is not None:
                    return found
            for step in wave:
                if (spoiled := walk.spoiled(step)) is not None:
                    return Difference(**vars(spoiled))
            if (found := _assembled(walk)) is not None:
                return found
            ran = wave
        spoiled = walk.undelivered()
        return _assembled(walk) or (None if spoiled is None else Difference(**vars(spoiled)))


def _assembled(walk: Walk) -> Difference | None:
    """What is wrong with a value that several steps have copied together."""
    while walk.assembled:
        record = walk.assembled.pop()
        operands = [walk.value(a) for a in record.args]
        meant = compute(record, operands, walk.sizes)
        if apart(walk.values[record], meant, 0.0):
            blamed = f"the parts that {record.op.name} is put together of"
            return Difference("lowering", blamed, record, walk.values[record], meant, operands)
    return None


def _judged(walk: Walk, step: AnyStep, prepare: Any) -> Difference | None:
    left = stored(step, walk.plan.graph, walk.plan.places)
    if isinstance(step, Step) and step.joins is not None:
        step = step.joins
    if not left:
        return None
    operands: Values = {a: walk.value(a) for a in outside(step)}
    found = {r: walk.values[r] for r in left}
    if isinstance(step, Turn):
        return _wrong_turn(walk, step, [operands[a] for a in step.record.args], found, prepare)
    meant = _meant(step, operands, walk.sizes, compute)
    if all(_close(found[r], meant[r]) for r in left):
        return None
    exact = _meant(step, {r: widened(v) for r, v in operands.items()}, walk.sizes, wide)
    fused = _fused(step)
    if all(_likely(found[r], meant[r], exact[r], fused) for r in left):
        return None
    number = walk.number[id(step)]
    blamed = (
        f"the kernel of step {number}" if isinstance(step, Step) else f"what was done with the result in step {number}"
    )
    text = step.kernel.text if isinstance(step, Step) else ""
    if not fused:
        bad = next(r for r in left if not _likely(found[r], meant[r], exact[r], fused))
        return Difference("kernel", blamed, bad, found[bad], meant[bad], list(operands.values()), text)
    return _each_member(step, operands, found, exact, walk.sizes, blamed, text)  # type: ignore[arg-type]


def _fused(step: AnyStep) -> bool:
    return all(isinstance(r.op.lower, Scalar | Fold | View) for r in step.records)


def _meant(step: AnyStep, operands: Values, sizes: dict[str, int], by: Any) -> Values:
    """The value of each record of a step, and of each result of one that has several."""
    values = dict(operands)
    with np.errstate(all="ignore"):
        for record in sorted(step.records, key=lambda r: r.serial):
            values[record] = by(record, [values[a] for a in record.args], sizes)
    return _Results(values)


class _Results(dict[Record, Any]):
    """Values by record; a result of an op that has several is found in the list of them."""

    def __missing__(self, record: Record) -> Any:
        if record.op is not RESULT:
            raise KeyError(record)
        return self[record.args[0]][record.attrs["index"]]


def _eps(value: Array) -> float:
    return float(np.finfo(value.dtype).eps) if value.dtype.kind == "f" else 0.0


def _close(found: Array, meant: Array) -> bool:
    return not apart(found, meant, CLOSE * _eps(meant), 0.0)


def _likely(found: Array, meant: Array, exact: Array, fused: bool) -> bool:
    """Whether a value may be what its ops mean but for rounding; sure to be said of every right one that is not fused."""
    if meant.dtype.kind != "f":
        return bool(np.array_equal(found, meant))
    eps = _eps(meant)
    off = gap(meant, exact)
    noise = float(off[np.isfinite(off)].max(initial=0.0))
    scale = noise / eps
    if not fused:  # a loop of its own may add in the worst order; its mistakes are gross
        scale = max(scale, size(exact) * eps**-0.5 / NOISE)
    return not apart(found, meant, NOISE * eps, scale)


def _each_member(
    step: Step, operands: Values, found: Values, exact: Values, sizes: dict[str, int], blamed: str, text: str
) -> Difference | None:
    """The member of a fused group that is computed wrongly: all are computed again natively, each to be looked at."""
    graph, members = _alone(step.records, operands, sizes)
    given = [np.array(operands[a], order="C") for a in operands if a.op.name not in INLINE]
    natives = dict(zip(members, Program(make_plan(graph), graph).run(given), strict=True))
    values = operands | natives
    for record, native in natives.items():
        own = [values[a] for a in record.args]
        with np.errstate(all="ignore"):
            meant = compute(record, own, sizes)
            precise = wide(record, [widened(v) for v in own], sizes)
        relative, scale = _allowed(record, own, precise)
        if apart(native, meant if meant.dtype.kind != "f" else precise.astype(meant.dtype), relative, scale):
            return Difference("kernel", blamed, record, native, meant, own, text)
    sums = any(isinstance(r.op.lower, Fold) for r in step.records)
    for record, value in found.items():
        eps = _eps(value)
        scale = size(exact[record]) * eps**-0.5 / NOISE if sums and eps else 0.0
        if apart(value, natives[record], NOISE * eps, scale):
            return Difference("kernel", blamed, record, value, natives[record], list(operands.values()), text)
    return None


def _allowed(record: Record, operands: Sequence[Array], exact: Array) -> tuple[float, float]:
    """How far a native value may be from the true one: relative to itself, or to a scale where that is larger."""
    if record.dtype.kind != "f":
        return 0.0, 0.0
    limits = np.finfo(record.dtype)
    eps, least = float(limits.eps), float(limits.tiny)
    limit = bound(record)
    if limit.kind == "order":
        count = max(1, operands[0].size // max(1, exact.size))
        with np.errstate(all="ignore"):
            added = size(np.add.reduce(np.abs(operands[0].astype(np.float64)), axis=record.attrs["axis"]))
        # A long sum has eight accumulators at least.
        return (ENDS + min(count, SHORT) + count / 8) * eps, max(added, least)
    spread = 1.0 if limit.ulp <= 4 else NOISE  # several functions in one template may cancel
    relative = (limit.ulp + NUMPY) * spread * eps
    scale = least if limit.ulp <= 4 else max([size(o) for o in operands if isinstance(o, np.ndarray)], default=least)
    return relative, max(scale, least)


def _alone(records: Sequence[Record], operands: Values, sizes: dict[str, int]) -> tuple[Graph, list[Record]]:
    """A graph of these records only, all of them its outputs, and the records in the order of its outputs."""
    new: dict[Record, Record] = {}
    graph = Graph()
    for a in operands:
        shape = evaluated(a.shape, sizes)
        if a.op.name in INLINE:
            attrs = {k: evaluated(v, sizes) for k, v in a.attrs.items()}
            new[a] = Record(a.op, (), attrs, shape, a.dtype, a.origin, False)
        else:
            leaf = {"name": f"x{len(graph.inputs)}", "kind": "input"}
            new[a] = Record(LEAF, (), leaf, shape, a.dtype, a.origin, False)
            graph.inputs.append(new[a])
        graph.nodes.append(new[a])
    members = sorted(records, key=lambda r: r.serial)
    for r in members:
        attrs = {k: evaluated(v, sizes) for k, v in r.attrs.items()}
        new[r] = Record(r.op, tuple(new[a] for a in r.args), attrs, evaluated(r.shape, sizes), r.dtype, r.origin, False)
        graph.nodes.append(new[r])
        graph.outputs.append(new[r])
    return graph, members


# ---------------------------------------------------------------------------------------- loops and branches


class _Found(Exception):
    """Ends a loop that is walked: what was looked for was found."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference


def _wrong_turn(walk: Walk, turn: Turn, operands: list[Array], found: Values, prepare: Any) -> Difference | None:
    """What is wrong inside a row of control flow: each call of its parts is judged on the operands it should have."""
    record = turn.record
    with np.errstate(all="ignore"):
        meant = compute(record, operands, walk.sizes)
    bad = [r for r, value in found.items() if _astray(value, meant[r.attrs["index"]])]
    if not bad:
        return None
    programs = [Program(plan, plan.traced or plan.graph) for plan in turn.parts]

    def judged(label: str, part: int, inputs: list[Array]) -> list[Array]:
        program = programs[part]
        wanted, leaves, sizes = _by_reference(program, inputs)
        if any(map(_astray, program.run(inputs), wanted)):
            inner = prepare and wrong_rewrite(program.traced, leaves, sizes, *prepare)
            inner = inner or wrong_step(program, inputs, prepare)
            if inner is not None:
                inner.path.insert(0, label)
                raise _Found(inner)
        return wanted

    try:
        walked(turn, operands, walk.sizes, judged)
        # Every step is right by itself. Walked with what each hands to the next, natively, they must give the results.
        native = walked(turn, operands, walk.sizes, lambda _, part, inputs: programs[part].run(inputs))
    except _Found as ended:
        return ended.difference
    except (FeedError, KeyError):
        return None  # sizes that only the program around knows: what is inside cannot be run by itself
    for r in bad:
        index = r.attrs["index"]
        if index in native and _astray(found[r], native[index]):
            blamed = f"how step {walk.number[id(turn)]} hands values on from one step of the loop to the next"
            return Difference("loop", blamed, record, found[r], native[index], operands)
    return None


def _astray(found: Array, meant: Array) -> bool:
    return apart(found, meant, _eps(meant) ** 0.5 if meant.dtype.kind == "f" else 0.0)


def _by_reference(program: Program, inputs: list[Array]) -> tuple[list[Array], Values, dict[str, int]]:
    """What a part should give, its leaves with their values, and the numbers behind its named sizes."""
    graph = program.traced
    leaves: Values = dict(zip(graph.inputs, inputs, strict=True))
    sizes = program.instance(tuple([a.shape for a in inputs])).sizes
    values = dict(leaves)
    with np.errstate(all="ignore"):
        for record in graph.nodes:
            if record not in values:
                values[record] = compute(record, [values[a] for a in record.args], sizes)
    return [values[r] for r in graph.outputs], leaves, sizes
