"""Each reference model trained for 20 steps in each mode and by PyTorch, once for all tests that look at it."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

import tapegraph as tg
from tapegraph.models import REFERENCE

STEPS = 20
SIZES = (8, 5, 3, 9, 6)  # of batches, by turns; the lengths of sequences change along


class Run(NamedTuple):
    """What a training left behind. ``step``: the function that was called (None for PyTorch)."""

    losses: np.ndarray
    states: dict[str, np.ndarray]
    step: Any


def batches(name: str, dtype: str):
    """The batches of a run; sizes, and lengths where there are any, are those of the model first and then change."""
    reference = REFERENCE[name]
    for number in range(STEPS):
        size = SIZES[number % len(SIZES)]
        length = reference.length and reference.length + 2 * (number % 3)
        yield reference.data(number, size=size, length=length, dtype=dtype)


@cache
def run(name: str, mode: str, dtype: str) -> Run:
    """20 steps in "eager" or "static" mode, or of "torch"."""
    training = REFERENCE[name].start(dtype)
    if mode == "torch":
        from tests.models.torch_models import Twin

        twin = Twin(name, training)
        losses = [twin.step(*batch).item() for batch in batches(name, dtype)]
        states = {key: value.detach().numpy() for key, value in twin.model.state_dict().items()}
        return Run(np.array(losses), states, None)
    with tg.mode(mode):
        losses = [training.step(*batch).item() for batch in batches(name, dtype)]
    return Run(np.array(losses), training.model.state_dict(), training.step)
