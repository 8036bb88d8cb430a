"""Where the two modes part: the first value that differs, the user's line, and the rewrite, kernel or plan to blame."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import numpy as np

from eager.hooks import Event, hooks
from engine import effects, level, origin
from engine.ops.results import result as RESULT
from engine.record import Record
from graph import reference
from graph.mismatch import Difference
from graph.reference import Result
from tapegraph.debug.replaying import replay
from tapegraph.debug.twin import Twin, copied, far_apart
from tapegraph.function import Function
from tapegraph.selfcheck import examined
from tapegraph.version import Version

Array = np.ndarray[Any, Any]


@dataclass
class Bisection:
    """What ``bisect`` found; print it, or show it in a notebook.

    ``difference``: the first wrong value and what is to blame, or None. ``stages``: (what was compared, the largest
    difference relative to the largest element, whether it is within tolerance). ``saved``: the replay file.
    """

    name: str
    difference: Difference | None
    stages: list[tuple[str, float, bool]] = field(default_factory=list)
    saved: str | None = None

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return self.difference is not None

    @property
    def line(self) -> int | None:
        """The user's line on which the first value that differs is computed."""
        place = self.difference.place if self.difference else None
        return place.line if place else None

    def __str__(self) -> str:
        lines = [f"bisect {self.name}: {'the modes differ' if self else 'no difference'}"]
        width = max(len(what) for what, _, _ in self.stages)
        for what, far, fine in self.stages:
            lines.append(
                f"  {what:{width}}  {'agree' if fine else 'DIFFER'}, by {far:.2g} of the largest element at most"
            )
        if self.difference is not None:
            lines += ["", *_told(self.difference)]
        if self.saved:
            lines += ["", f"saved: {self.saved}"]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(what)}</td><td>{'agree' if fine else '<b>differ</b>'}</td><td>{far:.2g}</td></tr>"
            for what, far, fine in self.stages
        )
        told = "\n".join(_told(self.difference)) if self.difference else "no difference"
        head = "<tr><th>compared</th><th></th><th>largest difference</th></tr>"
        return f"<b>bisect {html.escape(self.name)}</b><table>{head}{rows}</table><pre>{html.escape(told)}</pre>"


def _told(difference: Difference) -> list[str]:
    record = difference.record
    lines = [f"first value that differs: {record.op.name}", f"  {difference.values()}"]
    if difference.path:
        lines.append(f"  in {', '.join(difference.path)}")
    lines += origin.show(record.origin).splitlines()
    lines.append(f"to blame: {difference.blamed}")
    lines += [f"    {line}" for line in difference.text.rstrip().splitlines()]
    return lines


def bisect(
    fn: Callable[..., Any],
    *args: Any,
    rtol: float | None = None,
    atol: float = 0.0,
    save: str | None = None,
    **kwargs: Any,
) -> Bisection:
    """Run a call in both modes and find the first value, forward or backward, that differs, and what made it.

    Compared are eager mode with the traced graph run by its NumPy kernels (results, new values of states, gradients), the
    graph before and after each phase of rewriting and each firing of a rule, and each step of the compiled program with
    what its ops mean, on the operands the step was given, inside loops too. ``fn``: any function, a ``tg.function`` or a
    training step; states and gradients are afterwards as they were. ``rtol``, ``atol``: how far results may be apart,
    relative to the largest element of each (by default 1e-4 in float32, 1e-10 in float64) and absolutely. ``save``: a file
    to write for ``tg.debug.replay``.
    """
    function, args = _function(fn, args)
    with level.level("off"), effects.left_out():
        version, _, arrays = function.serving(copied(args), kwargs)
        assert version is not None
        twin = Twin(function, version, args, kwargs)
        with twin.restored():
            eager = twin.eager()
        feeds = dict(zip(version.program.names, arrays, strict=True))
        meant = reference.run(version.graph, feeds)
        with twin.restored():
            outputs = [a.copy() for a in version.program.run(arrays)]
            compiled = [*outputs, *twin.left()]
        found = Bisection(function.__name__, None)
        values = _flat(version, meant)
        for what, mine, its in (
            ("eager and the graph as traced", values, eager),
            ("the graph and compiled", compiled, values),
        ):
            far, fine = _compared(mine, its, rtol, atol)
            found.stages.append((what, far, fine))
        if not found.stages[0][2]:
            found.difference = _parted(twin, feeds, rtol, atol)
        if found.difference is None:
            found.difference = examined(version.program, arrays, function.fidelity, function.phases)
    if save is not None:
        kind = found.difference.kind if found.difference else ""
        # Where a rewrite is to blame, the graph before it is right; else the one that was compiled is what to look at.
        graph = "traced" if kind in ("rule", "phase", "trace") else "optimised"
        replay(function, *args, graph=graph, **kwargs).save(save)
        found.saved = save
    return found


def _function(fn: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Function, tuple[Any, ...]]:
    if isinstance(fn, MethodType) and isinstance(fn.__func__, Function):
        fn, args = fn.__func__, (fn.__self__, *args)
    if not isinstance(fn, Function):
        return Function(fn, always=True), args
    if fn.tiered:
        how = {"fidelity": fn.fidelity, "specialize": fn.specialize, "phases": fn.phases}
        return Function(fn.body, always=True, memory_budget=fn.memory_budget, tiered=False, **how), args
    return fn, args


def _flat(version: Version, found: Result) -> list[Array]:
    grads = [g for g in found.grads.values() if g is not None]
    return [*found.outputs, *(v for s, v in found.updates.items() if s is not effects.ORDER), *grads]


def _compared(found: Sequence[Array], wanted: Sequence[Array], rtol: float | None, atol: float) -> tuple[float, bool]:
    """The largest difference relative to the largest element, and whether all are within tolerance."""
    worst, fine = 0.0, True
    for a, b in zip(found, wanted, strict=True):
        far, close = far_apart(a, b, rtol, atol)
        worst, fine = max(worst, far), fine and close
    return worst, fine


# ------------------------------------------------------------------------------------ eager mode and the graph as traced


def _key(op: str, where: origin.Origin) -> Any:
    frames = origin.user_frames(where)
    return op, frames[0] if frames else None, tuple(f for f in where if isinstance(f, str))


def _parted(twin: Twin, feeds: dict[str, Array], rtol: float | None, atol: float) -> Difference | None:
    """The first op that gives something else in eager mode than its node in the graph: told by op, place and order."""
    seen: list[tuple[Any, Array, list[Any]]] = []

    def note(event: Event) -> None:
        if not event.op.many:
            operands = [np.array(a) for a in event.args if hasattr(a, "shape")]
            seen.append((_key(event.op.name, event.origin), np.array(event.result), operands))

    with twin.restored(), hooks(after=note):
        twin.eager()
    graph = twin.version.graph
    values = reference.run(graph, feeds, keep=True).values
    nodes: dict[Any, list[Record]] = {}
    for record in graph.nodes:
        if record.args and not record.op.many and record.op is not RESULT:
            nodes.setdefault(_key(record.op.name, record.origin), []).append(record)
    count: dict[Any, int] = {}
    for key, _, _ in seen:
        count[key] = count.get(key, 0) + 1
    turn: dict[Any, int] = {}
    for key, value, operands in seen:
        number = turn[key] = turn.get(key, -1) + 1
        twins = nodes.get(key, [])
        if len(twins) not in (1, count[key]):
            continue
        record = twins[number if len(twins) > 1 else 0]
        if not far_apart(values[record], value, rtol, atol)[1]:
            blamed = f"how {record.op.name}, or what it was made from, is written down in graphs"
            return Difference("trace", blamed, record, values[record], value, operands)
    return None
