"""The same fault in a peer's function: at the same argument, at a variable or call of the same name."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from tapegraph.injection.copies import code_of
from tapegraph.injection.kinds import FORGOTTEN, Change
from tapegraph.injection.text import Edit, Source, key_of, marked, span_of


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's positional parameters, without that of a bound object."""
    code = code_of(function)
    if code is None:
        return ()
    names = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(function, "__self__") else names


class Peer:
    """A function written for another library, and its text."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.names = parameters(function)
        code = code_of(function)
        self.source = Source(code.co_filename if code else "")
        self.key = key_of(code) if code else ("", "", 0)
        self.nodes = list(self.source.inside(self.key))

    def edit(self, change: Change, ours: Callable[..., Any]) -> Edit | None:
        """The edit that makes the change here; None where there is no place for it."""
        if change.kind.name in FORGOTTEN:
            for call, text in self.source.bare_calls(self.key, change.kind.name):
                return Edit(self.source.file, span_of(call), text, span_of(call))
            return None
        theirs = parameters(ours)
        name = change.operand.name if change.operand else ""
        wanted = self.names[theirs.index(name)] if name in theirs[: len(self.names)] else name
        uses = [n for n in self.nodes if isinstance(n, ast.Name) and n.id == wanted and isinstance(n.ctx, ast.Load)]
        if not uses:
            return None
        use = min(uses, key=span_of)
        around = [n for n in self.nodes if isinstance(n, ast.Call | ast.BinOp | ast.Subscript) and use in ast.walk(n)]
        whole = min(around, key=lambda n: sum(1 for _ in ast.walk(n)), default=use)
        text = marked(change.slip).replace("{x}", wanted)
        return Edit(self.source.file, span_of(use), f"({text})", span_of(whole))
