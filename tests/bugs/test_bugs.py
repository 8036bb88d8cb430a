"""``tapegraph bugs``: programs run in processes of their own, peers that are not there, interruptions, reports."""

import io
import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from tapegraph.bugs import cells, scorer
from tapegraph.bugs.contenders import CONTENDERS, IMPORTS, Contender
from tapegraph.bugs.page import page
from tapegraph.bugs.report import report
from tapegraph.bugs.results import Found
from tapegraph.bugs.run import run, throughput
from tapegraph.bugs.template import templates
from tapegraph.bugs.variants import FROZEN, case
from tapegraph.commands.main import main


def shown(found):
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(report(found))
    return out.getvalue()


def unclosed(page):
    """The elements of a page that are not closed in order."""
    left = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag != "meta":
                left.append(tag)

        def handle_endtag(self, tag):
            assert left.pop() == tag

    Reader().feed(page)
    return left


def template(name):
    return next(t for t in templates() if t.name == name)


def request(tmp_path, text, **changes):
    path = tmp_path / "train.py"
    path.write_text(text)
    asked = {"program": str(path), "switches": "", "plant": "", "line": 2, "operands": ["x"], "notices": "{}"}
    return asked | {"repeats": 3, "limit": 20.0, "out": str(tmp_path / "record.json")} | changes


@pytest.fixture(scope="module")
def server():
    """An interpreter with nothing but NumPy."""
    IMPORTS["numpy"] = ("numpy",)
    with cells.Server(Contender("numpy", "numpy")) as made:
        yield made
    del IMPORTS["numpy"]


def test_a_program_is_seen_as_its_user_sees_it(server, tmp_path):
    text = "import numpy as np\ndef f(x): return x + np.ones(4)\nstage = 3\nprint('begun')\nf(np.ones(3))\n"
    found = server.run(request(tmp_path, text))
    raised = found["exception"]
    assert raised["kinds"][0] == "ValueError" and raised["stage"] == "3" and raised["values"] == {"x": True}
    assert found["output"].startswith("begun\nTraceback (most recent call last):\n  File")
    assert "cell.py" not in found["output"] and "~~^~~" in found["output"]
    assert len(found["repeats"]) == 2 and found["repeats"][0]["exception"] >= 0


def test_warnings_results_and_what_is_typed(server, tmp_path):
    text = (
        "import numpy as np, warnings\n"
        "x = np.zeros(2)\nstage = 1\nwarnings.warn('look')\nbreakpoint()\nresult = [1.0, float('nan')]\n"
    )
    found = server.run(request(tmp_path, text, typed="p x.shape\nc\n", notices="{'x': x}"))
    (warned,) = found["warnings"]
    assert warned["message"] == "look" and warned["stage"] == "1" and warned["kinds"][0] == "UserWarning"
    assert found["result"] == [1.0, "nan"] and found["noticed"] == {"x": True}
    assert "(2,)" in found["output"] and "UserWarning: look" in found["output"]
    assert found["repeats"][0]["warnings"][0][0] == "UserWarning"


def test_each_program_has_a_process_of_its_own(server, tmp_path):
    server.run(request(tmp_path, "import numpy\nnumpy.left = 1\n"))
    assert server.run(request(tmp_path, "import numpy\nresult = [float(hasattr(numpy, 'left'))]\n"))["result"] == [0.0]


def test_programs_that_die_or_hang_are_broken(server, tmp_path):
    assert server.run(request(tmp_path, "import os\nos.kill(os.getpid(), 11)\n")) == {"broken": "signal 11"}
    slow = request(tmp_path, "import time\ntime.sleep(60)\n", limit=0.3)
    assert "still running" in server.run(slow)["broken"]
    assert "no_such" in server.run(request(tmp_path, "x = 1\n", switches="import no_such"))["broken"]


def test_ours_are_scored_and_an_absent_peer_is_a_row_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(IMPORTS, "torch", ("a_package_that_nobody_has",))
    contenders = [CONTENDERS["eager"], CONTENDERS["static"], CONTENDERS["torch"]]
    found = Found(0, "x", {"variants": ["first"]})
    run(contenders, [template("deep_shape")], ["first"], found, tmp_path, with_probes=False)
    eager, static, torch = found.rows
    for row in (eager, static):
        (score,) = row.scores
        assert score.verdict == "exception" and score.rank == 1 and score.alarm == "", score
        assert score.points > 80
    assert torch.dx is None and "a_package_that_nobody_has" in torch.note
    text = shown(found)
    assert "absent" in text and "deep_shape-first" not in text  # nothing of it is missing
    static.scores[0].parts["line"] = 0.5
    assert "deep_shape-first" in shown(found)
    assert (tmp_path / "static" / "deep_shape-first" / "twin" / "record.json").exists()
    found.throughput, found.workload = {"eager": 1000.0, "static": 9000.0}, "mlp-32"
    assert "B static" in shown(found)
    whole = page(found)
    assert whole.startswith("<!doctype html>") and "<circle" in whole and "http" not in whole
    assert unclosed(whole) == []
    json.dumps(found.as_dict())


def test_an_interruption_keeps_what_was_scored(tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cells, "run_cases", interrupted)
    found = run([CONTENDERS["eager"]], [template("deep_shape")], ["first"], Found(0, "x", {"variants": []}), tmp_path)
    assert found.ended == "interrupted" and "interrupted" in shown(found)


@pytest.mark.parametrize(
    "options, why",
    [
        (["--peers", "theano"], "no peer"),
        (["--tier", "X"], "no tier"),
        (["--only", "nothing"], "no template"),
        (["--save", "/nowhere/x.json"], "no folder"),
        (["--bench", "/dev/null"], "no figures"),
    ],
)
def test_options_that_cannot_be_are_refused(options, why, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["bugs", *options])
    assert refused.value.code == 2 and why in capsys.readouterr().err


def test_speeds_come_from_a_file_of_bench(tmp_path):
    rows = {"static": {"seconds": [0.1, 0.2, 0.4]}, "jax": {"seconds": []}}
    path = tmp_path / "found.json"
    path.write_text(json.dumps({"outcomes": [{"workload": "mlp-32", "rows": rows}]}))
    assert throughput(path) == ("mlp-32", {"static": 5.0})


@pytest.mark.slow
def test_both_modes_are_easy_to_debug(tmp_path):
    """The targets of the score, over a half of the frozen corpus and a third that no one has seen."""
    found = Found(0, "x", {"variants": []})
    contenders = [c for c in CONTENDERS.values() if c.level in ("default", "checked")]
    run(contenders, list(templates()), [FROZEN[0], "seed7"], found, tmp_path, jobs=2)
    rows = {row.name: row for row in found.rows}
    assert not [(row.name, s.case, s.alarm) for row in found.rows for s in row.scores if s.alarm]
    assert not [(row.name, s.case, s.note) for row in found.rows for s in row.scores if s.verdict == "broken"]
    assert rows["eager"].dx >= 88
    assert rows["static"].dx >= 85
    assert rows["static checked"].dx >= 92
    assert abs(rows["eager"].dx - rows["static"].dx) <= 5


def test_a_case_is_scored_from_its_archive_alone(tmp_path):
    made = case(template("missing_feed"), CONTENDERS["eager"], "first")
    ((again, records),) = cells.run_cases(CONTENDERS["eager"], [made], tmp_path)
    folder = tmp_path / "eager" / made.name
    archived = {w: json.loads((folder / w / "record.json").read_text()) for w in ("bug", "twin")}
    path = str(folder / "bug" / "train.py")
    one, other = (scorer.score("eager", again, r["bug"], r["twin"], path, "x") for r in (records, archived))
    assert one == other and one.verdict == "exception"
