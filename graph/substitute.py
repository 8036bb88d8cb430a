"""Building the right side of a rule by running its ops under a builder."""

from __future__ import annotations

from typing import Any

from engine.record import Record
from graph.pattern import Computed, Literal, Node, Var
from graph.symbol import Symbol


class Substitution:
    """A right side with its variables replaced by what one match bound."""

    def __init__(self, trace: Any, environment: dict[str, Any], out: Record) -> None:
        self.trace = trace
        self.environment = environment
        self.out = out

    def apply(self, pattern: Any) -> Any:
        """The symbol of a right side; its attributes and numbers are worked out on the way."""
        built = self.term(pattern)
        if isinstance(built, Symbol | Record):
            return built
        return Symbol(self.trace.constant(built, self.out.dtype), self.trace)

    def term(self, pattern: Any) -> Any:
        match pattern:
            case Literal():
                return pattern.value
            case Computed():
                return pattern.function(self.environment)
            case Var():
                return Symbol(self.environment["%" + pattern.name], self.trace)
            case Node():
                args = tuple(self.term(a) for a in pattern.args)
                attrs = {k: self.attr(v) for k, v in pattern.attrs.items()}
                return self.trace.builder.apply(pattern.op, args, attrs)

    def attr(self, value: Any) -> Any:
        match value:
            case Computed():
                return value.function(self.environment)
            case Var():
                return self.environment[value.name]
            case _:
                return value
