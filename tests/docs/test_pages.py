"""The blocks of Python on the pages of the documentation run, each page as one program, and its outputs are put in."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))
from generate import running

PAGES = sorted(
    path.relative_to(DOCS).with_suffix("").as_posix()
    for path in DOCS.rglob("*.md")
    if path.relative_to(DOCS).as_posix().startswith(running.RUN)
)
QUICK = ("guides/switch_modes", "guides/custom_gradient", "coming_from/tensorflow")


def test_pages_are_found():
    assert "tour" in PAGES and len(PAGES) > 20


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in PAGES])
def test_a_page_runs(name):
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert running.with_outputs(text, name).count("```") >= text.count("```")


def test_outputs_stand_behind_their_blocks():
    text = "# x\n\n```python\na = 1\n```\n\n```python\nprint(a + 1)\n```\n\n```py\nnot run\n```\n"
    assert running.with_outputs(text, "x") == text.replace("```\n\n```py\n", "```\n\n```text\n2\n```\n\n```py\n")


def test_a_program_that_fails_is_an_error():
    with pytest.raises(running.PageError, match="ZeroDivisionError"):
        running.with_outputs("```python\n1 / 0\n```\n", "x")


def test_blocks_that_are_not_run_say_so():
    """Every fence names a language that is run, compared, or plainly not Python of ours."""
    for path in [
        *DOCS.glob("*.md"),
        *DOCS.glob("guides/*.md"),
        *DOCS.glob("coming_from/*.md"),
        *DOCS.glob("architecture/*.md"),
    ]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("```") and line != "```":
                assert line.split("{")[0] in ("```python", "```py", "```console", "```text", "```"), (path, line)
