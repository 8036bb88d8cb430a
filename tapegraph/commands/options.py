"""What the command line accepts: the values of options, and a parser whose messages and help read well."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tapegraph.commands.front import nearest
from tapegraph.written import unwritable


def whole(least: int) -> Callable[[str], int]:
    """A whole number that is ``least`` or more."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {number}")
        return number

    return parse


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return number


def listed(one: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Several with commas between, each once."""

    def parse(text: str) -> list[Any]:
        return list(dict.fromkeys(one(part) for part in text.split(",") if part))

    return parse


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    return name, value


def file(text: str) -> Path:
    """A file to write: a name, in a folder that is there and may be written to."""
    if not text:
        raise argparse.ArgumentTypeError("the name of a file is missing")
    path = Path(text)
    if problem := unwritable(path):
        raise argparse.ArgumentTypeError(problem)
    return path


def offer(action: argparse.Action, words: Callable[[], Iterable[str]]) -> None:
    """Let a shell's completion offer these words where the argument stands."""
    action.words = words  # type: ignore[attr-defined]


class Parser(argparse.ArgumentParser):
    """A parser whose messages are one line and whose help ends with examples.

    ``examples``: pairs of a command and what it does.
    """

    def __init__(self, *, examples: Sequence[tuple[str, str]] = (), **settings: Any) -> None:
        lines = [f"  {command}\n      {what}" for command, what in examples]
        epilog = "\n".join(["examples:", *lines]) if lines else None
        settings.setdefault("formatter_class", _Layout)
        super().__init__(epilog=epilog, allow_abbrev=False, **settings)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, extra = self.parse_known_args(args, namespace)
        if extra:
            parser = getattr(options, "parser", self)
            word = extra[0].partition("=")[0]
            if word.startswith("-"):
                parser.error(f"there is no option {word}{nearest(word, parser._option_string_actions)}")
            parser.error(f"does not know what to do with {extra[0]!r}")
        return options

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n  ({self.prog} --help shows how it is used)\n")


class _Layout(argparse.HelpFormatter):
    """A first line without the options, which follow; their names in a narrow column; examples as they were written."""

    def __init__(self, prog: str) -> None:
        super().__init__(f"{prog} [OPTIONS]", max_help_position=26)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        super().add_usage(usage, [action for action in actions if not action.option_strings], [], prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)
