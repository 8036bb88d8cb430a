"""Checks that the four inner packages are the ones that lie beside this one, and names the file that hides one."""

from __future__ import annotations

import importlib.util
import os


def check() -> None:
    """Raise ImportError where a file of the user's (``./graph.py``, say) takes the name of an inner package."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for name in ("engine", "eager", "graph", "compiler"):
        spec = importlib.util.find_spec(name)
        found = spec.origin if spec is not None else None
        if found is None or os.path.dirname(os.path.dirname(os.path.abspath(found))) != home:
            where = found or "nothing on the path"
            raise ImportError(
                f"tapegraph needs its package '{name}' from {os.path.join(home, name)}, but Python finds {where}. "
                f"Rename or move that file: it hides tapegraph's own '{name}'."
            )
