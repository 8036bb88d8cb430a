"""How notebooks are kept: run from top to bottom, with outputs that hold nothing of the machine or the day."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
SECONDS = 120  # that a cell may take
LARGEST = 1_500_000  # bytes of outputs in a notebook
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
# A path of a machine: of Unix, of Windows, of a file that a notebook's cell is run from.
PATH = re.compile(
    r"(?<![\w.:/<-])/(?:home|root|tmp|opt|usr|var|work|private|Users|mnt|srv)/[\w.-]+|\b[A-Z]:\\\\?\w+|ipykernel_\d+"
)


def notebooks() -> list[Path]:
    """The notebooks of the repository, by number."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))


def executed(path: Path) -> Any:
    """The notebook run afresh by a kernel of its own, in its folder, with this checkout's packages.

    Raises nbclient's CellExecutionError where a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), before]))
    try:
        client = nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}})
        client.execute()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return cleaned(notebook)


def cleaned(notebook: Any) -> Any:
    """Without times of execution and ids of the run; neighbouring pieces of one stream are one output."""
    notebook.metadata = nbformat.from_dict({**KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in ("tags", "jupyter")})
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = nbformat.from_dict({})
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    found: list[Any] = []
    for output in outputs:
        last = found[-1] if found else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            found.append(output)
    return found


def kinds(notebook: Any) -> list[list[str]]:
    """For each code cell what sort of outputs it has, as "stdout" or "image/png text/plain"."""
    found = []
    for cell in code_cells(notebook):
        found.append([o.get("name") or " ".join(sorted(o.get("data", {"error": 0}))) for o in cell.outputs])
    return found


def code_cells(notebook: Any) -> list[Any]:
    """The cells that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def complaints(notebook: Any) -> list[str]:
    """What outputs should not be kept for, each in a sentence; an empty list where they may."""
    found = []
    size = 0
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])]))
            size += len(text)
            if output.output_type == "error":
                found.append(f"cell {number} raises {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                found.append(f"cell {number} writes to stderr: {output.text.strip()[:200]}")
            if leak := PATH.search(_words(output)):
                found.append(f"cell {number} shows a path of this machine: {leak[0]}")
    if size > LARGEST:
        found.append(f"its outputs take {size / 1e6:.1f} MB, and {LARGEST / 1e6:.1f} MB are allowed")
    return found


def _words(output: Any) -> str:
    """The text of an output, without what is data: pictures in base64."""
    data = output.get("data", {})
    return "\n".join([output.get("text", ""), *(str(v) for k, v in data.items() if k != "image/png")])
