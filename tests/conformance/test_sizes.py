"""A function compiled for named sizes serves other sizes too, with eager mode's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import tree
from engine.errors import TapegraphError
from engine.op import Sample
from tests.conformance import cases
from tests.conformance.cases import ENTRIES
from tests.conformance.test_errors import dtype_of
from tests.conformance.test_values import assert_close

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

GROW = {2: 5, 3: 7, 4: 9, 5: 11, 6: 13}  # each size of the samples becomes another, the same one everywhere


def grown(array: Any, rng: np.random.Generator) -> Any:
    """An array of larger sizes filled from the elements of a small one."""
    shape = [GROW.get(n, n) for n in array.shape]
    return rng.choice(array.reshape(-1), shape) if array.size else np.zeros(shape, array.dtype)


def other_size(sample: Sample, name: str) -> tuple[Sample, bool]:
    """The call with grown arrays; and whether the op takes them."""
    arrays, fill = cases.unpack([sample])
    rng = np.random.default_rng(0)
    arrays = [grown(a, rng) for a in arrays]
    (call,) = fill(arrays)
    try:
        cases.eager(cases.program(ENTRIES[name], [call])[0], arrays)
    except (TapegraphError, ValueError):  # hidden ops leave the check of their attributes to their public faces
        return call, False
    return call, True


@pytest.mark.parametrize("name", ENTRIES)
def test_other_sizes(name):
    entry = ENTRIES[name]
    versions, served = 0, 0
    for sample in cases.samples(entry, dtype_of(entry)):
        call, fits = other_size(sample, name)
        if not fits:
            continue
        run, small = cases.program(entry, [sample])
        _, large = cases.program(entry, [call])
        function = tg.compile(run)
        for arrays in (small, large):
            tg.manual_seed(0)
            wanted = cases.eager(run, arrays)
            tg.manual_seed(0)
            found = tree.leaves(function(arrays))
            for y, z in zip(found, wanted, strict=True):
                assert_close(entry, np.asarray(y), z, f"{name} of {[a.shape for a in arrays]}")
        versions += sum(map(len, function.versions.values()))
        served += 1
    if entry.elementwise:
        assert versions == served, "an elementwise op has no use for the numbers behind sizes"
