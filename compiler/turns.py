"""Subprograms walked from Python: the calls that a row of control flow makes of its parts, each handed to a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.control import Turn
from engine.sizes import evaluated

Array = np.ndarray[Any, Any]
Call = Callable[[str, int, list[Array]], list[Array]]


def walked(turn: Turn, operands: Sequence[Array], sizes: dict[str, int], call: Call) -> dict[int, Array]:
    """The results of a row of control flow by number, for the numbers it can give.

    ``call(label, part, inputs)`` runs a part and returns what its plan gives.
    """
    attrs = {k: evaluated(v, sizes) for k, v in turn.record.attrs.items() if not k.startswith("bod") and k != "test"}
    if turn.kind == "switch":
        index = min(max(int(np.reshape(operands[0], ())), 0), len(turn.parts) - 1)
        return dict(zip(_wanted(turn), call(f"branch {index}", index, list(operands[1:])), strict=True))
    return _scanned(turn, attrs, operands, call) if "carries" in attrs else _repeated(turn, attrs, operands, call)


def _wanted(turn: Turn) -> list[int]:
    return [i for i, place in enumerate(turn.results) if place is not None]


def _scanned(turn: Turn, attrs: dict[str, Any], operands: Sequence[Array], call: Call) -> dict[int, Array]:
    consts, carries, length = attrs["consts"], attrs["carries"], attrs["length"]
    outputs = len(turn.record.attrs["body"].outputs)
    fixed, carry = list(operands[:consts]), list(operands[consts : consts + carries])
    entries = operands[consts + carries :]
    rows = [i for i in _wanted(turn) if carries <= i < outputs]
    order = range(length - 1, -1, -1) if attrs["reverse"] else range(length)
    past: dict[int, list[Array]] = {i: [] for i in range(carries)}
    made: dict[int, list[Array]] = {i: [] for i in rows}
    for t in order:
        for i, c in enumerate(carry):
            past[i].append(c)
        found = call(f"step {t} of the scan", 0, [*fixed, *carry, *(x[t] for x in entries)])
        carry = found[:carries]
        for i, y in zip(rows, found[carries:], strict=True):
            made[i].append(y)
    along = slice(None, None, -1 if attrs["reverse"] else 1)
    results = dict(enumerate(carry))
    if length:
        results |= {i: np.stack(ys[along]) for i, ys in made.items()}
        results |= {outputs + i: np.stack(cs[along]) for i, cs in past.items()}
    return results


def _repeated(turn: Turn, attrs: dict[str, Any], operands: Sequence[Array], call: Call) -> dict[int, Array]:
    tests, consts, limit = attrs["tests"], attrs["consts"], attrs["limit"]
    seen, fixed = list(operands[:tests]), list(operands[tests : tests + consts])
    carry, count = list(operands[tests + consts :]), 0
    while limit < 0 or count < limit:
        if not bool(call(f"test {count} of the loop", 0, [*seen, *carry])[0]):
            break
        carry = call(f"step {count} of the loop", 1, [*fixed, *carry])
        count += 1
    return dict(enumerate(carry))
