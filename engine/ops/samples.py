"""Short ways to write the samples that generated tests use."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.op import Sample
from engine.spec import DType


def array(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    if dtype.kind == "b":
        return rng.uniform(size=shape) > 0.5
    return rng.uniform(0 if dtype.kind == "u" else -3, 3, shape).astype(dtype)


def calls(*calls: tuple[Any, ...]) -> Any:
    """Samples from tuples: a shape, further arguments, attributes as a dict."""

    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        return [
            Sample(
                (array(rng, dtype, *shape), *[r for r in rest if not isinstance(r, dict)]),
                dict(*[r for r in rest if isinstance(r, dict)]),
            )
            for shape, *rest in calls
        ]

    return samples
