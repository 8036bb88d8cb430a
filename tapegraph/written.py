"""Figures as text and in a file: a reader of the file sees all of them, or those of before."""

from __future__ import annotations

import json
import os
import tempfile
from math import isfinite
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


def text(figures: Any) -> str:
    """Figures as JSON (RFC 8259), which has no number for NaN and infinities: they are the words "NaN", "Infinity" and "-Infinity"."""
    return json.dumps(_plain(figures), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures as JSON in the place of what the file held."""
    write_text(path, text(figures))


def write_text(path: Path, content: str) -> None:
    """Write a text in the place of what the file held."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(content, encoding="utf-8")
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
