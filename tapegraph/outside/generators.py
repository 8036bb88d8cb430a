"""The states of random generators of NumPy and Python, read, compared and put back."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterable
from typing import Any

import numpy as np

_NUMPY = np.random.rand.__self__  # type: ignore[attr-defined]  # what np.random's functions draw from
_PYTHON = random.random.__self__  # type: ignore[attr-defined]
EVERYWHERE = (_NUMPY, _PYTHON)


def states(generators: Iterable[Any]) -> list[tuple[Any, bytes]]:
    """Each generator with its state now, the global ones among them; about 10 us each."""
    return [(g, _state(g)) for g in {id(g): g for g in (*EVERYWHERE, *generators)}.values()]


def moved(before: list[tuple[Any, bytes]]) -> list[Any]:
    """The generators that have been drawn from since."""
    return [g for g, state in before if _state(g) != state]


def put_back(before: list[tuple[Any, bytes]]) -> None:
    """Give each generator the state it had."""
    for generator, state in before:
        value = pickle.loads(state)
        match generator:
            case random.Random():
                generator.setstate(value)
            case np.random.RandomState():
                generator.set_state(value)
            case _:
                generator.bit_generator.state = value


def _state(generator: Any) -> bytes:
    match generator:
        case random.Random():
            return pickle.dumps(generator.getstate())
        case np.random.RandomState():
            return pickle.dumps(generator.get_state(legacy=False))
        case _:
            return pickle.dumps(generator.bit_generator.state)
