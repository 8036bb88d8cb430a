"""Waves: what runs at the same time needs nothing of each other and shares no memory; mistakes are found where they are."""

import networkx as nx
import numpy as np
import pytest

import tapegraph as tg
from compiler import pool, waves
from compiler.control import Turn
from compiler.step import Step
from tapegraph.models import REFERENCE

rng = np.random.default_rng(0)


def program_of(function):
    (version,) = (v for versions in function.versions.values() for v in versions)
    return version.program


@pytest.fixture(scope="module")
def programs():
    """The compiled training steps of three models."""
    found = []
    for name in ("gru classifier", "transformer classifier", "lenet"):
        training = REFERENCE[name].start()
        with tg.mode("static"):
            training.step(*REFERENCE[name].data())
        found.append(program_of(training.step))
    return found


def networks(plan):
    """What each step of a plan waits for, as a graph of their numbers."""
    after, _ = waves._dependences(plan.steps)
    net = nx.DiGraph()
    net.add_nodes_from(range(len(plan.steps)))
    net.add_edges_from((i, j) for i, others in enumerate(after) for j in others)
    return net


def test_members_of_a_wave_need_nothing_of_each_other(programs):
    for program in programs:
        net, plan = networks(program.plan), program.plan
        assert all(plan.times[i] < plan.times[j] for i, j in net.edges)
        levels = list(nx.topological_generations(net))
        ends = waves.wave_ends(plan.times)
        assert len(levels) <= len(ends) < len(plan.steps)
        for first, last in ends:
            assert not any(nx.has_path(net, i, j) for i in range(first, last) for j in range(first, last) if i != j)


def test_members_of_a_wave_share_no_memory(programs):
    for program in programs:
        plan, places = program.plan, dict(zip(program.arena.buffers, program.arena.addresses.tolist(), strict=True))
        rooms = dict(zip(program.arena.buffers, program.arena.room.tolist(), strict=True))

        def spans(buffers, places=places, rooms=rooms):
            return [(places[b], places[b] + rooms[b]) for b in buffers if b in places]

        for first, last in waves.wave_ends(plan.times):
            members = [s for s in plan.steps[first:last] if isinstance(s, Step)]
            for one in members:
                for other in members:
                    if one is not other:
                        for begin, end in spans(one.writes):
                            touched = spans({*other.reads, *other.writes})
                            assert not any(a < end and begin < b for a, b in touched)


def test_states_are_written_after_all_that_may_fail(programs):
    for program in programs:
        commits = [any(b.kind == "state" for b in waves._written(s)) for s in program.plan.steps]
        times = program.plan.times
        for number, commit in enumerate(commits):
            if commit:
                later = [i for i in range(len(commits)) if not commits[i] and times[i] >= times[number]]
                assert all(any(b.kind == "state" for b in program.plan.steps[i].reads) for i in later)


def test_two_loops_run_at_the_same_time():
    def running(x):
        return tg.scan(lambda h, v: (tg.tanh(h * 0.5 + v), h), tg.zeros((8,)), x)[1]

    @tg.function
    def both(x, y):
        return running(x) + running(tg.flip(y, axis=0))

    x, y = (rng.standard_normal((50, 8)).astype("f4") for _ in range(2))
    pool.address()
    before, threads = pool.words.copy(), pool.threads()
    results = []
    try:
        pool.words[[pool.PIECE, pool.GRAIN, pool.NAP]] = 20_000, 0, 0
        for count in (1, 2, 3):
            pool.threads(count)
            with tg.mode("static"):
                results.append(both(tg.asarray(x), tg.asarray(y)).numpy())
    finally:
        kept = [pool.PIECE, pool.GRAIN, pool.NAP]
        pool.words[kept] = before[kept]
        pool.threads(threads)
    plan = program_of(both).plan
    assert len({t for t, s in zip(plan.times, plan.steps, strict=True) if isinstance(s, Turn)}) == 1
    with tg.mode("eager"):
        assert np.allclose(results[0], both(tg.asarray(x), tg.asarray(y)).numpy(), atol=1e-6)
    assert all(r.tobytes() == results[0].tobytes() for r in results)
