"""``tapegraph compare``: what it prints, writes, refuses, and with which status it ends."""

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


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "tapegraph", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_compare_prints_a_report_and_writes_every_figure(tmp_path):
    file = tmp_path / "figures.json"
    found = run("compare", "--epochs", "1", "--batch-size", "128", "--model", "logistic", "--save", str(file))
    assert found.returncode == 0, found.stderr
    for text in (
        "Both modes agree",
        "time of a call, median",
        "calls to break even",
        "cold cache",
        "label_out_of_range.py",
    ):
        assert text in found.stdout
    assert "\x1b" not in found.stdout, "no colours in a pipe"
    figures = json.loads(file.read_text())
    assert figures["ok"] and figures["agreement"]["ok"]
    assert figures["settings"]["model"] == "logistic" and figures["settings"]["batch_size"] == 128
    cold, warm = figures["starts"]
    assert cold["kernels"]["disk"] == 0 and cold["kernels"]["compiled"] == warm["kernels"]["disk"] > 0
    assert cold["imported_numba"] and not warm["imported_numba"] and warm["kernels"]["compiled"] == 0
    assert {v["named_line"] for m in figures["mistakes"] for v in m["verdicts"].values()} == {True}
    assert set(figures["modes"]) == {"eager", "static"}


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--batch-size", "0"], "must be at least 1, got 0"),
        (["--batch-size", "5000"], "5000 is more than the 1438 images"),
        (["--batch-size", "many"], "must be a whole number, not 'many'"),
        (["--epochs", "0"], "must be at least 1, got 0"),
        (["--seed", "-1"], "must be at least 0, got -1"),
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


def test_disagreeing_modes_end_with_status_1(monkeypatch, capsys):
    from tapegraph.comparison.digits import job
    from tapegraph.comparison.figures import Start

    def dishonest(*args, **settings):
        made = job(*args, **settings)
        honest = made.step.body

        def step(x, y):
            import tapegraph as tg

            loss = honest(x, y)
            return loss * 2 if tg.current_mode() == "static" else loss

        made.step = step
        return made

    start = Start("cold cache", {"compile": 1.0}, 1.0, {"compiled": 1, "disk": 0, "shared": 0})
    monkeypatch.setattr("tapegraph.comparison.digits.job", dishonest)
    monkeypatch.setattr("tapegraph.comparison.start.starts", lambda *a: [start])
    monkeypatch.setattr("tapegraph.comparison.planted.mistakes", list)
    assert main(["compare", "--model", "logistic", "--epochs", "1", "--batch-size", "256"]) == FAILED
    assert "THE MODES DISAGREE" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_interrupt_leaves_a_clean_message(tmp_path):
    file = tmp_path / "x.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "tapegraph", "compare", "--epochs", "500", "--save", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    assert errors.strip() == "interrupted"
    assert list(tmp_path.iterdir()) == []
