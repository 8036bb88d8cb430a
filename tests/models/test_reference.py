"""Every reference model trains the same in eager mode, in static mode and in PyTorch, and one compile serves all batches."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.models import REFERENCE
from tests.models.runs import run

# Relative errors of losses and states after 20 steps.
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
CASES = [pytest.param(n, "float64", id=f"{n}-float64") for n in REFERENCE] + [
    pytest.param(n, "float32", id=f"{n}-float32", marks=pytest.mark.slow) for n in REFERENCE
]


def assert_same(found, wanted, dtype):
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(found.losses, wanted.losses, rtol=tolerance, atol=tolerance)
    assert found.states.keys() == wanted.states.keys()
    for name, wanted_state in wanted.states.items():
        pair = [found.states[name], wanted_state]
        if name.endswith(("in_proj_bias", "qkv.bias")):
            # Softmax does not see the bias of keys, which adds the same to all scores of a query. Its gradient is rounding
            # error, which Adam makes as large as any other.
            query, _, value = zip(*(np.split(state, 3) for state in pair), strict=True)
            pair = [np.concatenate(parts) for parts in zip(query, value, strict=True)]
        # What one step in 20 may move a weight by is about its optimizer's rate, whatever the weight's own size.
        np.testing.assert_allclose(*pair, rtol=10 * tolerance, atol=10 * tolerance, err_msg=name)


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_training_is_the_same_in_both_modes(name, dtype):
    assert_same(run(name, "static", dtype), run(name, "eager", dtype), dtype)


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_training_is_the_same_in_torch(name, dtype):
    pytest.importorskip("torch")
    wanted = run(name, "torch", dtype)
    for mode in ("eager", "static"):
        assert_same(run(name, mode, dtype), wanted, dtype)


@pytest.mark.parametrize("name", REFERENCE)
def test_one_compile_serves_every_batch_size_and_length(name):
    step = run(name, "static", "float64").step
    assert sum(map(len, step.versions.values())) == 1, step.explain()
    assert "computed in Python" not in step.explain()


@pytest.mark.parametrize("name", REFERENCE)
def test_training_changes_every_parameter(name):
    before = REFERENCE[name].start("float64").model
    after = run(name, "eager", "float64").states
    for path, parameter in before.named_parameters():
        assert not np.array_equal(parameter.numpy(), after[path]), path


@pytest.mark.parametrize("name", REFERENCE)
def test_seeds_name_data_and_weights(name):
    reference = tg.models.REFERENCE[name]
    first, again, other = (reference.data(seed) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other, strict=True))
    first, again, other = (list(reference.start(seed=seed).model.parameters()) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert any((a.numpy() != b.numpy()).any() for a, b in zip(first, other, strict=True))
