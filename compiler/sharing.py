"""Sharing: the words by which the driver cuts steps into pieces and hands these to the pool of threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler import driver, loader, pool
from compiler.control import Turn
from compiler.kernel import Kernel
from compiler.share_text import HEAD, TEXT
from compiler.step import Pieces, Step
from engine.sizes import Size, product

Words = np.ndarray[Any, np.dtype[np.int64]]

MOST, MOST_ADDING = 64, 16  # pieces of a step, and of one whose pieces add up to sums


@dataclass(frozen=True)
class Here:
    """The address of a word of the table itself."""

    word: int


@dataclass
class Shareable:
    """The rows of a wave, the first of which hands their steps to the pool where they are large; the others are empty then.

    ``row``: the word where they begin; ``count``: how many there are; ``job``: the word where the argument block is that
    the first then has; ``work``: the number of the size that tells; ``joins``: the rows that put sums together afterwards,
    empty unless the step is cut, and their kernels.
    """

    row: int
    count: int
    job: int
    work: int
    joins: list[tuple[int, Kernel]] = field(default_factory=list)

    def moved(self, start: int) -> Shareable:
        """The same for rows that begin at a word."""
        joins = [(row + start, kernel) for row, kernel in self.joins]
        return Shareable(self.row + start, self.count, self.job, self.work, joins)


def share(rows: Sequence[Shareable], works: Words, words: Words) -> None:
    """Let the pool have the waves that are large. ``works``: the picoseconds of each, for the sizes of a call."""
    for number in np.flatnonzero(works >= 2 * pool.words[pool.PIECE]):
        row = rows[number]
        words[row.row : row.row + 2 * row.count : 2] = 0
        words[row.row], words[row.row + 1] = driver.spoken(TEXT), words.ctypes.data + 8 * row.job
        words[row.job] = pool.address()
        for place, kernel in row.joins:
            words[place] = loader.load([kernel])[0]


def job(work: Size, descriptions: Sequence[int]) -> list[Any]:
    """The argument block of a row that shares the steps described at these words; without the pool's address."""
    return [0, len(descriptions), work, 0, *map(Here, descriptions)]


def description(step: Step | Turn, kernel: int, block: int) -> list[Any]:
    """A step as the driver cuts it: see share_text.py. ``kernel``: its address; ``block``: where its argument block is."""
    cut = (step.pieces if isinstance(step, Step) else None) or Pieces(0, ())
    axes = [w for a in cut.axes for w in (a.count, a.least, a.coarse, a.rival, 0, 0)]
    counts = [(i, p, f) for i, a in enumerate(cut.axes) for p, f in ((a.count, 1), *a.counts)]
    moves = [(i, p, s) for i, a in enumerate(cut.axes) for p, s in a.moves]
    partials = [
        (p, (place.buffer, 0), product(place.shape[1:]) * place.buffer.dtype.itemsize) for p, _, place in cut.partials
    ]
    most = MOST_ADDING if partials else MOST
    numbers = [
        len(step.binds) if isinstance(step, Step) else 0,
        cut.work,
        most,
        len(cut.axes),
        len(counts),
        len(moves),
        len(partials),
    ]
    head = [kernel, Here(block), *numbers, 0, 0]
    assert len(head) == len(HEAD)
    return [*head, *axes, *(word for entry in (*counts, *moves, *partials) for word in entry)]
