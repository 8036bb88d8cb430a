"""A function of a user's script, and what to call it with, by their names on a command line."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from engine import origin
from tapegraph.function import Function
from tapegraph.nn.module import Module

ARGS, BATCHES = "args", "batches"


class ScriptError(Exception):
    """What the user can put right: a sentence, with their own traceback where their code raised."""


@dataclass(frozen=True)
class Target:
    """``place``: SCRIPT.py:FUNCTION or module.path:FUNCTION. ``args``, ``batches``: names in the script; None: the usual ones."""

    place: str
    args: str | None = None
    batches: str | None = None

    @property
    def script(self) -> str:
        """The file or module."""
        return self._parts[0]

    @property
    def function(self) -> str:
        """The name of the function, "" where there is none."""
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        before, colon, after = self.place.rpartition(":")
        # A colon that is followed by no name, as in C:\train.py, belongs to the path.
        return (
            (before, after)
            if colon and re.fullmatch(r"[\w.]*", after) and not after.endswith(".py")
            else (self.place, "")
        )


@dataclass
class Loaded:
    """A function, its arguments, and batches of them where the script gives any."""

    function: Any
    args: tuple[Any, ...]
    batches: Any
    module: ModuleType


def load(target: Target) -> Loaded:
    """Import the script, find the function and what to call it with. Raises ScriptError."""
    module = _module(target.script)
    if not target.function:
        raise ScriptError(_candidates(module, target.script))
    function = _found(module, target)
    batches = _given(module, target, target.batches, BATCHES)
    args = () if batches is not None and target.args is None else _given(module, target, target.args, ARGS)
    if args is None:
        needed = _needed(function)
        if needed:
            raise ScriptError(_missing(target, needed))
        args = ()
    return Loaded(function, args if isinstance(args, tuple) else (args,), batches, module)


def _module(script: str) -> ModuleType:
    path = Path(script)
    if path.suffix != ".py":
        if not all(part.isidentifier() for part in script.split(".")):
            raise ScriptError(
                f"{script!r} is neither a .py file nor a module\n  fix: write SCRIPT.py:FUNCTION, as in train.py:step"
            )
        with _theirs(f"{script} cannot be imported"), _first_on_path(Path.cwd()):
            return importlib.import_module(script)
    if path.is_dir():
        raise ScriptError(f"{script} is a folder")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.py")) if path.parent.is_dir() else []
        hint = f"; there are {', '.join(near[:8])}" if near else ""
        raise ScriptError(f"there is no file {script}{hint}")
    name = path.stem if path.stem not in sys.modules else f"script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before, sys.argv = sys.argv, [script]
    try:
        with _theirs(f"{script} cannot be imported"), _first_on_path(path.resolve().parent):
            spec.loader.exec_module(module)
    finally:
        sys.argv = before
    return module


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    """Modules beside the script can be imported, by it and later by its functions."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    yield


@contextmanager
def _theirs(what: str) -> Iterator[None]:
    """Tell what the user's code raised with the lines of theirs that led there."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise ScriptError(f"{what}: it raises {type(error).__name__}\n{their_traceback(error)}") from error


def their_traceback(error: BaseException) -> str:
    """The traceback without frames of tapegraph and of Python's own import machinery."""
    found = traceback.TracebackException.from_exception(error, compact=True)
    part: Any = found
    while part is not None:
        part.stack = traceback.StackSummary.from_list(
            [f for f in part.stack if origin.is_user_file(f.filename)]  # type: ignore[arg-type]
        )
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return "".join(found.format()).rstrip()


def _found(module: ModuleType, target: Target) -> Any:
    value: Any = module
    for number, part in enumerate(target.function.split(".")):
        if not hasattr(value, part):
            said = ".".join(target.function.split(".")[:number])
            where = f"{target.script} has no {part}" if not said else f"{said} in {target.script} has no {part}"
            raise ScriptError(f"{where}\n{_candidates(module, target.script)}")
        owner, value = value, getattr(value, part)
        if inspect.isclass(owner) and isinstance(value, FunctionType | Function) and _first(value) == "self":
            name = owner.__name__
            raise ScriptError(
                f"{target.function} is a method, and it needs an object\n"
                f"  fix: make one in {target.script}, as in {name.lower()} = {name}(...), and name {name.lower()}.{part}"
            )
    if not callable(value):
        raise ScriptError(f"{target.function} in {target.script} is no function but {_kind(value)}")
    if inspect.isclass(value):
        raise ScriptError(f"{target.function} in {target.script} is a class; name a function, or a method of an object")
    return value


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _first(function: Any) -> str:
    return next(iter(_parameters(function)), "")


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function.forward if isinstance(function, Module) else function).parameters)
    except (TypeError, ValueError):
        return {}


def _needed(function: Any) -> list[str]:
    """The parameters that have no default."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [n for n, p in _parameters(function).items() if p.default is p.empty and p.kind in kinds]


def _candidates(module: ModuleType, script: str) -> str:
    """The functions that a script defines and the modules it holds, as a sentence."""
    found = []
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if name.startswith("_") or name.endswith((f"_{ARGS}", f"_{BATCHES}")) or inspect.isclass(value):
            continue
        if isinstance(value, Module) or (own and isinstance(value, FunctionType | Function)):
            found.append(name)
    if not found:
        return f"{script} defines no function at its top level to compare"
    return (
        f"  fix: name one of its functions, as in {script}:{found[-1]}; there {'is' if len(found) == 1 else 'are'} "
        + (", ".join(found))
    )


def _given(module: ModuleType, target: Target, chosen: str | None, what: str) -> Any:
    """What the script says to call the function with; None where it says nothing."""
    own = f"{target.function.rpartition('.')[2]}_{what}"
    for name in [chosen] if chosen is not None else [own, f"example_{what}"]:
        if hasattr(module, name):
            value = getattr(module, name)
            if callable(value) and not hasattr(value, "__array__"):
                with _theirs(f"{name}() in {target.script} fails"):
                    value = value()
            return value
    if chosen is not None:
        raise ScriptError(f"--{what}: {target.script} has no {chosen}")
    return None


def _missing(target: Target, needed: list[str]) -> str:
    name = target.function.rpartition(".")[2]
    parts = ", ".join(needed)
    return (
        f"{target.function} takes {parts}, and {target.script} does not say what to call it with\n"
        f"  fix: add this to {target.script}, with arrays like those of real use (or name another one with --args):\n\n"
        f"    def {name}_{ARGS}():\n"
        f"        return {parts}{',' if len(needed) == 1 else ''}"
    )
