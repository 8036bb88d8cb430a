"""Where what a command has to say goes: the report to stdout, progress and notes to stderr, figures as JSON, files by suffix."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import tapegraph as tg
from tapegraph.commands.options import file
from tapegraph.written import text, write

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Show = Callable[[str, int, int], None]  # what is being done, how much of it is done, how much there is


def add(
    parser: argparse.ArgumentParser,
    suffixes: Sequence[str] = (".json",),
    needs: Mapping[str, Callable[[], None]] | None = None,
) -> None:
    """Add the options that every command with figures has.

    ``suffixes``: of the files that it can write. ``needs``: by suffix, a function that raises ImportError with a way to
    help it where something is not installed that such a file is made with; it is asked before anything is run.
    """

    def saved(name: str) -> Path:
        path = file(name)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"{name} should end in {' or '.join(suffixes)}")
        if needs and path.suffix.lower() in needs:
            try:
                needs[path.suffix.lower()]()
            except ImportError as missing:
                raise argparse.ArgumentTypeError(str(missing)) from None
        return path

    parser.add_argument("--json", action="store_true", help="print the figures as JSON, and nothing else, on stdout")
    parser.add_argument(
        "--save",
        type=saved,
        action="append",
        default=[],
        metavar="FILE",
        help=f"also write FILE, as its suffix says ({', '.join(suffixes)}); may be repeated",
    )
    parser.add_argument("--no-color", action="store_true", help="plain text; so does NO_COLOR in the environment")


def page() -> None:
    """Raise ImportError where pages of HTML cannot be made."""
    from tapegraph.report.templates import needed

    needed()


def _gone() -> NoReturn:
    """The reader of a pipe went away."""
    raise


class Output:
    """The output of one command; ``with`` it, stdout holds nothing but JSON where ``--json`` was given.

    ``width``: columns where stdout is no terminal; None means 80.
    """

    def __init__(self, options: argparse.Namespace, *, width: int | None = None) -> None:
        self.json: bool = getattr(options, "json", False)
        self.files: list[Path] = getattr(options, "save", [])
        self._plain = options.no_color or bool(os.environ.get("NO_COLOR"))
        self._width = width
        self._stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # None where a shell closed it

    def __enter__(self) -> Output:
        if self.json:
            sys.stdout = sys.stderr  # what the user's program prints is no figure
        return self

    def __exit__(self, *error: object) -> None:
        sys.stdout = self._stdout

    @cached_property
    def page(self) -> Console:
        """What the report is printed on."""
        return self._console(self._stdout, None if self._stdout.isatty() else self._width)

    @cached_property
    def side(self) -> Console:
        """What progress and notes are printed on."""
        return self._console(sys.stderr, None)

    def _console(self, file: Any, width: int | None) -> Console:
        from rich.console import Console

        console = Console(file=file, highlight=False, width=width, color_system=None if self._plain else "auto")
        console.on_broken_pipe = _gone  # type: ignore[method-assign]  # rich would end the process
        return console

    def show(self, *parts: RenderableType, **style: Any) -> None:
        """Print a part of the report; nothing with ``--json``."""
        if not self.json:
            self.page.print(*parts, **style)

    def note(self, sentence: str) -> None:
        """Tell what is no part of the report."""
        self.side.print(sentence, markup=False, soft_wrap=True)

    def deliver(self, figures: Mapping[str, Any], writers: Mapping[str, Callable[[Path], None]] | None = None) -> None:
        """Print the figures where they were asked for, and write the files; ``writers``: by suffix, other than .json."""
        told = {"tapegraph": tg.__version__, **figures}
        if self.json:
            self._stdout.write(text(told))
            self._stdout.flush()
        for path in self.files:
            suffix = path.suffix.lower()
            write(path, told) if suffix == ".json" else (writers or {})[suffix](path)
            self.note(f"written: {path}")

    @contextlib.contextmanager
    def progress(self, *, live: bool = False) -> Iterator[Show]:
        """A bar on stderr, where that is a terminal. It is drawn when it is told something.

        ``live``: also in between, by a thread, which would disturb a measurement.
        """
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(
            *columns,
            console=self.side,
            transient=True,
            auto_refresh=live,
            disable=not self.side.is_terminal,
            redirect_stdout=False,
        ) as bar:
            task = bar.add_task("", total=1)

            def show(what: str, done: int = 0, total: int = 1) -> None:
                bar.update(task, description=what, completed=done, total=total, refresh=True)

            yield show
