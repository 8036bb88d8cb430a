"""``tapegraph completion``: the script that lets a shell complete commands, options and names of ops."""

from __future__ import annotations

import argparse

DESCRIPTION = (
    "Print a completion script. Nothing of tapegraph runs when a key is pressed; make it anew after an update."
)
EXAMPLES = (
    ("tapegraph completion bash > ~/.local/share/bash-completion/completions/tapegraph", "for good, in bash"),
    ("source <(tapegraph completion bash)", "for this bash alone"),
    ("tapegraph completion fish > ~/.config/fish/completions/tapegraph.fish", "for good, in fish"),
)
SHELLS = ("bash", "zsh", "fish")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("shell", choices=SHELLS, help="bash, zsh or fish")


def run(options: argparse.Namespace) -> int:
    """Print it; 0."""
    from tapegraph.commands.front import COMMANDS
    from tapegraph.commands.main import parsers
    from tapegraph.commands.shells import script, words

    top, commands = parsers()
    known = {name: (COMMANDS[name], words(parser)) for name, parser in commands.items()}
    print(script(options.shell, known, [word for word in words(top) if word.names]), end="")
    return 0
