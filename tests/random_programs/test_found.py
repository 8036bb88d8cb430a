"""Programs that once went wrong, shrunk; each runs as kernels in Python (which checks every access) and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import tree
from graph.phases import optimize
from tests.support import python_kernels, tracing

COLUMN = np.array([[0.5], [-1.0], [2.0]])
MATRIX = np.arange(12.0).reshape(3, 4) / 7

FOUND: dict[str, tuple[Callable[..., Any], Any]] = {
    "a fold of a fold with kept axes folds once": (lambda x: tg.sum(tg.tanh(tg.sum(x, keepdims=True)) * 2), MATRIX),
    "a fold over one element of a longer loop": (
        lambda x: tg.sum(tg.sum(x, axis=1, keepdims=True), axis=1) + tg.max(x, axis=1),
        MATRIX,
    ),
    "a result that is the first part of a value": (lambda x: (x * 2)[:2], MATRIX),
    "two parts of one value as results": (lambda x: [(x * 2)[:1], (x * 2)[1:]], MATRIX),
    "a sum is complete before the group that needs it": (
        lambda x: tg.log(tg.sum(tg.exp(x), axis=())) + tg.relu(x),
        MATRIX,
    ),
    "a sum over the first axis used beside its summands": (
        lambda x: tg.exp(x) * (tg.exp(x) - tg.sum(tg.exp(x), axis=0, keepdims=True)),
        MATRIX,
    ),
    "reshape of nothing": (lambda x: tg.reshape(x[:0], (4, 0)), MATRIX),
    "product over an empty axis": (lambda x: x[:, :0] @ x[:0], MATRIX),
    "tile to nothing": (lambda x: tg.tile(x, (0, 2)), COLUMN),
    "product with a matrix read backwards": (lambda x: tg.flip(tg.stack([x, x + 1]), axis=0) @ x.mT, MATRIX),
    "integer power": (lambda x: tg.astype(x, "int8") ** 3, MATRIX * 5),
    "roll further than the axis is long": (lambda x: tg.roll(x, (7, -9), axis=(0, 1)), MATRIX),
}


@pytest.mark.parametrize("phases", [True, False], ids=["phases", "bare"])
@pytest.mark.parametrize("name", FOUND)
def test_found(name, phases):
    function, x = FOUND[name]
    wanted = [np.asarray(y) for y in tree.leaves([function(tg.asarray(x))])]
    graph = tracing.traced(lambda xs: function(*xs), [x])
    kernels = python_kernels.run(optimize(graph)[0] if phases else graph, [x])
    compiled = [np.asarray(y) for y in tree.leaves([tg.compile(function, phases=phases)(x)])]
    for found in (kernels, compiled):
        for y, z in zip(found, wanted, strict=True):
            assert (y.dtype, y.shape) == (z.dtype, z.shape)
            np.testing.assert_allclose(y, z, rtol=1e-12)


def test_roll_serves_sizes_shorter_than_the_shift():
    function = tg.compile(lambda x: tg.roll(x, 7))
    for n in (4, 9, 2, 0):
        np.testing.assert_array_equal(np.asarray(function(np.arange(n))), np.roll(np.arange(n), 7))
    assert sum(map(len, function.versions.values())) == 1
