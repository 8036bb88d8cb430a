"""``tapegraph compare``: what it prints, writes, keeps, refuses, and with which status it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tapegraph.commands.main import FAILED, INTERRUPTED, USAGE, main

ROOT = Path(__file__).parents[2]
QUICK = ["--no-faults", "--no-profile", "--seconds", "0.3"]
SCRIPT = '''"""A program of a user's."""
import numpy as np
import tapegraph as tg
from tapegraph import nn

layer = nn.Linear(4, 2)

class Trainer:
    def step(self, x):
        return tg.sum(layer(x))

trainer = Trainer()

def predict(x, scale):
    return layer(x) * scale

def predict_args():
    return np.ones((3, 4), np.float32), 2.0

def branchy(x):
    return x if tg.sum(x) > 0 else -x

def broken(x):
    return tg.matmul(x, np.ones((7, 7), np.float32))

def bad_args():
    raise RuntimeError("no data today")

example_args = np.ones((3, 4), np.float32)
lengths = [np.ones((n, 4), np.float32) for n in (2, 3)]
'''


@pytest.fixture(autouse=True)
def history(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPEGRAPH_HISTORY_DIR", str(tmp_path / "history"))


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A folder with the script, as the working directory; new processes are not started for it."""
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tapegraph.comparison.jobs.QUICK", -1.0)
    yield tmp_path / "train.py"
    sys.modules.pop("train", None)


def compare(*words):
    try:
        return main(["compare", *words, *QUICK])
    except SystemExit as stopped:
        return stopped.code


@pytest.mark.parametrize("place", ["train.py:predict", "train.py:trainer.step", "train.py:layer"])
def test_a_function_a_method_and_a_module_of_a_script(script, place, capsys):
    assert compare(place) == 0
    printed = capsys.readouterr().out
    assert (
        printed.startswith(place) and "Both modes compute the same" in printed and "calls until it has paid" in printed
    )
    assert "\x1b" not in printed, "no colours in a pipe"


def test_batches_and_figures(script, tmp_path, capsys):
    assert compare("train.py:layer", "--batches", "lengths", "--json", "--save", str(tmp_path / "x.json")) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["ok"] and figures["agreement"]["calls"] == 2
    assert figures == json.loads((tmp_path / "x.json").read_text())


def test_what_static_mode_cannot_run_ends_with_status_1(script, capsys):
    assert compare("train.py:branchy") == FAILED
    printed = " ".join(capsys.readouterr().out.split())
    assert "Static mode cannot run branchy" in printed and "train.py:21" in printed


@pytest.mark.parametrize(
    "words, sentences",
    [
        (["train.py:broken"], ["fails in eager mode already", "ShapeError", "np.ones((7, 7), np.float32)"]),
        (["train.py"], ["name one of its functions", "layer, predict, branchy"]),
        (["train.py:predikt"], ["train.py has no predikt", "predict"]),
        (["train.py:trainer.stop"], ["trainer in train.py has no stop"]),
        (["train.py:Trainer.step"], ["is a method, and it needs an object", "trainer = Trainer(...)"]),
        (["train.py:Trainer"], ["is a class"]),
        (["train.py:lengths"], ["is no function but a list"]),
        (["other.py:step"], ["there is no file other.py; there are train.py"]),
        ([":step"], ["neither a .py file nor a module", "train.py:step"]),
        (["."], ["neither a .py file nor a module"]),
        (["nowhere.module:step"], ["nowhere.module cannot be imported"]),
        (["train.py:predict", "--args", "none"], ["--args: train.py has no none"]),
        (
            ["train.py:predict", "--args", "bad_args"],
            ["bad_args() in train.py fails", "no data today", "raise RuntimeError"],
        ),
        (["train.py:predict", "--against", "last"], ["there is no earlier run of train.py:predict"]),
        (["train.py:predict", "--model", "mlp"], ["--model is an option of the digits"]),
        (["--batch-size", "5000"], ["5000 is more than the 1438 images"]),
        (["--args", "x"], ["--args is an option of a function of yours"]),
    ],
)
def test_mistakes_get_a_sentence_and_status_2(script, words, sentences, capsys):
    assert compare(*words) == USAGE
    printed = capsys.readouterr().err
    for sentence in sentences:
        assert sentence in printed
    assert 'File "' not in printed or "train.py" in printed, "only the user's own lines"
    assert str(ROOT) not in printed


def test_arguments_that_are_missing_are_shown_as_code_to_add(script, capsys):
    script.write_text(SCRIPT.replace("predict_args", "other").replace("example_args", "others"))
    assert compare("train.py:predict") == USAGE
    assert "    def predict_args():\n        return x, scale\n" in capsys.readouterr().err


def test_a_script_that_does_not_import(script, capsys):
    script.write_text("import numpy as np\nrows = np.ones(3)[\n")
    assert compare("train.py:step") == USAGE
    assert "SyntaxError" in capsys.readouterr().err
    script.write_text("def data():\n    return open('/no/such/file')\n\ndata()\n")
    assert compare("train.py:step") == USAGE
    printed = capsys.readouterr().err
    assert "FileNotFoundError" in printed and "line 2, in data" in printed and "importlib" not in printed


def test_runs_are_kept_listed_and_compared_with(script, tmp_path, capsys):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["add", "train.py"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    assert compare("train.py:predict") == 0
    script.write_text(SCRIPT.replace("layer(x) * scale", "layer(x) * scale + tg.sum(tg.exp(tg.ones((400, 400))))"))
    sys.modules.pop("train")
    capsys.readouterr()
    assert compare("train.py:predict", "--against", "HEAD") == 0
    printed = capsys.readouterr().out
    assert "Against " in printed and "time of a call, eager" in printed
    assert "Worse: " in printed.replace("\n", " ")
    assert compare("train.py:predict", "--against", "last") == 0
    capsys.readouterr()
    assert compare("train.py:predict", "--history", "--json") == 0
    assert [r["origin"]["dirty"] for r in json.loads(capsys.readouterr().out)["runs"]] == [False, True, True]
    assert compare("train.py:predict", "--history") == 0
    assert capsys.readouterr().out.count(" changed") == 2
    assert compare("train.py:predict", "--against", "HEAD~5") == USAGE
    assert "HEAD~5 is no commit" in capsys.readouterr().err


def test_what_moves_from_run_to_run_is_no_change():
    from tapegraph.comparison.against import changes

    def run(median, spread):
        speed = {"median": median, "interval": [median - spread, median + spread]}
        return {"modes": {"eager": speed}, "starts": [], "speedup": None, "retraces": [], "debuggability": {}}

    for after, word in ((1.04, ""), (0.96, ""), (1.5, "more"), (0.5, "less")):
        (change,) = changes(run(1.0, 0.001), run(after, 0.001))
        assert (change.name, change.word) == ("time of a call, eager", word)


def test_the_oldest_runs_are_forgotten(tmp_path, monkeypatch):
    import tapegraph as tg
    from tapegraph.comparison import history as kept

    monkeypatch.setattr(kept, "KEPT", 3)
    found = tg.compare(lambda: tg.ones(3), faults=False, profile=False, scene=False, seconds=0.1)
    runs = kept.History(kept.project(tmp_path), "f")
    paths = [runs.keep(found) for _ in range(5)]
    assert runs.files() == paths[-3:]


# ------------------------------------------------------------------------------------------ digits


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "tapegraph", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.mark.slow
def test_the_digits_are_compared_in_new_processes(tmp_path):
    file = tmp_path / "figures.json"
    words = "compare --epochs 1 --batch-size 128 --model logistic --seconds 3 --no-faults --no-profile --save"
    found = run(*words.split(), str(file))
    assert found.returncode == 0, found.stderr
    for text in ("Both modes compute the same", "time, median", "calls until it has paid", "cold cache"):
        assert text in found.stdout
    figures = json.loads(file.read_text())
    assert figures["ok"] and figures["agreement"]["ok"] and set(figures["modes"]) == {"eager", "static"}
    assert figures["settings"]["model"] == "logistic" and figures["settings"]["batch_size"] == 128
    cold, warm = figures["starts"]
    assert cold["kernels"]["disk"] == 0 and cold["kernels"]["compiled"] == warm["kernels"]["disk"] > 0
    assert cold["imported_numba"] and not warm["imported_numba"] and warm["kernels"]["compiled"] == 0


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--batch-size", "0"], "must be at least 1, got 0"),
        (["--batch-size", "many"], "must be a whole number, not 'many'"),
        (["--epochs", "0"], "must be at least 1, got 0"),
        (["--seed", "-1"], "must be at least 0, got -1"),
        (["--seconds", "0"], "must be above 0, got 0"),
        (["--model", "cnn"], "choose from 'mlp', 'logistic', 'deep'"),
        (["--dtype", "int8"], "choose from"),
        (["--save", "/no/such/folder/x.json"], "there is no folder /no/such/folder"),
        (["--save", str(ROOT)], "is a folder"),
    ],
)
def test_bad_options_get_a_sentence(options, sentence, capsys):
    started = time.perf_counter()
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *options])
    assert stopped.value.code == USAGE
    assert sentence in capsys.readouterr().err
    assert time.perf_counter() - started < 5, "found out before training"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interrupt_leaves_what_was_measured(tmp_path):
    file = tmp_path / "x.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "tapegraph", "compare", "--epochs", "900", "--no-faults", "--save", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TAPEGRAPH_HISTORY_DIR": str(tmp_path / "history")},
    )
    time.sleep(15)
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, errors
    assert "Interrupted: these are the figures" in " ".join(printed.split()) and "Traceback" not in errors
    figures = json.loads(file.read_text())
    assert figures["complete"] is False and figures["agreement"]["calls"] > 1 and "static" in figures["modes"]
