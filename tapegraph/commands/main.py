"""From the words of a command line to the command, and from how it ends to a status: 0, 1, 2, 130 or 141."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from tapegraph.commands.options import Parser, nearest

FINE, FAILED, USAGE, INTERRUPTED, CLOSED = 0, 1, 2, 130, 141
GROUPS = {  # what a person wants: the commands that do it, each a module beside this one
    "Compare both modes": ("compare", "bench", "bugs", "fuzz"),
    "Look something up": ("ops", "explain"),
    "This machine": ("info", "cache", "completion"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
ABOUT = "One program, two engines: a dynamic tape and a compiled static graph, and an honest comparison between them."
EXAMPLES = (
    ("tapegraph compare", "train on handwritten digits in both modes and compare them"),
    ("tapegraph bench --peers torch,jax", "both modes beside PyTorch and JAX on the same work"),
    ("tapegraph ops softmax", "what the op library knows about an op"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns 0; 1 where what was checked is not so (the modes disagree, say); 2 where the command could not be done; 130
    where it was interrupted; 141 where the reader of its output went away.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if not word.startswith("-")]
    if not given:
        print(helped())
        return FINE
    if words and given[0] == words[0] and words[0] not in COMMANDS:
        hint = nearest(words[0], COMMANDS)
        return _refused("tapegraph", f"there is no command {words[0]!r}{hint or '; tapegraph --help lists them'}")
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
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
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
    """The module of a command: SUMMARY, DESCRIPTION, EXAMPLES, ``add(parser)`` and ``run(options)``."""
    return import_module(f"tapegraph.commands.{command}")


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the whole command line, and those of the commands by name."""
    parser = Parser(prog="tapegraph", add_help=False)
    parser.add_argument("-h", "--help", action=_Help, nargs=0, help="what there is")
    parser.add_argument("--version", action=_Version, nargs=0, help="the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    made = {}
    for name in COMMANDS:
        found = module(name)
        command = made[name] = commands.add_parser(name, description=found.DESCRIPTION, examples=found.EXAMPLES)
        found.add(command)
        command.set_defaults(run=found.run, parser=command)
    return parser, made


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        print(helped())
        parser.exit()


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        import tapegraph as tg

        print(f"tapegraph {tg.__version__}")
        parser.exit()


def helped() -> str:
    """What ``tapegraph --help`` prints."""
    lines = ["usage: tapegraph COMMAND [OPTIONS]", "", ABOUT]
    for title, names in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<12}{module(name).SUMMARY}" for name in names)]
    lines += [
        "",
        "Options:",
        f"  {'--help, -h':<12}this page; after a COMMAND, its own",
        f"  {'--version':<12}the version",
    ]
    wide = max(len(command) for command, _ in EXAMPLES) + 3
    lines += ["", "Examples:", *(f"  {command:<{wide}}{what}" for command, what in EXAMPLES)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
