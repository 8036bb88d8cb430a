"""The same fault in a peer's function: at the same argument, at a variable or call of the same name."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from tapegraph.injection.copies import code_of
from tapegraph.injection.kinds import FORGOTTEN, Change
from tapegraph.injection.text import Edit, Source, key_of, marked, span_of

REFUSED = "JAX has computed in this process already, and hangs in a copy of such a process"


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's positional parameters, without that of a bound object."""
    code = code_of(function)
    if code is None:
        return ()
    names = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(function, "__self__") else names


class Peer:
    """A function written for another library, and its text. ``refusal``: why it cannot be called in a copy of the process."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.names = parameters(function)
        code = code_of(function)
        self.source = Source(code.co_filename if code else "")
        self.key = key_of(code) if code else ("", "", 0)
        self.refusal = REFUSED if _of_jax(function, code) and _jax_has_computed() else ""
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


def _of_jax(function: Callable[..., Any], code: CodeType | None) -> bool:
    """Whether a function is compiled by JAX or names it."""
    names = getattr(inspect.unwrap(function), "__globals__", {})
    modules = [names.get(name) for name in (code.co_names if code else ())]
    found = [type(function).__module__, *(m.__name__ for m in modules if isinstance(m, ModuleType))]
    return any(name.partition(".")[0] in ("jax", "jaxlib") for name in found)


def _jax_has_computed() -> bool:
    """Whether JAX has started its threads, which no copy of a process has."""
    return bool(getattr(sys.modules.get("jax._src.xla_bridge"), "_backends", None))
