"""The TreeLSTM: level by level it computes what recursion over the trees does."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data
from tapegraph.models import TreeLSTM, levels


@pytest.fixture
def model():
    tg.manual_seed(0)
    return TreeLSTM(10, 6, embedding=4).double()


def grown(n=7, seed=0, **how):
    trees = data.ArithmeticTrees(n, 9, min_leaves=2, seed=seed, **how)
    forest = data.forest(trees.trees)
    return trees, (forest.symbols, forest.left, forest.right, levels(forest), forest.roots)


def test_levels_and_recursion_agree_in_values_and_gradients(model):
    trees, arrays = grown()
    weights = np.random.default_rng(0).standard_normal((7, 10))

    def run(forward, *args):
        model.zero_grad()
        scores = forward(*args)
        tg.sum(scores * weights).backward()
        return [np.asarray(scores), *(np.asarray(p.grad) for p in model.parameters())]

    wanted = run(model, trees.trees)
    compiled = tg.compile(lambda *arrays: model.forward_levels(*arrays))
    np.testing.assert_allclose(np.asarray(compiled(*arrays)), wanted[0], rtol=1e-10)
    for a, b in zip(run(model.forward_levels, *arrays), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_levels_name_every_node_above_the_leaves_after_its_children():
    _, (symbols, left, right, rows, _) = grown()
    assert sorted(set(rows.ravel())) == np.flatnonzero(left >= 0).tolist()
    done = set(np.flatnonzero(left < 0).tolist())
    for row in rows:
        assert done.issuperset(left[row]) and done.issuperset(right[row])
        done.update(row.tolist())
    assert len(done) == len(symbols)


def test_the_order_of_children_makes_no_difference(model):
    _, (symbols, left, right, rows, roots) = grown()
    found, swapped = (
        np.asarray(model.forward_levels(symbols, *pair, rows, roots)) for pair in ((left, right), (right, left))
    )
    np.testing.assert_allclose(swapped, found, rtol=1e-12)
