"""The reference of the command line: what ``--help`` prints, read from the parsers."""

from __future__ import annotations

import os
import re

from generate.pages import code, write
from tapegraph.commands.front import GROUPS
from tapegraph.commands.main import module, parsers

STATUSES = """
| status | what it says |
|---|---|
| 0 | done, and what was checked is so |
| 1 | what was checked is not so: the modes disagree, a bug was found |
| 2 | it could not be done: a bad option, a file that is not there, an error in your program |
| 130 | interrupted; what there was by then has been shown and saved |
| 141 | the reader of its output went away |
"""


def pages() -> None:
    """Write ``reference/commands.md``."""
    os.environ["COLUMNS"] = "90"  # argparse asks the terminal
    parts = [
        "# The command line\n",
        "`tapegraph --help` lists the commands, `tapegraph COMMAND --help` prints what stands here. The report goes to stdout, progress and notes to "
        "stderr. `--json` prints the figures and nothing else; `--save FILE` writes what its suffix says and may be repeated. A mistake gets a "
        "sentence; `TAPEGRAPH_TRACEBACK=full` shows all of it. `tapegraph completion bash` prints a script that completes commands and options.\n",
        STATUSES,
    ]
    made = parsers()[1]
    for title, group in GROUPS.items():
        parts.append(f"## {title}\n")
        for name in group:
            text = made[name].format_help()
            usage, rest = text.split("\n\n", 1)
            options = re.split(r"^examples:$", rest.split("\n\n", 1)[1], flags=re.MULTILINE)[0]
            found = module(name)
            parts += [
                f"### tapegraph {name}\n",
                found.DESCRIPTION + "\n",
                code(f"{usage}\n\n{options.strip()}", "text"),
            ]
            parts.append(code("\n".join(f"{line:<60}  # {what}" for line, what in found.EXAMPLES), "bash"))
    write("reference/commands.md", "\n".join(parts))
