"""How LLVM vectorised a plan's kernels: how many elements one instruction takes, as a table for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.control import Turn
from compiler.inspect import part_prefix
from compiler.kernel import Kernel
from compiler.machine import vector_bytes
from compiler.plan import Plan
from compiler.step import Step
from compiler.toolchain import llvm_text

BITS = {"float": 32, "double": 64}
# Arithmetic on floats: operations, and calls of intrinsics, which have their type in the same place.
_ARITHMETIC = re.compile(
    r"= (?:tail )?(?:f(?:add|sub|mul|div|neg|rem)|call) (?:[a-z]+ )*(?:<(\d+) x )?(float|double)\b"
)


@dataclass(frozen=True)
class Lanes:
    """One kernel: the first step that runs it, the ops it computes, and what its machine code is made of.

    ``instructions``: how many instructions on floats stand in the code (not: are executed), by how many elements of how
    many bits they take at once, the widest first: {(8, 32): 94, (1, 32): 33}. One that takes 1 is not vectorised.
    """

    step: str
    ops: tuple[str, ...]
    instructions: dict[tuple[int, int], int]

    @property
    def widest(self) -> int:
        """How many elements its widest arithmetic instruction takes; 1 where there is none but for single ones."""
        return max((lanes for lanes, _ in self.instructions), default=1)


@dataclass(frozen=True)
class Vectors:
    """The lanes of every kernel of a plan; print it for a table. ``register``: bits of this CPU's vector registers."""

    register: int
    kernels: tuple[Lanes, ...]

    def __str__(self) -> str:
        head = f"vector registers of this CPU: {self.register} bits; instructions on floats, by lanes x bits of each"
        counts = [
            ", ".join(f"{lanes} x {bits}: {count}" for (lanes, bits), count in row.instructions.items()) or "none"
            for row in self.kernels
        ]
        width = max(map(len, counts), default=0)
        lines = [head]
        for row, text in zip(self.kernels, counts, strict=True):
            lines.append(f"step {row.step:>4}  {text:{width}}  {', '.join(row.ops)}")
        if not self.kernels:
            lines[1:] = ["no kernel is native code"]
        return "\n".join(lines)

    __repr__ = __str__


def vectors(plan: Plan) -> Vectors:
    """The lanes of a plan's own kernels, each once. Compiles them anew: about a tenth of a second each."""
    found: dict[str, Lanes] = {}
    for number, step in native_steps(plan):
        if step.kernel.key not in found:
            found[step.kernel.key] = _lanes(number, tuple(r.op.name for r in step.records), step.kernel)
    return Vectors(8 * vector_bytes(), tuple(found.values()))


def native_steps(plan: Plan, prefix: str = "") -> Iterator[tuple[str, Step]]:
    """The steps with a kernel of their own and their numbers, as a listing has them, those of subprograms included."""
    for count, step in enumerate(plan.steps):
        if isinstance(step, Step):
            yield f"{prefix}{count}", step
        elif isinstance(step, Turn):
            for part, inner in enumerate(step.parts):
                yield from native_steps(inner, part_prefix(f"{prefix}{count}", part))


def _lanes(step: str, ops: tuple[str, ...], kernel: Kernel) -> Lanes:
    seen = Counter((int(count or 1), BITS[kind]) for count, kind in _ARITHMETIC.findall(llvm_text(kernel)))
    return Lanes(step, ops, dict(sorted(seen.items(), reverse=True)))
