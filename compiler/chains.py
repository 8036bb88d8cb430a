"""How many elements a loop over polynomials takes at a time, where LLVM's own rules fall short."""

from collections.abc import Iterator

from llvmlite import ir

LONG = 24  # fused multiply-adds, each four cycles behind the one before: several functions, or one of a long polynomial
TOGETHER = 2
SINGLE, DOUBLE = "llvm.fma.f32", "llvm.fma.f64"


def guide(module: ir.Module, lanes: int) -> None:
    """Tell LLVM what to do with each loop that evaluates polynomials. ``lanes``: float32 numbers in a vector.

    Where some are float64, as many elements as a vector has of float32. LLVM takes as many as it has of float64, and
    leaves half of each vector of float32 empty. Where all are of one type and the chain is LONG, two vectors at a time.
    LLVM counts registers, sees that constants fill them, and takes one; but constants come from cache at no cost, while
    the next iteration lies beyond what a core looks ahead. Shorter chains it sees through: exp alone gets slower by it.
    """
    for end, names in _loops(module):
        mixed = SINGLE in names and DOUBLE in names
        if not mixed and len(names) < LONG:
            continue
        wish = ("llvm.loop.vectorize.width", lanes) if mixed else ("llvm.loop.interleave.count", TOGETHER)
        hint = module.add_metadata([wish[0], ir.Constant(ir.IntType(32), wish[1])])
        name = ir.values.MDValue(module, (), str(len(module.metadata)))
        name.operands = (name, hint)  # its reference to itself keeps it apart from other loops' names
        end.set_metadata("llvm.loop", name)


def _loops(module: ir.Module) -> Iterator[tuple[ir.Instruction, list[str]]]:
    """The branch at the end of each loop, and the fused multiply-adds in it."""
    for function in module.functions:
        place = {block: n for n, block in enumerate(function.blocks)}
        for block, last in place.items():
            end = block.terminator
            first = min((place[b] for b in getattr(end, "operands", ()) if b in place), default=last + 1)
            if first <= last:
                inside = (i for b in function.blocks[first : last + 1] for i in b.instructions)
                calls = (i.callee.name for i in inside if isinstance(i, ir.CallInstr))
                yield end, [name for name in calls if name in (SINGLE, DOUBLE)]
