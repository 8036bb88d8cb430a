"""The runs of ``tapegraph compare``: kept on disk by project and function, with the commit they were made at."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tapegraph.comparison.figures import Comparison
from tapegraph.written import write

KEPT = 50  # runs of a function
HEAVY = ("scene", "profiles")  # what earlier runs are not compared by


def directory() -> Path:
    """$TAPEGRAPH_HISTORY_DIR, else the platform's folder for what programs remember."""
    if chosen := os.environ.get("TAPEGRAPH_HISTORY_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "tapegraph" / "history"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tapegraph" / "history"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tapegraph" / "history"


@dataclass(frozen=True)
class Project:
    """A git checkout or a folder. ``commit`` is "" outside of git; ``dirty``: files that git knows were changed."""

    root: Path
    commit: str = ""
    dirty: bool = False

    def resolve(self, reference: str) -> str:
        """The commit that a name stands for, "" where git knows none."""
        return _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")


def project(folder: Path) -> Project:
    """What ``folder`` belongs to."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    if not root:
        return Project(folder.resolve())
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Project(Path(root), _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"), bool(changed))


def _git(folder: Path, *words: str) -> str:
    """What git says; nothing where it is not there or fails."""
    try:
        found = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


class History:
    """The runs of one function of a project, oldest first."""

    def __init__(self, project: Project, function: str) -> None:
        self.project, self.function = project, function
        key = hashlib.blake2b(f"{project.root}\0{function}".encode(), digest_size=6).hexdigest()
        words = re.sub(r"[^A-Za-z0-9]+", "-", f"{project.root.name}-{function}").strip("-")[-60:]
        self.folder = directory() / f"{words}-{key}"

    def keep(self, found: Comparison) -> Path:
        """Write a run, and forget the oldest beyond KEPT. Raises OSError where that fails."""
        self.folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{now % 1:.6f}"[1:]
        figures = {name: part for name, part in found.to_json().items() if name not in HEAVY}
        path = self.folder / f"{stamp}-{self.project.commit[:10] or 'none'}.json"
        write(path, figures)
        for old in self.files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def files(self) -> list[Path]:
        """The files of all runs."""
        return sorted(self.folder.glob("*.json"))

    def runs(self) -> Iterator[dict[str, Any]]:
        """The figures of all runs that can be read."""
        for path in self.files():
            if (figures := read(path)) is not None:
                yield figures

    def last(self) -> dict[str, Any] | None:
        """The latest run."""
        return next((figures for path in reversed(self.files()) if (figures := read(path)) is not None), None)

    def at(self, commit: str) -> dict[str, Any] | None:
        """The latest run of a commit, one without changes before others."""
        found = [run for run in self.runs() if run["origin"].get("commit") == commit]
        return next((run for run in reversed(found) if not run["origin"].get("dirty")), found[-1] if found else None)


def read(path: Path) -> dict[str, Any] | None:
    """The figures in a file that this or another run has written; None where it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "origin" in found and "modes" in found else None


def stamped(found: Comparison, where: Project, command: str) -> None:
    """Write down in a run of what and by which command it was made."""
    found.origin |= {"command": command, "project": where.root.name, "commit": where.commit, "dirty": where.dirty}
