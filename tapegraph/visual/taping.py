"""A call made by an interpreter whose every op becomes a node of a tape; it leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eager.tensor import Tensor
from engine import dispatch, effects, level, origin, tree
from engine.state import State
from tapegraph.debug.entries import Recording, fresh
from tapegraph.mode import mode
from tapegraph.tracing import argument_arrays
from tapegraph.visual.modules import Names
from tapegraph.visual.tape import Tape
from tapegraph.visual.writing import Places


class Taping(Recording):
    """Eager mode whose every op becomes a node."""

    def __init__(self, tape: Tape, grad_enabled: bool = True) -> None:
        super().__init__(tape, grad_enabled)
        self.tape = tape

    def with_grad(self, enabled: bool) -> Taping:
        return Taping(self.tape, enabled)

    @contextmanager
    def calling(self, module: Any) -> Iterator[None]:
        """What is computed in the block belongs to a module that is being called, or to an optimizer's step."""
        tape, outer = self.tape, self.tape.modules
        tape.modules = (*outer, module)
        try:
            with super().calling(module):
                yield
        finally:
            tape.modules = outer

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """What an optimizer computes without ops."""
        optimizer = self.tape.modules[-1]
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self.tape.state(parameter)
        self.tape.paused = True
        try:
            yield
        finally:
            self.tape.paused = False
        self.tape.stepped(name, optimizer)

    def read(self, state: State) -> Tensor:
        found = super().read(state)
        self.tape.read(found, state)
        return found

    def assign(self, state: State, value: Any) -> None:
        self.tape.state(state)
        super().assign(state, value)
        self.tape.assigned(state, value)


def taken(
    body: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], names: Names, places: Places
) -> Tape:
    """The tape of one call in eager mode; states and gradients are afterwards as they were, effects are left out."""
    given = tuple(tree.map_tree(fresh, a) for a in args)
    named = {k: tree.map_tree(fresh, v) for k, v in kwargs.items()}
    arguments = {id(array): name for name, array in argument_arrays(body, given, named)}
    tape = Tape(names, places, origin.capture(), arguments)
    try:
        taping = Taping(tape, dispatch.current().grad_enabled)
        with level.level("off"), mode("inline"), effects.left_out(), dispatch.interpret(taping):
            returned = body(*given, **named)
        tape.close(returned)
    finally:
        tape.restore()
    return tape
