"""Faults that were put into the user's own program, one at a time, and what each mode and peer said to them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass
class FaultVerdict:
    """What a mode or peer made of a fault, scored as ``tapegraph bugs`` scores a case.

    found       "raised", "warned" or "silent"; "allowed" where the change is no mistake: the program computes the same
    error       class of the exception or warning, "" where there was none
    message     what it says, without the stack
    report      all that Python prints, stack included
    line        whether the changed line is named; ``rank``: 1 where it is the last of the user's lines that are named
    expression  whether the columns shown are those of the changed expression; None where none could be told apart
    values      share of the operands that a post-mortem finds as arrays; None where there are no operands
    lines       lines to read
    seconds     from the start of the call to the error, None where there was none
    points      0 to 100; ``parts`` are what they are made of, 0 to 1 each
    """

    found: str
    error: str = ""
    message: str = ""
    report: str = ""
    line: bool = False
    rank: int | None = None
    expression: bool | None = None
    values: float | None = None
    lines: int = 0
    seconds: float | None = None
    points: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)


@dataclass
class Fault:
    """A change of one expression. ``line`` counts from 1, ``column`` and ``end_column`` from 0, in ``after``.

    kind      "shape", "dtype", "index", "nan", ...; ``title`` says it in words
    file      as a person would write it; ``function``: the function or method around the line
    before    the line as it is, ``after``: as it was for the fault; both with their indent
    verdicts  by mode ("eager", "static") and peer
    absent    why a mode or peer was not tried, by name
    """

    kind: str
    title: str
    file: str
    line: int
    function: str
    before: str
    after: str
    column: int
    end_column: int
    verdicts: dict[str, FaultVerdict] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def expression(self) -> str:
        """The changed expression."""
        return self.after[self.column : self.end_column]


@dataclass
class Faults:
    """All of them, in the order of the program. ``left_out``: kinds that were not tried, and why. ``seconds``: the cost."""

    found: list[Fault] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Tally:
    """What a mode or peer made of all faults that were one for it. ``lines`` and ``seconds``: medians, None without any.

    ``noticed``, ``line``, ``expression``, ``values``: how many of ``tried``, ``values`` as the sum of shares.
    """

    tried: int
    allowed: int
    noticed: int
    line: int
    expression: int
    values: float
    lines: float | None
    seconds: float | None
    points: float


def tally(faults: list[Fault]) -> dict[str, Tally]:
    """By mode and peer."""
    names = dict.fromkeys(name for fault in faults for name in fault.verdicts)
    found = {}
    for name in names:
        every = [fault.verdicts[name] for fault in faults if name in fault.verdicts]
        said = [v for v in every if v.found != "allowed"]
        heard = [v for v in said if v.found != "silent"]
        found[name] = Tally(
            len(said),
            len(every) - len(said),
            len(heard),
            sum(v.line for v in heard),
            sum(bool(v.expression) for v in heard),
            sum(v.values or 0.0 for v in heard),
            statistics.median(v.lines for v in heard) if heard else None,
            statistics.median(v.seconds or 0.0 for v in heard) if heard else None,
            statistics.fmean(v.points for v in every),
        )
    return found
