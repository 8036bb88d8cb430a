"""``tapegraph bench``: contenders in processes of their own, compared, timed by turns; what fails is a row that says so."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tapegraph.bench import machine, suite
from tapegraph.bench.agreement import differences
from tapegraph.bench.machine import Ceilings
from tapegraph.bench.measure import Settings
from tapegraph.bench.process import CONTENDERS, Process
from tapegraph.bench.report import tables
from tapegraph.bench.results import Outcome, Report, Row
from tapegraph.bench.run import run
from tapegraph.commands.main import USAGE, main
from tests.bench import bench_programs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def square(tmp_path, monkeypatch):
    """The workload's file, with its peers known."""
    path, peers = bench_programs.write(tmp_path)
    for name, file in peers.items():
        monkeypatch.setitem(CONTENDERS, name, file)
    monkeypatch.setattr(machine, "ceilings", lambda threads: Ceilings(1e9, {1 << 15: 1e9}))
    return path


def text(report):
    import io

    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(tables(report))
    return out.getvalue()


def test_contenders_are_compared_and_those_that_fail_say_so(square):
    (small, _) = suite.chosen("quick", [str(square)])
    peers = ["good", "wrong", "dying", "raising", "missing", "numpy"]
    report = run([small], peers, [1], Settings(rounds=3, starts=False))
    (found,) = report.outcomes
    assert found.complete and not report.unfinished and report.ended == ""
    rows = found.rows
    for name in ("static", "eager", "good", "numpy"):
        assert rows[name].note == "" and len(rows[name].seconds) == 3 and min(rows[name].seconds) > 0, name
        assert rows[name].calls % 2 == 0  # whole passes over both batches
        assert rows[name].difference < 1e-5
    assert "computes something else" in rows["wrong"].note and rows["wrong"].difference > 0.05
    assert "ended with status 7" in rows["dying"].note and "out of luck" in rows["dying"].note
    assert rows["raising"].note == "failed: RuntimeError: no such device"
    assert rows["missing"].note.startswith("absent") and "a_package_that_nobody_has" in rows["missing"].note
    assert not any(rows[name].seconds for name in ("wrong", "dying", "raising", "missing"))
    assert found.best == "good"  # NumPy is the floor, no peer
    assert found.ratio == pytest.approx(np.median(np.divide(rows["good"].seconds, rows["static"].seconds)))
    assert rows["static"].peak_bytes > rows["static"].peak >= 0
    assert found.of_roofline == pytest.approx(8 * 8 / 1e9 / rows["static"].median)
    shown = text(report)
    assert all(rows[name].note in shown for name in ("wrong", "dying", "raising", "missing"))
    json.dumps(report.as_dict())


def test_starts_are_those_of_new_processes_over_one_cache(square):
    (small, _) = suite.chosen("quick", [str(square)])
    report = run([small], ["numpy"], [1], Settings(rounds=1))
    static = report.outcomes[0].rows["static"]
    assert 0 < static.warm < static.cold  # the second process finds what the first compiled
    assert set(report.outcomes[0].break_even) == {"cold", "warm"}


def test_an_interruption_keeps_what_was_measured(square, monkeypatch):
    monkeypatch.setattr("tapegraph.bench.run.OURS", ())

    def interrupt(what, done, total):
        if "large" in what and "round 3" in what:
            raise KeyboardInterrupt

    kept = []
    report = run(
        suite.chosen("quick", [str(square)]),
        ["good"],
        [1],
        Settings(rounds=5, starts=False),
        show=interrupt,
        finished=lambda report: kept.append(len(report.outcomes)),
    )
    assert report.ended == "interrupted" and report.unfinished == ["large (1)"] and kept == [1]
    small, large = report.outcomes
    assert small.complete and len(small.rows["good"].seconds) == 5
    assert not large.complete and len(large.rows["good"].seconds) == 2
    assert "interrupted; not finished: large (1)" in text(report)
    assert children() == []


def test_no_workload_is_begun_after_its_time(square):
    report = run(suite.chosen("quick", [str(square)]), [], [1], Settings(rounds=1, starts=False), seconds=0)
    assert report.outcomes == [] and report.unfinished == ["small (1)", "large (1)"]


def children():
    """Live processes of this one."""
    found = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if "worker.py" in line]


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_writes_and_shows_what_is_there(tmp_path):
    path, _ = bench_programs.write(tmp_path)
    # The second case never gets its data, so that the signal comes while something is under way.
    path.write_text(path.read_text().replace('    return {"w"', '    while case["size"] == 64: pass\n    return {"w"'))
    file = tmp_path / "found.json"
    options = ["--workload", str(path), "--peers", "numpy", "--rounds", "2", "--no-starts", "--save", str(file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tapegraph", "bench", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    for _ in range(1200):
        if file.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == f"written: {file}\n", errors
    assert "interrupted; not finished: large (1)" in shown
    written = json.loads(file.read_text())
    assert written["ended"] == "interrupted" and written["outcomes"][0]["complete"]
    assert len(written["outcomes"][0]["rows"]["static"]["seconds"]) == 2


@pytest.mark.skipif(os.name == "nt", reason="sessions are POSIX")
def test_a_worker_has_a_group_of_its_own_in_the_same_session(square):
    with Process("numpy", 1) as process:
        process.ask("imports", cold=True)
        pid = process._process.pid
        assert os.getsid(pid) == os.getsid(0) and os.getpgid(pid) != os.getpgid(0)


def answer(value, w):
    return {"results": [[np.float32(value)]], "state": {"w": np.array(w, np.float32)}}


def test_the_majority_is_right():
    params = {"w": np.ones(2, np.float32)}
    answers = {"a": answer(1, [2, 2]), "b": answer(2, [3, 3]), "c": answer(2, [3, 3.001])}
    apart = differences(answers, params, 1e-3)
    assert apart["b"] == 0 and apart["c"] < 1e-3 < apart["a"]
    # Of parameters it counts how far they moved, not how large they are.
    far = {"w": np.full(2, 1000, np.float32)}
    near = differences({"a": answer(1, [1000, 1001]), "b": answer(1, [1000, 1001.1])}, far, 1e-3)
    assert near["b"] == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("other", [answer(np.nan, [1, 1]), answer(1, [1, 1, 1]), {"results": [[1.0]], "state": {}}])
def test_another_shape_a_missing_name_or_a_nan_is_no_agreement(other):
    params = {"w": np.zeros(2, np.float32)}
    assert differences({"a": answer(1, [1, 1]), "b": answer(1, [1, 1]), "c": other}, params, 1e-3)["c"] == float("inf")


def test_figures_that_follow():
    rows = {
        "static": Row("static", seconds=[1e-3, 1e-3, 2e-3], cold=1.0, warm=0.011),
        "eager": Row("eager", seconds=[3e-3] * 3),
        "torch": Row("torch", seconds=[2e-3, 3e-3, 2e-3]),
        "jax": Row("jax", seconds=[4e-3] * 3),
        "numpy": Row("numpy", seconds=[1e-6] * 3),
    }
    found = Outcome("w", "", 1, 1.5, rows)
    assert found.best == "torch" and found.ratios("torch") == [2, 3, 1] and found.ratio == 2
    assert found.break_even == {"cold": 500, "warm": 5}
    rows["eager"].seconds = [1e-4] * 3
    assert found.break_even == {"cold": None, "warm": None}
    report = Report({}, {}, outcomes=[found, Outcome("v", "", 1, None, {})])
    mean = report.geometric_mean(1)
    assert (mean.value, mean.over) == (pytest.approx(2), 1) and report.geometric_mean(2) is None


def test_the_ceiling_is_products_or_traffic():
    top = Ceilings(1e9, {1 << 15: 1e10, 1 << 25: 1e9})
    assert top.seconds({}) is None
    assert top.seconds({"flops": 1e6, "bytes": 1 << 14}) == pytest.approx(1e-3)
    assert top.seconds({"flops": 0, "bytes": 1 << 24}) == pytest.approx((1 << 24) / 1e9)


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    from tapegraph.bench.plot import draw

    rows = {"static": Row("static", seconds=[1e-3] * 3), "jax": Row("jax", seconds=[2e-3] * 3)}
    draw(Report({}, {}, outcomes=[Outcome("a workload", "", n, 1.5, rows) for n in (1, 2)]), tmp_path / "x.svg")
    assert "</svg>" in (tmp_path / "x.svg").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--workload", "nothing"], "there is no workload 'nothing'"),
        (["--workload", "nothing.py"], "there is no file nothing.py"),
        (["--workload", __file__], "is no workload: it has no CASES"),
        (["--peers", "tensorflow"], "there is no peer 'tensorflow'"),
        (["--threads", "0"], "must be at least 1"),
        (["--peer-python", "jax"], "must be NAME=VALUE"),
        (["--save", "/no/such/folder/x.json"], "there is no folder"),
    ],
)
def test_wrong_options(given, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", *given])
    assert ended.value.code == USAGE and said in capsys.readouterr().err


def test_a_picture_without_matplotlib(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(["bench", "--save", "x.png"])
    assert "tapegraph[notebooks]" in capsys.readouterr().err


SHIPPED = suite.shipped()


def test_every_shipped_workload_has_what_the_table_needs():
    assert len({w.name for w in SHIPPED}) == len(SHIPPED) >= 19
    assert {w.name for w in suite.chosen("quick", [])} < {w.name for w in suite.chosen("all", [])}
    assert [w.name for w in suite.chosen("quick", ["mlp-1"])] == ["mlp-1-sgd", "mlp-1-adamw"]
    for w in SHIPPED:
        assert w.caption.endswith(".") and w.target is not None
        assert callable(w.module.torch) and callable(w.module.jax)
        assert w.work()["bytes"] > 0


def test_reference_models_are_workloads():
    from tapegraph.models import REFERENCE

    assert len(suite.in_file(ROOT / "tests" / "benchmarks" / "models.py")) == len(REFERENCE)


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["static", "jax", "torch"])
def test_shipped_programs_compute_the_same(peer):
    """One case of each file, every contender in one process for all of them."""
    pytest.importorskip(peer) if peer != "static" else None
    first = {w.file: w for w in SHIPPED}.values()
    with Process("eager", 1) as eager, Process(peer, 1) as other:
        for process in (eager, other):
            process.ask("imports", cold=True)
        for w in first:
            params, batches = w.start()
            told = {"path": w.file, "case": w.options, "params": params, "batches": batches[:2], "calls": 2}
            answers = {p.name: p.ask("start", **told) for p in (eager, other)}
            tolerance = w.options.get("tolerance", 1e-3)
            assert max(differences(answers, params, tolerance).values()) <= tolerance, w.name
