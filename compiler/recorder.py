"""The flight recorder of a program: what its last calls were fed, and what its states held before them.

Results are looked at after each call, large ones and states now and then. Where one is not finite, the calls since the
states were last copied are made again on copies, to the bit, and the one that gave birth is run node by node.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import survey
from compiler.objects import address_of
from engine import level
from engine.errors import NonFiniteError
from engine.landing import landed
from engine.notices import NonFiniteWarning, warn
from engine.origin import capture
from engine.state import STAMP, State

if TYPE_CHECKING:
    from compiler.runtime import Program

Array = np.ndarray[Any, Any]

ROWS = 512  # calls recorded at most
BYTES = 32 << 20  # of what they were fed
SHARE = 0.01  # of the time, for copying states and looking at them
SMALL = 1 << 12  # elements of a result looked at after each call; larger ones in the first call after a copy
OWN, CALLING = 3e-6, 1e-6  # seconds that a turn takes beside its surveys, and that calling one takes
# Words that the native call reads and writes. MASK wraps the position; LOOKING: whether states are looked at each time.
POSITION, CAPACITY, MASK, BAD, LOOKING = range(5)


@dataclass
class Entry:
    """A call: what it was fed, the gradients it read, and the small states that others had changed before it."""

    arrays: Sequence[Array]
    grads: Mapping[State, Array]
    changes: Mapping[State, Array]


class Recorder:
    """Written by each call of a program that is watched, the native one included; held under the program's lock.

    ``words``, ``ring`` (arrays fed, a row for each call) and ``slot`` (results that the native call leaves when somebody
    must look at them) are read and written by native code.
    """

    def __init__(self, program: Program) -> None:
        plan = program.plan
        self.program = program
        self.updated = [s for s in plan.states if s in plan.updated]
        self.small = {s for s in plan.states if s not in plan.updated and s._value.size <= SMALL // 4}
        self.copied = [*self.updated, *(s for s in plan.states if s in self.small)]
        self.copies = [np.empty_like(s._value, order="C") for s in self.copied]
        self.recording = bool(self.updated)
        self.ring = np.full((ROWS if self.recording else 1, max(1, len(plan.inputs))), None, object)
        self.words = np.array([0, 1, -1, 0, 1] if self.recording else [0, -1, 31, 0, 0], np.int64)
        self.slot = np.full(1, None, object)
        self.grads: dict[int, Mapping[State, Array]] = {}  # by position, as the next
        self.changes: dict[int, dict[State, Array]] = {}
        self.stacks: dict[int, Sequence[Array]] = {}  # of several calls in one, from this position on
        self.held: dict[State, Any] = {}  # weak references to the states' arrays
        self.exempt: set[State] = set()  # states that hold NaN or infinities for good reason
        self.looking = self.copying = np.zeros((0, 4), np.int64)  # surveys of the states
        self.valid = False  # whether the copies and what is recorded lead to the states as they are
        self.stamp: Any = None
        self.turned = 0.0
        self.quiet = False  # a birth was told, and results have not been finite since
        self.excused = self.pardon = 0  # calls whose non-finite results are not looked into

    # ------------------------------------------------------------------------------------ what a call does

    def tests(self, outputs: Sequence[tuple[tuple[int, ...], Any]]) -> list[int]:
        """What a native call looks at, five words for each: number of a result or -1, address, count, kind, and when.

        When: 0, in the first call after a copy; 1, in each; 2, while LOOKING. ``outputs``: shape and dtype of each.
        """
        words = []
        for number, (shape, dtype) in enumerate(outputs):
            if dtype.kind == "f":
                words += [number, 0, prod(shape), dtype.itemsize, prod(shape) <= SMALL]
        for array in self.left():
            if array.dtype.kind == "f":
                words += [-1, address_of(array), array.size, array.itemsize, 1]
        for address, _, count, kind in self.looking.tolist():
            words += [-1, address, count, kind, 2]
        return words

    def begin(self, strict: bool, calls: int = 1) -> None:
        """Before a call, or several: have copies of the states as they are, or (unless ``strict``) as they were."""
        if self.stamp is not STAMP.now:
            self._look_again()
        if not self.valid:
            self.quiet = False
        recorded = int(self.words[POSITION])
        if self.recording and (not self.valid or (strict and recorded) or recorded + calls > ROWS):
            self._copy()
        if strict or not self.recording:
            self.words[[CAPACITY, MASK]] = [1, -1] if self.recording else [0, 0] if strict else [-1, 31]

    def lose(self) -> None:
        """A call is made that is not recorded."""
        self.valid = False

    def ran(
        self, arrays: Sequence[Array], grads: Mapping[State, Array], outputs: Sequence[Array], strict: bool
    ) -> None:
        """After a call made from Python. ``strict``: look at everything; raise NonFiniteError, the states as before."""
        position = int(self.words[POSITION])
        if self.recording:
            for number, array in enumerate(arrays):
                self.ring[position, number] = array
            if grads:
                self.grads[position] = grads
        self.words[POSITION] = (position + 1) & int(self.words[MASK])
        bad = self._bad(outputs, whole=strict or position == 0)
        bad = bad or (bool(strict or self.words[LOOKING]) and survey.first_bad(self.looking) is not None)
        if bad or strict or self.words[POSITION] == self.words[CAPACITY]:
            self.look(arrays, bad, strict)

    def ran_several(self, stacks: Sequence[Array], outputs: Sequence[Array]) -> None:
        """After one native call for each entry along the first axis of ``stacks``, at most ``ROWS``."""
        position = int(self.words[POSITION])
        self.stacks[position] = stacks
        self.words[POSITION] = position + len(stacks[0]) if self.recording else 0
        bad = self._bad(outputs, whole=True)
        if bad or self.words[POSITION] >= self.words[CAPACITY] > 0:
            self.look([a[-1, ...] for a in stacks], bad, False)

    def delivered(self, arrays: Sequence[Any]) -> Any:
        """The results of a native call that somebody must look at, looked at; None where the call was not made."""
        found, self.slot[0] = self.slot[0], None
        if found is not None:
            fed = [a if type(a) is np.ndarray else a._value for a in arrays]
            self.look(fed, bool(self.words[BAD]), level.numbers() == "checked")
        return found

    def _bad(self, outputs: Sequence[Array], whole: bool) -> bool:
        looked_at = [a for a in outputs if a.dtype.kind == "f" and (whole or a.size <= SMALL)]
        looked_at += [a for a in self.left() if a.dtype.kind == "f"]
        return survey.first_bad(survey.rows([(a, None) for a in looked_at], [True] * len(looked_at))) is not None

    def left(self) -> list[Array]:
        """The gradients a call leaves, where it does not use them itself: then the states tell."""
        return [] if self.recording else list(self.program.kept.values())

    # ------------------------------------------------------------------------------------ copies

    def _look_again(self) -> None:
        """Take note of the arrays the states hold now."""
        for state in self.program.plan.states:
            held, array = self.held.get(state), state._value
            if held is not None and held() is array:
                continue
            self.held[state] = weakref.ref(array)
            if not self.valid:
                continue
            if state in self.small:
                self.changes.setdefault(int(self.words[POSITION]), {})[state] = array.copy()
            else:
                self.valid = False
        self._table()
        self.stamp = STAMP.now

    def moved(self, state: State) -> None:
        """A state was given an array of its own with the same value."""
        self.held[state] = weakref.ref(state._value)

    def _table(self) -> None:
        arrays = [s._value for s in self.copied]
        watched = [s in self.program.plan.updated and s not in self.exempt for s in self.copied]
        self.looking = survey.rows([(a, None) for a in arrays], watched)[: len(self.updated)]
        self.copying = survey.rows(zip(arrays, self.copies, strict=True), [False] * len(arrays))

    def _copy(self) -> None:
        """Begin anew from the states as they are; those that are not finite now are nobody's birth."""
        while (number := survey.first_bad(self.looking)) is not None:
            self._exempt(self.exempt | {self.copied[number]})
        survey.first_bad(self.copying)
        self._forget()
        self.valid = True
        self.turned = perf_counter()

    def _exempt(self, states: set[State]) -> None:
        self.exempt = states
        self._table()
        for instance in self.program.instances.values():
            if instance.quick is not None:
                instance.quick.expire()

    def _forget(self) -> None:
        self.words[POSITION] = 0
        for noted in (self.grads, self.changes, self.stacks):
            noted.clear()

    # ------------------------------------------------------------------------------------ looking

    def look(self, arrays: Sequence[Array], bad: bool, strict: bool) -> None:
        """Look at the states, and into the results where they are ``bad``."""
        if bad and not self.quiet and (strict or not self._is_excused()):
            self._inquire(arrays, strict)
        elif self.recording and (strict or self.words[POSITION] >= self.words[CAPACITY]):
            self._turn(arrays, bad, strict)
        elif not bad and not self.recording:
            self.quiet = False

    def _is_excused(self) -> bool:
        self.excused -= 1
        return self.excused >= 0

    def _turn(self, arrays: Sequence[Array], bad: bool, strict: bool) -> None:
        """The states are looked at and copied again, as often as it costs no more than its share of the time."""
        started = perf_counter()
        calls = max(1, int(self.words[POSITION]))
        found = None if strict else survey.first_bad(self.looking)  # else it has been looked at already
        looked = perf_counter() - started
        if found is not None and not self.quiet:
            self._inquire(arrays, strict)
            return
        if found is None:
            if not bad:
                self.quiet = False
            survey.first_bad(self.copying)
        now = perf_counter()
        share = SHARE * max(started - self.turned, 1e-7) / calls
        wanted = (now - started + OWN) / share
        self.words[LOOKING] = looked - CALLING <= share
        fed = sum(a.nbytes for a in arrays)
        self.words[CAPACITY] = (
            1 if strict else max(1, min(int(wanted), 4 * int(self.words[CAPACITY]), ROWS, BYTES // max(1, fed)))
        )
        self._forget()
        self.turned = now

    def _inquire(self, arrays: Sequence[Array], strict: bool) -> None:
        from compiler.inquest import inquire  # loaded where something has gone wrong

        told = inquire(self, self.entries(arrays), NonFiniteError if strict else NonFiniteWarning)
        if told is not None and strict:
            for state, copy in zip(self.updated, self.copies):
                np.copyto(state._value, copy)
        self._forget()
        if told is None:
            self.pardon = self.excused = 2 * self.pardon + 1
        else:
            self.quiet, self.pardon = not strict, 0
        if self.recording:
            self._copy()
            if told is not None and not strict:
                self._exempt(set())
        if strict and told is not None:
            raise landed(told, outer=capture())
        if told is not None:
            warn(told)

    def entries(self, arrays: Sequence[Array]) -> list[Entry]:
        """The calls since the states were copied, oldest first; where none are recorded, the last one."""
        if not self.recording:
            stacks, grads = self.stacks.get(0), dict(self.program.held)
            return [Entry(a, grads, {}) for a in (_apart(stacks) if stacks else [arrays])]
        found: list[Entry] = []
        while (p := len(found)) < self.words[POSITION]:
            fed = _apart(self.stacks[p]) if p in self.stacks else [self.ring[p, : len(arrays)].tolist()]
            for row in fed:
                found.append(Entry(row, self.grads.get(p, {}), self.changes.get(len(found), {})))
        return found


def _apart(stacks: Sequence[Array]) -> list[list[Array]]:
    """The arrays of each call."""
    return [[a[number, ...] for a in stacks] for number in range(len(stacks[0]))]
