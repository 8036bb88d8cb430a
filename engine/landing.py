"""Where an error lands: its traceback ends at the user's expression, in a frame whose names are bound to values.

The library's own frames are taken out where the library is entered: an exception raised again by a bare ``raise`` gets
no entry for the frame that raises it (CPython adds one only where a frame is left by an exception it did not raise again).
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Mapping
from types import CodeType, TracebackType
from typing import Any, TypeVar

from engine import dispatch, last, origin
from engine.environment import chosen
from engine.errors import ArgumentError, InternalError, Sentence

E = TypeVar("E", bound=Sentence)
MISTAKES = (Sentence, TypeError)  # what an entrance of the library looks at
STYLES = ("short", "full")
_style = "short"

# An exec'd frame looks names up in the mapping it is given; this one is gone from it once the frame has raised.
_RAISED = "__raised__"


def landed(error: E, scope: Mapping[str, Any] | None = None, outer: origin.Origin = ()) -> E:
    """``error`` with a traceback of the frames of its origin, made for it: the innermost is the user's expression.

    ``scope``: what names stand for in that frame, by default the error's own (arrays show as tensors); its operands are added under their
    names, and as ``operands``. ``outer``: frames that are alive anyway, which are left out with all around them. Where
    they are known, the frames have the globals of the user's module, so that ``pdb.pm()``, ``pytest --pdb`` and IPython
    work there as in a frame that ran. Use it as ``raise landed(error, ...)``.
    """
    alive = set(outer)
    frames = []
    for frame in origin.user_frames(error.origin):
        if frame in alive:
            break
        frames.append(frame)
    entry: TracebackType | None = None
    for number, frame in enumerate(frames):
        entry = _entry(frame, _names(error, scope or error.scope) if number == 0 else {}, error, entry)
    return error.with_traceback(entry)


def _names(error: Sentence, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The names of a frame: those of the scope, and the operands' where they are plain names."""
    operands = {name: shown(value) for name, value in error.values.items()}
    found: dict[str, Any] = {"operands": operands}
    known = zip(error.written, error.operands)
    found |= {name: shown(x.value) for name, x in known if name is not None and name.isidentifier()}
    return found | {name: shown(value) for name, value in scope.items()}


def relived(error: Sentence, concrete: Callable[[Any], Any]) -> None:
    """Give an error's traceback frames in which every name and operand stands for what ``concrete`` makes of it."""
    if _style == "full":
        return
    clear(error)
    error.operands = tuple(x._replace(value=concrete(x.value)) for x in error.operands)
    error.scope = {name: concrete(x) for name, x in error.scope.items()}
    made: TracebackType | None = None
    for entry in reversed(entries(error)):
        frame = entry.tb_frame
        names = {name: concrete(x) for name, x in frame.f_locals.items()}
        names |= {} if made else _names(error, names)
        made = _entry((frame.f_code, entry.tb_lasti), names, error, made, frame.f_globals)
    error.__traceback__ = made


def shown(value: Any) -> Any:
    """A value as the user's program would hold it: arrays as tensors."""
    return dispatch.default.handle(value)


def _entry(
    frame: origin.Frame,
    names: dict[str, Any],
    error: BaseException,
    inner: TracebackType | None,
    space: dict[str, Any] | None = None,
) -> TracebackType:
    """The entry of a traceback for a frame that does not run (any more), in front of another."""
    code = frame[0]
    names[_RAISED] = error
    try:
        exec(_raising(frame), _module(code.co_filename) if space is None else space, names)
    except type(error) as raised:
        made = raised.__traceback__
        assert made is not None and made.tb_next is not None
        made = made.tb_next  # the first entry is this function's
        return TracebackType(inner, made.tb_frame, made.tb_lasti, made.tb_lineno)
    finally:
        del names[_RAISED]
    raise AssertionError("the code raises")


class _Standing(dict[str, Any]):
    """The names of a frame, and behind them what it is to call."""

    function: Callable[[], Any]

    def __missing__(self, name: str) -> Any:
        if name == _RAISED:
            return self.function
        raise KeyError(name)


def call_at(frame: origin.Frame, names: Mapping[str, Any], function: Callable[[], Any]) -> None:
    """``function()``, called by a frame, made for it, that stands where another did; ``names`` are its locals."""
    code, place = frame[0], _span(frame)
    standing = _Standing(names)
    standing.function = function
    call = ast.Call(ast.Name(_RAISED, ast.Load(), **place), [], [], **place)
    exec(_made(ast.Expr(call, **place), code), _module(code.co_filename), standing)


def _raising(frame: origin.Frame) -> CodeType:
    """Code that raises at the position of a frame's instruction, under the name of the frame's function."""
    place = _span(frame)
    return _made(ast.Raise(ast.Name(_RAISED, ast.Load(), **place), None, **place), frame[0])


def _span(frame: origin.Frame) -> dict[str, int]:
    line, end_line, column, end_column = origin.position(frame)
    return {"lineno": line, "end_lineno": end_line, "col_offset": column, "end_col_offset": end_column}


def _made(statement: ast.stmt, code: CodeType) -> CodeType:
    """A statement as code under the name of a function."""
    made: CodeType = compile(ast.Module([statement], []), code.co_filename, "exec")
    return made.replace(co_name=code.co_name, co_qualname=code.co_qualname)


def _module(file: str) -> dict[str, Any]:
    """The globals of the module that a file is."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == file:
            return vars(module)
    return {"__name__": file}


def tracebacks(style: str) -> None:
    """Show the library's own frames in tracebacks ("full") or only the user's ("short", the default).

    The environment variable TAPEGRAPH_TRACEBACK sets it at the start. Raises ArgumentError for another word.
    """
    global _style
    if style not in STYLES:
        raise ArgumentError(
            f"there is no style {style!r}", op="debug.tracebacks", fix=f"use one of {', '.join(STYLES)}"
        )
    _style = style


def clear(error: BaseException, called: Any = None) -> None:
    """Take the library's frames out of the traceback of an exception that is to be raised again by a bare ``raise``.

    A broken invariant of the library keeps them, and so does any exception but its own that was raised inside it, not in
    the user's code. Where the call itself was wrong (a TypeError of the arguments), also that of the user's function
    ``called``, nothing inside has run.
    """
    if _style == "full" or isinstance(error, InternalError):
        return
    found = entries(error)
    kept = [entry for entry in found if origin.is_user_file(entry.tb_frame.f_code.co_filename)]
    if isinstance(error, Sentence):
        last.keep(error)
    elif not (kept and kept[-1] is found[-1]):
        wrong = len(found) == 1 or (not kept and str(error).startswith(f"{getattr(called, '__qualname__', None)}() "))
        if not wrong:
            return
    for outer, inner in zip(kept, [*kept[1:], None]):
        outer.tb_next = inner
    error.__traceback__ = kept[0] if kept else None


def entries(error: BaseException) -> list[TracebackType]:
    """The entries of an exception's traceback, outermost first."""
    found = []
    entry = error.__traceback__
    while entry is not None:
        found.append(entry)
        entry = entry.tb_next
    return found


def entrance(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as users call it: a mistake's traceback ends at their line."""

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        try:
            return function(*args, **named)
        except MISTAKES as error:
            clear(error)
            raise

    return call


def entrances(kind: type, *methods: str) -> None:
    """Make methods of a class entrances."""
    for name in methods:
        setattr(kind, name, entrance(getattr(kind, name)))


tracebacks(chosen("TAPEGRAPH_TRACEBACK", "short", STYLES))
