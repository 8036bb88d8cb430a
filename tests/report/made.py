"""Comparisons made up for tests of pages: whole ones, and such as lack most of what can be measured."""

from __future__ import annotations

import math
from typing import Any

from tapegraph.comparison.faults import Fault, FaultVerdict
from tapegraph.comparison.figures import (
    Agreement,
    BreakEven,
    Comparison,
    Gap,
    Peer,
    Ratio,
    Retrace,
    Said,
    Speed,
    Start,
    Subject,
)
from tapegraph.visual.scene import Node, Place, Scene, Stage

LONG = "/home/somebody/projects/a/rather/deep/folder/with_a_long_name.py"  # that no window of 400 pixels holds
PLACE = Place("train.py", 12, 4, 20, "    loss = F.mse_loss(model(x), y)", "step")


def speed(median: float, **known: Any) -> Speed:
    """Calls that spread around a median."""
    times = [median * math.exp(0.1 * math.sin(i) + 0.02 * (i % 7)) for i in range(200)]
    return Speed(
        200, 32, median, 0.95 * median, 1.1 * median, 0.9 * median, 1.4 * median, peak_bytes=9000, times=times, **known
    )


def start(name: str, first_call: float, even: BreakEven | None) -> Start:
    """What a start is made of, in shares of its first call."""
    seconds = {
        "trace": 0.1 * first_call,
        "optimise": 0.1 * first_call,
        "plan": 0.1 * first_call,
        "compile": 0.7 * first_call,
    }
    return Start(name, seconds, first_call, {"compiled": 9, "disk": 0, "shared": 0}, runs=[first_call], break_even=even)


def fault(kind: str, eager: float, static: float) -> Fault:
    """A fault that eager mode raises and static mode is silent about."""
    line = "    loss = F.mse_loss(model(x)[:, :-1], y)\n"
    verdicts = {
        "eager": FaultVerdict(
            "raised", "ShapeError", "mse_loss: 9 and 10\n  fix: <slice> y", line=True, lines=4, points=eager
        ),
        "static": FaultVerdict("silent", points=static),
    }
    return Fault(
        kind, f"{kind}: an operand loses a column", LONG, 12, "step", PLACE.text + "\n", line, 22, 39, verdicts
    )


def whole(**changes: Any) -> Comparison:
    """A comparison with something in every part but the profile."""
    found = Comparison(
        "training step",
        Subject("step", LONG, 10, "def step(x, y):\n    loss = F.mse_loss(model(x), y)\n    return loss"),
        modes={"eager": speed(1.2e-3), "static": speed(6e-5)},
        agreement=Agreement(True, 1e-4, {"results": 1e-7, "states": 3e-7}, 4e-7, 6),
        speedup=Ratio(20.0, 18.5, 21.0),
        starts=[
            start("cold cache", 1.4, BreakEven(1229, 1100, 1400)),
            start("warm cache", 0.08, BreakEven(70, 61, 88)),
        ],
        retraces=[
            Retrace("first call", None, 1.3, "x: float32[batch, 64]"),
            Retrace("size of axis 0", PLACE, 0.2, "x"),
        ],
        peers={
            "torch": Peer("torch", speed(4e-4), "2.9", agrees=True, ratio=Ratio(6.7, 6.0, 7.1), debuggability=51.0),
            "jax": Peer("jax", note="not installed"),
        },
        notices={"eager": [Said("NonFiniteNotice", "log: makes a NaN", PLACE, 3)]},
        faults=[fault("shape", 92.0, 0.0), fault("index", 80.0, 85.0)],
        machine={"system": "Linux x86_64", "cores": 2, "python": "3.11", "numpy": "2.4", "load": 0.5},
        origin={
            "when": "2026-01-01 12:00",
            "command": "tapegraph compare train.py:step",
            "commit": "a" * 40,
            "dirty": True,
        },
        notes=["The modes took turns."],
    )
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def untraceable() -> Comparison:
    """Static mode refuses: most is unknown."""
    said = Said("SymbolError", "float() needs a value\n  fix: use tg.where", PLACE)
    return Comparison("branch", Subject("branch"), modes={"eager": speed(1e-3)}, failed={"static": said})


def never() -> Comparison:
    """Static mode is slower, so that compiling never pays."""
    even = BreakEven(None, None, None)
    return Comparison(
        "tiny",
        Subject("tiny"),
        modes={"eager": speed(1.8e-6), "static": speed(2.1e-6)},
        agreement=Agreement(True, 1e-4, {"results": 0.0}, 0.0, 6),
        speedup=Ratio(0.85, 0.8, 0.9),
        starts=[start("cold cache", 0.07, even)],
    )


def disagreeing() -> Comparison:
    """The modes compute different values."""
    gaps = [Gap("result 0", 0.3, 1e-4, PLACE, "a constant that the trace froze"), Gap("state w", 0.1, 1e-4)]
    return whole(agreement=Agreement(False, 1e-4, {"results": 0.3}, 1e-7, 6, gaps), peers={}, faults=[])


def interrupted() -> Comparison:
    """Nothing was measured before it was stopped."""
    return Comparison("step", Subject("step"), complete=False)


KINDS = {
    "whole": whole,
    "untraceable": untraceable,
    "never": never,
    "disagreeing": disagreeing,
    "interrupted": interrupted,
}


def large_scene(nodes: int = 1000, stages: int = 10) -> Scene:
    """Chains of layers, each a module of eight nodes, in so many stages."""
    made = [
        Node(
            f"n{i}",
            "multiply",
            f"value {i}",
            "elementwise",
            "float32",
            ("batch", "64"),
            (f"n{i - 1}",) if i else (),
            ("model", f"block{i // 80}", f"layer{i // 8}"),
            place=0,
            measures={"seconds": 1e-6 * (i % 17), "bytes": 256.0},
        )
        for i in range(nodes)
    ]
    found = [Stage("tape", "eager", "the tape", tuple(made))]
    found += [
        Stage(f"pass {k}", "static", "after a pass", tuple(n for i, n in enumerate(made) if i == 0 or i % 97 >= k))
        for k in range(1, stages)
    ]
    return Scene("a model of 1,000 nodes", found, [PLACE])
