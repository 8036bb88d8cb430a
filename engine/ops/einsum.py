"""Sums over products of elements, written with letters for axes (Einstein 1916, ``numpy.einsum``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import multiply
from engine.ops.diagonal import diagonal_of
from engine.ops.joins import promoted
from engine.ops.linalg import matmul
from engine.ops.reduce import sum
from engine.ops.shape import permute_dims, reshape, squeeze
from engine.sizes import Size, agree, evaluate, names_in, product, same, show_size
from engine.spec import DType

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TYPICAL = 32  # what a size known by name counts for where an order of contractions is chosen

Labels = tuple[str, ...]  # one for each axis: a letter, or "..3" for the third axis from the end of an ellipsis


def _split(term: str, rank: int | None, equation: str) -> Labels:
    """The labels of one operand (or of the result: rank None, an ellipsis as one label)."""
    head, dots, tail = term.partition("...")
    if not all(c in _LETTERS for c in head + tail):
        raise ArgumentError(f"{term!r} is not made of letters and one ellipsis", op="einsum", fix=f"in {equation!r}")
    if rank is None:
        return (*head, *(["..."] if dots else []), *tail)
    hidden = rank - len(head) - len(tail)
    if hidden < 0 or (hidden and not dots):
        raise ShapeError(
            f"{term!r} names {len(head + tail)} axes of an operand that has {rank}", op="einsum", fix=f"in {equation!r}"
        )
    return (*head, *(f"..{i}" for i in range(hidden, 0, -1)), *tail)


def _written(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """The equation and the operands; lists of numbers between the operands become letters."""
    if isinstance(arguments[0], str):
        return arguments[0].replace(" ", ""), list(arguments[1:])

    def term(labels: Any) -> str:
        try:
            return "".join("..." if i is Ellipsis else _LETTERS[i] for i in labels)
        except (TypeError, IndexError):
            raise ArgumentError(f"{labels!r} is not a list of axis numbers below 52", op="einsum") from None

    pairs = len(arguments) // 2
    equation = ",".join(term(labels) for labels in arguments[1 : 2 * pairs : 2])
    if len(arguments) % 2:
        equation += f"->{term(arguments[-1])}"
    return equation, list(arguments[0 : 2 * pairs : 2])


def _parsed(equation: str, operands: list[Any]) -> tuple[list[Labels], Labels]:
    """The labels of each operand and of the result."""
    inputs, arrow, output = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ArgumentError(
            f"{equation!r} names {len(terms)} operands, {len(operands)} are given", op="einsum", operands=operands
        )
    labels = [_split(term, x.ndim, equation) for term, x in zip(terms, operands, strict=True)]
    widest = max(len([c for c in x if c[0] == "."]) for x in labels)
    dots = tuple(f"..{i}" for i in range(widest, 0, -1))
    if not arrow:
        counts = Counter(c for term in terms for c in term if c != ".")
        return labels, (*dots, *sorted(c for c, n in counts.items() if n == 1))
    result = tuple(c for part in _split(output, None, equation) for c in (dots if part == "..." else (part,)))
    known = {c for x in labels for c in x}
    for c, n in Counter(result).items():
        if n > 1 or c not in known:
            why = "stands twice in the result" if n > 1 else "stands in no operand"
            raise ArgumentError(f"{c!r} {why}", op="einsum", operands=operands, fix=f"in {equation!r}")
    return labels, result


class _Term:
    """An array with a label for each axis."""

    def __init__(self, value: Any, labels: Labels) -> None:
        self.value, self.labels = value, labels

    def size(self, label: str) -> Size:
        found: Size = self.value.shape[self.labels.index(label)]
        return found

    def ordered(self, labels: Sequence[str]) -> Any:
        """The array with its axes in this order."""
        return permute_dims(self.value, tuple(self.labels.index(c) for c in labels))

    def without_repeats(self) -> _Term:
        """Axes of one label taken along their diagonal."""
        term = self
        while repeated := [c for c, n in Counter(term.labels).items() if n > 1]:
            c = repeated[0]
            first, second = [i for i, label in enumerate(term.labels) if label == c][:2]
            rest = [i for i in range(len(term.labels)) if i not in (first, second)]
            value = permute_dims(term.value, (*rest, first, second))
            term = _Term(apply(diagonal_of, value, offset=0), (*(term.labels[i] for i in rest), c))
        return term

    def summed(self, labels: Sequence[str]) -> _Term:
        """The sum over some axes."""
        if not labels:
            return self
        axes = tuple(self.labels.index(c) for c in labels)
        kept = tuple(c for c in self.labels if c not in labels)
        return _Term(sum(self.value, axis=axes, dtype=self.value.dtype), kept)

    def dropped(self, labels: Sequence[str]) -> _Term:
        """Without axes of size 1."""
        if not labels:
            return self
        kept = tuple(c for c in self.labels if c not in labels)
        return _Term(squeeze(self.value, axis=tuple(self.labels.index(c) for c in labels)), kept)


def _fitted(terms: list[_Term], operands: list[Any], equation: str) -> list[_Term]:
    """Terms whose axes of one label have one size: an axis of size 1 beside a longer one is left out."""
    sizes: dict[str, Size] = {}
    for term in terms:
        for c, n in zip(term.labels, term.value.shape, strict=True):
            held = sizes.setdefault(c, n)
            if same(held, 1):
                sizes[c] = n
            elif not (same(n, 1) or agree(held, n)):
                name = f"axis {c!r}" if c[0] != "." else "an axis of the ellipsis"
                raise ShapeError(
                    f"{name} has size {show_size(held)} and size {show_size(n)}",
                    op="einsum",
                    operands=operands,
                    fix=f"in {equation!r}",
                )
    return [t.dropped([c for c in t.labels if same(t.size(c), 1) and not same(sizes[c], 1)]) for t in terms]


def _pair(a: _Term, b: _Term, kept: set[str]) -> _Term:
    """The product of two terms, summed over the labels that nobody else needs."""
    a = a.summed([c for c in a.labels if c not in b.labels and c not in kept])
    b = b.summed([c for c in b.labels if c not in a.labels and c not in kept])
    both = [c for c in a.labels if c in b.labels]
    batch, inner = [c for c in both if c in kept], [c for c in both if c not in kept]
    left, right = [c for c in a.labels if c not in both], [c for c in b.labels if c not in both]
    if inner and (left or right or not batch):
        rows = reshape(a.ordered([*batch, *left, *inner]), _joined(a, batch, left, inner))
        columns = reshape(b.ordered([*batch, *inner, *right]), _joined(b, batch, inner, right))
        y = matmul(rows, columns)
        shape = [a.size(c) for c in (*batch, *left)] + [b.size(c) for c in right]
        return _Term(reshape(y, tuple(shape)), (*batch, *left, *right))
    # No sum, or one small sum for each element of a batch: products of elements, which fuse with what is around them.
    shape_a = (*(a.size(c) for c in (*batch, *left)), *(1 for _ in right), *(a.size(c) for c in inner))
    shape_b = (*(b.size(c) for c in batch), *(1 for _ in left), *(b.size(c) for c in (*right, *inner)))
    wide = multiply(
        reshape(a.ordered([*batch, *left, *inner]), shape_a), reshape(b.ordered([*batch, *right, *inner]), shape_b)
    )
    return _Term(wide, (*batch, *left, *right, *inner)).summed(inner)


def _joined(term: _Term, batch: list[str], first: list[str], second: list[str]) -> tuple[Size, ...]:
    """The shape [*batch, product of the first axes, product of the second]."""
    return (*(term.size(c) for c in batch), *(product(term.size(c) for c in part) for part in (first, second)))


def _cost(a: _Term, b: _Term, kept: set[str]) -> tuple[float, float]:
    """How much larger the result of a pair is than its operands, and the products it takes."""

    def number(labels: set[str]) -> float:
        total = 1.0
        for c in labels:
            size = a.size(c) if c in a.labels else b.size(c)
            total *= evaluate(size, dict.fromkeys(names_in(size), _TYPICAL))
        return total

    one, other = set(a.labels), set(b.labels)
    return number((one | other) & kept) - number(one) - number(other), number(one | other)


def _contracted(terms: list[_Term], result: Labels) -> list[_Term]:
    """The terms with the cheapest pair multiplied."""
    choices = []
    for i, j in combinations(range(len(terms)), 2):
        rest = [t for k, t in enumerate(terms) if k not in (i, j)]
        kept = {*result, *(c for t in rest for c in t.labels)}
        choices.append((terms[i], terms[j], kept, rest))
    a, b, kept, rest = choices[0] if len(choices) == 1 else min(choices, key=lambda c: _cost(*c[:3]))
    return [*rest, _pair(a, b, kept)]


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        return rng.uniform(0, 3, shape).astype(dtype)

    return [
        Sample(("bij,bjk->bik", make(2, 3, 4), make(2, 4, 5))),
        Sample(("i,i->", make(3), make(3))),
        Sample(("ii->i", make(3, 3))),
        Sample(("...ij,jk", make(2, 2, 3), make(3, 4))),
        Sample(("bi,bi->b", make(2, 3), make(2, 3))),
        Sample(("ab,bc,cd->ad", make(2, 3), make(3, 2), make(2, 4))),
        Sample(("ij,kj->", make(2, 3), make(1, 3))),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample(("ij,jk->ik", x, x), {}, ShapeError),
        Sample(("ijk->i", x), {}, ShapeError),
        Sample(("ij->ii", x), {}, ArgumentError),
        Sample(("ij->k", x), {}, ArgumentError),
        Sample(("ij,jk->ik", x), {}, ArgumentError),
        Sample(("i1->i", x), {}, ArgumentError),
    ]


@composite(samples=_samples, errors=_errors, onnx="Einsum", accepts=dtypes.NUMERIC)
def einsum(equation: Any, /, *operands: Any) -> Any:
    """Products of elements summed over axes: ``einsum("bij,bjk->bik", x, y)`` (NumPy, PyTorch).

    equation: a letter for each axis of each operand, those of the result behind ``->``. A letter left out of the result
    is summed over; one that an operand has twice takes its diagonal; ``...`` stands for axes that broadcast. Without
    ``->`` the result has the letters that stand once, in alphabetical order. Instead of an equation, each operand may be
    followed by a list of axis numbers: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``. Of more than two operands the pair
    that leaves least is multiplied first; sums of products run in the BLAS.
    Raises ArgumentError for an equation that says nothing, ShapeError where sizes of one letter differ.
    """
    text, values = _written((equation, *operands))
    values = promoted([as_handle(x) for x in values], "einsum")
    if not values:
        raise ArgumentError("needs at least one operand", op="einsum")
    labels, result = _parsed(text, values)
    terms = [_Term(x, c).without_repeats() for x, c in zip(values, labels, strict=True)]
    terms = _fitted(terms, values, text)
    while len(terms) > 1:
        terms = _contracted(terms, result)
    last = terms[0].summed([c for c in terms[0].labels if c not in result])
    return last.ordered(result)
