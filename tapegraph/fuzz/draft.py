"""A program in the writing: each statement is executed line by line as it is added, so that what follows knows its values."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

import tapegraph as tg
from engine import tree
from engine.handle import Handle
from tapegraph.fuzz.program import HEAD, register

LARGEST, RANK, BOUND = 256, 4, 1e4  # of any value: elements, axes, magnitude
ODD = 0.03  # how often a value that is not finite, or larger, is kept
ACCEPTED_MISTAKES = 0.02  # how often a statement that fails is kept: the program ends there


@dataclass
class Draft:
    """What the scopes of one program share: its random choices, what stands before the function, and its inputs."""

    rng: random.Random
    count_calls: int = 1
    mistakes: float = ACCEPTED_MISTAKES
    setup: list[str] = field(default_factory=list)
    inputs: dict[str, list[str]] = field(default_factory=dict)  # its parameters: an expression for each call
    numbers: Any = field(default_factory=lambda: count(1))
    failed: bool = False
    names: dict[str, Any] = field(default_factory=dict)  # globals, as after the setup

    def __post_init__(self) -> None:
        exec(HEAD, self.names)

    def fresh(self, letter: str) -> str:
        """A name that stands for nothing yet."""
        return f"{letter}{next(self.numbers)}"

    def chance(self, p: float) -> bool:
        return self.rng.random() < p


class Scope:
    """The body of a function in the writing. ``known``: the names of arrays that may be used, the latest last."""

    def __init__(
        self, draft: Draft, names: dict[str, Any], known: Iterable[str] = (), outer: Scope | None = None
    ) -> None:
        self.draft, self.names, self.outer = draft, names, outer
        self.depth: int = outer.depth + 1 if outer else 0
        self.known = list(known)
        self.own: list[str] = []  # those that are local, which may be assigned to
        self.lines: list[str] = []
        self.failed = False  # the last line raises an error in the first call
        self.branch = False  # eager mode may not run it
        self.pure = False  # no states, no randomness

    @property
    def rng(self) -> random.Random:
        return self.draft.rng

    def input(self, expressions: list[str]) -> str:
        """A new parameter of the program, given as an expression for each call. At the outermost level only."""
        name = self.draft.fresh("x")
        self.draft.inputs[name] = expressions
        self.names[name] = tg.asarray(eval(expressions[0], self.draft.names), copy=False)
        self.known.append(name)
        return name

    def prepare(self, letter: str, expression: str) -> str:
        """A global that the program uses: a state, a module, a generator. Raises what the expression raises."""
        name = self.draft.fresh(letter)
        line = f"{name} = {expression}"
        exec(line, self.draft.names)
        self.draft.setup.append(line)
        scope: Scope | None = self
        while scope is not None:
            scope.names[name] = self.draft.names[name]
            scope = scope.outer
        return name

    def value(self, name: str) -> Any:
        """The value a name has in the first call."""
        return self.names[name]

    def pick(self, fits: Callable[[Any], bool] = lambda v: True) -> str | None:
        """A name of an array of some kind, later ones rather; None where there is none."""
        found = [n for n in self.known if fits(self.names[n])]
        if not found:
            return None
        at = max(self.rng.randrange(len(found)), self.rng.randrange(len(found)))
        return found[at]

    def floats(self, fits: Callable[[Any], bool] = lambda v: True) -> str | None:
        return self.pick(lambda v: v.dtype.kind == "f" and fits(v))

    def say(self, expression: str, name: str | None = None) -> str | None:
        """Add ``name = expression``; the name, or None where the value is none to go on with."""
        name = name or self.draft.fresh("v")
        return name if self.add(f"{name} = {expression}", name) else None

    def add(self, text: str, *new: str) -> bool:
        """Add a statement that gives values to the names ``new``; False where it was not added."""
        if self.failed:
            return False
        held = {n: (v, v._value, v._record) for n in self.known if type(v := self.names[n]) is tg.Tensor}
        before = {n: self.names.get(n) for n in new}
        file = register(text)
        try:
            with np.errstate(all="ignore"):
                exec(compile(text, file, "exec"), self.names)
        except RecursionError:
            return False
        except Exception:
            if self.branch or self.depth or not self.draft.chance(self.draft.mistakes):
                self._undo(before, held)
                return False
            self.lines += text.split("\n")
            self.failed = self.draft.failed = True
            return True
        touched = [self.names[n] for n in {*new, *self.known}]
        if not all(map(self._fits, touched)):
            self._undo(before, held)
            return False
        self.lines += text.split("\n")
        for n in new:
            if isinstance(self.names[n], Handle):
                if n in self.known:
                    self.known.remove(n)
                self.known.append(n)
                self.own.append(n)
        return True

    def _undo(self, before: dict[str, Any], held: dict[str, Any]) -> None:
        for tensor, value, record in held.values():
            tensor._value, tensor._record = value, record
        for n, value in before.items():
            if value is None:
                self.names.pop(n, None)
            else:
                self.names[n] = value

    def _fits(self, value: Any) -> bool:
        for leaf in tree.leaves([value]):
            if not isinstance(leaf, Handle):
                continue
            array = np.asarray(leaf)
            if array.size > LARGEST or array.ndim > RANK:
                return False
            tame = array.dtype.kind == "b" or not array.size or bool((np.abs(array) <= BOUND).all())
            if not tame and not self.draft.chance(ODD):
                return False
        return True

    def function(
        self,
        parameters: dict[str, Any],
        write: Callable[[Scope], str | None],
        *,
        branch: bool = False,
        pure: bool = False,
    ) -> str | None:
        """Add a nested function of these parameters (their first values given); ``write`` returns what it returns."""
        name = self.draft.fresh("f")
        names = {**self.names, **parameters}
        arrays = [p for p, v in parameters.items() if isinstance(v, Handle)]
        outer = [n for n in self.known if self.draft.chance(0.3)]
        inner = Scope(self.draft, names, [*outer, *arrays], self)
        inner.branch, inner.pure = branch or self.branch, pure or self.pure
        returned = write(inner)
        if returned is None:
            return None
        body = [*inner.lines, f"return {returned}"]
        text = "\n".join([f"def {name}({', '.join(parameters)}):", *(f"    {line}" for line in body)])
        return name if self.add(text, name) else None


def text_of(draft: Draft, scope: Scope, returned: str) -> str:
    """The whole program."""
    calls = zip(*draft.inputs.values(), strict=True) if draft.inputs else [()]
    rows = [f"    ({', '.join(row)}{',' * (len(row) == 1)})," for row in calls]
    setup = [*draft.setup, ""] if draft.setup else []
    body = [*scope.lines, f"return {returned}"]
    return "\n".join(
        [
            HEAD + "\n".join(setup) + "\n",
            f"def program({', '.join(draft.inputs)}):",
            *(f"    {line}" for line in body),
            "",
            "",
            "calls = [",
            *rows,
            "]",
            "",
        ]
    )
