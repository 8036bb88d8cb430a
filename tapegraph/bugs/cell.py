"""Runs programs as their users would and writes down all that is to be seen: one forked process for each program.

Run as a script, with any interpreter that has NumPy: ``cell.py MODULE,MODULE ROOT``. It imports the modules once, then takes a
request in JSON a line and answers with a line. A request: ``program`` (a path), ``switches`` and ``plant`` (code to run before),
``line`` and ``operands`` of the guilty expression, ``notices`` (an expression), ``typed`` (what is typed into a debugger),
``repeats``, ``limit`` (seconds) and ``out``, the file that gets the record.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import linecache
import os
import signal
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

ENOUGH = 1.5  # seconds of repeats


def concrete(value: Any) -> bool:
    """Whether a debugger's user sees numbers in a value: an array, a tensor that holds data, a Python number."""
    if isinstance(value, bool | int | float | np.generic):
        return True
    if hasattr(value, "get_value"):  # PyTensor's shared variables
        value = value.get_value()
    if "Fake" in type(value).__name__ or "Functional" in type(value).__name__:
        return False
    try:
        if hasattr(value, "detach") and hasattr(value, "requires_grad"):
            value = value.detach()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(np.asarray(value).dtype.kind in "biufc")
    except Exception:
        return False


def looked_up(expression: str, frame: types.FrameType) -> Any:
    """What a debugger prints for an expression of the program, in a frame."""
    return eval(expression, frame.f_globals, frame.f_locals)


def seen_in_frame(tb: types.TracebackType | None, path: str, line: int, operands: list[str]) -> dict[str, bool]:
    """For each operand, whether it is a concrete array in the innermost frame that stands at the guilty line."""
    frames = [(f, number) for f, number in traceback.walk_tb(tb) if f.f_code.co_filename == path and number == line]
    found = {}
    for operand in operands if frames else []:
        try:
            found[operand] = concrete(looked_up(operand, frames[-1][0]))
        except Exception:
            found[operand] = False
    return found


class Run:
    """One run of a program: what it said and when."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.warnings: list[dict[str, Any]] = []
        self.exception: dict[str, Any] | None = None
        self.result: list[Any] | None = None
        self.seconds = 0.0

    def go(self, show: bool) -> None:
        path = self.request["program"]
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        module = types.ModuleType("__main__")
        module.__file__ = path
        self.names = module.__dict__
        sys.modules["__main__"] = module
        sys.argv, sys.path[0] = [path], os.path.dirname(path)
        linecache.checkcache(path)
        self.began = time.perf_counter()
        warnings.showwarning = self.warned
        try:
            exec(code, self.names)
        except BaseException as error:
            self.failed(error, show)
        self.seconds = time.perf_counter() - self.began
        if self.exception is None:
            self.result = numbers(self.names.get("result"))

    def stage(self) -> str:
        return str(self.names.get("stage", "build"))

    def warned(
        self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        self.warnings.append(
            {
                "kinds": [kind.__name__ for kind in category.__mro__],
                "message": str(message),
                "text": text,
                "file": filename,
                "line": lineno,
                "stage": self.stage(),
                "seconds": time.perf_counter() - self.began,
            }
        )
        print(text, file=sys.stderr, end="", flush=True)

    def failed(self, error: BaseException, show: bool) -> None:
        seconds = time.perf_counter() - self.began
        assert error.__traceback__ is not None
        error.__traceback__ = error.__traceback__.tb_next  # without this file's own frame
        request = self.request
        shown = io.StringIO()
        if show:
            sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
            kept, sys.stderr = sys.stderr, shown
            try:
                sys.excepthook(type(error), error, error.__traceback__)
            finally:
                sys.stderr = kept
            print(shown.getvalue(), file=sys.stderr, end="", flush=True)
        self.exception = {
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "message": str(error),
            "text": shown.getvalue(),
            "stage": self.stage(),
            "seconds": seconds,
            "values": seen_in_frame(error.__traceback__, request["program"], request["line"], request["operands"])
            if show
            else {},
        }


def numbers(value: Any) -> list[Any] | None:
    """The first numbers of a result, NaN and infinities as words."""
    if value is None:
        return None
    flat = np.asarray(value, np.float64).ravel()[:64]
    return [float(x) if np.isfinite(x) else str(x) for x in flat]


def noticed(request: dict[str, Any], names: dict[str, Any]) -> dict[str, bool]:
    """Of each operand of the guilty expression, whether the documented look at a warning's values shows an array."""
    try:
        values = eval(request["notices"], names)
    except Exception:
        return {}
    return {operand: operand in values and concrete(values[operand]) for operand in request["operands"]}


def record(request: dict[str, Any], run: Callable[[dict[str, Any]], Run] = Run) -> dict[str, Any]:
    """Run the program, with what it prints in a file, then again for the median of its times."""
    typed = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this process
    typed.write(request.get("typed", "").encode())
    typed.seek(0)
    said = tempfile.TemporaryFile()  # noqa: SIM115
    os.dup2(typed.fileno(), 0)
    for number in (1, 2):
        os.dup2(said.fileno(), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    switched: dict[str, Any] = {}
    exec(request["switches"], switched)
    exec(request["plant"], switched)
    first = run(request)
    first.go(show=True)
    sys.stdout.flush()
    sys.stderr.flush()
    found: dict[str, Any] = {
        "exception": first.exception,
        "warnings": first.warnings,
        "result": first.result,
        "seconds": first.seconds,
        "noticed": noticed(request, first.names) if first.warnings else {},
        "repeats": [],
    }
    size = os.lseek(said.fileno(), 0, os.SEEK_CUR)
    found["output"] = os.pread(said.fileno(), size, 0).decode(errors="replace")
    spent = first.seconds
    quiet = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(quiet, number)
    while (first.exception or first.warnings) and len(found["repeats"]) < request["repeats"] - 1 and spent < ENOUGH:
        again = run(request)
        with warnings.catch_warnings():  # a new list of filters: what is shown once is shown again
            again.go(show=False)
        spent += again.seconds
        kinds = [(w["kinds"][0], w["seconds"]) for w in again.warnings]
        found["repeats"].append({"exception": again.exception and again.exception["seconds"], "warnings": kinds})
    return found


def child(request: dict[str, Any]) -> None:
    """Write the record; whatever goes wrong with the harness itself is in the record too."""
    try:
        found = record(request)
    except BaseException:
        found = {"broken": traceback.format_exc()}
    with open(request["out"], "w", encoding="utf-8") as file:
        json.dump(found, file)
    os._exit(0)


def waited(pid: int, limit: float) -> str:
    """How the process ended, "" where it is well; it is ended after ``limit`` seconds."""
    until = time.monotonic() + limit
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return f"still running after {limit:g} s"
        time.sleep(0.002)


def forked() -> int:
    """``os.fork`` without the warnings of frameworks about it: none has begun to work when it was only imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def main(modules: str, root: str) -> None:
    """Answer requests until there are no more: first whether the framework is there, then how each program ended."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    if root:
        sys.path.insert(0, root)
    sys.path.insert(0, "")  # the folder of the program
    framework, *more = modules.split(",")
    try:
        module = importlib.import_module(framework)
        said = {"version": getattr(module, "__version__", "")}
    except ImportError as missing:
        said = {"absent": str(missing)}
        more = []
    for name in more:
        with contextlib.suppress(ImportError):  # another version may have it elsewhere
            importlib.import_module(name)
    print(json.dumps(said), file=answers, flush=True)
    for line in requests:
        request = json.loads(line)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = forked()
        if pid == 0:
            child(request)
        print(json.dumps({"ended": waited(pid, request["limit"])}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
