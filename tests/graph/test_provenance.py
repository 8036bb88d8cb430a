"""Every node that is computed has a place in the user's file: as traced, after each phase, in loops and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from engine import origin
from engine.control.body import bodies_of
from tapegraph import nn, optim

F = nn.functional
X = np.random.default_rng(0).normal(size=(6, 4)).astype("f4")
Y = np.array([0, 1, 2, 0, 1, 2])


def training():
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.1), nn.Linear(8, 3))
    optimizer = optim.AdamW(model.parameters(), lr=0.01)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


def loop(x, y):
    def body(c, row):
        c = tg.cond(c.sum() > 0, lambda a: tg.tanh(a + row), lambda a: tg.exp(a) * row, c)
        return c, c * 2

    return tg.scan(body, x[0], x)[1].sum()


def again(x, y):
    return tg.sum(tg.checkpoint(lambda a: tg.tanh(a @ a.T) * tg.exp(a.sum()))(x))


def until(x, y):
    return tg.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, tg.sin(c[1]) * 2), (tg.zeros(()), x))[1].sum()


PROGRAMS = {
    "training": training(),
    "loop": loop,
    "gradient of a loop": tg.grad(loop),
    "curvature": lambda x, y: tg.grad(
        lambda a: tg.sum(tg.grad(lambda b: F.cross_entropy(tg.tanh(b) @ b.T, y))(a) ** 2)
    )(x),
    "recomputed": tg.grad(again),
    "until": until,
    "batch": lambda x, y: tg.vmap(tg.grad(lambda a: tg.softmax(a).max()))(x),
    "recurrent": (lambda net: lambda x, y: net(x[None])[0].sum())(nn.LSTM(4, 3)),
    "factors": tg.grad(
        lambda x, y: tg.linalg.inv(x.T @ x + tg.eye(4)).sum() + tg.sort(x).sum() + tg.cumulative_sum(x[:, 0]).max()
    ),
}


def placeless(nodes):
    found = []
    for record in nodes:
        if record.op.name != "leaf" and not origin.user_frames(record.origin):
            found.append(str(record))
        for body in bodies_of(record):
            found += placeless(body.nodes)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_node_has_a_place(name):
    compiled = tg.compile(PROGRAMS[name])
    compiled(X, Y)
    for graph in compiled.graphs():
        assert placeless(graph.nodes) == []
    plan = compiled._latest().program.plan
    kept = [r for s in plan.steps for r in getattr(s, "records", [])]
    assert kept and placeless(kept) == []


def test_gradient_nodes_say_what_they_are_the_backward_of():
    compiled = tg.compile(tg.grad(lambda x: tg.sum(tg.sqrt(x))))
    compiled(np.abs(X))
    notes = {f for graph in compiled.graphs() for r in graph.nodes for f in r.origin if isinstance(f, str)}
    assert "backward of sqrt" in notes
