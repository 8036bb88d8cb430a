"""Sizes: numbers, or names whose numbers a call will bring, and the arithmetic that shape rules need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, Union

import numpy as np

from engine.size_policy import size_policy_now

Size: TypeAlias = Union[int, "Dim"]
Shape: TypeAlias = tuple[Size, ...]
# A monomial is a sorted tuple of atoms; an atom is a name, a floor division ("//", a, b) or the larger of two ("max", a, b).
Atom: TypeAlias = str | tuple[str, "Dim", Size]


def _atom_key(atom: Atom) -> str:
    return atom if isinstance(atom, str) else f"~{_atom_text(atom)}"


def _atom_text(atom: Atom) -> str:
    if isinstance(atom, str):
        return atom
    # repr, since a format would show the numbers that the size policy of the moment knows: terms are sorted by this.
    return f"max({atom[1]!r}, {atom[2]!r})" if atom[0] == "max" else f"({atom[1]!r})//{atom[2]!r}"


class Dim:
    """A size known by name: an integer polynomial over names and their floor divisions.

    Arithmetic with ints and other dims gives dims (or ints, where the names cancel). Comparing a dim with an int,
    ``int(dim)`` and ``bool(dim)`` need its value and therefore ask the current size policy.
    """

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[tuple[Atom, ...], int] | str) -> None:
        if isinstance(terms, str):
            terms = {(terms,): 1}
        self.terms: tuple[tuple[tuple[Atom, ...], int], ...] = tuple(
            sorted(terms.items(), key=lambda item: [_atom_key(a) for a in item[0]])
        )
        self._hash = hash(self.terms)

    @staticmethod
    def _make(terms: dict[tuple[Atom, ...], int]) -> Size:
        terms = {mono: c for mono, c in terms.items() if c}
        if not terms:
            return 0
        if len(terms) == 1 and () in terms:
            return terms[()]
        return Dim(terms)

    def __add__(self, other: Size) -> Size:
        if not isinstance(other, Dim | int | np.integer):
            return NotImplemented
        total = dict(self.terms)
        for mono, c in _terms(other):
            total[mono] = total.get(mono, 0) + c
        return Dim._make(total)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return Dim._make({mono: -c for mono, c in self.terms})

    def __sub__(self, other: Size) -> Size:
        if not isinstance(other, Dim | int | np.integer):
            return NotImplemented
        return self + (-other)

    def __rsub__(self, other: Size) -> Size:
        if not isinstance(other, Dim | int | np.integer):
            return NotImplemented
        return (-self) + other

    def __mul__(self, other: Size) -> Size:
        if type(other) is int and other > 0:  # most products: the order of the terms stays
            if other == 1:
                return self
            made = Dim.__new__(Dim)
            made.terms = tuple([(mono, c * other) for mono, c in self.terms])
            made._hash = hash(made.terms)
            return made
        if not isinstance(other, Dim | int | np.integer):
            return NotImplemented
        total: dict[tuple[Atom, ...], int] = {}
        for m1, c1 in self.terms:
            for m2, c2 in _terms(other):
                mono = tuple(sorted(m1 + m2, key=_atom_key))
                total[mono] = total.get(mono, 0) + c1 * c2
        return Dim._make(total)

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        if not isinstance(other, Dim | int | np.integer):
            return NotImplemented
        exact = divide_exactly(self, other)
        if exact is not None:
            return exact
        if isinstance(other, Dim):
            return Dim({(("//", self, other),): 1})
        # What divides exactly comes out of the division, so that (2*n + 1)//2 is n and equal sizes look equal.
        divisor = int(other)
        whole = Dim._make({m: c // divisor for m, c in self.terms if not m or c % divisor == 0})
        rest = Dim._make({m: c if m else c % divisor for m, c in self.terms if not m or c % divisor})
        if isinstance(rest, int):
            return whole + rest // divisor
        return whole + Dim({(("//", rest, divisor),): 1})

    def __rfloordiv__(self, other: int) -> Size:
        return Dim({(("//", Dim({(): int(other)}), self),): 1})

    def __mod__(self, other: Size) -> Size:
        if not isinstance(other, Dim | int | np.integer):
            return NotImplemented
        return self - (self // other) * other

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim):
            return self is other or self.terms == other.terms
        if isinstance(other, int | np.integer):
            return int(self) == other
        return NotImplemented

    def __lt__(self, other: Size) -> bool:
        return int(self) < int(other)

    def __le__(self, other: Size) -> bool:
        return int(self) <= int(other)

    def __gt__(self, other: Size) -> bool:
        return int(self) > int(other)

    def __ge__(self, other: Size) -> bool:
        return int(self) >= int(other)

    def __int__(self) -> int:
        return size_policy_now().value(self)

    __index__ = __int__

    def __float__(self) -> float:
        return float(int(self))

    def __bool__(self) -> bool:
        return int(self) != 0

    def __truediv__(self, other: float) -> float:
        return int(self) / other

    def __rtruediv__(self, other: float) -> float:
        return other / int(self)

    def __pow__(self, other: float) -> float:
        return float(int(self) ** other)

    def __format__(self, spec: str) -> str:
        """In a message: the number, where the size policy knows one."""
        return format(show_size(self), spec)

    def names(self) -> set[str]:
        """Every name this size depends on."""
        found: set[str] = set()
        for mono, _ in self.terms:
            for atom in mono:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    found |= names_in(atom[1]) | names_in(atom[2])
        return found

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number this size is when each name has the value ``sizes`` gives it."""
        total = 0
        for mono, c in self.terms:
            for atom in mono:
                if isinstance(atom, str):
                    c *= sizes[atom]
                elif atom[0] == "max":
                    c *= max(evaluate(atom[1], sizes), evaluate(atom[2], sizes))
                else:
                    divisor = evaluate(atom[2], sizes)
                    c *= evaluate(atom[1], sizes) // divisor if divisor else 0
            total += c
        return total

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """This size with names replaced by numbers or other sizes."""
        total: Size = 0
        for mono, c in self.terms:
            product: Size = c
            for atom in mono:
                if isinstance(atom, str):
                    product = product * sizes.get(atom, Dim(atom))
                elif atom[0] == "max":
                    product = product * larger(substitute(atom[1], sizes), substitute(atom[2], sizes))
                else:
                    product = product * (substitute(atom[1], sizes) // substitute(atom[2], sizes))
            total = total + product
        return total

    def __repr__(self) -> str:
        parts = []
        for mono, c in self.terms:
            factors = [_atom_text(a) for a in mono]
            if c != 1 or not factors:
                factors.insert(0, str(c))
            parts.append("*".join(factors))
        return " + ".join(parts).replace("+ -", "- ")


def _terms(size: Size) -> Iterable[tuple[tuple[Atom, ...], int]]:
    return size.terms if isinstance(size, Dim) else (((), int(size)),)


def names_in(size: Size) -> set[str]:
    """The names a size depends on; none for a number."""
    return size.names() if isinstance(size, Dim) else set()


def evaluate(size: Size, sizes: Mapping[str, int]) -> int:
    """The number behind a size under an assignment of its names."""
    return size.evaluate(sizes) if isinstance(size, Dim) else size


def substitute(size: Size, sizes: Mapping[str, Size]) -> Size:
    """A size with names replaced."""
    return size.substitute(sizes) if isinstance(size, Dim) else size


def larger(a: Size, b: Size) -> Size:
    """The larger of two sizes."""
    if not isinstance(a, Dim) and not isinstance(b, Dim):
        return max(a, b)
    if isinstance(a, Dim):
        return Dim({(("max", a, b),): 1})
    assert isinstance(b, Dim)
    return Dim({(("max", b, a),): 1})


def divide_exactly(size: Size, divisor: Size) -> Size | None:
    """``size / divisor`` where it is whole for every value of the names, else None."""
    if isinstance(size, int) and isinstance(divisor, int):
        return size // divisor if divisor and size % divisor == 0 else None
    divisor_terms = list(_terms(divisor))
    if len(divisor_terms) != 1:
        return 1 if same(size, divisor) else None
    mono_d, c_d = divisor_terms[0]
    total: dict[tuple[Atom, ...], int] = {}
    for mono, c in _terms(size):
        rest = list(mono)
        for atom in mono_d:
            if atom not in rest:
                return None
            rest.remove(atom)
        if c_d == 0 or c % c_d:
            return None
        total[tuple(rest)] = c // c_d
    return Dim._make(total)


def same(a: Size, b: Size) -> bool:
    """Whether two sizes are equal whatever the names stand for; never asks the size policy."""
    if isinstance(a, Dim):
        return isinstance(b, Dim) and (a is b or a.terms == b.terms)
    return not isinstance(b, Dim) and a == b


def same_shape(a: Shape, b: Shape) -> bool:
    """Whether two shapes are equal whatever the names stand for."""
    if len(a) != len(b):
        return False
    i = 0  # counted by hand: zip costs as much as all the rest
    for m in a:
        if m is not b[i] and not same(m, b[i]):
            return False
        i += 1  # noqa: SIM113
    return True


def agree(a: Size, b: Size) -> bool:
    """Whether two sizes are equal, or may be taken as equal by the current size policy."""
    if same(a, b):
        return True
    if isinstance(a, Dim) or isinstance(b, Dim):
        return size_policy_now().equate(a, b)
    return False


def agree_shape(a: Shape, b: Shape) -> bool:
    """Whether two shapes are equal, or may be taken as equal by the current size policy."""
    return same_shape(a, b) or (len(a) == len(b) and all(agree(m, n) for m, n in zip(a, b, strict=True)))


def product(sizes: Iterable[Size]) -> Size:
    """The number of elements of a shape."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def static_shape(shape: Shape) -> bool:
    """Whether every size is a number."""
    return not any(isinstance(n, Dim) for n in shape)


def seen(size: Size) -> int | None:
    """The number behind a size in the call being traced, without making anything depend on it; None where none is known."""
    return size_policy_now().hint(size) if isinstance(size, Dim) else size


def show_size(size: Size) -> str:
    """A size for a message: its number where the policy knows one, else its name."""
    if isinstance(size, Dim):
        hint = size_policy_now().hint(size)
        return str(size) if hint is None else str(hint)
    return str(size)


def show_shape(shape: Shape) -> str:
    """A shape as Python writes a tuple."""
    inner = ", ".join(show_size(n) for n in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def evaluated(value: Any, sizes: Mapping[str, int]) -> Any:
    """A structure of attributes with its named sizes replaced by numbers."""
    if isinstance(value, Dim):
        return value.evaluate(sizes)
    if isinstance(value, tuple):
        return tuple(evaluated(v, sizes) for v in value)
    if isinstance(value, dict):
        return {k: evaluated(v, sizes) for k, v in value.items()}
    return value.at(sizes) if hasattr(value, "at") else value  # a subprogram
