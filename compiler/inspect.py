"""The plan as text: each step with the values it computes, the user's lines, and its kernel's source."""

from __future__ import annotations

from collections.abc import Callable

from compiler.control import Turn
from compiler.kernel import Kernel
from compiler.outward import Outside
from compiler.plan import Plan
from compiler.runtime import Program
from compiler.step import Bind, Step
from compiler.waves import wave_ends
from engine import origin
from engine.errors import ArgumentError
from engine.record import Record


def _machine(form: str) -> Callable[[Kernel], str]:
    def text(kernel: Kernel) -> str:
        from compiler import toolchain  # with numba, which plain listings do without

        return str(getattr(toolchain, form)(kernel))

    return text


FORMS = {"python": lambda kernel: kernel.text, "llvm": _machine("llvm_text"), "assembly": _machine("assembly")}


def listing(plan: Plan, form: str = "python") -> str:
    """Plan and kernels as one readable text. A kernel used twice is printed once.

    ``form``: of the kernels: "python", as they are emitted; "llvm", LLVM's code after optimisation; "assembly", this
    CPU's instructions. Raises ArgumentError for another.
    """
    if form not in FORMS:
        raise ArgumentError(f"form is {form!r}", op="source", fix=f"it is one of {', '.join(map(repr, FORMS))}")
    lines = [f"# {len(plan.steps)} steps, {len({k.key for k in plan.kernels})} different kernels"]
    _list(plan, "", lines, {}, FORMS[form])
    return "\n".join(lines) + "\n"


def sharing(plan: Plan) -> str:
    """How much of a plan several threads may compute, in words."""
    plans = [plan]
    for one in plans:
        plans += [part for s in one.steps if isinstance(s, Turn) for part in s.parts]
    pieces = sum(isinstance(s, Step) and s.pieces is not None for one in plans for s in one.steps)
    waves = [last - first for one in plans for first, last in wave_ends(one.times)]
    return f"{pieces} steps in pieces, {sum(n for n in waves if n > 1)} at the same time as others"


def _list(plan: Plan, prefix: str, lines: list[str], shown: dict[str, str], form: Callable[[Kernel], str]) -> None:
    """The steps of a plan; those of subprograms are numbered behind the step that runs them."""
    for count, step in enumerate(plan.steps):
        number = f"{prefix}{count}"
        lines.append("")
        if plan.times[count] < count:
            lines.append(f"# at the same time as step {prefix}{plan.times[count]}:")
        lines += [f"# step {number}: {text}" for text in _what(step.records)]
        if isinstance(step, Turn):
            lines.append(
                f"#   the driver walks {len(step.parts)} subprogram{'s' * (len(step.parts) > 1)} ({step.kind})"
            )
            for part, inner in enumerate(step.parts):
                _list(inner, part_prefix(number, part), lines, shown, form)
            continue
        if isinstance(step, Outside):
            lines.append("#   an effect, done in Python")
            continue
        if not isinstance(step, Step):
            lines.append(f"#   NumPy kernel of {step.record.op.name}, called back in Python")
            continue
        binds = ", ".join(f"{p.name}={_stands_for(b)}" for p, b in zip(step.kernel.params, step.binds, strict=True))
        lines.append(f"#   {binds}")
        if step.pieces:
            loops = ", ".join(step.kernel.params[a.count].name for a in step.pieces.axes)
            lines.append(f"#   where it is large it runs in pieces of {loops}, on several threads")
        first = shown.setdefault(step.kernel.key, number)
        lines.append(form(step.kernel).rstrip() if first == number else f"#   the kernel of step {first}")


def part_prefix(number: str, part: int) -> str:
    """What the numbers of a subprogram's steps begin with, behind the number of the step that runs it: as "3a."."""
    return f"{number}{'abcdefghijklmnopqrstuvwxyz'[part % 26]}."


def _stands_for(bind: Bind) -> str:
    if bind.kind == "pieces":
        return "pieces with sums of their own in the step before"
    return str(bind.buffer.kind if bind.buffer else bind.value)


def _what(records: list[Record]) -> list[str]:
    found = []
    for record in records:
        frames = origin.user_frames(record.origin)
        note = " ".join(f for f in record.origin if isinstance(f, str))
        where = ""
        if frames:
            place = origin.resolve(frames[0])
            where = f"  {place.short}  {place.expression.strip()}"
        found.append(f"%{record.serial} {record.op.name} {record.spec}{where}{f'  ({note})' if note else ''}")
    return found


LARGEST = 5  # buffers that a summary names


def memory_lines(program: Program) -> list[str]:
    """The memory plan in a few lines: what it takes, what was written over, the largest values and when they live."""
    arena, steps = program.arena, program.plan.steps
    if not arena.laid_out:
        return []
    over = sum(1 for s in steps for b in s.writes if b.kind == "temp" and b in s.reads)
    lines = [
        f"memory: {_bytes(arena.bytes)} of temporaries, {_bytes(arena.alive)} alive at once, "
        f"{over} result{'s' * (over != 1)} written over an operand"
    ]
    room = dict(zip(arena.buffers, arena.room.tolist(), strict=True))
    for buffer in sorted(arena.scope.lives, key=lambda b: -room[b])[:LARGEST]:
        first, last = arena.scope.lives[buffer]
        held = [r for r in steps[first].records if not r.op.many and r.dtype == buffer.dtype]
        names = f"%{held[-1].serial} {held[-1].op.name} {held[-1].spec}" if held else steps[first].records[0].op.name
        lines.append(f"  {_bytes(room[buffer]):>9}  steps {first} to {last}  {names}")
    if fitted := program.fitted:
        lines.append(
            f"  budget {_bytes(fitted.budget)}: {_bytes(fitted.before)} before, {_bytes(fitted.after)} after, "
            f"{len(fitted.again)} values computed twice"
        )
    return lines


def _bytes(count: int) -> str:
    return (
        f"{count} B"
        if count < 1024
        else f"{count / 1024:.3g} KiB"
        if count < 1 << 20
        else f"{count / (1 << 20):.4g} MiB"
    )
