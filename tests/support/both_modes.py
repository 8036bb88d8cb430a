"""One call in eager mode and compiled, compared to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tapegraph as tg
from engine import tree


def both(function: Callable[..., Any], *arrays: Any, rtol: float | None = None) -> Any:
    """The results of eager mode (one array, or a list), those of the compiled function being the same.

    ``rtol``: how far floats of the two may be apart, relative to the largest; None means not at all.
    """
    arrays = tuple(np.asarray(a) for a in arrays)
    eager = [np.asarray(y) for y in tree.leaves(function(*map(tg.asarray, arrays)))]
    static = [np.asarray(y) for y in tree.leaves(tg.compile(function)(*arrays))]
    assert len(eager) == len(static)
    for found, wanted in zip(static, eager, strict=True):
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        if rtol is None or wanted.dtype.kind != "f":
            np.testing.assert_array_equal(found, wanted)
            if wanted.dtype.kind == "f":
                np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
        else:
            finite = wanted[np.isfinite(wanted)]
            np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * np.abs(finite).max(initial=0))
    return eager[0] if len(eager) == 1 else eager
