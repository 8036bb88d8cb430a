"""The table of ops as text: where each is defined and what its record holds; generated, never written."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import Any

from engine import dtypes
from engine.lowering import Lowering
from engine.makers import COMPOSITES, PUBLIC
from engine.op import OPS, Op

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_GROUPS = (
    ("float", dtypes.FLOATS),
    ("int", frozenset(d for d in dtypes.EVERY if d.kind in "iu")),
    ("bool", frozenset({dtypes.bool_})),
)


@dataclass(frozen=True)
class Row:
    """A name of the package: what it is, where it stands, and how it is differentiated and compiled."""

    name: str
    kind: str  # op, composite or function
    place: str
    dtypes: str
    gradient: str
    code: str
    onnx: str
    text: str

    def cells(self) -> tuple[str, ...]:
        """The row as strings, in the order of ``HEADER``."""
        return self.name, self.kind, self.place, self.dtypes, self.gradient, self.code, self.onnx, self.text


HEADER = ("name", "kind", "defined in", "dtypes", "gradient", "native code", "ONNX", "what it is")


def rows(hidden: bool = False) -> list[Row]:
    """A row for each public name, in order; ``hidden``: also the primitives that only other functions use."""
    found = [_of_op(op) for op in OPS.values() if hidden or not op.hidden]
    found += [_of_function(c.name, c.function, "composite", c.accepts, c.onnx) for c in COMPOSITES.values()]
    known = {r.name for r in found}
    found += [_of_function(n, f, "function", None, None) for n, f in PUBLIC.items() if n not in known]
    return sorted(found, key=lambda r: r.name)


def _of_op(op: Op) -> Row:
    gradient = "rule" if any(op.vjp) else "none"
    return Row(
        op.name,
        "op",
        _relative(*op.place),
        _named(op.accepts),
        gradient,
        _code(op),
        op.onnx or "",
        _first_line(op.__doc__),
    )


def _of_function(name: str, function: Any, kind: str, accepts: Any, onnx: str | None) -> Row:
    written = inspect.unwrap(function)
    place = _relative(inspect.getsourcefile(written) or "", inspect.getsourcelines(written)[1])
    composed = "through ops" if kind == "composite" else ""
    return Row(
        name,
        kind,
        place,
        _named(accepts) if accepts else "",
        composed,
        composed,
        onnx or "",
        _first_line(function.__doc__),
    )


def _code(op: Op) -> str:
    lower: Lowering | None = op.lower
    if lower is not None:
        return type(lower).__name__.lower()
    return "through ops" if op.expand is not None else "NumPy, called back"


def _named(accepts: Any) -> str:
    parts = [label if group <= accepts else f"some {label}s" for label, group in _GROUPS if group & frozenset(accepts)]
    return ", ".join(parts)


def _relative(file: str, line: int) -> str:
    return f"{os.path.relpath(file, _ROOT)}:{line}" if file.startswith(_ROOT) else f"{file}:{line}"


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def markdown(table: list[Row]) -> str:
    """The table in Markdown."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |" for row in table]
    return "\n".join(lines) + "\n"
