"""The handwritten digits of the UCI repository (Alpaydin and Kaynak 1998), small enough to come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from tapegraph.data.order import permutation


def digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images float32 [1797, 64] in [0, 1] (8x8, row by row) and labels int64 [1797] in 0..9. See ATTRIBUTION.md."""
    with np.load(Path(__file__).with_name("digits.npz")) as stored:
        images, labels = stored["images"], stored["labels"]
    return images.astype(np.float32) / np.float32(16), labels.astype(np.int64)


def train_test_split(*arrays: Any, test_size: float = 0.2, seed: int = 0) -> tuple[Any, ...]:
    """Each array split along its first axis into a training and a test part: ``x_train, x_test, y_train, y_test``.

    ``test_size``: a fraction in (0, 1), or a number of samples. The same seed gives the same split on every machine.
    Raises ShapeError for unequal first axes, ArgumentError where a part would be empty.
    """
    given = [np.asarray(a) for a in arrays]
    if not given:
        raise ArgumentError("needs at least one array", op="train_test_split")
    if any(a.ndim == 0 or len(a) != len(given[0]) for a in given):
        raise ShapeError("the first axes must be equally long", op="train_test_split", operands=given)
    n = len(given[0])
    held_out = round(n * test_size) if isinstance(test_size, float) else int(test_size)
    if not 0 < held_out < n:
        raise ArgumentError(f"test_size {test_size} leaves a part of {n} samples empty", op="train_test_split")
    order = permutation(n, seed)
    return tuple(part for a in given for part in (a[order[held_out:]], a[order[:held_out]]))
