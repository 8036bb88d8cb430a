"""How far native code may be from the NumPy kernel of an op, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.lowering import Assemble, Control, Fold, Product, Scalar, View
from engine.op import Op
from engine.record import Record

# Largest error of our elementary functions in ulp, float32 and float64: the worst ever found, and about a tenth more.
ULP = {
    "exp": (1.2, 1.1),
    "expm1": (1.7, 1.9),
    "sigmoid": (2.4, 2.4),
    "tanh": (2.7, 2.6),
    "sinh": (1.8, 1.8),
    "cosh": (1.6, 1.6),
    "log": (1.0, 1.0),
    "log1p": (1.7, 1.5),
    "log2": (1.2, 1.1),
    "log10": (1.1, 1.1),
    "sin": (0.7, 0.9),
    "cos": (0.7, 0.9),
    "tan": (0.8, 2.3),
    "asin": (2.6, 2.4),
    "acos": (1.4, 1.4),
    "atan": (1.6, 1.9),
    "asinh": (2.2, 2.2),
    "acosh": (2.2, 2.2),
    "atanh": (2.4, 2.2),
    "erf": (3.3, 2.3),
    "rsqrt": (1.6, 1.6),
    "pow": (0.6, 1.6),
    "hypot": (1.1, 1.1),
    "atan2": (1.6, 1.9),
}
NUMPY = 4.0  # ulp: what NumPy's own functions may be off
_WORD = re.compile(r"([a-z_0-9]+)\(")


@dataclass(frozen=True)
class Bound:
    """``kind``: "exact" (the same bits, but for a NaN's), "ulp" (at most ``ulp`` from the true value), "order" (additions
    or products in another order: up to n·u of the sum of what is added) or "text" (a loop of the op's own, not bounded)."""

    kind: str
    ulp: float = 0.0

    def __str__(self) -> str:
        match self.kind:
            case "ulp":
                return f"≤ {self.ulp:g} ulp"
            case "order":
                return "order of additions: ≤ n·u of the sum of their sizes"
            case "text":
                return "a loop of its own: another order of the same operations"
        return "exact"


EXACT = Bound("exact")


def bound(record: Record) -> Bound:
    """How far the native value of a record may be from what its NumPy kernel makes of the same operands."""
    dtypes = [record.dtype, *(a.dtype for a in record.args)] if not record.op.many else list(record.dtype)
    if all(getattr(d, "kind", "f") != "f" for d in dtypes):
        return EXACT
    return of_op(record.op, getattr(record.dtype, "itemsize", 8) == 8, getattr(record.dtype, "kind", "f") == "f")


def of_op(op: Op, double: bool, floating: bool = True) -> Bound:
    """The bound of an op in float32, or float64 where ``double``. ``floating``: whether its result is a float."""
    match op.lower:
        case None | View() | Assemble():
            return EXACT
        case Scalar(template=template):
            words = [w for w in _WORD.findall(template) if w in ULP]
            if words:
                return Bound("ulp", round(sum(ULP[w][double] for w in words), 1))
            return EXACT
        case Fold(step=step):
            return Bound("order") if floating and ("radd" in step or "rmul" in step) else EXACT
        case Product():
            return Bound("order")
        case Control():
            return EXACT  # what is inside has bounds of its own
    return Bound("text") if floating else EXACT
