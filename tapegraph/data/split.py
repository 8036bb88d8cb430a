"""Splits: parts of a dataset or of arrays with no sample in common, drawn at random but always the same for a seed."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from tapegraph.data.dataset import Subset
from tapegraph.data.order import Array, Draws, drawn_seed, permutation, whole


def random_split(dataset: Any, lengths: Iterable[float], generator: Any = None, *, seed: int = 0) -> list[Subset]:
    """Parts of a dataset with no sample in common, as Subsets.

    ``lengths``: ints that add up to the dataset's length, or fractions that add up to 1; samples that rounding down leaves
    over go to the first parts, one each, as in PyTorch. ``generator``: a ``tapegraph.Generator``, NumPy's, or an int, the
    seed; ``seed`` counts without. Raises ArgumentError for other lengths.
    """
    sizes = part_sizes(lengths, len(dataset), "random_split")
    order = permutation(len(dataset), seed if generator is None else drawn_seed(generator, "random_split"))
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def part_sizes(lengths: Iterable[float], n: int, op: str) -> list[int]:
    """Sizes that add up to ``n`` from ints, or from fractions that add up to 1; raises ArgumentError otherwise."""
    given = list(lengths)
    if not given or not all(length >= 0 for length in given):
        raise ArgumentError(f"sizes must be given and not be negative, got {given}", op=op)
    if all(isinstance(length, numbers.Integral) for length in given):
        if sum(given) != n:
            raise ArgumentError(f"sizes {given} add up to {sum(given)}, the data has {n} samples", op=op)
        return [int(length) for length in given]
    if not math.isclose(sum(given), 1, abs_tol=1e-6):
        raise ArgumentError(f"fractions must add up to 1, got {given}", op=op)
    sizes = [math.floor(n * length) for length in given]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes


def train_test_split(
    *arrays: Any, test_size: float = 0.2, seed: int = 0, shuffle: bool = True, stratify: Any = None
) -> tuple[Any, ...]:
    """Each array split along its first axis into a training and a test part: ``x_train, x_test, y_train, y_test``.

    ``test_size``: a fraction in (0, 1), or a number of samples. The same seed gives the same split on every machine.
    ``shuffle`` False: the last samples are the test part. ``stratify``: labels [n]; each label then has its share of the
    test part, to within one sample. Raises ShapeError for unequal first axes, ArgumentError where a part would be empty,
    where a label has one sample only, or where stratify comes without shuffle.
    """
    given = [np.asarray(a) for a in arrays]
    if not given:
        raise ArgumentError("needs at least one array", op="train_test_split")
    if any(a.ndim == 0 or len(a) != len(given[0]) for a in given):
        raise ShapeError("the first axes must be equally long", op="train_test_split", operands=given)
    n = len(given[0])
    if isinstance(test_size, numbers.Integral):
        held_out = whole(test_size, "test_size", "train_test_split")
    else:
        held_out = round(n * test_size) if 0 < test_size < 1 else 0
    if not 0 < held_out < n:
        raise ArgumentError(f"test_size {test_size} leaves a part of {n} samples empty", op="train_test_split")
    if stratify is not None:
        if not shuffle:
            raise ArgumentError("stratify draws samples at random", op="train_test_split", fix="leave shuffle True")
        train, test = _stratified(np.asarray(stratify), n, held_out, Draws(seed))
    elif shuffle:
        order = permutation(n, seed)
        train, test = order[held_out:], order[:held_out]
    else:
        train, test = np.arange(n - held_out), np.arange(n - held_out, n)
    return tuple(part for a in given for part in (a[train], a[test]))


def _stratified(labels: Array, n: int, held_out: int, draws: Draws) -> tuple[Array, Array]:
    if labels.shape != (n,):
        raise ShapeError(f"stratify must be {n} labels", op="train_test_split", operands=(labels,))
    kinds, kind, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ArgumentError(
            f"label {kinds[counts.argmin()]!s} has one sample, and both parts need one of each",
            op="train_test_split",
            fix="leave the label out, or split without stratify",
        )
    if min(held_out, n - held_out) < len(kinds):
        raise ArgumentError(f"a part is smaller than the number of labels, {len(kinds)}", op="train_test_split")
    shares = counts * (held_out / n)
    taken = np.floor(shares).astype(np.int64)
    # Largest remainders first; of equal ones a random one, so that no label is always favoured.
    first = np.lexsort((draws.words(len(kinds)), taken - shares))
    taken[first[: held_out - int(taken.sum())]] += 1
    order = draws.permutation(n)
    test = np.zeros(n, bool)
    for k in range(len(kinds)):
        test[order[kind[order] == k][: taken[k]]] = True
    return order[~test[order]], order[test[order]]
