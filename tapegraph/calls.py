"""Calls of a compiled program: the quick native one where it fits, else the plain one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eager.tensor import Tensor
from engine import dispatch, level, tree
from engine.state import State
from tapegraph.selfcheck import SelfCheck
from tapegraph.tracing import Slot

if TYPE_CHECKING:
    from compiler.runtime import Program

Array = np.ndarray[Any, Any]


class Last:
    """The last call of a function, kept to be repeated: its arguments are checked by the native call itself.

    ``interpreter``, ``watch``: the one it was made under, and how closely it is watched (``level.numbers``). ``shaped``:
    whether handles as they come are what the function returns. Where it returns None, ``delivered(args)`` may have them.
    """

    __slots__ = ("call", "delivered", "interpreter", "lock", "owner", "shaped", "watch")

    def __init__(self, program: Program, quick: Any, owner: Any, shaped: bool, watch: str) -> None:
        self.call = quick.call
        self.delivered = program.recorder.delivered
        self.watch = watch
        self.lock = program.lock
        self.interpreter = dispatch.current()
        self.owner = owner
        self.shaped = shaped


def watchers() -> Sequence[Callable[[Program, Sequence[Array]], None]]:
    """What is to be called before a compiled call (``tg.hooks``)."""
    return getattr(dispatch.current(), "before_call", ())


class Calls:
    """How a program is called. ``structure``: of its results, slots where they go. ``had``: see ``Program.quick``.

    ``check``: what the first call is handed to, at levels that watch it.
    """

    def __init__(self, program: Program, structure: Any, had: list[tuple[State, bool]], check: SelfCheck) -> None:
        self.program, self.structure, self.had = program, structure, had
        self.check, self.first = check, True
        count = len(program.plan.outputs)
        slots = tuple(Slot(n) for n in range(count))
        self.shaped = structure == slots[0] if count == 1 else type(structure) is tuple and structure == slots

    def run(self, arrays: Sequence[Array]) -> tuple[list[Array], Any]:
        """The results as arrays, and the structure of tensors the function returns."""
        program = self.program
        for look in watchers():
            look(program, arrays)
        first, self.first = self.first, False
        watch = level.numbers()
        if first and level.current() != "off":
            results = self.check.run(program, arrays, watch)
        else:
            results = program.run(arrays, watch)
        return results, self.rebuild([Tensor(r) for r in results])

    def quick(self, arrays: Sequence[Array], owner: Any) -> tuple[Any, Last | None]:
        """What the function returns, and the call to be repeated where it was a quick one."""
        program = self.program
        watch = level.numbers()
        if not self.first and not watchers():
            with program.lock:
                quick = program.quick(tuple([a.shape for a in arrays]), Tensor, self.had, watch)
                found = None if quick is None else quick.call(*arrays)
                if quick is not None and found is None:
                    found = program.recorder.delivered(arrays)
            if quick is not None and found is not None:
                last = Last(program, quick, owner, self.shaped, watch)
                return found if self.shaped else self.rebuild(found), last
        return self.run(arrays)[1], None

    def rebuild(self, results: Any) -> Any:
        """The structure the function returns from its tensors: one, or several in order."""
        if type(results) is Tensor:
            results = (results,)
        if type(self.structure) is Slot:
            return results[self.structure.number]
        return tree.map_tree(lambda s: results[s.number] if type(s) is Slot else s, self.structure)
