"""Runs a program as a script in a process of its own, in a mode, and tells what its user would see."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import compiler.pipeline  # noqa: F401 - so that each forked process has the compiler already
import tapegraph as tg
from generate.pages import ROOT

MODES = ("eager", "static")


@dataclass(frozen=True)
class Output:
    """What a program wrote, and the status it ended with."""

    text: str
    status: int


def run(source: str, file: str, mode: str) -> Output:
    """Run ``source`` as the file of this name in an empty folder, its text and errors in one stream.

    The process is forked from this one, which has imported everything, so that a run takes little more than its work. A
    program that changes how the package is imported, or starts processes, runs in a new interpreter, in the mode it says.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, seen = Path(folder) / file, Path(folder) / "seen"
        path.write_text(source, encoding="utf-8")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.chdir(folder)
                _warn_as_python_does()
                out = os.open(seen, os.O_WRONLY | os.O_CREAT)
                os.dup2(out, 1)
                os.dup2(out, 2)
                sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1, closefd=False) for n in (1, 2))
                status = _afresh(path) if early(source) else _here(path, source, mode)
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        text = seen.read_text(encoding="utf-8") if seen.is_file() else ""
        for known in (os.path.realpath(folder), folder, ROOT):
            text = text.replace(f"{known}/", "")
        return Output(text, status)


def _warn_as_python_does() -> None:
    """Take back what a test runner that forked this process does with warnings."""

    def show(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.resetwarnings()
    warnings.showwarning = show


def early(source: str) -> bool:
    """Whether the program does something before it imports the package."""
    before = source.split("import tapegraph")[0]
    return "os.environ" in before or "write_text" in before or "__main__" in source


def _here(path: Path, source: str, mode: str) -> int:
    import __main__

    sys.argv, sys.path[:0] = [path.name], [str(path.parent)]
    vars(__main__).clear()
    vars(__main__).update(__name__="__main__", __builtins__=__builtins__, __file__=path.name)
    try:
        with tg.mode(mode):
            exec(compile(source, path.name, "exec"), vars(__main__))
    except BaseException as error:
        inner = error.__traceback__ and error.__traceback__.tb_next  # without the frame of this function
        sys.excepthook(type(error), error.with_traceback(inner), inner)
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _afresh(path: Path) -> int:
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.spawnv(os.P_WAIT, sys.executable, [sys.executable, path.name])
