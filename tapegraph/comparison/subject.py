"""The subject of a comparison: a function as Python runs it, the same compiled, and where it stands in its file."""

from __future__ import annotations

import functools
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

from engine import origin
from engine.errors import ArgumentError, Sentence
from tapegraph.comparison.figures import Said, Subject
from tapegraph.function import Function
from tapegraph.reached import reached
from tapegraph.visual.scene import Place


@dataclass
class Bodies:
    """``plain`` runs line by line, ``compiled`` is another function compiled from it; both take the same arguments."""

    plain: Callable[..., Any]
    compiled: Function
    subject: Subject


def bodies(fn: Any) -> Bodies:
    """The two forms of a plain function, method, module, ``tg.function``, or compiled function of the torch facade.

    What was compiled for ``fn`` before stays as it is. Raises ArgumentError for what cannot be called.
    """
    if not callable(fn):
        raise ArgumentError(
            f"compares a function with itself in the other mode, and {type(fn).__name__} cannot be called",
            op="compare",
            fix="give the function first, then its arguments: tg.compare(step, x, y)",
        )
    known = fn
    bound: Any = None
    if isinstance(known, MethodType) and isinstance(known.__func__, Function):
        known, bound = known.__func__, known.__self__
    facade = sys.modules.get("tapegraph.torch.compiling")
    if facade is not None and isinstance(known, functools.partial) and isinstance(known.func, facade.Compiled):
        known, bound = known.func, known.args[0]
    if facade is not None and isinstance(known, facade.Compiled):
        known = known.function
    options: dict[str, Any] = {}
    if isinstance(known, Function):
        for name in ("fidelity", "specialize", "phases", "memory_budget"):
            options[name] = getattr(known, name)
        known = known.body
    if bound is not None:
        known = MethodType(known, bound)
    # Both are compiled whole, whatever they call; a tiered start would make the first calls line by line.
    return Bodies(known, Function(known, tiered=False, **options), _subject(known))


def always_compiled(fn: Any) -> list[str]:
    """The names of functions that can be reached from a program and run compiled in whatever mode."""
    return sorted({f.__name__ for f in reached([fn]) if isinstance(f, Function) and f.always})


def _subject(fn: Any) -> Subject:
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", type(fn).__name__).replace("<locals>.", "")
    shown = fn if inspect.isroutine(fn) else getattr(type(fn), "forward", type(fn).__call__)
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(shown))
        file = origin.as_written(inspect.getsourcefile(inspect.unwrap(shown)) or "")
        return Subject(name, file, first, textwrap.dedent("".join(lines)).rstrip())
    except (OSError, TypeError):
        return Subject(name)


def shown(place: origin.Place | None) -> Place | None:
    """A place of an error as a page shows it."""
    if place is None:
        return None
    end = place.end_column if place.end_line == place.line else len(place.text)
    return Place(origin.as_written(place.file), place.line, place.column, end, place.text, place.function)


def said(error: BaseException) -> Said:
    """What an error or notice says: ours with its place, another with the innermost line of the user's."""
    if isinstance(error, Sentence):
        return Said(type(error).__name__, str(error), shown(error.place))
    trace, place = error.__traceback__, None
    while trace is not None:
        code = trace.tb_frame.f_code
        if origin.is_user_file(code.co_filename):
            place = origin.resolve((code, trace.tb_lasti))
        trace = trace.tb_next
    return Said(type(error).__name__, str(error), shown(place))
