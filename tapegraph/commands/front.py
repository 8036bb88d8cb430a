"""The front page of the command line: which commands there are, and what is said to a misspelt one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

USAGE = 2  # the status of what could not be done
ABOUT = """\
One program, two engines: a dynamic tape and a compiled static graph, and an
honest comparison between them."""
GROUPS = {  # each command is a module of tapegraph/commands
    "Compare both modes": {
        "compare": "what compiling buys and costs, for a function of your own",
        "bench": "measure both modes beside PyTorch, JAX and others",
        "bugs": "measure how easy both modes and their peers are to debug",
        "fuzz": "check on random programs that both modes mean the same",
    },
    "Look something up": {
        "ops": "what an op does: domain, gradient, native code, ONNX name",
        "explain": "what an error or a notice means, and what to do about it",
    },
    "This machine": {
        "info": "versions, CPU, threads, BLAS, cache, what is installed",
        "cache": "list or clear the kernels that are kept on disk",
        "completion": "a script with which bash, zsh or fish completes commands",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}
EXAMPLES = {
    "tapegraph compare": "see it on a training with handwritten digits",
    "tapegraph compare train.py:step": "the same for a function of yours",
    "tapegraph explain ShapeError": "what a message means",
    "tapegraph bench --help": "the options of a command, with examples",
}


def answered(given: Sequence[str]) -> int | None:
    """Answer what needs no parser, and return the status; None for everything else."""
    if not given or given[0] in ("-h", "--help") or list(given) == ["help"]:
        print(helped())
        return 0
    if given[0].startswith("-") or given[0] in COMMANDS or (given[0] == "help" and given[1] in COMMANDS):
        return None
    word = given[given[0] == "help"]
    hint = nearest(word, COMMANDS)
    print(f"tapegraph: there is no command {word!r}{hint or '; tapegraph --help lists them'}", file=sys.stderr)
    return USAGE


def helped() -> str:
    """What ``tapegraph --help`` prints, at most 80 columns wide."""
    lines = ["usage: tapegraph COMMAND [OPTIONS]", "", ABOUT]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<12}{summary}" for name, summary in group.items())]
    lines += [
        "",
        "Options:",
        f"  {'-h, --help':<12}this page; after a command, its own",
        f"  {'--version':<12}the version",
    ]
    wide = max(map(len, EXAMPLES)) + 3
    lines += ["", "Examples:", *(f"  {command:<{wide}}{what}" for command, what in EXAMPLES.items())]
    lines += ["", "Every command has --help; those with figures have --json and --save FILE."]
    return "\n".join(lines)


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` with what is spelt most like a word, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""
