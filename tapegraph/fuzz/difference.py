"""Where two outcomes of one program differ, and whether rounding explains it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapegraph.fuzz import rounding
from tapegraph.fuzz.outcome import Call, Maker, Outcome, line_by_line, lines_run, run
from tapegraph.fuzz.ways import TRACED, lines_computed

# Documented limits of static mode: what a graph may refuse though eager mode computes it (class, how the message begins).
REFUSALS = (
    ("UnsupportedError", ""),
    ("SymbolError", ""),
    ("GradientError", "while_loop: gradients flow back through a loop in a graph only"),
    ("ShapeError", "cond: the branches must give"),  # eager mode sees only the one that it takes
    ("ShapeError", "switch: the branches must give"),
    ("DTypeError", "cond: the branches must give"),
    ("DTypeError", "switch: the branches must give"),
    ("ArgumentError", "cond: the branches must give"),
    ("ArgumentError", "switch: the branches must give"),
)
# And the other way round: eager mode learns what the body of a scan gives by running it, so it needs a step.
UNLEARNED = ("ArgumentError", "scan: runs f at least once")
# A graph holds both branches, so what the one not taken depends on has a gradient there: zeros.
NOTHING = "backward: this value depends on nothing that gradients are taken of"
DEAD = 6  # statements in a row that nothing needs
OF_DATA = ("IndexRangeError", "IntegerDivisionError", "LinAlgError")  # what only the values of a call show


@dataclass(frozen=True)
class Difference:
    """What differs: ``kind`` in a word or two, ``label`` of the value, and both sides as text."""

    kind: str
    call: int
    label: str
    eager: str
    other: str

    def __str__(self) -> str:
        return f"call {self.call}, {self.label}: {self.kind}\n  eager: {self.eager}\n  other: {self.other}"


@dataclass(frozen=True)
class Verdict:
    """``difference``: one that nothing explains, or None. ``why``: what explains one, "" where there is none."""

    difference: Difference | None
    why: str = ""


def judge(text: str, eager: Outcome, other: Outcome, base: Maker = line_by_line, *, bitwise: bool = False) -> Verdict:
    """Compare the outcome of another way to run a program with the eager one; ``bitwise``: not a bit may differ."""
    for number, (a, b) in enumerate(zip(eager, other, strict=True)):
        if (found := _failures(number, a, b)) is not None:
            return (
                found
                if isinstance(found, Verdict)
                else (Verdict(found) if bitwise else _unless_excused(text, base, found, a, b))
            )
        if a.alarms != b.alarms:
            return Verdict(Difference("alarm", number, "alarm", "\n".join(a.alarms), "\n".join(b.alarms)))
        wrong = [label for label in {**a.values, **b.values} if not _equal(a.values.get(label), b.values.get(label))]
        if not wrong:
            continue
        if all(_zeros_for_none(a.values.get(label), b.values.get(label)) for label in wrong) and _passed_over(
            text, number
        ):
            return Verdict(None, "branch: a gradient of zeros from the branch that is not taken")
        label = wrong[0]
        first = _difference(number, label, a, b)
        if bitwise or first.kind == "shape or dtype":
            return Verdict(first)
        verdict = _explained(text, base, number, wrong, a, b)
        if verdict.difference is not None or verdict.why:
            return verdict  # what comes after differs because of this
    return Verdict(None)


def _failures(number: int, a: Call, b: Call) -> Verdict | Difference | None:
    x, y = a.failure, b.failure
    if x == y:
        return None
    if y is not None and any(y.kind == kind and y.message.startswith(start) for kind, start in REFUSALS):
        return Verdict(None, f"refused: {y.message}")
    if x is not None and x.kind == UNLEARNED[0] and x.message.startswith(UNLEARNED[1]):
        return Verdict(None, "a scan of no steps")
    if x is None or y is None:
        kind = "error in one mode"
    elif x.kind != y.kind:
        kind = "class of the error"
    elif x.message != y.message:
        kind = "message of the error"
    else:
        kind = "line of the error"
    return Difference(kind, number, "error", str(x or "none"), str(y or "none"))


def _unless_excused(text: str, base: Maker, found: Difference, eager: Call, other: Call) -> Verdict:
    """Whether only rounding makes the mistake, or it is one in data that no result needs, which a graph does not compute."""
    in_data = eager.failure is not None and eager.failure.kind in OF_DATA
    if in_data and other.failure is None and eager.failure.line not in lines_computed(text, found.call):
        return Verdict(None, "dead: no value that is needed comes from the line with the mistake")
    if eager.failure is not None and _dead(text, base, found.call, eager, other):
        return Verdict(None, "dead: the mistake is in a value that nothing needs")
    if in_data and other.failure is not None and run(text, TRACED)[found.call].failure == other.failure:
        return Verdict(None, "early: a mistake is found while the graph is built, one in data before it is not")
    if other.failure is not None and other.failure.line not in lines_run(text, found.call):
        return Verdict(None, "branch: the mistake is in a branch that is not taken, and a graph holds both")
    nothing = eager.failure is not None and eager.failure.message.startswith(NOTHING)
    if nothing and other.failure is None and _passed_over(text, found.call):
        return Verdict(None, "branch: a value depends on a parameter in the branch that is not taken only")
    if found.kind in ("error in one mode", "class of the error"):
        outcomes = rounding.runs(text, rounding.RUNS, 0, base)
        kinds = {o[found.call].failure and o[found.call].failure.kind for o in outcomes}  # type: ignore[union-attr]
        if len(kinds) > 1:
            return Verdict(None, "unstable: an error depends on last bits")
    return Verdict(found)


def _zeros_for_none(x: Any, y: Any) -> bool:
    return x is None and isinstance(y, np.ndarray) and not y.any()


def _passed_over(text: str, number: int) -> bool:
    """Whether a function in the program, such as a branch of a ``cond``, was not run in this call."""
    ran = lines_run(text, number)
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    return any(all(part.lineno not in ran for part in function.body) for function in functions)


def _dead(text: str, base: Maker, number: int, eager: Call, other: Call) -> bool:
    """Whether eager mode, without the statement that fails and what follows from it alone, does what the other way does."""
    now = eager
    for _ in range(DEAD):
        if now.failure is None or now.failure.line is None or now.failure == other.failure:
            break
        text = without(text, now.failure.line)
        now = run(text, base)[number]
    if now.failure is not None or other.failure is not None:
        return now.failure == other.failure
    return judge(text, [now], [other], base).difference is None


def without(text: str, line: int) -> str:
    """The program without the value that a statement on this line gives to names: they stand for nothing there.

    The same program where the statement does something else. The other lines keep their numbers.
    """
    around = [
        n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or line)
    ]
    gone = min(around, key=lambda n: (n.end_lineno or n.lineno) - n.lineno, default=None)
    match gone:
        case ast.Assign(targets=[ast.Name() | ast.Tuple()]):
            instead = "pass"
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))]):
            instead = f"del {name}"
        case ast.AugAssign(target=ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name))):
            instead = f"del {name}"
        case _:
            return text
    lines = text.split("\n")
    for at in range(gone.lineno, (gone.end_lineno or gone.lineno) + 1):
        lines[at - 1] = ""
    lines[gone.lineno - 1] = " " * gone.col_offset + instead
    return "\n".join(lines)


def _equal(x: Any, y: Any) -> bool:
    """Every bit, but for the payload and sign of NaN."""
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return x is y or (isinstance(x, str) and x == y)
    if (x.dtype, x.shape) != (y.dtype, y.shape):
        return False
    if x.dtype.kind != "f":
        return bool((x == y).all())
    same = (x == y) & (np.signbit(x) == np.signbit(y)) | np.isnan(x) & np.isnan(y)
    return bool(same.all())


def _difference(number: int, label: str, a: Call, b: Call) -> Difference:
    x, y = a.values.get(label), b.values.get(label)
    kind = "structure" if label == "structure" else "value"
    if x is None or y is None:
        kind = "present in one mode"
    elif isinstance(x, np.ndarray) and (x.dtype, x.shape) != (y.dtype, y.shape):
        kind = "shape or dtype"
    return Difference(kind, number, label, _shown(x), _shown(y))


def _shown(x: Any) -> str:
    return f"{x.dtype.name}{list(x.shape)} {x.tolist()}"[:400] if isinstance(x, np.ndarray) else str(x)


def _explained(text: str, base: Maker, number: int, wrong: list[str], a: Call, b: Call) -> Verdict:
    """Whether random rounding moves every value that differs at least as far as it differs."""
    close: Callable[[list[Outcome]], list[str]] = lambda outcomes: [  # noqa: E731
        label for label in wrong if not _within(label, number, a, b, outcomes)
    ]
    outcomes = rounding.runs(text, rounding.RUNS, 0, base)
    left = close(outcomes)
    if left:
        left = close([*outcomes, *rounding.runs(text, rounding.MORE, 1, base)])
    if left:
        return Verdict(_difference(number, left[0], a, b))
    floats = all(a.values[label].dtype.kind == "f" for label in wrong)
    return Verdict(None, "" if floats else "unstable: an integer depends on last bits")


def _within(label: str, number: int, a: Call, b: Call, outcomes: list[Outcome]) -> bool:
    x, y = a.values.get(label), b.values.get(label)
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or (x.dtype, x.shape) != (y.dtype, y.shape):
        return False
    others = [o[number].values.get(label) for o in outcomes]
    if any(z is None or z.shape != x.shape or z.dtype != x.dtype for z in others):
        return True  # under random rounding the call fails, or branches elsewhere
    if x.dtype.kind != "f":
        return bool(((x == y) | np.any([x != z for z in others], axis=0)).all())
    with np.errstate(all="ignore"):
        spread = np.max([np.abs(z - x) for z in others], axis=0, initial=0.0)
        away = np.abs(y - x)
        # A value whose finiteness, or whose sign of zero, hangs on last bits may be anything.
        loose = np.any([np.isfinite(z) != np.isfinite(x) for z in others], axis=0)
        loose |= np.any([(z == 0) != (x == 0) for z in others], axis=0) & (away <= rounding.FACTOR * spread)
        signed = np.any([np.signbit(z) != np.signbit(x) for z in others], axis=0)
        same = (x == y) & ((np.signbit(x) == np.signbit(y)) | signed) | np.isnan(x) & np.isnan(y)
        near = np.isfinite(x) & np.isfinite(y) & (away <= rounding.FACTOR * spread) & (spread > 0)
    tiny = np.isfinite(x) & np.isfinite(y) & (np.maximum(np.abs(x), np.abs(y)) < 4 * np.finfo(x.dtype).smallest_normal)
    return bool((same | near | loose | (tiny & (spread > 0))).all())
