"""Figures of nodes: they add up to what a profile counts, are measured only where asked for, and leave everything as it was."""

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError
from tapegraph.visual.making import scene_of
from tapegraph.visual.scene import MEASURES
from tests.visual.scene_programs import lstm, mlp


def total(stage, measure):
    return sum(n.measures.get(measure, 0.0) for n in stage.nodes)


@pytest.fixture(scope="module")
def found():
    step, args = mlp()
    with tg.mode("static"):
        step(*args)
    return step, args, scene_of(step, *args, measures=MEASURES)


def test_nothing_is_measured_unasked():
    step, args = mlp()
    scene = scene_of(step, *args)
    assert not any(n.measures for s in scene.stages for n in s.nodes)
    assert all(k.seconds is None for k in scene.kernels.values())


def test_flops_add_up_to_those_of_a_profile(found):
    step, args, scene = found
    for mode, stage in (("eager", scene.stages[0]), ("static", scene.stages[-1])):
        with tg.mode(mode), tg.debug.profile() as p:
            step(*args)
        counted = sum(r.flops for r in p.rows() if "step" not in r.name)
        assert counted, mode
        if mode == "static":
            assert 0.9 * counted <= total(stage, "flops") <= counted  # a profile counts copies as well
        else:  # there a step of the optimizer is one node, without ops
            forward = sum(n.measures.get("flops", 0) for n in stage.nodes if n.part != "update")
            assert 0 < forward <= counted


def test_every_op_has_its_time(found):
    _, _, scene = found
    eager, plan = scene.stages[0], scene.stages[-1]
    assert all(n.measures["seconds"] > 0 for n in eager.nodes if n.inputs)
    assert all("seconds" in n.measures for n in plan.nodes if n.kernel)
    assert total(plan, "seconds") == pytest.approx(sum(k.seconds or 0 for k in scene.kernels.values()), rel=0.2)
    assert 0 < total(plan, "seconds") < 1


def test_what_stays_inside_a_kernel_takes_no_memory(found):
    _, _, scene = found
    for n in scene.stages[-1].nodes:
        if n.attrs.get("memory", "").startswith("none"):
            assert n.measures["bytes"] == 0
    assert total(scene.stages[-1], "bytes") < total(scene.stages[1], "bytes")


def test_the_modes_are_compared_where_they_do_the_same(found):
    _, _, scene = found
    there = [n for n in scene.stages[-1].nodes if "divergence" in n.measures]
    assert {n.result for n in there} >= {"result", "gradient of first.weight", "update of first.weight"}
    assert all(n.measures["divergence"] < 1e-5 for n in there)


def test_errors_are_small_and_told_of_floats(found):
    _, _, scene = found
    errors = [n.measures["error"] for n in scene.stages[-1].nodes if "error" in n.measures]
    assert errors and max(errors) < 100 and min(errors) >= 0


def test_a_mistake_of_the_compilers_shows_as_divergence(monkeypatch):
    from compiler import runtime

    def wrong(self, arrays):
        instance, ready, outputs = begin(self, arrays)
        return instance, [a * 1.5 if a.dtype.kind == "f" else a for a in ready], outputs

    begin = runtime.Program.begin
    x = np.linspace(0, 1, 5, dtype=np.float32)

    def f(x):
        return tg.exp(x) * 2.0

    monkeypatch.setattr(runtime.Program, "begin", wrong)
    scene = scene_of(f, x, measures=("divergence",))
    assert max(n.measures.get("divergence", 0) for n in scene.stages[-1].nodes) > 0.1


def test_measuring_leaves_everything_as_it_was():
    step, args = lstm()
    model = step.body.__closure__[step.body.__code__.co_freevars.index("model")].cell_contents
    before = [p.numpy().copy() for p in model.parameters()]
    scene = scene_of(step, *args, measures=("seconds", "divergence"))
    for parameter, held in zip(model.parameters(), before, strict=True):
        assert np.array_equal(parameter.numpy(), held)
        assert parameter.grad is None
    inside = [n for n in scene.stages[-1].nodes if n.inside and n.kernel and n.op != "concat"]
    assert inside and all(n.measures["seconds"] > 0 for n in inside)  # the time of a loop is that of its ops


def test_another_measure_is_refused():
    with pytest.raises(ArgumentError, match="no measure 'beauty'"):
        scene_of(abs, 1.0, measures=("beauty",))
