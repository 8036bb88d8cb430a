"""Sequence models: states carried from piece to piece, and padding that changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.models import GRUClassifier, LSTMLanguageModel, TransformerClassifier

RNG = np.random.default_rng(0)


def language_model():
    tg.manual_seed(0)
    return LSTMLanguageModel(10, 8, embedding=4, layers=2).double()


def test_a_text_in_pieces_scores_as_the_whole_does():
    model = language_model()
    tokens = RNG.integers(0, 10, (3, 12))
    wanted, (h, c) = model(tokens)
    state, scores = None, []
    for piece in np.split(tokens, [2, 7], axis=1):
        found, state = model(piece, state)
        scores.append(np.asarray(found))
    np.testing.assert_allclose(np.concatenate(scores, axis=1), np.asarray(wanted), rtol=1e-12)
    for a, b in zip(state, (h, c), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)


def test_training_with_a_carried_state_is_the_same_in_both_modes():
    text = RNG.integers(0, 10, (3, 41))

    def losses(mode):
        model = language_model()
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @tg.function
        def step(tokens, targets, h, c):
            scores, state = model(tokens, (h, c))
            loss = nn.functional.cross_entropy(tg.reshape(scores, (-1, 10)), tg.reshape(targets, (-1,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss, state

        state = np.zeros((2, 3, 8)), np.zeros((2, 3, 8))
        found = []
        with tg.mode(mode):
            for start in range(0, 40, 8):
                piece = text[:, start : start + 9]
                loss, (h, c) = step(piece[:, :-1], piece[:, 1:], *state)
                state = h.detach(), c.detach()
                found.append(loss.item())
        return found, [np.asarray(s) for s in state], step

    eager, static = losses("eager"), losses("static")
    np.testing.assert_allclose(static[0], eager[0], rtol=1e-10)
    for a, b in zip(static[1], eager[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert "1 version" in static[2].explain()


@pytest.mark.parametrize(
    "build",
    [
        lambda: GRUClassifier(5, 3, 8, layers=2, bidirectional=True),
        lambda: TransformerClassifier(5, 3, 8, heads=2, dropout=0.0),
    ],
    ids=["gru", "transformer"],
)
def test_padding_changes_no_score(build):
    tg.manual_seed(0)
    model = build().double()
    tokens, lengths = RNG.integers(1, 5, (4, 6)), np.array([6, 2, 5, 1])
    tokens[np.arange(6) >= lengths[:, None]] = 0
    together = np.asarray(model(tokens, lengths))
    padded = np.pad(tokens, ((0, 0), (0, 3)))
    np.testing.assert_allclose(np.asarray(model(padded, lengths)), together, rtol=1e-10)
    for row, length in enumerate(lengths):
        alone = model(tokens[row : row + 1, :length], lengths[row : row + 1])
        np.testing.assert_allclose(np.asarray(alone)[0], together[row], rtol=1e-10)
