"""Every notebook is a story with a question and exercises, kept with outputs that a fresh run has in kind."""

from __future__ import annotations

import re

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

from .keeping import KERNEL, code_cells, complaints, executed, kinds, notebooks

NOTEBOOKS = notebooks()
LONGEST = 28  # lines of a cell that still can be seen at once

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


@each
def test_it_tells_a_story(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata["kernelspec"] == KERNEL["kernelspec"]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    title, *rest = prose[0].splitlines()
    assert title.startswith("# ") and "?" in "\n".join(rest), "it begins with a title and a question"
    assert sum("## Exercises" in text for text in prose) == 1
    solutions = [cell for cell in code_cells(notebook) if "solution" in cell.metadata.get("tags", [])]
    assert solutions, "solutions of the exercises are cells tagged so, and run"
    assert all(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in solutions)
    for cell in code_cells(notebook):
        assert cell.source.strip(), "an empty cell"
        assert len(cell.source.splitlines()) <= LONGEST, cell.source
        assert not re.match(r"\s*[%!]", cell.source), "plain Python, which runs anywhere"


@each
def test_its_outputs_are_kept(path):
    notebook = nbformat.read(path, as_version=4)
    assert not complaints(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)], "run python -m tests.notebooks"
    pictures = [kind for outputs in kinds(notebook) for kind in outputs if "image/" in kind or "html" in kind]
    assert len(pictures) >= 3


@pytest.mark.slow
@each
def test_it_runs(path):
    kept = nbformat.read(path, as_version=4)
    fresh = executed(path)
    assert not complaints(fresh)
    for cell, before, now in zip(code_cells(kept), kinds(kept), kinds(fresh), strict=True):
        assert now == before, cell.source


def test_what_must_not_be_kept_is_told():
    stream = nbformat.v4.new_output("stream", name="stderr", text="careful\n")
    path = nbformat.v4.new_output("stream", name="stdout", text='at File "/home/ada/step.py", line 3')
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    large = nbformat.v4.new_output("display_data", data={"text/html": "x" * 2_000_000})
    cells = [nbformat.v4.new_code_cell("1", outputs=[output]) for output in (stream, path, error, large)]
    found = "\n".join(complaints(nbformat.v4.new_notebook(cells=cells)))
    for words in ("careful", "/home/ada", "raises ValueError", "2.0 MB"):
        assert words in found
    fine = nbformat.v4.new_output("stream", name="stdout", text="1/2 of loss/step, see https://example.org/tmp/x\n")
    assert not complaints(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[fine])]))
