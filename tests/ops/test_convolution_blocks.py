"""Convolution in NumPy gives the same for blocks of any size, and is the transpose of itself, for windows of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from engine.ops import lines, taps
from engine.ops.windows import Slide


@pytest.mark.parametrize("room", [1 << 6, 1 << 20])
def test_three_products_are_one_trilinear_form(room, monkeypatch):
    monkeypatch.setattr(lines, "CACHE", room)
    rng = np.random.default_rng(0)
    checked = 0
    while checked < 120:
        rank, groups = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        channels, count, batch = (int(n) for n in rng.integers(1, 7, 3))
        window, stride, dilation = (tuple(map(int, rng.integers(1, 4, rank))) for _ in range(3))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (rank, 2)))
        sizes = tuple(map(int, rng.integers(1, 10, rank)))
        slide = Slide(window, stride, padding, dilation)
        found = slide.results(sizes)
        if min(found) < 1:
            continue
        checked += 1
        x = rng.standard_normal((batch, groups * channels, *sizes))
        w = rng.standard_normal((groups * count, channels, *window))
        g = rng.standard_normal((batch, groups * count, *found))
        wide = np.pad(x, ((0, 0), (0, 0), *padding)).reshape(
            batch, groups, channels, *np.add(sizes, np.sum(padding, 1))
        )
        wanted = np.zeros((batch, groups, count, *found))
        for tap in np.ndindex(window):
            steps = zip(tap, found, stride, dilation, strict=True)
            met = wide[(..., *(slice(t * d, t * d + (m - 1) * s + 1, s) for t, m, s, d in steps))]
            part = w[(..., *tap)].reshape(groups, count, channels)
            wanted += np.einsum("goc,bgc...->bgo...", part, met)
        y = taps.results(x, w, slide, groups)
        np.testing.assert_allclose(y, wanted.reshape(y.shape), rtol=1e-10, atol=1e-10)
        form = np.sum(g * y)
        np.testing.assert_allclose(np.sum(x * taps.inputs(g, w, sizes, slide, groups)), form, rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(np.sum(w * taps.weights(x, g, window, slide, groups)), form, rtol=1e-9, atol=1e-8)


def test_gradients_of_other_sizes_are_refused():
    slide = Slide((2,), (1,), ((0, 0),), (1,))
    x, g, w = np.ones((1, 1, 4)), np.ones((1, 1, 4)), np.ones((1, 1, 2))
    with pytest.raises(ValueError):
        taps.weights(x, g, (2,), slide, 1)
    with pytest.raises(ValueError):
        taps.inputs(g, w, (4,), slide, 1)
