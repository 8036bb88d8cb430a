"""Every error and notice has a page; its first program provokes it, in the modes it says, and its last one runs clean."""

import sys
from pathlib import Path

import pytest

from engine import errors, notices
from tapegraph import explained
from tapegraph.explained import find, near

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from generate import errors as pages
from generate import programs

ALONE = {"eager": (), "static": ("SymbolError", "UnsupportedError", "TraceWarning", "MismatchWarning")}
SUBJECTS = {  # what the pages on subjects are about, as it is seen
    "frozen_random": "TraceWarning",
    "leaked_symbol": "SymbolError",
    "hidden_package": "ImportError",
    "kernel_cache": "UserWarning",
    "memory_budget": "UserWarning",
}


def test_every_class_has_a_page():
    assert set(pages.classes()) - set(explained.pages()) == set()
    assert issubclass(pages.classes()["ShapeError"], errors.TapegraphError)
    assert issubclass(pages.classes()["TraceWarning"], notices.TapegraphWarning)


@pytest.mark.parametrize("name", explained.pages())
def test_a_page_is_whole(name):
    page = explained.pages()[name]
    assert page.text.startswith("# ") and "\n## Why\n" in page.text and "\n## Fix\n" in page.text
    assert len(page.programs) == 2
    assert 20 < len(page.summary) < 260 and page.summary.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("name", explained.pages())
def test_the_programs_do_what_the_page_says(name):
    wrong, right = explained.pages()[name].programs
    label = SUBJECTS.get(name, name)
    seen = {}
    for mode in ("eager",) if programs.early(wrong) else programs.MODES:
        seen[mode] = label in programs.run(wrong, f"{name.lower()}.py", mode).text
        clean = programs.run(right, f"{name.lower()}.py", mode)
        assert clean.status == 0 and clean.text.strip() and "Warning" not in clean.text, clean.text
    expected = {mode: mode == "static" or (label not in ALONE["static"]) for mode in seen}
    assert seen == expected


def test_pages_are_found_in_any_spelling():
    assert find("shapeerror") is find("ShapeError") is find("tg.errors.ShapeError")
    assert find("frozen random").name == "frozen_random"
    assert find("no such thing") is None
    assert "ShapeError" in near("Shape") and near("SymbolErorr")[0] == "SymbolError"
