"""How an op becomes native code, as plain data: the compiler reads these, the op library writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.sizes import Shape, Size
from engine.spec import Spec


@dataclass(frozen=True)
class Scalar:
    """One element of the result from one element of each operand.

    ``template``: a Python expression; ``{0}``, ``{1}`` stand for operands, ``{name}`` for an attribute's value,
    ``{dtype}`` for the result dtype and ``{i}`` for the index along attribute ``axis``.
    ``expensive``: computing it twice costs more than storing it. ``traps``: an expression that is true where the
    operands are a mistake, for integers only; the kernel then returns ``trap_status``. ``integer``: another template
    for integers.
    """

    template: str
    expensive: bool = False
    traps: str | None = None
    trap_status: int = 1
    integer: str | None = None


@dataclass(frozen=True)
class Fold:
    """A reduction: ``start`` then ``step`` (``{acc}``, ``{x}``) over the elements, in any order."""

    start: str
    step: str


@dataclass(frozen=True)
class Layout:
    """Where the elements of a value lie in its base buffer: offset and strides, counted in elements."""

    offset: Size
    strides: tuple[Size, ...]


@dataclass(frozen=True)
class View:
    """The same elements laid out another way, or None where they must be copied.

    ``layout(layout of operand, shape of operand, shape of result, attrs)``.
    """

    layout: Callable[[Layout, Shape, Shape, dict[str, Any]], Layout | None]


@dataclass(frozen=True)
class Assemble:
    """Operands copied, in order, each into a part of the result.

    ``parts(specs of operands, result spec, attrs)`` gives (operand number, layout of its part in the result).
    """

    parts: Callable[[Sequence[Spec], Spec, dict[str, Any]], list[tuple[int, Layout]]]


@dataclass(frozen=True)
class Shares:
    """How the outermost loop of a text may be shared among threads, its iterations being independent of each other.

    ``count``: the integer that says how many there are; ``moves``: by how many elements each array, and by how much each
    integer, moves on with each of them; ``work``: multiplications in all.
    """

    count: str
    moves: dict[str, Size]
    work: Size


@dataclass(frozen=True)
class Loop:
    """A plain Python loop over flat contiguous arrays.

    ``text(specs, result spec, attrs)`` gives the source of ``def kernel(a0, .., o, n0, ..)`` and the integer sizes
    that follow the arrays; or None for a call that is left to Python. With several results, their arrays follow each
    other. ``reuses``: the operand whose content the result buffer already holds on entry (it is
    then left out of the kernel's parameters; the planner copies it, or hands its buffer over where nobody else
    needs it). ``scratch``: the specs of further arrays, behind the results, that hold nothing before or after.
    ``products``: the text calls the BLAS, and the first integer is the address that ``blas_gemm`` takes.
    ``shares``: how threads may share the loop, which then leaves nothing to be done behind it; ``then``: the text of a
    second kernel over the same arrays and integers, run when all of the first is done.
    """

    text: Callable[[Sequence[Spec], Any, dict[str, Any]], tuple[str, list[Size]] | None]
    reuses: int | None = None
    scratch: Callable[[Sequence[Spec], Any, dict[str, Any]], list[Spec]] | None = None
    products: bool = False
    shares: Callable[[Sequence[Spec], Any, dict[str, Any]], Shares] | None = None
    then: Callable[[Sequence[Spec], Any, dict[str, Any]], str] | None = None


@dataclass(frozen=True)
class Product:
    """A (batched) matrix product, done by the BLAS."""


@dataclass(frozen=True)
class Control:
    """Subprograms that the native driver runs: ``kind`` is scan, while or switch."""

    kind: str


@dataclass(frozen=True)
class Outward:
    """A call out of native code into the op's NumPy kernel, in the order of the program; the kernel changes only its result."""


Lowering = Scalar | Fold | View | Assemble | Loop | Product | Control | Outward


def contiguous(shape: Shape) -> Layout:
    """The row-major layout of a value that has its buffer to itself."""
    strides: list[Size] = []
    step: Size = 1
    for n in reversed(shape):
        strides.append(step)
        step = step * n
    return Layout(0, tuple(reversed(strides)))
