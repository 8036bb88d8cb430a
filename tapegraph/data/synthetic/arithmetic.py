"""Arithmetic expressions with their values, as trees and as sequences of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.errors import ArgumentError
from tapegraph.data.dataset import Dataset
from tapegraph.data.order import Array, Draws, whole

_COMPUTE = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}
# Tokens by number; 0 is the padding.
VOCABULARY = ("", *"0123456789", *"+-*()")
_NUMBER = {token: number for number, token in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Tree:
    """A digit, or an operator over two trees; ``value`` is what it computes."""

    symbol: str
    value: int
    left: Tree | None = None
    right: Tree | None = None

    @property
    def depth(self) -> int:
        """Operators on the longest way down: 0 for a digit."""
        return 0 if self.left is None or self.right is None else 1 + max(self.left.depth, self.right.depth)

    def nodes(self) -> Iterator[Tree]:
        """Every node, children before their parent, left before right."""
        if self.left is not None and self.right is not None:
            yield from self.left.nodes()
            yield from self.right.nodes()
        yield self

    def postfix(self) -> list[str]:
        """The tokens in reverse Polish notation, which needs no brackets."""
        return [node.symbol for node in self.nodes()]

    def __str__(self) -> str:
        """As it is written, every operation in brackets: "(3+(4*2))"."""
        return self.symbol if self.left is None else f"({self.left}{self.symbol}{self.right})"


class ArithmeticTrees(Dataset[tuple[Array, int]]):
    """Random expressions of digits: sample i is (its tokens int64 [length], its value), for ``pad_collate``.

    An expression has min_leaves..max_leaves digits, each number as likely; the left side of an operator takes any share
    of them, each as likely. ``operators``: some of "+-*". ``modulus``: every value is taken modulo it, so that the value is a
    class 0..modulus-1, and digits are below it; None: plain integers. ``notation``: "infix", every operation in brackets,
    or "postfix". Raises ArgumentError for other operators or notations, and sizes that are no range.

    ``trees`` holds the expressions, ``values`` int64 [n] their values, ``lengths`` int64 [n] the numbers of tokens,
    ``VOCABULARY`` of the module the tokens by number; ``forest`` lays trees out for a TreeLSTM. Raises OverflowError for
    values beyond int64 (many factors without modulus).

    Source: the task of Zaremba and Sutskever 2014, "Learning to execute", on the trees of ListOps (Nangia and Bowman 2018).
    """

    def __init__(
        self,
        n: int,
        max_leaves: int = 8,
        *,
        min_leaves: int = 1,
        operators: str = "+-*",
        modulus: int | None = 10,
        notation: str = "infix",
        seed: int = 0,
    ) -> None:
        n, op = whole(n, "n", "ArithmeticTrees", least=0), "ArithmeticTrees"
        least, most = whole(min_leaves, "min_leaves", op, least=1), whole(max_leaves, "max_leaves", op, least=1)
        self.modulus = None if modulus is None else whole(modulus, "modulus", op, least=2)
        if least > most:
            raise ArgumentError(f"{least}..{most} leaves are no range", op=op)
        if not operators or set(operators) - set(_COMPUTE):
            raise ArgumentError(f"operators must be some of '+-*', not {operators!r}", op=op)
        if notation not in ("infix", "postfix"):
            raise ArgumentError(f"notation must be 'infix' or 'postfix', not {notation!r}", op=op)
        self.notation = notation
        draws = Draws(seed)
        sizes = least + draws.integers(most - least + 1, n)
        digits = min(10, self.modulus or 10)
        self.trees = tuple(self._grown(size, operators, digits, draws) for size in sizes.tolist())
        self.values = np.array([tree.value for tree in self.trees], np.int64)
        self.lengths = (2 if notation == "postfix" else 4) * sizes - (1 if notation == "postfix" else 3)

    def _grown(self, leaves: int, operators: str, digits: int, draws: Draws) -> Tree:
        u = draws.uniform(2)
        if leaves == 1:
            digit = int(u[0] * digits)
            return Tree(str(digit), digit)
        on_left = 1 + int(u[0] * (leaves - 1))
        symbol = operators[int(u[1] * len(operators))]
        left = self._grown(on_left, operators, digits, draws)
        right = self._grown(leaves - on_left, operators, digits, draws)
        value = _COMPUTE[symbol](left.value, right.value)
        return Tree(symbol, value if self.modulus is None else value % self.modulus, left, right)

    def __len__(self) -> int:
        return len(self.trees)

    def __getitem__(self, index: int) -> tuple[Array, int]:
        tree = self.trees[index]
        return encode(tree.postfix() if self.notation == "postfix" else str(tree)), tree.value


class Forest(NamedTuple):
    """Trees as arrays, all nodes in order of their depth, so that each level is a slice and its children lie before it.

    symbols, left, right, values: int64 [nodes]; symbols number ``VOCABULARY``, left and right number nodes (-1 for digits).
    levels: int64 [deepest + 2], level d being the nodes levels[d] to levels[d + 1]. roots: int64 [trees].
    """

    symbols: Array
    left: Array
    right: Array
    values: Array
    levels: Array
    roots: Array


def forest(trees: Sequence[Tree]) -> Forest:
    """Trees laid out level by level, so that a TreeLSTM computes a whole level of all trees at once.

    Source: Looks et al. 2017, "Deep learning with dynamic computation graphs"; Tai, Socher and Manning 2015 for TreeLSTM.
    """
    symbols: list[int] = []
    left: list[int] = []
    right: list[int] = []
    values: list[int] = []
    depths: list[int] = []
    roots: list[int] = []
    for tree in trees:
        waiting: list[int] = []
        for node in tree.nodes():
            leaf = node.left is None
            b, a = (-1, -1) if leaf else (waiting.pop(), waiting.pop())
            waiting.append(len(symbols))
            symbols.append(_NUMBER[node.symbol])
            left.append(a)
            right.append(b)
            values.append(node.value)
            depths.append(0 if leaf else 1 + max(depths[a], depths[b]))
        roots += waiting
    depth = np.array(depths, np.int64)
    order = np.argsort(depth, kind="stable")
    place = np.append(np.argsort(order), -1)  # -1 stays -1
    columns = [np.array(column, np.int64)[order] for column in (symbols, left, right, values)]
    levels = np.concatenate([[0], np.cumsum(np.bincount(depth))])
    return Forest(
        columns[0], place[columns[1]], place[columns[2]], columns[3], levels, place[np.array(roots, np.int64)]
    )


def encode(tokens: Iterable[str]) -> Array:
    """The numbers of tokens, int64. Raises KeyError for one that is not in ``VOCABULARY``."""
    return np.array([_NUMBER[token] for token in tokens], np.int64)


def decode(numbers: Sequence[int] | Array) -> str:
    """The text of numbered tokens, padding left out."""
    return "".join(VOCABULARY[int(number)] for number in numbers)
