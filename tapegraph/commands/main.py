"""From the words of a command line to the command, and from how it ends to a status: 0, 1, 2, 130 or 141."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import tapegraph as tg
from tapegraph.commands.front import COMMANDS, answered
from tapegraph.commands.options import Parser

FAILED, USAGE, INTERRUPTED, CLOSED = 1, 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns 0; 1 where what was checked is not so (the modes disagree, say); 2 where the command could not be done; 130
    where it was interrupted; 141 where the reader of its output went away.
    """
    given = sys.argv[1:] if arguments is None else arguments
    answer = answered(given)
    if answer is not None:
        return answer
    if given[0] == "help":
        given = [given[1], "--help"]
    options = parsers()[0].parse_args(given)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at the end
        return CLOSED
    except Exception as error:
        if os.environ.get("TAPEGRAPH_TRACEBACK") == "full":
            raise
        return _refused(options.parser.prog, told(error))


def told(error: Exception) -> str:
    """An exception in words for who typed the command; the place of one that nobody foresaw."""
    from engine.errors import TapegraphError

    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, TapegraphError):
        return text
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"unexpected {type(error).__name__} at {last.filename}:{last.lineno}: {text}\n"
        "  fix: set TAPEGRAPH_TRACEBACK=full to see all of it"
    )


def _refused(command: str, message: str) -> int:
    print(f"{command}: {message}", file=sys.stderr)
    return USAGE


def module(command: str) -> ModuleType:
    """The module of a command: DESCRIPTION, EXAMPLES, ``add(parser)`` and ``run(options)``."""
    return import_module(f"tapegraph.commands.{command}")


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the whole command line, and those of the commands by name."""
    parser = Parser(prog="tapegraph", add_help=False)
    parser.add_argument("-h", "--help", action="store_true", help="what there is")
    parser.add_argument("--version", action="version", version=f"tapegraph {tg.__version__}", help="the version")
    commands = parser.add_subparsers(prog="tapegraph", required=True, metavar="COMMAND", parser_class=Parser)
    made = {}
    for name in COMMANDS:
        found = module(name)
        command = made[name] = commands.add_parser(name, description=found.DESCRIPTION, examples=found.EXAMPLES)
        found.add(command)
        command.set_defaults(run=found.run, parser=command)
    return parser, made
