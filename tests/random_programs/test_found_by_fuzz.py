"""Programs in which the modes once differed, as the fuzzer shrank them."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.fuzz.examine import examine
from tapegraph.fuzz.program import HEAD

VECTOR = "np.array([0.5, -1.25, 2.0], 'float32')"

FOUND = {
    "an array of no axes in several calls at once": ("return x * 2", "(np.array(0.5, 'float32'),)", ["many"]),
    "what is no array, given where one is needed": ("return tg.softshrink(x)", "(None,)", ["graph"]),
    "a text, given where an array is needed": ("return tg.sum(x)", "('text',)", ["graph"]),
    "a ragged list": ("return tg.sum(x)", "([[1.0], [1.0, 2.0]],)", ["graph"]),
    "the gradient with respect to an integer": (
        "return tg.grad(lambda a: a * 1.0)(tg.sum(x > 0))",
        f"({VECTOR},)",
        ["graph"],
    ),
    "a negative index outside an axis of a named size": (
        "return x[-4]",
        f"({VECTOR},)",
        ["graph", "kernels", "native"],
    ),
    "a bias that does not fit its layer": (
        "return tg.linear(x, tg.ones((4, 3)), tg.ones((2,)))",
        f"({VECTOR},)",
        ["graph"],
    ),
    "a value from around a branch that is copied there": (
        "return tg.cond(tg.sum(x) > 0, lambda: x[:], lambda: tg.astype(x, 'float32') * 2)",
        f"({VECTOR},)",
        ["graph", "kernels", "native"],
    ),
    "a copy of a value from around that is changed in a branch": (
        "def f():\n    y = x[:]\n    y[0] = 3\n    return y\nreturn tg.cond(tg.sum(x) > 0, f, lambda: x * 2), x",
        f"({VECTOR},)",
        ["graph", "kernels", "native"],
    ),
    "the same under vmap": (
        "return tg.vmap(lambda a: tg.cond(a > 0, lambda: x[:], lambda: x * 2))(x)",
        f"({VECTOR},)",
        ["graph", "kernels"],
    ),
    "the largest of nothing in a later call": (
        "return tg.max(x)",
        f"({VECTOR},), (np.zeros((0,), 'float32'),)",
        ["graph", "native"],
    ),
    "the place of the largest of nothing in a later call": (
        "return tg.argmax(x)",
        f"({VECTOR},), (np.zeros((0,), 'float32'),)",
        ["graph", "native"],
    ),
    "the median of nothing in a later call": (
        "return tg.median(x)",
        f"({VECTOR},), (np.zeros((0,), 'float32'),)",
        ["graph", "native"],
    ),
    "a mistake after a softmax of nothing": (
        "return tg.softmin(x) - tg.ones((5,))",
        "(np.zeros((0,), 'float32'),)",
        ["graph"],
    ),
    "a vector beside the rows of a matrix, in the words of both modes": (
        "return x * tg.ones((2, 3))",
        "(np.ones((2,), 'float32'),)",
        ["graph"],
    ),
    "an index by number outside another call's axis": (
        "y = x * 1\ny[0] = 2\nreturn y",
        f"({VECTOR},), (np.zeros((0,), 'float32'),)",
        ["graph", "kernels", "native"],
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_modes_agree(name):
    body, calls, ways = FOUND[name]
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    assert not examine(f"{HEAD}\n\ndef program(x):\n{lines}\n\ncalls = [{calls}]\n", ways).found


def test_a_number_for_each_batch_makes_one_version():
    function = tg.compile(lambda x, rate: x * rate)
    for rates in (tg.asarray([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0], "float32")):
        found = function.many(np.ones((3, 2), "float32"), rates)
        np.testing.assert_array_equal(found.numpy(), [[1, 1], [2, 2], [3, 3]])
    assert sum(map(len, function.versions.values())) == 1


def test_a_symbol_refuses_a_gradient_of_its_own_with_the_way_out():
    def program(x):
        y = x.detach()
        y.requires_grad_()
        return y

    with pytest.raises(tg.errors.UnsupportedError, match=r"only parameters carry a \.grad"):
        tg.compile(program)(np.ones(3, "float32"))
