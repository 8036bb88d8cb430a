"""One class per user mistake; each error is a sentence with an address."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from engine import origin as _origin
from engine import source
from engine.spec import Spec


class Operand(NamedTuple):
    """An operand as an error tells of it: what it is, its spec in words, its own name, and where it was made."""

    value: Any
    spec: str
    name: str | None = None
    origin: _origin.Origin = ()

    @classmethod
    def of(cls, x: Any) -> Operand:
        """The operand that a handle, an array or a number is."""
        if isinstance(x, Operand):
            return x
        record = getattr(x, "_record", None)
        # Parameters and states keep their names; other operands have those that the user's expression gives them.
        name = x.name if hasattr(x, "trainable") else None
        return cls(x, spec_of(x), name, record.origin if record is not None and record.args else ())


class Sentence(Exception):
    """What errors and warnings have in common: a problem told with op, operands, the user's line and the likely fix.

    ``op``: name of the op. ``operands``: handles, arrays or numbers, or an ``Operand`` where more is known of one.
    ``origin``: the user's frames. ``scope``: what the names of the innermost one stood for, where that is known.
    """

    def __init__(
        self,
        problem: str,
        *,
        op: str | None = None,
        operands: Sequence[Any] = (),
        fix: str = "",
        origin: _origin.Origin | None = None,
    ) -> None:
        self.problem = problem
        self.op = op
        self.operands = tuple(map(Operand.of, operands))
        self.fix = fix
        self.origin = _origin.capture(skip=2) if origin is None else origin
        frame = _origin.living(self.origin)
        self.scope: Mapping[str, Any] = dict(frame.f_locals) if frame is not None else {}
        super().__init__(problem)

    @property
    def place(self) -> _origin.Place | None:
        """Where the guilty expression stands, resolved; None where no user frame was found."""
        frames = _origin.user_frames(self.origin)
        return _origin.resolve(frames[0]) if frames else None

    @property
    def _derived(self) -> bool:
        """Whether it happened in a gradient rule: then the operands are not those of the user's expression."""
        return any(isinstance(f, str) for f in self.origin)

    @property
    def specs(self) -> tuple[str, ...]:
        """Of each operand dtype and shape, or what else it is, in words."""
        return tuple(operand.spec for operand in self.operands)

    @property
    def written(self) -> tuple[str | None, ...]:
        """Of each operand the text of the user's expression, or the variable that holds it; None where neither is known."""
        place, count = self.place, len(self.operands)
        texts = source.operands(place, self.op, count) if place and count and not self._derived else None
        said = source.names(place) if place else ()
        return tuple(texts or (_variable(operand.value, self.scope, said) for operand in self.operands))

    @property
    def names(self) -> tuple[str, ...]:
        """Of each operand its own name, what the user calls it, or the parameter of the op."""
        known = enumerate(zip(self.operands, self.written))
        return tuple(operand.name or text or parameter(self.op, n) for n, (operand, text) in known)

    @property
    def values(self) -> dict[str, Any]:
        """The operands by name: handles, arrays or numbers; in a gradient rule also the variables of its expression."""
        found = {name: operand.value for name, operand in zip(self.names, self.operands)}
        if self._derived and self.place:
            said = source.names(self.place)
            found |= {name: x for name, x in self.scope.items() if name in said and hasattr(x, "shape")}
        return found

    def __str__(self) -> str:
        place = self.place
        said = source.called(place) if place else None
        op = said if said in FACES and not self._derived else self.op
        lines = [f"{op}: {self.problem}" if op else self.problem]
        for name, text, operand in zip(self.names, self.written, self.operands):
            lines.append(f"  {name}: {operand.spec}{self._made(text, operand)}")
        if place:
            notes = "".join(f" ({f})" for f in self.origin if isinstance(f, str))
            words = f": {place.expression.strip()}" if place.text.strip() else ""
            lines.append(f"  at {place.address}, in {place.function}{words}{notes}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def _made(self, text: str | None, operand: Operand) -> str:
        """Where the operand was made, unless that is on the guilty line itself or not known."""
        frames, guilty = _origin.user_frames(operand.origin), _origin.user_frames(self.origin)
        if not guilty or operand.name:
            return ""
        code, here = guilty[0][0], _origin.resolve(guilty[0])
        # Of a value that a function returned, the call is told as it stands in the guilty function.
        place = next((_origin.resolve(f) for f in frames if f[0] is code), None)
        if place is None and text and not self._derived:
            line = source.assignment(text, code, here.line)
            place = replace(here, line=line) if line else None
        if place is None and frames:
            place = _origin.resolve(frames[0])
        if place is None or (place.file, place.line) == (here.file, here.line):
            return ""
        return f", made at {place.address}: {place.text.strip()}"


def _variable(value: Any, scope: Mapping[str, Any], said: Collection[str]) -> str | None:
    """The variable that holds an array or handle, or a tensor of the PyTorch facade around it; best one of those said."""
    if not hasattr(value, "shape"):
        return None
    array = getattr(value, "_value", value)  # of a NumPy array that the user passed, the library holds a tensor
    found = [n for n, x in scope.items() if x is value or x is array or getattr(x, "_handle", None) is value]
    return next((n for n in found if n in said), found[0] if found else None)


class TapegraphError(Sentence, RuntimeError):
    """A mistake in a program, told with op, operands, the user's line and the likely fix.

    A RuntimeError, because that is what programs written for PyTorch catch; most are also a ValueError or TypeError.
    """


# The public function of each op by name; its parameters name the operands that the user's expression does not.
FACES: dict[str, Callable[..., Any]] = {}


def parameter(op: str | None, number: int) -> str:
    """What an op calls one of its operands; "operand 0" where it has no name for it."""
    face = FACES.get(op or "")
    names = list(inspect.signature(face).parameters.values()) if face is not None else []
    if number < len(names) and names[number].kind not in (
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
    ):
        return names[number].name
    return f"operand {number}"


def spec_of(x: Any) -> str:
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return repr(Spec(tuple(x.shape), x.dtype))
    return f"{type(x).__name__} {x!r}"


class ShapeError(TapegraphError, ValueError):
    """Operands whose shapes do not fit the op."""


class DTypeError(TapegraphError, TypeError):
    """Operands whose dtypes the op does not take, or that have no common dtype."""


class ArgumentError(TapegraphError, ValueError):
    """An argument that is not a size, axis or option the op knows."""


class AxisError(ArgumentError, IndexError):
    """An axis outside the rank of its operand."""


class IndexRangeError(TapegraphError, IndexError):
    """An index outside its axis."""


class IntegerDivisionError(TapegraphError, ZeroDivisionError):
    """An integer divided by zero."""


class LinAlgError(TapegraphError, np.linalg.LinAlgError):
    """A matrix that has no such factors, inverse or solution."""


class NonFiniteError(TapegraphError, FloatingPointError):
    """A NaN or an infinity was born where the program asked to be told."""


class SymbolError(TapegraphError, TypeError):
    """A symbol used where a value is needed, or outside its graph. ``advice``: code to paste (``engine.advice.Advice``)."""

    advice: Any = None


class GradientError(TapegraphError, RuntimeError):
    """A gradient that cannot be taken."""


class FeedError(TapegraphError, ValueError):
    """A compiled function called with the wrong inputs."""


class UnsupportedError(TapegraphError, NotImplementedError):
    """Something an op cannot do in this mode, with the way out."""


class InternalError(TapegraphError):
    """A broken invariant of the engine: a bug of ours, not of the user's."""


class Trap(Exception):
    """A kernel's report of a mistake in its data: a status (a key of ``TRAPPED``), in both modes the same."""

    def __init__(self, status: int, detail: str = "", fix: str = "", op: str | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.fix = fix
        self.op = op  # the op at fault, where a kernel does the work of several


TRAPPED: dict[int, tuple[type[TapegraphError], str, str]] = {
    1: (IntegerDivisionError, "an integer is divided by zero", "guard the divisor, or divide as floats"),
    2: (IndexRangeError, "an index is out of range", "indices must lie in [-n, n) along their axis"),
    3: (ArgumentError, "an integer is raised to a negative power", "cast the base to a float dtype"),
    # 4 is the compiler's: a matrix too large for its BLAS
    5: (LinAlgError, "a matrix is singular", "add a small multiple of the identity, or use pinv or lstsq"),
    6: (LinAlgError, "a matrix is not positive definite", "add a small multiple of the identity: x + eps * tg.eye(n)"),
    7: (LinAlgError, "the iteration does not converge", "look for NaN and infinities in the matrix"),
}


def trapped(trap: Trap, op: str, operands: Sequence[Any], origin: _origin.Origin) -> TapegraphError:
    """The error that a kernel's report means, addressed to the user's line."""
    kind, problem, fix = TRAPPED[trap.status]
    return kind(f"{problem}{trap.detail}", op=trap.op or op, operands=operands, fix=trap.fix or fix, origin=origin)
