"""Completion scripts for bash, zsh and fish, made from the parser: nothing of tapegraph runs when a key is pressed."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FILES = ("FILE", "DIR", "SCRIPT.py:FUNCTION", "PLACE")


@dataclass(frozen=True)
class Word:
    """An option (or, with no ``names``, what stands alone): the words that may follow, or files, or nothing known."""

    names: tuple[str, ...]
    help: str
    takes: bool
    words: tuple[str, ...] = ()
    files: bool = False


def words(parser: argparse.ArgumentParser) -> list[Word]:
    """What a command understands."""
    found = []
    for action in parser._actions:
        known = getattr(action, "words", None) or action.choices or ()
        follows = tuple(map(str, known() if callable(known) else known))
        metavar = str(action.metavar or "")
        found.append(
            Word(
                tuple(action.option_strings),
                " ".join((action.help or "").replace("%%", "%").split()),
                action.nargs != 0,
                follows,
                not follows and metavar in FILES,
            )
        )
    return found


def script(shell: str, commands: dict[str, tuple[str, list[Word]]], top: Sequence[Word]) -> str:
    """The script for a shell; ``commands``: each with its summary and what it understands; ``top``: before any command."""
    made = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    return "\n".join(made(commands, top)) + "\n"


def _options(found: Sequence[Word]) -> str:
    return " ".join(name for word in found for name in word.names if name.startswith("--"))


def _bash(commands: dict[str, tuple[str, list[Word]]], top: Sequence[Word]) -> Iterator[str]:
    yield "# Completion of tapegraph for bash; save it as ~/.local/share/bash-completion/completions/tapegraph"
    yield "_tapegraph() {"
    yield '    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} known="" head='
    yield "    COMPREPLY=()"
    yield f'    ((COMP_CWORD == 1)) && command="" known="{" ".join(commands)} {_options(top)}"'
    yield "    case $command:$before in"
    for name, (_, found) in commands.items():
        following: dict[tuple[str, ...], list[str]] = {}
        for word in found:
            if word.takes:
                following.setdefault(word.words, []).extend(f"{name}:{option}" for option in word.names)
        for follows, options in following.items():
            if options:
                yield f"    {'|'.join(options)}) known={shlex.quote(' '.join(follows))} ;;"
        alone = [w for word in found if not word.names for w in word.words]
        yield f"    {name}:*) if [[ $word == -* ]]; then known={shlex.quote(_options(found))}"
        yield f"        else known={shlex.quote(' '.join(alone))}; fi ;;"
    yield "    esac"
    yield "    case $word in *,*) head=${word%,*}, ;; esac  # the last of a list"
    yield "    if [[ $known ]]; then"
    yield '        COMPREPLY=($(compgen -P "$head" -W "$known" -- "${word#"$head"}"))'
    yield "    fi"
    yield "}"
    yield "complete -o bashdefault -o default -F _tapegraph tapegraph"


def _zsh(commands: dict[str, tuple[str, list[Word]]], top: Sequence[Word]) -> Iterator[str]:
    yield "#compdef tapegraph"
    yield "# Completion of tapegraph for zsh; save it as _tapegraph in a folder of $fpath"
    yield "_tapegraph() {"
    yield "    if ((CURRENT == 2)); then"
    described = [f"{name}:{summary}" for name, (summary, _) in commands.items()]
    described += [f"{name}:{word.help}" for word in top for name in word.names if name.startswith("--")]
    yield f"        local -a known=({' '.join(map(shlex.quote, described))})"
    yield "        _describe command known"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words; ((CURRENT--))"
    yield "    case $command in"
    for name, (_, found) in commands.items():
        yield f"    {name}) _arguments \\"
        for word in found:
            for option in word.names or ("*",):
                yield f"        {shlex.quote(_zsh_word(option, word))} \\"
        yield "        ;;"
    yield "    esac"
    yield "}"
    yield 'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _tapegraph "$@"; else compdef _tapegraph tapegraph; fi'


def _zsh_word(option: str, word: Word) -> str:
    action = f"({' '.join(word.words)})" if word.words else "_files" if word.files else " "
    help = re.sub(r"([\[\]:\\])", r"\\\1", word.help)
    if option == "*":
        return f"*:{help}:{action}"
    return f"*{option}[{help}]" + (f":value:{action}" if word.takes else "")


def _fish(commands: dict[str, tuple[str, list[Word]]], top: Sequence[Word]) -> Iterator[str]:
    yield "# Completion of tapegraph for fish; save it as ~/.config/fish/completions/tapegraph.fish"
    yield "complete -c tapegraph -f"
    for name, (summary, _) in commands.items():
        yield f"complete -c tapegraph -n __fish_use_subcommand -a {name} -d {_fish_quoted(summary)}"
    for word in top:
        yield f"complete -c tapegraph -n __fish_use_subcommand{_fish_word(word)}"
    for name, (_, found) in commands.items():
        for word in found:
            yield f"complete -c tapegraph -n '__fish_seen_subcommand_from {name}'{_fish_word(word)}"


def _fish_word(word: Word) -> str:
    parts = [f" -l {n[2:]}" if n.startswith("--") else f" -s {n[1:]}" for n in word.names]
    if word.words:
        parts.append(f" -a {_fish_quoted(' '.join(word.words))}")
    if word.takes and word.names:
        parts.append(" -r" + (" -F" if word.files else ""))
    elif word.files:
        parts.append(" -F")
    return "".join(parts) + f" -d {_fish_quoted(word.help)}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
