"""Where in the user's file a value was born: raw code and instruction offsets, resolved only when printed."""

from __future__ import annotations

import builtins
import inspect
import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from types import CodeType, FrameType
from typing import Any, TypeAlias

import numpy as np

# A frame is (code, offset of the instruction); a note is a word on what was derived ("backward of sqrt").
Frame: TypeAlias = tuple[CodeType, int]
Origin: TypeAlias = tuple[Frame | str, ...]

DEPTH = 8
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = tuple(
    os.path.join(_ROOT, package) + os.sep for package in ("engine", "eager", "graph", "compiler", "tapegraph")
)
# A program that comes with the library and uses it as the user's do.
_PROGRAMS = (os.path.join(_ROOT, "tapegraph", "comparison", "digits.py"),)
# What runs the user's program and is not part of it: Python's own library, notebooks, test runners.
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_HOSTS = (
    *(f"{os.sep}{name}{os.sep}" for name in ("IPython", "ipykernel", "traitlets", "tornado", "_pytest", "pluggy")),
    f"{os.sep}ipykernel_launcher.py",
)
_NUMPY = os.path.dirname(np.__file__) + os.sep  # its functions ask arrays for what the user's call of them asks for
_is_user: dict[str, bool] = {}
# Code whose frame may have another one around it each time it goes on.
_RESUMED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_inherited: ContextVar[Origin | Derived] = ContextVar("inherited_origin", default=())


def is_user_file(filename: str) -> bool:
    """Whether a file is the user's and not the engine's, nor of what runs the program."""
    known = _is_user.get(filename)
    if known is None:
        path = os.path.abspath(filename) if not filename.startswith("<") else filename
        installed = f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path
        host = (path.startswith(_LIBRARY) and not installed) or any(name in path for name in _HOSTS)
        ours = path.startswith((*_OURS, _NUMPY)) and path not in _PROGRAMS
        known = not ours and not host and not filename.startswith("<frozen")
        _is_user[filename] = known
    return known


def capture(depth: int = DEPTH, skip: int = 1) -> Origin:
    """The innermost ``depth`` user frames, innermost first; an inherited origin where one is set."""
    return inherited() or _walk(sys._getframe(skip), depth)


def _walk(frame: FrameType | None, depth: int) -> Origin:
    found: list[Frame] = []
    while len(found) < depth and (frame := _users(frame)) is not None:
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def _users(frame: FrameType | None) -> FrameType | None:
    """This frame, or the first of those around it, that is the user's."""
    known = _is_user.get
    while frame is not None:
        name = frame.f_code.co_filename
        user = known(name)
        if user or (user is None and is_user_file(name)):
            return frame
        frame = frame.f_back
    return None


class Places:
    """Captures for one trace. What is around the user's function that is running is walked through once, not for each op."""

    __slots__ = ("_frame", "_outer")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Let go of the frame held."""
        self._frame: FrameType | None = None
        self._outer: Origin = ()

    def capture(self, skip: int = 1) -> tuple[Origin, FrameType | None]:
        """As ``capture``, and the innermost of these frames itself, which no inherited origin has."""
        held = inherited()
        if held:
            return held, None
        frame = _users(sys._getframe(skip))
        if frame is None:
            return (), None
        code = frame.f_code
        if frame is not self._frame:
            outer = _walk(frame.f_back, DEPTH - 1)
            if code.co_flags & _RESUMED:
                return ((code, frame.f_lasti), *outer), frame
            self._frame, self._outer = frame, outer
        return ((code, frame.f_lasti), *self._outer), frame


def living(origin: Origin) -> FrameType | None:
    """The frame that an origin begins with, where it is the innermost of the user's that are running."""
    if not origin or type(origin[0]) is str:
        return None
    frame = _users(sys._getframe(1))
    return frame if frame is not None and (frame.f_code, frame.f_lasti) == origin[0] else None


class Derived:
    """The origin of what is made from one record after another: that record's, with a word in front on what it is."""

    __slots__ = ("_made", "_of", "record", "word")

    def __init__(self, word: str) -> None:
        self.word = word
        self.record: Any = None
        self._of: Any = None  # the record that ``_made`` was made after
        self._made: Origin = ()

    @property
    def origin(self) -> Origin:
        record = self.record
        if self._of is not record:
            self._of, self._made = record, noted(f"{self.word} of {record.op.name}", record.origin)
        return self._made


enter, leave = _inherited.set, _inherited.reset  # ``inherit`` without its costs: leave(enter(origin))


@contextmanager
def inherit(origin: Origin | Derived) -> Iterator[None]:
    """Give records made inside the block this origin (gradient rules and rewrites inherit theirs)."""
    token = enter(origin)
    try:
        yield
    finally:
        leave(token)


def inherited() -> Origin:
    """The origin that new records inherit here; empty outside gradient rules and rewrites."""
    held = _inherited.get()
    return held.origin if type(held) is Derived else held  # type: ignore[return-value]


def deriving() -> Any:
    """The record that a gradient rule is at work on here, or None."""
    held = _inherited.get()
    return held.record if type(held) is Derived else None


def inherited_scope() -> dict[str, Any]:
    """What variables stood for where the record was made whose origin new records inherit; empty where it is not known."""
    held = _inherited.get()
    return getattr(held.record, "scope", {}) if type(held) is Derived else {}


def noted(note: str, origin: Origin) -> Origin:
    """An origin with a word in front on what was derived from it."""
    return (note, *[f for f in origin if type(f) is not str])


def union(*origins: Origin) -> Origin:
    """The frames of several origins, each once, in order; what a rewrite stamps on what it builds."""
    seen: dict[Frame | str, None] = {}
    for origin in origins:
        for frame in origin:
            seen.setdefault(frame)
    return tuple(seen)[: 2 * DEPTH]


def user_frames(origin: Origin) -> list[Frame]:
    """The frames of an origin without its notes."""
    return [f for f in origin if not isinstance(f, str)]


def cell(filename: str) -> str:
    """What IPython calls the cell of a notebook that this file stands for, as ``In[3]``; empty for any other file."""
    shell = getattr(builtins, "get_ipython", lambda: None)()
    found = shell.compile.format_code_name(filename) if shell is not None else None
    return found[1] if found else ""


def as_written(file: str) -> str:
    """A file as a person would name it: a cell of a notebook, or the path from the working directory where it lies within."""
    inside = os.path.relpath(file) if os.path.isabs(file) else file
    return cell(file) or (file if inside.startswith(os.pardir) else inside)


@dataclass(frozen=True)
class Place:
    """A resolved frame: where an expression stands in a file. Columns count characters from 0."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    function: str

    @property
    def text(self) -> str:
        """The source line, without its line break; empty where the source is not at hand."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    @property
    def address(self) -> str:
        """File and line as ``file:line``, the file as seen from the working directory where it lies within."""
        return f"{as_written(self.file)}:{self.line}"

    @property
    def short(self) -> str:
        """File and line as ``file:line``, the file by its last name."""
        return f"{cell(self.file) or os.path.basename(self.file)}:{self.line}"

    @property
    def heading(self) -> str:
        """File, line and function, as Python's and IPython's tracebacks write them."""
        known = cell(self.file)
        file = f"Cell {known}" if known else f'File "{self.file}"'
        return f"{file}, line {self.line}, in {self.function}"

    def within(self, file: str) -> bool:
        """Whether a person who writes ``file`` means the file of this place: its path, the end of it, or ``In[3]``."""
        path = self.file.replace("\\", "/")
        return file == cell(self.file) or path == file or path.endswith("/" + file.lstrip("./"))

    @property
    def expression(self) -> str:
        """The source of the expression where it stands on one line, else the rest of its first line."""
        line = self.text
        return line[self.column : self.end_column if self.end_line == self.line else None]


def position(frame: Frame) -> tuple[int, int, int, int]:
    """Line, last line, column and end column of a frame, in the units of the code object: bytes of UTF-8 from 0.

    Where the code object knows no columns, they span the line without its indent.
    """
    code, lasti = frame
    line, end_line, column, end_column = next(islice(code.co_positions(), lasti // 2, None), (None,) * 4)
    line = line or code.co_firstlineno
    if column is None or end_column is None:
        text = linecache.getline(code.co_filename, line).rstrip("\n")
        return line, line, len(text.encode()) - len(text.lstrip().encode()), len(text.encode())
    return line, end_line or line, column, end_column


def resolve(frame: Frame) -> Place:
    """File, line and columns of a frame, from the code object's position table."""
    code, _ = frame
    line, end_line, column, end_column = position(frame)
    text = linecache.getline(code.co_filename, line).rstrip("\n").encode()
    # The table counts UTF-8 bytes; messages count characters.
    start = len(text[:column].decode(errors="ignore"))
    end = len(text[: end_column if end_line == line else None].decode(errors="ignore"))
    return Place(code.co_filename, line, end_line, start, end, code.co_qualname)


def short(frame: Frame | str) -> str:
    """A frame in a few words: the file, the line, and what stands there."""
    if isinstance(frame, str):
        return frame
    place = resolve(frame)
    return f"{place.address}: {place.text.strip()}"


def show(origin: Origin, indent: str = "  ", limit: int = 3) -> str:
    """The origin as text: file and line of each frame with its expression underlined, innermost first."""
    lines: list[str] = []
    for note in (f for f in origin if isinstance(f, str)):
        lines.append(f"{indent}({note})")
    for number, frame in enumerate(user_frames(origin)[:limit]):
        place = resolve(frame)
        word = "at" if number == 0 else "called from"
        lines.append(f"{indent}{word} {place.heading}")
        if place.text.strip():
            lead = len(place.text) - len(place.text.lstrip())
            lines.append(f"{indent}    {place.text.strip()}")
            width = max(1, place.end_column - place.column)
            lines.append(f"{indent}    {' ' * (place.column - lead)}{'^' * width}")
    return "\n".join(lines)
