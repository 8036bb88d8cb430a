"""Copies of the process: in each, the program is edited, called and watched; what it said comes back, the copy ends."""

from __future__ import annotations

import contextlib
import gc
import inspect
import linecache
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

import tapegraph
from engine import tree
from engine.followed import listen
from engine.ops.random import default_generator
from engine.state import State
from tapegraph.bugs import cell
from tapegraph.function import Function
from tapegraph.injection.text import Edit, key_of, replacements
from tapegraph.mode import mode
from tapegraph.reached import reached, states_of

OURS = ("engine", "eager", "graph", "compiler", "tapegraph")
UNWRITTEN = "the change makes no program"
FEW = 4  # elements of an array that are compared one by one, beside the mean and the spread of all


class Call(cell.Run):
    """Calls of a program, in this process, which is a copy."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(request)
        self.names = {"tg": tapegraph, "stage": 0}

    def go(self, show: bool) -> None:
        request = self.request
        self.began = time.perf_counter()
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        sys.excepthook = traceback.print_exception  # reads the edited lines, which stand in no file
        warnings.resetwarnings()
        warnings.simplefilter("default")
        listen()
        warnings.showwarning = self.warned
        program, args, kwargs = request["call"]
        args = args() if callable(args) else args
        held = _states([request["of"], args, kwargs])
        before = [read() for read in held]
        outcome: list[Any] = []
        with contextlib.nullcontext() if request["mode"] is None else mode(request["mode"]):
            self.began = time.perf_counter()
            try:
                for self.names["stage"] in range(request["calls"]):
                    outcome = _arrays(program(*args, **kwargs))
            except BaseException as error:
                self.failed(error, show)
            self.seconds = time.perf_counter() - self.began
        if self.exception is None:
            moved = [_less(read(), was) for read, was in zip(held, before, strict=True)]
            self.result = [number for array in [*outcome, *moved] for number in _digest(array)]


def _less(now: Any, before: Any) -> Any:
    """What a state has changed by, or what it is where it was nothing before."""
    if now is None or before is None or now.dtype.kind not in "iuf":
        return now
    with np.errstate(all="ignore"):
        return now.astype(np.float64) - before


def _digest(array: Any) -> list[Any]:
    """Numbers that tell whether two arrays are the same."""
    if array is None or array.dtype.kind not in "biuf":
        return [0.0]
    flat = array.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        found = [float(array.size), *flat[:FEW], *([flat.mean(), flat.std()] if flat.size else [])]
    return [float(x) if np.isfinite(x) else str(x) for x in found]


def _arrays(result: Any) -> list[Any]:
    return [a for leaf in tree.leaves([result]) if (a := _array(leaf)) is not None]


def _array(value: Any) -> Any:
    """A tensor of any library as a NumPy array of its own; None for anything else."""
    if isinstance(value, bool | int | float):
        return np.asarray(value)
    if not hasattr(value, "__array__"):
        return None
    try:
        return np.array(value.detach().cpu() if hasattr(value, "cpu") and hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _states(things: list[Any]) -> list[Callable[[], Any]]:
    """How to read all that the program may change: states and their gradients, and what models of others hold."""
    found: list[Callable[[], Any]] = []
    for state in states_of([*things, default_generator]):
        found += [partial(_value, state), partial(_gradient, state)]
    for thing in reached(things):
        parameters = getattr(thing, "parameters", None)
        if type(thing).__module__.partition(".")[0] in OURS:
            continue
        theirs = [thing] if getattr(thing, "is_leaf", False) else []
        if callable(parameters) and hasattr(thing, "state_dict"):
            theirs = list(parameters())
        for parameter in theirs:
            found += [partial(_array, parameter), partial(_gradient, parameter)]
    return found


def _value(state: State) -> Any:
    return state._value.copy()


def _gradient(holder: Any) -> Any:
    return _array(holder.grad)


def _tried(action: Callable[[], Any]) -> bytes:
    """Whether an action returns, and what; or what it raises, which may be such that only its words can be passed on."""
    try:
        return pickle.dumps((True, action()))
    except BaseException as error:
        with contextlib.suppress(Exception):
            return pickle.dumps((False, pickle.loads(pickle.dumps(error))))
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _silent() -> None:
    """Nothing is read from a terminal, nor shown there or in a notebook."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115


class Copies:
    """Runs programs in copies of this process, which itself is left as it is."""

    def __init__(self) -> None:
        self.functions: dict[Any, list[FunctionType]] = {}
        self.compiled: list[Function] = []
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                self.functions.setdefault(key_of(thing.__code__), []).append(thing)
            elif type(thing) is Function:
                self.compiled.append(thing)

    def run(self, request: dict[str, Any], edit: Edit | None, limit: float) -> dict[str, Any]:
        """The record of a run with an edit, as ``tapegraph bugs`` has it. "broken" tells what became of the copy instead."""

        def work() -> dict[str, Any]:
            try:
                if edit is not None:
                    self._edit(edit)
            except (SyntaxError, ValueError) as wrong:
                return {"broken": f"{UNWRITTEN}: {wrong}"}
            _forget(self.compiled)
            return cell.record({**request, "switches": "", "plant": "", "repeats": 1}, Call)

        try:
            found: dict[str, Any] = self.answer(work, limit)
        except Exception as broken:
            found = {"broken": str(broken)}
        return found

    def answer(self, action: Callable[[], Any], limit: float) -> Any:
        """What ``action`` returns in a copy, or raises there; RuntimeError where the copy ends otherwise."""
        with tempfile.TemporaryDirectory(prefix="tapegraph-") as folder:
            out = Path(folder) / "answer"
            sys.stdout.flush()
            sys.stderr.flush()
            pid = cell.forked()
            if pid == 0:
                try:
                    gc.disable()  # a collection touches every object, and so has the system copy all memory
                    _silent()
                    out.write_bytes(_tried(action))
                finally:
                    os._exit(0)
            try:
                ended = cell.waited(pid, limit)
            except BaseException:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise
            if not out.exists() or not (text := out.read_bytes()):
                raise RuntimeError(ended or "the copy of the process ended without a word")
            good, value = pickle.loads(text)
            if not good:
                raise value
            return value

    def _edit(self, edit: Edit) -> None:
        """Give every living function that the edit changes its new code, and tracebacks the new line."""
        lines = linecache.getlines(edit.file)
        after = edit.applied(lines)
        flags = [f[0].__code__.co_flags for key, f in self.functions.items() if key[0] == edit.file]
        for old, new in replacements(lines, after, edit.file, max(flags, default=0)):
            living = self.functions.get(key_of(old), [])
            # A test runner may have rewritten the code of a function; several lambdas of one line differ in their code.
            for function in [f for f in living if f.__code__ == old] or living:
                function.__code__ = new
        linecache.cache[edit.file] = (sum(map(len, after)), None, after, edit.file)


def _forget(compiled: Iterable[Function]) -> None:
    """Have compiled functions of any library trace anew."""
    for function in compiled:
        function.versions.clear()
        function._quick.clear()
        function._last = None
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()


def code_of(program: Any) -> CodeType | None:
    """The code of the user's function behind a method, a partial or a decorator."""
    program = inspect.unwrap(program) if callable(program) else program
    program = getattr(program, "__func__", program)
    return getattr(program, "__code__", None)
