"""Notices are warnings at the user's line, errors at level "checked", and silent at "off"."""

from __future__ import annotations

import warnings

import pytest

import tapegraph as tg
from engine.errors import ArgumentError
from engine.notices import GradientWarning, TapegraphWarning, warn


def notice() -> GradientWarning:
    return GradientWarning("nothing happens", op="step", fix="do something")


def test_a_notice_has_an_address_and_is_shown_once_for_each_line():
    with pytest.warns(TapegraphWarning) as seen:
        for _ in range(3):
            warn(notice())
    assert len(seen) == 1
    assert (seen[0].filename, "nothing happens" in str(seen[0].message)) == (__file__, True)
    assert "fix: do something" in str(seen[0].message)
    with pytest.warns(GradientWarning):
        warn(notice())


def test_levels():
    with tg.debug.level("checked"), pytest.raises(GradientWarning):
        warn(notice())
    with warnings.catch_warnings(), tg.debug.level("off"):
        warnings.simplefilter("error")
        warn(notice())
    with pytest.raises(ArgumentError, match="off, default, checked"):
        tg.debug.set_level("loud")
