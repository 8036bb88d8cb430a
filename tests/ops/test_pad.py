"""Padding gives PyTorch's and NumPy's values and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, ShapeError

F = tg.nn.functional
CASES = [
    ((2, 3, 5), (2, 1)),
    ((2, 3, 5), (0, 3)),
    ((2, 3, 5), (-1, 2)),
    ((2, 3, 5, 6), (1, 2, 3, 0)),
    ((2, 3, 5, 6), (0, 0, 2, 2)),
    ((2, 3, 5, 6), (-2, 1, 1, -1)),
    ((2, 3, 4, 5, 6), (1, 2, 3, 0, 1, 1)),
]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("shape, sides", CASES)
def test_against_torch(shape, sides, mode):
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64"):
        x = np.random.default_rng(0).uniform(-1, 1, shape).astype(dtype)
        theirs, ours = torch.tensor(x, requires_grad=True), tg.tensor(x, requires_grad=True)
        value = {"value": 1.5} if mode == "constant" else {}
        wanted, found = torch.nn.functional.pad(theirs, sides, mode, **value), F.pad(ours, sides, mode, **value)
        np.testing.assert_array_equal(np.asarray(found), wanted.detach().numpy())
        (wanted * wanted).sum().backward()
        tg.sum(found * found).backward()
        np.testing.assert_allclose(np.asarray(ours.grad), theirs.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "mode, theirs", [("constant", "constant"), ("reflect", "reflect"), ("edge", "edge"), ("wrap", "wrap")]
)
def test_against_numpy(mode, theirs):
    x = np.random.default_rng(0).integers(0, 9, (4, 5))
    for widths in (2, ((1, 0), (0, 3)), ((0, 0), (2, 2))):
        np.testing.assert_array_equal(np.asarray(tg.pad(x, widths, mode=mode)), np.pad(x, widths, mode=theirs))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_one_compile_serves_every_size(mode):
    def slope(x):
        return tg.grad(lambda x: tg.sum(tg.sin(F.pad(x, (1, 2, 2, 0), mode))))(x)

    compiled = tg.compile(slope)
    for shape in ((2, 4, 5), (3, 6, 4)):
        x = np.random.default_rng(0).uniform(-1, 1, shape)
        np.testing.assert_allclose(np.asarray(compiled(x)), np.asarray(slope(tg.asarray(x))), rtol=1e-12, atol=1e-12)
    assert [len(v) for v in compiled.versions.values()] == [1]


def test_mistakes_are_named():
    x = tg.ones((2, 3))
    with pytest.raises(ShapeError, match="'reflect' takes up to 2 elements from axis 1 of 3, not 3"):
        F.pad(x, (3, 0), "reflect")
    with pytest.raises(ArgumentError, match="pairs"):
        F.pad(x, (1, 2, 3))
    with pytest.raises(ArgumentError, match="mode must be one of"):
        tg.pad(x, 1, mode="mirror")
    with pytest.raises(ShapeError, match="cannot be cut off"):
        F.pad(x, (-2, -2))
