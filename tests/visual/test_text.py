"""A stage as text: every op has a row that fits a terminal, threads end where values are used up, large stages fold."""

import pytest

import tapegraph as tg
from tapegraph.visual.making import scene_of
from tapegraph.visual.text import LANES, WIDTH, text_of
from tests.visual.scene_programs import PROGRAMS, scene


@pytest.fixture(params=PROGRAMS)
def found(request):
    return scene(request.param)


def test_rows_fit_and_name_their_operands(found):
    for stage in found.stages:
        for rows in (10_000, 0):
            text = text_of(found, stage, rows=rows)
            assert max(map(len, text.splitlines())) <= WIDTH
        known = {}
        for line in text_of(found, stage, rows=10_000).splitlines():
            words = line[LANES + 1 :].split()
            if words and words[0].startswith("%"):
                assert words[0] not in known
                known[words[0]] = line
        ops = [n for n in stage.nodes if n.inputs and n.kind != "input"]
        assert len(known) == len(ops), stage.name


def test_a_value_has_a_thread_until_it_is_used_up():
    def f(x):
        a = tg.exp(x)
        b = tg.sin(a)
        return a * b

    found = scene_of(f, tg.ones((3,)), modes="static")
    rows = [line for line in text_of(found, found.stages[0]).splitlines() if "%" in line]
    assert [r[:2] for r in rows] == ["● ", "├●", "╯╯"]
    assert "mul(%0, %1)  = result" in rows[2]


def test_a_large_stage_is_told_by_module():
    found = scene("gpt")
    text = text_of(found, found.stages[1])
    assert "blocks.0" in text and "attention" in text and "more of the same ops" in text
    assert len(text.splitlines()) < 60
