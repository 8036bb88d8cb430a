"""Subnormals are kept by default, and taken for zero where asked, in both modes and on every thread."""

import numpy as np
import pytest

import tapegraph as tg

TINY = np.float32(1e-38)


@pytest.fixture
def flushing():
    if not tg.set_flush_denormal(True):
        pytest.skip("a processor that cannot")
    yield
    tg.set_flush_denormal(False)


@tg.compile
def halve(x):
    return x * 0.5


def test_subnormals_are_kept_unless_asked():
    assert halve(np.full(64, TINY))[0].item() > 0 and (tg.asarray(np.full(64, TINY)) * 0.5)[0].item() > 0


def test_subnormals_are_zero_in_both_modes_where_asked(flushing):
    x = np.full(64, TINY)
    assert not halve(x).numpy().view("i4").any()
    assert not (tg.asarray(x) * 0.5).numpy().view("i4").any()


def test_every_thread_of_the_pool_follows(flushing):
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    try:
        large = np.full(8_000_000, TINY)
        for _ in range(3):
            assert not halve(large).numpy().view("i4").any()
        tg.set_flush_denormal(False)
        assert halve(large).numpy().view("i4").all()
    finally:
        tg.set_num_threads(before)
