"""Scenes hold together: ids, operands, derivatives, firings and kernels point at what is there, in every stage."""

import itertools
import json
import time

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, TapegraphError
from engine.level import level
from tapegraph.visual.making import scene_of
from tapegraph.visual.scene import PARTS
from tests.visual.scene_programs import PROGRAMS, gpt, scene


def stage(found, name):
    return next(s for s in found.stages if s.name == name)


@pytest.fixture(params=PROGRAMS)
def found(request):
    return scene(request.param)


def test_what_nodes_point_at_is_there(found):
    for one in found.stages:
        nodes = {n.id: n for n in one.nodes}
        assert len(nodes) == len(one.nodes), one.name
        for n in one.nodes:
            assert set(n.inputs) <= nodes.keys(), n
            assert n.of == "" or n.of in nodes, n
            assert n.inside == "" or nodes[n.inside].kind == "control", n
            assert n.kernel == "" or n.kernel in found.kernels, n
            assert n.part in PARTS, n


def test_operands_stand_before_their_users(found):
    for one in found.stages:
        seen = set()
        for n in one.nodes:
            assert set(n.inputs) <= seen, (one.name, n)
            seen.add(n.id)


def test_firings_lead_from_the_stage_before_to_this_one(found):
    static = [s for s in found.stages if s.family == "static"]
    assert any(s.firings for s in static)
    for before, after in itertools.pairwise(static):
        for firing in after.firings:
            assert firing.left and set(firing.left) <= {n.id for n in before.nodes}, firing
            assert set(firing.right) <= {n.id for n in after.nodes}, firing
            assert firing.equation and firing.place is not None, firing


def test_what_no_rule_touched_keeps_its_id(found):
    static = [s for s in found.stages if s.family == "static"]
    for before, after in itertools.pairwise(static):
        touched = {i for f in after.firings for i in f.left}
        gone = {n.id for n in before.nodes if not n.inside} - {n.id for n in after.nodes}
        made = [n for n in after.nodes if n.id not in {m.id for m in before.nodes}]
        if after.name not in ("invariants", "residuals"):  # which make scans anew
            assert gone <= touched | _behind(before, touched), (after.name, gone - touched)
            assert all(n.rule or n.inside for n in made), after.name


def _behind(one, ids):
    """What only these used: it goes with them."""
    users = {}
    for n in one.nodes:
        for i in n.inputs:
            users.setdefault(i, set()).add(n.id)
    found = set(ids)
    for n in reversed(one.nodes):
        if n.id in users and users[n.id] <= found:
            found.add(n.id)
    return found


def test_every_op_has_a_line_of_the_users(found):
    for one in found.stages:
        for n in one.nodes:
            assert n.place is not None or n.op in ("leaf", "number"), (one.name, n)


def test_every_backward_node_knows_its_forward_node(found):
    for name in ("eager", "as traced"):
        nodes = {n.id: n for n in stage(found, name).nodes}
        backward = [n for n in nodes.values() if n.part == "backward"]
        assert backward
        for n in backward:
            assert n.of, (name, n)
            assert n.module == nodes[n.of].module or not n.inputs or n.inside, (name, n)


def test_forward_ops_have_twins_of_the_same_line(found):
    eager = {n.id: n for n in stage(found, "eager").nodes}
    forward = [
        n for n in stage(found, "as traced").nodes if n.part == "forward" and n.kind != "constant" and not n.inside
    ]
    known = [n for n in forward if n.twin]
    assert len(known) >= 0.8 * len(forward), [n.label for n in forward if not n.twin]
    for n in known:
        assert n.op == "leaf" or n.place == eager[n.twin].place, n
    ops = [n for n in eager.values() if n.part == "forward" and n.inputs]
    assert {n.place for n in ops} <= {n.place for n in forward}
    alone = [n.label for n in ops if n.id not in {m.twin for m in known}]
    assert len(alone) <= 0.5 * len(ops), alone  # layers may go other ways in the two modes


def test_results_are_named(found):
    told = {role for n in stage(found, "as traced").nodes if not n.inside for role in n.result.split(", ") if role}
    assert "result" in told
    gradients = {t.removeprefix("gradient of ") for t in told if t.startswith("gradient of ")}
    updates = {t.removeprefix("update of ") for t in told if t.startswith("update of ")}
    assert gradients and gradients <= updates
    assert told == {role for n in stage(found, "plan").nodes if not n.inside for role in n.result.split(", ") if role}


def test_kernels_have_their_loops(found):
    plan = stage(found, "plan")
    used = {n.kernel for n in plan.nodes if n.kernel}
    fused = [k for k in used if sum(n.kernel == k for n in plan.nodes) > 1]
    assert fused
    for key in used:
        assert "def kernel(" in found.kernels[key].text or found.kernels[key].text.startswith("#")
    for n in plan.nodes:
        assert n.kernel or n.kind in ("input", "state", "constant", "view", "control") or n.op in ("mark", "result"), n


def test_modules_are_named_as_in_the_program():
    modules = {n.module for n in stage(scene("mlp"), "as traced").nodes}
    assert {
        ("model", "first"),
        ("model", "rest", "0"),
        ("model", "rest", "2"),
        ("optimizer", "first.weight"),
    } <= modules
    for name in ("eager", "as traced"):
        modules = {n.module for n in stage(scene("gpt"), name).nodes}
        for block in ("blocks.0", "blocks.1"):
            assert {
                ("model", block, "norm"),
                ("model", block, "attention"),
                ("model", block, "attention", "qkv"),
            } <= modules


def test_a_loop_can_be_opened():
    traced = stage(scene("lstm"), "as traced")
    loops = {n.id: n for n in traced.nodes if n.kind == "control"}
    inside = [n for n in traced.nodes if n.inside in loops]
    assert {n.inside for n in inside} == loops.keys()
    assert {n.attrs["subprogram"] for n in inside} == {"body"}
    outer = {n.id for n in traced.nodes if not n.inside}
    assert any(set(n.inputs) & outer for n in inside)  # inputs of the body stand for operands around it
    steps = {k.calls for k in scene("lstm").kernels.values()}
    assert steps == {1, 2}  # the body's kernels run once a step


def test_what_was_rewritten_in_a_loop_is_told_with_the_plan():
    before, plan = scene("lstm").stages[-2:]
    inside = {n.id for n in before.nodes if n.inside}
    assert {"mark_done", "square_named"} <= {f.rule for f in plan.firings}
    assert all(set(f.left) <= inside for f in plan.firings)
    stays = inside & {n.id for n in plan.nodes if n.inside}
    assert len(stays) >= 0.9 * sum(bool(n.inside) for n in plan.nodes)


def test_a_call_leaves_no_trace():
    step, args = gpt(1)
    model, optimizer = _held(step, "model"), _held(step, "optimizer")
    before = [s.numpy().copy() for s in optimizer.states()]
    scene_of(step, *args)
    for state, held in zip(optimizer.states(), before, strict=True):
        assert np.array_equal(state.numpy(), held), state.name
    assert all(p.grad is None for p in model.parameters())


def _held(step, name):
    return step.body.__closure__[step.body.__code__.co_freevars.index(name)].cell_contents


def test_modules_of_a_trainer_and_of_the_torch_facade_have_their_names():
    from tapegraph import torch
    from tapegraph.torch import nn as torch_nn

    class Trainer:
        def __init__(self):
            with level("off"):
                self.net = torch_nn.Sequential(torch_nn.Linear(3, 2), torch_nn.Tanh())
                self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

        @tg.function
        def step(self, x):
            loss = self.net(x).pow(2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return loss

    found = scene_of(Trainer().step, torch.ones(4, 3))
    for name in ("eager", "as traced"):
        modules = {n.module for n in stage(found, name).nodes}
        assert {("net", "0"), ("net", "1"), ("optimizer",)} <= {m[:2] for m in modules} | {m[:1] for m in modules}


def test_what_static_mode_cannot_trace_has_its_tape():
    def f(x):
        return x * 2.0 if x.sum() > 0 else x

    (one,) = scene_of(f, tg.ones((3,))).stages
    assert one.family == "eager" and "static mode cannot trace it: if needs a value" in one.caption
    with pytest.raises(TapegraphError, match="needs a value"):
        scene_of(f, tg.ones((3,)), modes="static")


def test_what_numpy_computes_is_not_on_the_tape():
    found = scene_of(lambda x: x + 1.0, np.ones(3, np.float32))
    assert "NumPy computes" in found.stages[0].caption and not found.stages[0].nodes
    assert "add" in {n.op for n in found.stages[1].nodes}


def test_a_function_called_before_needs_no_arguments():
    step, args = gpt(1)
    with pytest.raises(ArgumentError, match="cannot be called with no arguments"):
        scene_of(step)
    with tg.mode("static"):
        step(*args)
    names = [s.name for s in scene_of(step).stages]
    assert names[0] == "as traced" and names[-1] == "plan"


def test_the_tape_behind_a_tensor():
    w = tg.nn.Parameter(np.ones(3, np.float32), name="w")
    y = (w * 2.0).sum()
    (one,) = scene_of(y).stages
    assert [n.label for n in one.nodes][:3] == ["w", "2", "mul"]
    assert one.nodes[-1].result == "result"
    with pytest.raises(ArgumentError, match="no tape"):
        scene_of(tg.asarray([1.0]))


def test_define_then_run():
    with tg.static() as g:
        x = g.input("x", shape=("batch", 3))
        y = tg.exp(x) * 2.0
    (traced, plan) = scene_of(g, y).stages
    assert [n.shape for n in traced.nodes if n.op == "exp"] == [("batch", "3")]
    assert {n.op for n in plan.nodes if n.kernel} == {"exp", "multiply"}
    assert [s.name for s in scene_of(g.compile(y)).stages] == ["as traced", "plan"]


def test_what_has_no_picture_is_refused():
    with pytest.raises(ArgumentError, match="no picture of a int"):
        scene_of(3)
    with pytest.raises(ArgumentError, match="no 'both ways'"):
        scene_of(abs, 1.0, modes="both ways")


def test_json_writes_a_node_once():
    found = scene("gpt")
    written = found.to_json()
    assert len(written["nodes"]) < 0.6 * sum(len(s.nodes) for s in found.stages)
    json.dumps(written, allow_nan=False)


@pytest.mark.slow
def test_a_large_program_is_quick():
    step, args = gpt(5)
    scene_of(step, *args)
    start = time.process_time()
    found = scene_of(step, *args)
    seconds = time.process_time() - start
    assert len(stage(found, "as traced").nodes) > 1000
    assert seconds < 3  # half a second, as told in decision 042
    assert len(json.dumps(found.to_json())) < 1_500_000
