"""The score of a case is a function of what was archived; the traps that earlier scorers fell into stay tests."""

import numpy as np
import pytest

from tapegraph.bugs.cell import concrete
from tapegraph.bugs.probes import Probe, seen
from tapegraph.bugs.reading import Report, without
from tapegraph.bugs.results import Row, stability
from tapegraph.bugs.scorer import WEIGHTS, Score, same_results, score, unwritten
from tapegraph.bugs.variants import Case

PATH = "/tmp/nan_log-first/bug/train.py"
PROGRAM = """\
import engine_of_theirs as eng

def score(images):
    logs = eng.log(images)
    return logs.mean()

for stage in range(3):
    score(stage)
"""
GUILTY = {"line": 4, "start": 11, "stop": 26}
CASE = Case(
    "nan_log-first",
    "nan_log",
    "N",
    "tapegraph",
    "1",
    r"\bnan\b",
    (r"\blog", "(8, 4)", "float32", "7"),
    PROGRAM,
    PROGRAM.replace("log", "abs"),
    "",
    *GUILTY.values(),
    ("images",),
)
QUIET = {"exception": None, "warnings": [], "result": [1.0], "seconds": 0.1, "noticed": {}, "repeats": [], "output": ""}
TRACE = f"""\
Traceback (most recent call last):
  File "{PATH}", line 8, in <module>
    score(stage)
  File "{PATH}", line 4, in score
    logs = eng.log(images)
           ^^^^^^^^^^^^^^^
FloatingPointError: log made a nan of float32[8, 4] at index 7
"""


def raising(text=TRACE, kinds=("FloatingPointError", "Exception"), **changes):
    message = text.strip().splitlines()[-1].partition(": ")[2]
    found = {"kinds": list(kinds), "message": message, "text": text, "stage": "1", "seconds": 0.05, "values": {}}
    return QUIET | {"exception": found | changes, "result": None, "output": text}


def warning(text, kind="UserWarning", stage="1", **changes):
    made = {"kinds": [kind, "Warning"], "message": text, "text": text, "stage": stage, "seconds": 0.05}
    return QUIET | {"warnings": [made], "result": ["nan"], "output": text} | changes


def scored(bug, twin=QUIET, case=CASE):
    return score("x", case, bug, twin, PATH, r"\bnan\b|detach")


def test_a_full_report_has_full_marks():
    found = scored(raising(values={"images": True}))
    assert found.verdict == "exception" and found.alarm == ""
    assert found.parts | {"brevity": 1.0} == dict.fromkeys(WEIGHTS, 1.0)
    assert found.points == pytest.approx(100, abs=0.2) and found.missing == []


@pytest.mark.parametrize("kind", ["ModuleNotFoundError", "ImportError", "SyntaxError", "NameError"])
def test_a_program_that_crashed_at_import_has_detected_nothing(kind):
    text = f'Traceback (most recent call last):\n  File "{PATH}", line 4, in <module>\n{kind}: nan\n'
    kinds = (kind, *(["ImportError"] if kind == "ModuleNotFoundError" else []), "Exception")
    found = scored(raising(text, kinds))
    assert (found.verdict, found.points) == ("silent", 0.0) and "not about the bug" in found.note


def test_an_exception_about_something_else_is_no_detection():
    text = f'Traceback (most recent call last):\n  File "{PATH}", line 8, in <module>\nMemoryUsage: no room\n'
    assert scored(raising(text, ("MemoryUsage", "Exception"))).points == 0.0


def test_a_pattern_that_matches_only_a_file_name_is_no_detection():
    assert scored(warning(f"{PATH}:8: UserWarning: nan_log: hello\n  score(stage)\n")).verdict == "silent"
    assert scored(warning(f"{PATH}:8: UserWarning: see /opt/nan/nan.py:3\n")).verdict == "silent"
    assert scored(warning(f"{PATH}:8: UserWarning: there was a nan\n")).verdict == "warning"


def test_a_quoted_line_of_the_program_is_not_what_a_report_says():
    report = Report(TRACE, PATH, PROGRAM.splitlines())
    assert "eng.log" not in report.told() and "log made" in report.told()
    assert Report(
        f"{PATH}:4: W: in log\n  at train.py:4, in score: eng.log(images)", PATH, PROGRAM.splitlines()
    ).told() == (": W: in log\n  at ")


def test_a_trace_without_carets_names_no_column():
    bare = TRACE.replace("           ^^^^^^^^^^^^^^^\n", "")
    assert scored(raising(bare)).parts["column"] == 0.0
    assert scored(raising(bare)).parts["line"] == 1.0


def test_carets_below_another_line_do_not_count():
    moved = TRACE.replace("           ^^^^^^^^^^^^^^^\n", "").replace(
        "score(stage)\n", "score(stage)\n    ^^^^^^^^^^^^\n"
    )
    assert scored(raising(moved)).parts["column"] == 0.0


@pytest.mark.parametrize(
    "carets, right",
    [
        ("           ^^^^^^^^^^^^^^^", 1.0),
        ("    ^^^^^^^^^^^^^^^^^^^^^^", 1.0),
        ("           ^^^", 0.0),
        ("    ^^^^", 0.0),
    ],
)
def test_a_span_has_to_overlap_the_expression_by_half(carets, right):
    assert scored(raising(TRACE.replace("           ^^^^^^^^^^^^^^^", carets))).parts["column"] == right


def test_a_span_may_be_an_expression_quoted_behind_the_place_or_a_start():
    def overlap(text):
        return Report(text, PATH, PROGRAM.splitlines()).overlap(**GUILTY)

    assert overlap("at train.py:4, in score: eng.log(images)") == 1.0
    assert overlap("at train.py:4, in score: logs = eng.log(images)") == 0.0  # the whole statement is no column
    assert overlap("at train.py:4, in score: eng.log(images) (backward of log)") == 1.0
    assert overlap("a log (made at train.py:4, in score: eng.log(images)), or less") == 1.0
    assert overlap("at train.py:4, in score: see the manual (log)") == 0.0
    assert overlap(f"{PATH}:4:11 (score)") == 1.0
    assert overlap(f"{PATH}:4:4 (score)") == 0.0


def test_lines_are_ranked_from_the_end():
    report = Report(TRACE + f'  File "{PATH}", line 5, in score\n', PATH, PROGRAM.splitlines())
    assert [report.rank(line) for line in (5, 4, 8, 1)] == [1, 2, 3, None]


def test_a_detection_must_be_absent_from_the_twin():
    text = f"{PATH}:4: UserWarning: nan\n"
    both = scored(warning(text), warning(text) | {"result": [1.0]})
    assert both.verdict == "silent" and both.alarm == "UserWarning: " + text


def test_a_twin_that_raises_takes_the_detection_with_it():
    found = scored(raising(), raising())
    assert found.points == 0.0 and found.alarm.startswith("raises FloatingPointError")


def test_what_is_no_alarm():
    for text, kind in (("old", "DeprecationWarning"), ("nan", "FutureWarning"), ("slow", "UserWarning")):
        assert scored(raising(), warning(text, kind) | {"result": [1.0]}).alarm == ""
    ours = warning("slow", "TraceWarning") | {"result": [1.0]}
    ours["warnings"][0]["kinds"].append("TapegraphWarning")
    assert scored(raising(), ours).alarm  # anything of ours is


def test_a_warning_is_worth_less_and_the_better_report_counts():
    text = f"{PATH}:4: UserWarning: a nan\n"
    assert scored(warning(text)).parts["detected"] == 0.75
    late = f'Traceback (most recent call last):\n  File "{PATH}", line 8, in <module>\nValueError: a nan came\n'
    assert scored(raising(late) | {"warnings": warning(text)["warnings"]}).parts["line"] == 1.0
    logged = QUIET | {"output": "WARNING:lib:a nan\n", "result": ["nan"]}
    assert scored(logged).verdict == "warning" and scored(logged | {"output": "loss is nan\n"}).verdict == "silent"


def test_equal_results_are_immune_and_others_silent():
    assert scored(QUIET).verdict == "immune" and scored(QUIET).points == 100.0
    assert scored(QUIET | {"result": [1.1]}).points == 0.0
    assert same_results([1.0, 2.0], [1.0, 2.0 + 1e-6])
    assert not same_results(["nan"], ["nan"]) and not same_results([1.0], [1.0, 1.0]) and not same_results(None, None)


def test_a_process_that_died_is_no_detection():
    found = scored({"broken": "signal 11"})
    assert (found.verdict, found.points, found.note) == ("broken", 0.0, "signal 11")


def test_late_is_not_early_and_long_is_not_brief():
    assert scored(raising(stage="2")).parts["early"] == 0.0
    assert scored(raising(stage="build")).parts["early"] == 1.0
    assert scored(raising("frame\n" * 120 + TRACE)).parts["brevity"] == 0.0
    assert scored(raising(seconds=1.0)).parts["time"] == pytest.approx(0.5)
    again = {"repeats": [{"exception": s, "warnings": []} for s in (0.05, 0.05, 20.0)]}
    assert scored(raising(seconds=20.0) | again).parts["time"] == pytest.approx(0.0, abs=1e-6)  # the median of four


def test_facts_are_found_however_they_are_written():
    def names(text, fact):
        return Report(text, PATH, [""]).names(fact)

    for text in ("float32[8, 4]", "(8,4)", "8x4", "f32[8,4]"):
        assert names(text, "(8, 4)"), text
    assert not names("(18, 4)", "(8, 4)") and not names("(8, 40)", "(8, 4)")
    assert names("shape (8,)", "(8,)") and names("[8]", "(8,)") and not names("index 8", "(8,)")
    assert names("f32[3]", "float32") and names("index 7 of 6", "7") and not names("17 or 7.5", "7")


def test_parts_that_a_case_has_not_are_left_out():
    from dataclasses import replace

    whole = replace(CASE, operands=(), start=4, stop=26)
    found = scored(raising(TRACE.replace("           ^^^^^^^^^^^^^^^\n", "")), case=whole)
    assert found.parts["values"] is None and found.parts["column"] is None and found.points > 95


def test_what_counts_as_a_value():
    import tapegraph as tg

    class FakeTensor:
        pass

    assert concrete(np.ones(2)) and concrete(3) and concrete(True) and concrete(tg.ones(2))
    assert not concrete(FakeTensor()) and not concrete(object()) and not concrete("3") and not concrete({"a": 1})
    with tg.static() as g:
        assert not concrete(g.input("x", shape=(2,), dtype="float32"))


def test_output_is_compared_with_the_twins_numbers_aside():
    assert without("12:00 started\nnan\n", "13:59 started\n") == "nan"


def test_probes_count_numbers_that_were_printed():
    probe = Probe("print forward", "x = 0.25\n", "", (0.25, -1.5))
    assert seen("-> x = 0.25\n", probe) == 0.0  # pdb shows the program's line
    assert seen("array([-1.5004, 3.0])", probe) == 0.5


def made(name, verdict, points, tier="S", template="a"):
    parts = dict.fromkeys(WEIGHTS, points)
    return Score(name, f"{template}-first", template, tier, verdict, parts)


def test_dx_is_a_mean_of_tiers_with_and_without_immune_cases():
    row = Row(
        "x", scores=[made("x", "exception", 1.0), made("x", "silent", 0.0, template="b"), made("x", "immune", 1.0, "T")]
    )
    assert row.tier("S") == 50 and row.tier("T") == 100 and row.tier("R") is None
    assert row.dx == 75 and row.dx_of(immune=False) == 50
    row.probes = {"print forward": 0.0}
    assert row.dx == pytest.approx(0.85 * 75)
    row.scores[0].alarm = "NaN"
    assert row.dx == pytest.approx(0.85 * 75 * 2 / 3)
    row.scores.append(unwritten("x", "c", "R", "first", "absent", "no rewrites"))
    assert row.tier("R") is None and row.alarms == pytest.approx(1 / 3)


def test_the_order_of_a_better_contender_survives_any_weights():
    good, bad = (Row(n, scores=[made(n, "exception", p)]) for n, p in (("good", 0.9), ("bad", 0.2)))
    assert stability([good, bad]) == pytest.approx({"pairs_kept": 1.0, "first good": 1.0})
    assert stability([good]) == {}
