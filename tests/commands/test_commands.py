"""What holds for every command: help with examples, JSON alone on stdout, sentences instead of tracebacks, statuses."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tapegraph.commands import front
from tapegraph.commands.front import COMMANDS
from tapegraph.commands.main import CLOSED, FAILED, INTERRUPTED, USAGE, main, module, parsers
from tapegraph.commands.output import Output

ROOT = Path(__file__).parents[2]
WITH_FIGURES = [name for name in COMMANDS if name != "completion"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPEGRAPH_CACHE_DIR", str(tmp_path / "cache"))


def refusal(*arguments):
    """How a bad use ends: the status, and what is told."""
    try:
        return main(list(arguments))
    except SystemExit as stopped:
        return stopped.code


# ------------------------------------------------------------------------------------------------ help


def test_help_reads_well(capsys):
    assert main([]) == main(["--help"]) == main(["-h"]) == main(["help"]) == 0
    once = capsys.readouterr().out
    text = once[: len(once) // 4]
    assert once == text * 4, "without anything, the same"
    assert all(len(line) <= 80 for line in text.splitlines())
    for name, summary in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", text, re.MULTILINE)
    assert text.count("\n\n") >= 5 and "Examples:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and text.startswith(f"usage: tapegraph {name} ")
    first = text[text.index("examples:") :]
    assert first.count(f"tapegraph {name}") >= 1
    lines = text[: text.index("examples:")].splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert name == "completion" or ("--json" in text and "--no-color" in text)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_accepted(name, tmp_path, monkeypatch):
    """Every example of a help is parsed; names of files are of a folder of the test's."""
    monkeypatch.chdir(tmp_path)
    for line in [*(line for line, _ in module(name).EXAMPLES), *front.EXAMPLES]:
        for command in re.findall(r"tapegraph [^<>()|]*", line):
            words = shlex.split(command)[1:]
            if words[0] == name and "--help" not in words:
                options = parsers()[0].parse_args(words)
                assert options.run is module(name).run


def test_short_examples_run(capsys):
    for line in ("ops softmax", "ops norm loss", "explain ShapeError", "explain", "info", "cache", "cache path"):
        assert main(line.split()) == 0 and capsys.readouterr().out


def test_help_is_a_word_as_well(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["help", "cache"])
    assert ended.value.code == 0 and capsys.readouterr().out.startswith("usage: tapegraph cache ")
    assert refusal("help", "cahce") == USAGE
    assert "no command 'cahce'; did you mean cache?" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    ["bugs --only nan_log --peers torch", "fuzz --programs 20"],
)
def test_long_examples_run(line):
    """As they stand in a help; what else stands there differs in options that other tests have."""
    name = line.split()[0]
    assert f"tapegraph {line}" in dict(module(name).EXAMPLES)
    found = subprocess.run(
        [sys.executable, "-m", "tapegraph", *line.split(), "--json"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0 and len(json.loads(found.stdout)) > 2, found.stderr
    assert "Traceback" not in found.stderr


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and re.fullmatch(r"tapegraph \d+\.\d+\.\d+\n", capsys.readouterr().out)


# ------------------------------------------------------------------------------------------------ bad uses

HOSTILE = [
    (["comapre"], "there is no command 'comapre'; did you mean compare?"),
    (["frobnicate"], "tapegraph --help lists them"),
    ([""], "there is no command ''"),
    (["--frobnicate"], "tapegraph:"),
    *(([name, "--frobnicate"], "there is no option --frobnicate") for name in COMMANDS if name != "completion"),
    *(([name, "--jsn"], "did you mean --json?") for name in WITH_FIGURES),
    *(([name, "--save", "/no/such/folder/x.json"], "there is no folder /no/such/folder") for name in WITH_FIGURES),
    *(([name, "--save", str(ROOT)], "is a folder") for name in WITH_FIGURES),
    *(([name, "--save", ""], "name of a file is missing") for name in WITH_FIGURES),
    *(([name, "--save", "x.docx"], "x.docx should end in .json") for name in WITH_FIGURES),
    *(([name, "--save"], "expected one argument") for name in WITH_FIGURES),
    *(([name, "--json=x.json"], "ignored explicit argument") for name in WITH_FIGURES),
    (["ops", "sofmax"], "did you mean softmax?"),
    (["ops", "no_such", "nor_this"], "no op has a name like"),
    (["explain", "Shape"], "there is ShapeError"),
    (["explain", "frobnicate"], "tapegraph explain lists them"),
    (["cache", "purge"], "invalid choice"),
    (["completion"], "required"),
    (["completion", "tcsh"], "invalid choice"),
    (["info", "surplus"], "does not know what to do with 'surplus'"),
    (["bench", "--peers", "theano"], "there is no peer 'theano'"),
    (["bench", "--rounds", "1.5"], "must be a whole number"),
    (["fuzz", "--programs", "0"], "must be at least 1"),
    (["fuzz", "--ops", "no_such_module_at_all", "--programs", "1"], "no_such_module_at_all"),
    (["fuzz", "--tests", __file__], "is no folder"),
    (["bugs", "--bench", __file__], "holds no figures"),
    (["bugs", "--bench", str(ROOT)], "Is a directory"),
    (["bugs", "--archive", __file__], "is no folder"),
    (["compare", "no_such_script.py:step"], "no_such_script"),
    (["compare", f"{__file__}:no_such_function"], "no_such_function"),
]


@pytest.mark.parametrize(
    ("words", "said"), HOSTILE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_uses_get_a_sentence(words, said, capsys):
    assert refusal(*words) == USAGE
    shown = capsys.readouterr()
    assert said in shown.err and "Traceback" not in shown.err and shown.out == ""
    assert shown.err.startswith("tapegraph")


def test_a_folder_that_may_not_be_written(tmp_path, capsys, monkeypatch):
    def refuse(*args, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    assert refusal("info", "--save", str(tmp_path / "x.json")) == USAGE
    assert f"cannot write in {tmp_path}: Permission denied" in capsys.readouterr().err


def test_what_nobody_foresaw_is_told_in_words(monkeypatch, capsys):
    def broken():
        raise RuntimeError("a wire is loose")

    monkeypatch.setattr("tapegraph.inventory.inventory", broken)
    monkeypatch.delenv("TAPEGRAPH_TRACEBACK", raising=False)
    assert main(["info"]) == USAGE
    said = capsys.readouterr().err
    assert "unexpected RuntimeError at" in said and "a wire is loose" in said and "TAPEGRAPH_TRACEBACK=full" in said
    monkeypatch.setenv("TAPEGRAPH_TRACEBACK", "full")
    with pytest.raises(RuntimeError):
        main(["info"])


# ------------------------------------------------------------------------------------------------ JSON, files, colours


@pytest.mark.parametrize(
    "words",
    [["info"], ["cache"], ["cache", "path"], ["ops"], ["ops", "exp"], ["explain"], ["explain", "ShapeError"]],
    ids=" ".join,
)
def test_json_stands_alone(words, capsys, tmp_path):
    file = tmp_path / "x.json"
    assert main([*words, "--json", "--save", str(file), "--save", str(tmp_path / "again.json")]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["tapegraph"]) and len(found) > 1
    assert set(json.loads(file.read_text())) == set(found) and (tmp_path / "again.json").exists()
    assert shown.err == f"written: {file}\nwritten: {tmp_path / 'again.json'}\n"


def test_what_a_program_prints_is_no_figure(capsys):
    options = parsers()[0].parse_args(["info", "--json"])
    with Output(options) as out:
        print("from the user's program")
        out.show("the report")
        out.note("a note")
        out.deliver({"nan": float("nan"), "far": [float("inf"), -float("inf")]})
    shown = capsys.readouterr()
    assert json.loads(shown.out)["far"] == ["Infinity", "-Infinity"] and json.loads(shown.out)["nan"] == "NaN"
    assert shown.err == "from the user's program\na note\n"


@pytest.mark.parametrize("given", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}, "--no-color"])
def test_colours(given, monkeypatch):
    """On a terminal only, and there not where they are unwanted."""
    pty = pytest.importorskip("pty")
    mine, theirs = pty.openpty()
    words = ["info", "--no-color"] if isinstance(given, str) else ["info"]
    environment = {"TERM": "xterm-256color", **({} if isinstance(given, str) else given)}
    with os.fdopen(theirs, "w") as terminal:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", terminal)
        Output(parsers()[0].parse_args(words)).show("bold", style="bold red")
        terminal.flush()
    shown = os.read(mine, 1000)
    os.close(mine)
    assert (b"\x1b[" in shown) == (given == {})


# ------------------------------------------------------------------------------------------------ processes


def run(*words, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "tapegraph", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **settings,
    )


def test_a_reader_that_goes_away_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        found = subprocess.run(
            [sys.executable, "-m", "tapegraph", "ops"], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writing)
    assert (found.returncode, found.stderr) == (CLOSED, "")


@pytest.mark.parametrize("variable", ["TAPEGRAPH_DEBUG", "TAPEGRAPH_TRACEBACK"])
def test_variables_without_a_meaning(variable):
    code = "import tapegraph.commands.main as m; m.main(['--version'])"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {variable: "loud"}, capture_output=True, text=True
    )
    assert found.stdout.startswith("tapegraph ")
    assert f"{variable}=loud has no meaning" in found.stderr and "Traceback" not in found.stderr


def test_help_loads_little():
    code = (
        "import sys; from tapegraph.commands.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"rich", "numba", "jinja2", "scipy", "networkx"} & set(found.stderr.split())


LONG = {
    "bugs": ["--only", "nan", "--peers", "", "--jobs", "1"],
    "fuzz": ["--programs", "100000"],
    "compare": ["--epochs", "1", "--seconds", "300", "--no-history"],
}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("name", LONG)
def test_an_interruption_shows_and_saves_what_is_there(name, tmp_path):
    file = tmp_path / "x.json"
    for patience in (10, 60):
        process = run(name, *LONG[name], "--save", str(file))
        time.sleep(patience)
        assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)
        shown, errors = process.communicate(timeout=60)
        assert process.returncode == INTERRUPTED and "Traceback" not in shown + errors
        if errors.strip() != "interrupted":
            break  # otherwise nothing was measured by then
    assert shown.strip() and json.loads(file.read_text())["tapegraph"]
    assert f"written: {file}" in errors


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interruption_before_anything_is_there():
    process = run("compare")
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (INTERRUPTED, -signal.SIGINT)


def test_statuses_are_apart():
    assert len({0, FAILED, USAGE, INTERRUPTED, CLOSED}) == 5
