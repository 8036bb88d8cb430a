"""The handwritten digits of the UCI repository (Alpaydin and Kaynak 1998), small enough to come with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tapegraph.data.order import Array


def digits(*, images: bool = False) -> tuple[Array, Array]:
    """Pixels float32 [1797, 64] in [0, 1] (8x8, row by row) and labels int64 [1797] in 0..9. See ATTRIBUTION.md.

    ``images``: pixels as [1797, 8, 8]; a convolution wants its channel axis, ``pixels[:, None]``.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as stored:
        pixels, labels = stored["images"], stored["labels"]
    pixels = pixels.astype(np.float32) / np.float32(16)
    return pixels.reshape(-1, 8, 8) if images else pixels, labels.astype(np.int64)
