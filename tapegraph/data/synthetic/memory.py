"""Tests of memory over long times: the copy task and the adding problem."""

from __future__ import annotations

import numpy as np

from tapegraph.data.order import Array, Draws, whole


def copy_task(n: int, length: int = 10, delay: int = 100, *, symbols: int = 8, seed: int = 0) -> tuple[Array, Array]:
    """Remember ``length`` symbols for ``delay`` steps, then say them: inputs and targets, int64 [n, delay + 2 * length].

    Input: symbols 0..symbols-1 drawn at random, ``delay - 1`` blanks (number ``symbols``), the signal to speak (number
    ``symbols + 1``), ``length`` blanks. Target: blanks, and after the signal the symbols in their order. Without memory
    the best mean cross-entropy is length * log(symbols) / (delay + 2 * length). Raises ArgumentError for sizes below 1.

    Source: Hochreiter and Schmidhuber 1997; in this form Arjovsky, Shah and Bengio 2016, "Unitary evolution recurrent
    neural networks", section 5.1, where length is 10 and symbols 8.
    """
    n = whole(n, "n", "copy_task", least=0)
    length, delay, symbols = (
        whole(v, k, "copy_task", least=1) for k, v in (("length", length), ("delay", delay), ("symbols", symbols))
    )
    said = Draws(seed).integers(symbols, n, length)
    inputs = np.full((n, delay + 2 * length), symbols, np.int64)
    targets = inputs.copy()
    inputs[:, :length] = said
    inputs[:, length + delay - 1] = symbols + 1
    targets[:, length + delay :] = said
    return inputs, targets


def adding_problem(n: int, length: int = 100, *, seed: int = 0) -> tuple[Array, Array]:
    """Add the two marked numbers of a sequence: inputs float32 [n, length, 2] and targets float32 [n].

    inputs[..., 0]: numbers uniform in [0, 1). inputs[..., 1]: 1 at one step of the first half and one of the second, else
    0. Always answering 1 has a mean squared error of 1/6. Raises ArgumentError for a length below 2.

    Source: Hochreiter and Schmidhuber 1997 (see ``adding_problem_1997``); in this form Le, Jaitly and Hinton 2015, "A simple
    way to initialize recurrent networks of rectified linear units", and Arjovsky, Shah and Bengio 2016.
    """
    n, length = whole(n, "n", "adding_problem", least=0), whole(length, "length", "adding_problem", least=2)
    draws, half = Draws(seed), length // 2
    inputs = np.zeros((n, length, 2), np.float32)
    # Rounding to float32 may reach 1; cutting off at 24 bits cannot.
    inputs[..., 0] = np.floor(draws.uniform(n, length) * 2**24) * 2.0**-24
    marked = np.stack([draws.integers(half, n), half + draws.integers(length - half, n)], axis=1)
    np.put_along_axis(inputs[..., 1], marked, 1, axis=1)
    return inputs, np.take_along_axis(inputs[..., 0], marked, axis=1).sum(axis=1)


def adding_problem_1997(n: int, length: int = 100, *, seed: int = 0) -> tuple[Array, Array, Array]:
    """The adding problem as it was first posed: inputs float32 [n, longest, 2], lengths int64 [n], targets float32 [n].

    A sequence has a random length from ``length`` to length + length // 10, and zeros after its end. inputs[..., 0]: numbers
    uniform in [-1, 1). inputs[..., 1]: -1 at the first and last step, 1 at the two marked steps, else 0. The first mark is
    on one of the first ten steps, the second on one of the first length // 2 - 1 steps not yet marked; where a mark
    falls on the very first step, its number counts as 0 (the marker there is 1). Target: 0.5 + (x1 + x2) / 4, in
    [0, 1). Raises ArgumentError for a length below 22.

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", Neural Computation 9(8), section 5.4.
    """
    n, length = whole(n, "n", "adding_problem_1997", least=0), whole(length, "length", "adding_problem_1997", least=22)
    draws = Draws(seed)
    lengths = length + draws.integers(length // 10 + 1, n)
    longest = length + length // 10
    first = draws.integers(10, n)
    second = draws.integers(length // 2 - 1, n)
    second += second >= first  # the steps but the one marked first
    values = np.floor(draws.uniform(n, longest) * 2**24) * 2.0**-23 - 1
    present = np.arange(longest) < lengths[:, None]
    marks = np.zeros((n, longest))
    rows = np.arange(n)
    marks[:, :1] = -1
    marks[rows, lengths - 1] = -1
    marks[rows, first] = marks[rows, second] = 1
    inputs = np.stack([np.where(present, values, 0), marks], axis=-1).astype(np.float32)
    counted = [np.where(place == 0, 0, values[rows, place]) for place in (first, second)]
    return inputs, lengths, (0.5 + (counted[0] + counted[1]) / 4).astype(np.float32)
