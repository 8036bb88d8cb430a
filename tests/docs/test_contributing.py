"""The Python blocks of the documents run, each document as one program in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def program(path):
    """The blocks of a document with blank lines between them, so that a traceback names the document's own lines."""
    text = path.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        start = text.count("\n", 0, block.start(1))
        lines[start : start + block[1].count("\n")] = block[1].splitlines()
    return "\n".join(lines)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md"])
def test_the_document_runs(name, tmp_path):
    source = program(ROOT / name)
    assert "assert" in source or "print" in source
    copy = tmp_path / f"{Path(name).stem}.py"
    copy.write_text(source, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, str(copy)], cwd=tmp_path, capture_output=True, text=True, env=environment(), timeout=120
    )
    assert found.returncode == 0, found.stderr


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def test_the_readme_names_only_commands_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for folder in re.findall(r"^    (\w+)/  ", text, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder
    assert "tapegraph compare" in text and "python -m pytest" in text
