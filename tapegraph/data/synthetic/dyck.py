"""Dyck words: brackets of several kinds that close in the right order, and such as do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from tapegraph.data.dataset import Dataset
from tapegraph.data.order import Array, Draws, whole

_SHOWN = "()[]{}<>"


class DyckWords(Dataset[tuple[Array, int]]):
    """Words of brackets: sample i is (its tokens int64 [length], its label), for ``pad_collate`` and ``BucketSampler``.

    Tokens: 0 padding, 1..kinds opening brackets, kinds+1..2*kinds the closing ones in the same order. Label 1: balanced,
    nowhere deeper than ``max_depth`` (None: any depth), drawn uniformly from all words of as many pairs; the number of
    pairs is uniform in min_pairs..max_pairs. Label 0, for ``broken`` of the words in the mean: such a word made wrong, half
    the time by swapping two of its brackets, so that counting does not find out, else by putting another one in.
    Raises ArgumentError for sizes below 1, a share outside [0, 1], or pairs that are not a range.

    ``tokens`` int64 [n, 2 * max_pairs], ``lengths`` int64 [n], ``labels`` int64 [n], and ``depths`` int64 [n, 2 * max_pairs],
    the brackets opened less those closed up to and with each place (0 in the padding), hold all of them.

    Source: the languages Dyck-(k, m) of Hewitt et al. 2020, "RNNs can generate bounded hierarchical languages with optimal
    memory"; Chomsky and Schützenberger 1963.
    """

    def __init__(
        self,
        n: int,
        max_pairs: int = 10,
        *,
        kinds: int = 2,
        max_depth: int | None = None,
        min_pairs: int = 1,
        broken: float = 0.5,
        seed: int = 0,
    ) -> None:
        n, self.kinds = whole(n, "n", "DyckWords", least=0), whole(kinds, "kinds", "DyckWords", least=1)
        least, most = whole(min_pairs, "min_pairs", "DyckWords", least=1), whole(max_pairs, "max_pairs", "DyckWords")
        depth = most if max_depth is None else whole(max_depth, "max_depth", "DyckWords", least=1)
        if least > most or not 0 <= broken <= 1:
            raise ArgumentError(f"{least}..{most} pairs and a share {broken} of broken words", op="DyckWords")
        draws = Draws(seed)
        self.lengths = 2 * (least + draws.integers(most - least + 1, n))
        self.tokens = _balanced(self.lengths, 2 * most, self.kinds, min(depth, most), draws)
        self.labels = (draws.uniform(n) >= broken).astype(np.int64)
        for i in np.flatnonzero(self.labels == 0):
            _break(self.tokens[i, : self.lengths[i]], self.kinds, draws)
        steps = np.where(self.tokens > self.kinds, -1, 1) * (self.tokens > 0)
        self.depths = np.cumsum(steps, axis=1) * (self.tokens > 0)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> tuple[Array, int]:
        return self.tokens[index, : self.lengths[index]], int(self.labels[index])

    def text(self, index: int) -> str:
        """A word to look at, such as "([])"; with more than four kinds, "(5 )5" for the fifth and so on."""
        return "".join(_shown(int(token), self.kinds) for token in self[index][0])


def is_balanced(tokens: Sequence[int] | Array, kinds: int) -> bool:
    """Whether every bracket closes, in the right order; tokens as in ``DyckWords``, padding is passed over."""
    open_now = []
    for token in map(int, tokens):
        if 0 < token <= kinds:
            open_now.append(token)
        elif token > kinds and (not open_now or open_now.pop() != token - kinds):
            return False
    return not open_now


def _balanced(lengths: Array, width: int, kinds: int, max_depth: int, draws: Draws) -> Array:
    """Balanced words [n, width], uniform among those of their length."""
    chance = _chances(width, max_depth)
    n = len(lengths)
    tokens = np.zeros((n, width), np.int64)
    stacks = np.zeros((n, max_depth + 1), np.int64)
    depth = np.zeros(n, np.int64)
    rows = np.arange(n)
    for place in range(width):
        left = np.maximum(lengths - place, 0)
        opens = (draws.uniform(n) < chance[left, depth]) & (left > 0)
        closes = ~opens & (left > 0)
        kind = 1 + draws.integers(kinds, n)
        stacks[rows[opens], depth[opens]] = kind[opens]
        depth += opens
        depth -= closes
        tokens[:, place] = np.where(opens, kind, np.where(closes, kinds + stacks[rows, depth], 0))
    return tokens


def _chances(width: int, max_depth: int) -> Array:
    """How likely an opening bracket is, by the number of places left and the depth; ratios of exact counts of words."""
    ways = [[1] + [0] * (max_depth + 1)]
    chances = np.zeros((width + 1, max_depth + 1))
    for left in range(1, width + 1):
        before, now = ways[-1], [0] * (max_depth + 2)
        for depth in range(max_depth + 1):
            deeper = before[depth + 1] if depth < max_depth else 0
            now[depth] = deeper + (before[depth - 1] if depth else 0)
            chances[left, depth] = deeper / now[depth] if now[depth] else 0
        ways.append(now)
    return chances


def _break(word: Any, kinds: int, draws: Draws) -> None:
    """Make a balanced word unbalanced, in place."""
    how, where, which = draws.uniform(3)
    if how < 0.5:
        ends = draws.integers(len(word), 8, 2).tolist()
        for pair in [*ends, [0, len(word) - 1]]:  # a word that begins with a closing bracket is never balanced
            swapped = word.copy()
            swapped[pair] = word[pair[::-1]]
            if not is_balanced(swapped, kinds):
                word[:] = swapped
                return
    # Any other bracket in the place of one leaves a kind with unequal numbers of opening and closing ones.
    place, found = int(where * len(word)), 1 + int(which * (2 * kinds - 1))
    word[place] = found + (found >= word[place])


def _shown(token: int, kinds: int) -> str:
    kind, closing = (token - 1) % kinds, token > kinds
    return _SHOWN[2 * kind + closing] if kind < 4 else f"{'()'[closing]}{kind + 1}"
