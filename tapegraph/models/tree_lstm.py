"""The child-sum TreeLSTM: a recurrent network over trees, tree by tree or level by level."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegraph as tg
from tapegraph import nn
from tapegraph.data import Forest, Tree
from tapegraph.data.synthetic.arithmetic import VOCABULARY, encode


class ChildSumCell(nn.Module):
    """One node: features [n, features] and the children's h and c [n, children, hidden] to its own h and c [n, hidden].

    A gate for each child says how much of its memory is kept; the other gates see the sum of the children's h, so that
    their order makes no difference and a leaf has none. Source: section 3.1 of Tai, Socher and Manning 2015, "Improved
    semantic representations from tree-structured long short-term memory networks".
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.input = nn.Linear(features, 4 * hidden)
        self.children_iou = nn.Linear(hidden, 3 * hidden, bias=False)
        self.children_f = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        size = h.shape[-1]
        given = self.input(x)
        iou = given[:, size:] + self.children_iou(tg.sum(h, axis=1))
        forget = tg.sigmoid(given[:, None, :size] + self.children_f(h))
        i, o, u = iou[:, :size], iou[:, size : 2 * size], iou[:, 2 * size :]
        c = tg.sigmoid(i) * tg.tanh(u) + tg.sum(forget * c, axis=1)
        return tg.sigmoid(o) * tg.tanh(c), c


class TreeLSTM(nn.Module):
    """Scores [n, classes] of the values of expressions (``data.ArithmeticTrees``), from the state at their roots.

    ``forward`` takes trees and follows each one down, a program of another shape for each tree: plain Python in eager
    mode, and in static mode traced anew for each. ``forward_levels`` takes them laid out by ``data.forest`` and
    computes a level of all trees at once, one compiled program for all of them. Both give the same scores.
    """

    def __init__(self, classes: int, hidden: int = 64, *, embedding: int = 16) -> None:
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(len(VOCABULARY), embedding)
        self.cell = ChildSumCell(embedding, hidden)
        self.head = nn.Linear(hidden, classes)

    def node(self, tree: Tree) -> tuple[Any, Any]:
        """h and c of the root of one tree, each [1, hidden]."""
        x = self.embedding(encode([tree.symbol]))
        below = [self.node(child) for child in (tree.left, tree.right) if child is not None]
        if below:
            h, c = (tg.stack(column, axis=1) for column in zip(*below, strict=True))
        else:
            h = c = tg.zeros((1, 0, self.hidden), dtype=x.dtype)
        return self.cell(x, h, c)

    def forward(self, trees: Any) -> Any:
        return self.head(tg.concat([self.node(tree)[0] for tree in trees]))

    def forward_levels(self, symbols: Any, left: Any, right: Any, levels: Any, roots: Any) -> Any:
        """symbols, left, right [nodes] and roots [trees]: of ``data.forest``; levels [depth, width]: see ``levels``."""
        x = self.embedding(symbols)
        none = tg.zeros((symbols.shape[0], 0, self.hidden), dtype=x.dtype)
        children = tg.stack([left, right], axis=1)

        def level(carry: Any, rows: Any) -> Any:
            h, c = carry
            below = tg.take(children, rows, axis=0)
            h[rows], c[rows] = self.cell(tg.take(x, rows, axis=0), tg.take(h, below, axis=0), tg.take(c, below, axis=0))
            return (h, c), []

        # Every node begins as if it were a leaf; levels overwrite those that are none.
        (h, _), _ = tg.scan(level, self.cell(x, none, none), levels)
        return self.head(tg.take(h, roots, axis=0))


def levels(forest: Forest) -> np.ndarray[Any, Any]:
    """The numbers of the nodes of each level above the leaves, int64 [depth, widest].

    Shorter levels repeat their last node, which computes it again and changes nothing.
    """
    bounds = forest.levels[1:]
    sizes = np.diff(bounds)
    place = np.minimum(np.arange(sizes.max(initial=0)), sizes[:, None] - 1)
    return bounds[:-1, None] + place
