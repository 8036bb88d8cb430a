"""GPT: causality, and texts written step by step in both modes."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.models import GPT


@pytest.fixture(scope="module")
def model():
    tg.manual_seed(0)
    return GPT(32, 32, 16, heads=2, layers=2).double().eval()


def prompt(n, time, seed=0):
    return np.random.default_rng(seed).integers(0, 32, (n, time))


def test_scores_do_not_see_what_comes_later(model):
    tokens = prompt(3, 9)
    changed = tokens.copy()
    changed[:, 5:] = (changed[:, 5:] + 1) % 32
    before, after = np.asarray(model(tokens)), np.asarray(model(changed))
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (np.abs(after[:, 5:] - before[:, 5:]).max(axis=-1) > 1e-6).all()


def test_generate_writes_what_the_whole_text_computed_anew_would(model):
    wanted = prompt(3, 4)
    for _ in range(10):
        scores = np.asarray(model(wanted))[:, -1]
        wanted = np.concatenate([wanted, scores.argmax(axis=-1)[:, None]], axis=1)
    for mode in ("eager", "static"):
        with tg.mode(mode):
            np.testing.assert_array_equal(np.asarray(model.generate(prompt(3, 4), 10, 0)), wanted)


def test_draws_are_the_same_in_both_modes_and_one_compile_serves_every_prompt(model):
    def versions():
        return sum(map(len, GPT.generate.versions.values()))

    before = versions()
    for n, time in ((3, 4), (2, 7), (5, 3)):
        found = []
        for mode in ("eager", "static"):
            tg.manual_seed(n)
            with tg.mode(mode):
                found.append(np.asarray(model.generate(prompt(n, time), 6, 0.8, 5)))
        np.testing.assert_array_equal(*found)
        assert found[0].shape == (n, time + 6)
        np.testing.assert_array_equal(found[0][:, :time], prompt(n, time))
    assert versions() == before + 1, GPT.generate.explain()


def test_draws_follow_the_scores():
    tg.manual_seed(0)
    model = GPT(4, 8, 8, heads=2, layers=1).eval()
    model.tokens.weight.assign(np.asarray(model.tokens.weight) * 40)  # scores far apart
    text = np.tile(prompt(1, 3) % 4, (4000, 1))
    scores = np.asarray(model(text[:1]))[0, -1].astype("float64")
    for temperature, top_k in ((1.0, None), (2.0, None), (0.7, 2)):
        kept = scores if top_k is None else np.where(scores >= np.sort(scores)[-top_k], scores, -np.inf)
        chances = np.exp((kept - kept.max()) / temperature)
        drawn = np.asarray(model.generate(text, 1, temperature, top_k))[:, -1]
        np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 4000, chances / chances.sum(), atol=0.03)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_more_places_than_the_context_are_refused(model, mode):
    with tg.mode(mode):
        with pytest.raises(tg.errors.IndexRangeError):
            model.generate(prompt(2, 30), 6, 0.8, 5)
        with pytest.raises(tg.errors.IndexRangeError):
            tg.function(model)(prompt(2, 33))


def test_heads_must_divide_the_width():
    with pytest.raises(tg.errors.ArgumentError, match="3 heads do not divide 16 features"):
        GPT(32, 32, 16, heads=3)
