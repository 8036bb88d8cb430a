"""An inquest: which of the recorded calls, and which node of it, gave birth to values that are not finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from compiler.objects import address_of
from engine import effects
from engine.errors import Sentence
from engine.finite import LARGE, Birth, finite
from engine.origin import union
from engine.state import State
from graph import births

if TYPE_CHECKING:
    from compiler.recorder import Entry, Recorder
    from compiler.runtime import Program

Array = np.ndarray[Any, Any]
Told = TypeVar("Told", bound=Sentence)


@dataclass
class Call:
    """A recorded call made again on copies of the states: what they held before it, and what it gave."""

    entry: Entry
    before: dict[State, Array]
    outputs: list[Array]
    finite: bool


def inquire(recorder: Recorder, entries: Sequence[Entry], kind: type[Told]) -> Told | None:
    """What to tell of results that are not finite, the last call's or those of the states after it.

    None where nothing was born: what came in was not finite, or a constant of the program is not. The states are as they
    were before; their arrays and the gradients left by the last call are not touched.
    """
    program = recorder.program
    kept = {s: a.copy() for s, a in program.kept.items()}
    try:
        return _inquire(recorder, entries, kind)
    finally:
        for state, array in kept.items():
            np.copyto(program.kept[state], array)
        for instance in program.instances.values():
            if instance.stamp is None:
                instance.point_at_states()


def _inquire(recorder: Recorder, entries: Sequence[Entry], kind: type[Told]) -> Told | None:
    program = recorder.program
    held = dict(zip(recorder.copied, (c.copy() for c in recorder.copies), strict=True)) if recorder.recording else {}
    history: list[Array] = []
    seen = False
    for number, entry in enumerate(entries):
        held |= {s: a.copy() for s, a in entry.changes.items()}
        call = _again(program, entry, held, recorder)
        history += [o for o in call.outputs[:1] if o.size == 1 and o.dtype.kind == "f"]
        if call.finite:
            continue
        seen = True
        feeds = dict(zip(program.names, entry.arrays, strict=True))
        verdict = births.find(program.traced, feeds, states=call.before, grads=entry.grads)
        if verdict.birth is not None:
            return _told(verdict.birth, len(entries) - 1 - number, history, kind)
        if verdict.finite:
            return _differs(program, kind)
    last = entries[-1]
    if not seen and all(map(finite, last.arrays)):
        return kind(
            "a result is not finite, and the calls that led to it cannot be made again: an array that was fed has been "
            "changed since, or a state that another compiled function changes too",
            op="compiled function",
            fix='call it at tg.debug.level("checked") to catch the birth as it happens',
            origin=_address(program),
        )
    return None


def _again(program: Program, entry: Entry, held: dict[State, Array], recorder: Recorder) -> Call:
    """The call on copies: ``held`` are the states before it, and are changed as the states were."""
    plan = program.plan
    instance = program.instance(tuple([a.shape for a in entry.arrays]))
    before = {s: a.copy() for s, a in held.items()}
    states = [held.get(s, s._value) for s in plan.states]
    outputs = [np.empty(*of) for of in instance.outputs]
    program.held = dict(entry.grads)
    instance.point_at(states)
    instance.bring([address_of(a) for a in (*entry.arrays, *outputs, *program.held.values())])
    with effects.left_out():
        program.execute(instance, list(entry.arrays), outputs, states)
    looked_at = [*outputs, *(held[s] for s in recorder.updated if s not in recorder.exempt), *recorder.left()]
    return Call(entry, before, outputs, all(map(finite, looked_at)))


def _told(birth: Birth, ago: int, history: Sequence[Array], kind: type[Told]) -> Told:
    story = f"; that was {ago} call{'s' * (ago > 1)} before it showed" if ago else ""
    numbers = [float(h.reshape(())) for h in history]
    large = [abs(v) for v in numbers[-4:]]
    if len(large) > 2 and large == sorted(large) and large[-2] > max(LARGE, 10 * large[0]):
        story += f"; the first result went {', '.join(f'{v:.3g}' for v in numbers[-4:])}"
    return birth.told(kind, story)


def _differs(program: Program, kind: type[Told]) -> Told:
    return kind(
        "a result is not finite although the same program is when run node by node: native code and NumPy differ",
        op="compiled function",
        fix="tg.debug.bisect names the first node that differs, and the rewrite or kernel at fault",
        origin=_address(program),
    )


def _address(program: Program) -> Any:
    """The line of the program's first result."""
    results = program.traced.results
    return union(*(r.origin for r in results[:1]))
