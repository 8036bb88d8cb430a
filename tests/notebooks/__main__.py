"""``python -m tests.notebooks [NUMBER ...]``: run notebooks and write their outputs into them.

Without numbers all of them. A notebook whose outputs must not be kept (words on stderr, a path of this machine, too much)
stays as it was, the reason is told, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError

from tests.notebooks.keeping import complaints, executed, notebooks


def main() -> int:
    """Refresh the notebooks chosen; 1 where one could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.notebooks", description="Run notebooks and keep their outputs."
    )
    parser.add_argument(
        "number", nargs="*", help="the first digits of a notebook's name, as 03; all where none is given"
    )
    wanted = parser.parse_args().number
    chosen = [p for p in notebooks() if not wanted or any(p.name.startswith(w.zfill(2)) for w in wanted)]
    if not chosen:
        parser.error(f"no notebook begins with {', '.join(wanted)}")
    return max([refresh(path) for path in chosen])


def refresh(path: Path) -> int:
    """Run one notebook and write it in place; 1 where that must not be."""
    begun = time.perf_counter()
    try:
        notebook = executed(path)
    except CellExecutionError as mistake:
        print(f"{path.name}: a cell fails\n{mistake}", file=sys.stderr)
        return 1
    if found := complaints(notebook):
        draft = path.parent / ".ipynb_checkpoints" / path.name
        draft.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, draft)
        print(f"{path.name} is left as it was, the run is in {draft}:", *found, sep="\n  ", file=sys.stderr)
        return 1
    nbformat.write(notebook, path)
    print(f"{path.name}: {time.perf_counter() - begun:.1f} s, {path.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
