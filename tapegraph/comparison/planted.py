"""Three programs with a planted mistake, run in both modes: what each said, and whether it named line and expression."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from engine.errors import TapegraphError
from engine.origin import Place
from tapegraph.comparison.figures import Mistake, Verdict
from tapegraph.mode import mode

PROGRAMS = ("wrong_shape", "nan_from_log", "label_out_of_range")
MARK = "# planted: "
OVERLAP = 0.5  # an expression counts as named where the span shown and the planted one share this much of their union


def mistakes() -> list[Mistake]:
    """Run every program in both modes and judge what is said."""
    with tempfile.TemporaryDirectory(prefix="tapegraph-") as folder:
        return [_tried(name, Path(folder)) for name in PROGRAMS]


def _tried(name: str, folder: Path) -> Mistake:
    path = folder / f"{name}.py"
    shutil.copyfile(Path(__file__).with_name("mistakes") / path.name, path)
    found = planted(path)
    for which in ("eager", "static"):
        with _imported(path) as program:  # anew for each mode, so that neither meets what the other left behind
            found.verdicts[which] = _verdict(which, program, found, path)
    return found


def planted(path: Path) -> Mistake:
    """The mark in a program: the line after the comment, and the expression that the comment quotes.

    Raises ValueError where there is no mark or its expression does not stand on the next line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith(MARK):
            expression, guilty = line.strip().removeprefix(MARK), lines[number + 1]
            if expression in guilty:
                title = lines[0].strip('"')
                return Mistake(path.stem, title, path.name, number + 2, expression, guilty.strip())
    raise ValueError(f"{path} has no line {MARK!r} before the line with its expression")


def _verdict(which: str, program: ModuleType, mistake: Mistake, path: Path) -> Verdict:
    try:
        with mode(which):
            program.run()
    except TapegraphError as error:
        place = error.place
        message = _trimmed(str(error), path)
        line = place is not None and Path(place.file) == path and place.line == mistake.line
        span = place is not None and line and _overlap(place, mistake, path) >= OVERLAP
        return Verdict(which, type(error).__name__, message, place.line if place else None, line, bool(span))
    except Exception as error:  # an error that is not ours names no place
        return Verdict(which, type(error).__name__, str(error), None, False, False)
    return Verdict(which, None, "nothing: it ran to its end", None, False, False)


def _trimmed(message: str, path: Path) -> str:
    """A message without the folder of the program."""
    return message.replace(str(path), path.name)


def _overlap(place: Place, mistake: Mistake, path: Path) -> float:
    """Shared columns of the span an error shows and the planted expression, as a share of their union."""
    text = path.read_text(encoding="utf-8").splitlines()[mistake.line - 1]
    start = text.index(mistake.expression)
    stop = start + len(mistake.expression)
    shown = place.column, place.end_column
    shared = min(stop, shown[1]) - max(start, shown[0])
    return max(0, shared) / (max(stop, shown[1]) - min(start, shown[0]))


@contextmanager
def _imported(path: Path) -> Iterator[ModuleType]:
    """A module of the file at ``path``, gone from ``sys.modules`` afterwards."""
    name = f"tapegraph_planted_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[name]
