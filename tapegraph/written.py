"""Figures in a file: a reader sees all of them, or those of before."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def unwritable(path: Path) -> str:
    """Why a file cannot be written at ``path``, or nothing."""
    if path.is_dir():
        return f"{path} is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tapegraph-"):
            pass
    except OSError as error:
        return f"cannot write in {path.parent}: {error.strerror}"
    return ""


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures as JSON in the place of what the file held."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tapegraph-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2, ensure_ascii=False)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
