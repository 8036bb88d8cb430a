"""Completion in a real bash: commands, options, values, lists, names of ops and pages, files; quick, as nothing of ours runs."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tapegraph.commands.front import COMMANDS
from tapegraph.commands.main import main, parsers
from tapegraph.commands.shells import words

ROOT = Path(__file__).parents[2]
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "tapegraph.bash"
    found = subprocess.run(
        [sys.executable, "-m", "tapegraph", "completion", "bash"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    path.write_text(found.stdout)
    return path


def completed(script, *typed):
    """What bash offers for the last of these words."""
    program = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        "set -u; _tapegraph; printf '%s\\n' \"${COMPREPLY[@]-}\""
    )
    found = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", str(script), "tapegraph", *typed],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stderr == ""
    return found.stdout.split()


@needs_bash
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["co"], ["compare", "completion"]),
        (["--v"], ["--version"]),
        (["bench", "--su"], ["--suite"]),
        (["bench", "--suite", ""], ["quick", "all"]),
        (["bench", "--peers", "torch,jax,nu"], ["torch,jax,numpy"]),
        (["bench", "--workload", "logis"], ["logistic-32", "logistic-1024"]),
        (["ops", "log_soft"], ["log_softmax"]),
        (["explain", "ShapeE"], ["ShapeError"]),
        (["cache", "cl"], ["clear"]),
        (["completion", "z"], ["zsh"]),
        (["compare", "--dtype", "float6"], ["float64"]),
        (["compare", "train"], []),
        (["fuzz", "--seed", ""], []),
    ],
)
def test_what_bash_offers(script, typed, offered):
    assert completed(script, *typed) == offered


@needs_bash
def test_it_is_registered_and_falls_back_to_files(script, tmp_path):
    (tmp_path / "train.py").write_text("")
    program = f'source "{script}"; complete -p tapegraph; compgen -f train'
    found = subprocess.run(["bash", "--norc", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "-o default" in found.stdout and "-F _tapegraph tapegraph" in found.stdout and "train.py" in found.stdout


@needs_bash
def test_a_key_press_costs_next_to_nothing(script):
    assert "tapegraph " not in re.sub(r"#.*|complete .*", "", script.read_text()), "it would start Python"
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        completed(script, "bench", "--")
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.15, "bash's own start included"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_option_of_every_command_is_in_the_script(shell, capsys):
    assert main(["completion", shell]) == 0
    made = capsys.readouterr().out
    for name in COMMANDS:
        for word in words(parsers()[1][name]):
            for option in word.names:
                wanted = {"bash": option, "zsh": f"*{option}[", "fish": f"-l {option[2:]}"}[shell]
                assert wanted in made or not option.startswith("--"), (shell, name, option)
    assert made.endswith("\n") and "\t" not in made


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_read_it(shell, capsys, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    main(["completion", shell])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)
