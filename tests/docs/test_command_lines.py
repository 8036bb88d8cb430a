"""The command lines of the documents: each can be read by the parser it is meant for, and starts; quick forms run to their end."""

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tapegraph.commands import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs").rglob("*.md"))),
]
DOCUMENTS = [name for name in DOCUMENTS if not name.startswith(("docs/reference", "docs/errors", "docs/made"))]
FENCED = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(
    rf"^    ((?:\./|(?:\.venv/bin/)?tapegraph (?:{'|'.join(main.COMMANDS)})\b|python3? -m ).*)$", re.MULTILINE
)
FOUND_BY_PIP = ("python3 -m venv", ".venv/bin/pip")  # what installs is run on a bare machine, not by tests

TRAIN = """
import numpy as np

import tapegraph as tg
from tapegraph import optim

weight = tg.Parameter(np.zeros(3, np.float32), name="weight")
optimizer = optim.SGD([weight], lr=0.1)


def step(x, y):
    loss = tg.mean((x @ weight - y) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def step_args():
    return np.eye(3, dtype=np.float32), np.ones(3, np.float32)
"""


def lines(document):
    """The command lines of a document, without comments; several joined by && stand alone."""
    text = (ROOT / document).read_text(encoding="utf-8")
    shown = [
        line.removeprefix("$ ")
        for block in FENCED.findall(text)
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    shown += INDENTED.findall(text)
    return [part.split("  #")[0].strip() for line in shown for part in line.split(" && ")]


COMMANDS = {line: document for document in DOCUMENTS for line in lines(document)}
OURS = [c for c in COMMANDS if "tapegraph " in f"{c} ".split("/")[-1] and not c.startswith(FOUND_BY_PIP)]


def words(command):
    """The words behind ``tapegraph``, without a redirection."""
    return shlex.split(command.split(" > ")[0])[1:]


def test_commands_are_found():
    assert len(OURS) >= 10
    assert any(c.startswith("tapegraph bench") for c in OURS)


@pytest.mark.parametrize("command", OURS)
def test_the_parser_takes_it(command):
    if words(command):
        assert main.parsers()[0].parse_args(words(command)).run


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in OURS and not c.startswith(FOUND_BY_PIP)])
def test_it_names_what_there_is(command):
    first, *rest = shlex.split(command)
    if Path(first).name.startswith("python"):
        assert rest[0] == "-m" and importlib.util.find_spec(rest[1]), command
    else:
        assert os.access(ROOT / first, os.X_OK), command


def quick(command):
    """A form of the command that ends soon, where there is one."""
    if words(command)[:1] == ["compare"]:
        head, *tail = command.split(" > ")
        return " > ".join([f"{head} --seconds 1 --no-faults --no-profile", *tail])
    return command


@pytest.mark.slow
def test_they_start(tmp_path):
    """In the order of the documents, since some read what others wrote; what takes long is interrupted, as a user would."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/guides/compare.md").read_text(encoding="utf-8"), re.M | re.S
    )
    workload = re.findall(r"^```python\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M | re.S)
    norms = next(block for block in workload if "CASES" in block)
    for name, text in {"train.py": TRAIN, "work.py": blocks[0], "my_work.py": norms, "norms.py": norms}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    shim = tmp_path / ".venv" / "bin" / "tapegraph"  # as the README calls it
    shim.parent.mkdir(parents=True)
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tapegraph "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    for command in OURS:
        status, out = started(quick(command), tmp_path, env, 30 if "compare" in command else 4)
        assert status in (0, 130) and "Traceback" not in out, f"{COMMANDS[command]}: {command}: {status}\n{out}"
        if "now.json" in command:
            (tmp_path / "now.json").rename(tmp_path / "before.json")


def started(command, folder, env, seconds):
    """The status and the output of a shell's command line, which gets a Ctrl-C when its time is up."""
    run = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        out, _ = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGINT)
        out, _ = run.communicate(timeout=60)
        return (130 if run.returncode in (130, -signal.SIGINT) else run.returncode), out
    return run.returncode, out
