"""Random programs mean the same line by line, node by node, as kernels in Python, and compiled in every way."""

from __future__ import annotations

import pytest

from tapegraph.fuzz.examine import chosen, examine
from tapegraph.fuzz.search import search
from tapegraph.fuzz.writer import program

SEED = 2026


def assert_nothing_found(numbers, ways=None):
    for number in numbers:
        text = program(SEED, number)
        found = examine(text, ways or chosen(SEED, number)).found
        assert not found, "\n".join(f"program {number}, {way}: {d}\n{text}" for way, d in found.items())


@pytest.mark.parametrize("start", range(0, 60, 10))
def test_a_few(start):
    assert_nothing_found(range(start, start + 10))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 1300, 50))
def test_many_without_native_code(start):
    assert_nothing_found(range(start, start + 50), ("graph", "kernels"))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["native", "pieces", "threads", "unwatched", "bare", "bitwise", "pinned", "many"])
def test_some_compiled(way):
    ways = ("native", way) if way != "native" else (way,)
    assert_nothing_found(range(2000, 2012), ways)


@pytest.mark.slow
def test_workers_give_what_one_process_gives():
    tally = search(SEED, 6, jobs=2, ways=("graph",))
    assert (tally.programs, tally.found) == (6, {})
    assert tally.calls == sum(examine(program(SEED, n), ("graph",)).calls for n in range(6))


def test_a_program_is_the_same_for_the_same_numbers():
    assert program(SEED, 3) == program(SEED, 3) != program(SEED, 4)
