"""Scenes made by hand for tests of the renderer: small ones to read, random ones to break it, hostile ones."""

from __future__ import annotations

import random

from tapegraph.visual.scene import Firing, Kernel, Node, Place, Scene, Stage

HOSTILE = "</script><img src=x onerror=\"alert(1)\"> & 'quoted' <!-- \u2028"


def node(name: str, op: str = "add", inputs: tuple[str, ...] = (), **more: object) -> Node:
    """A node with an op of two operands unless told otherwise."""
    told = {"kind": "elementwise", "dtype": "float32", "shape": ("batch", "3"), "label": op, **more}
    return Node(name, op, inputs=inputs, **told)  # type: ignore[arg-type]


def training() -> Scene:
    """x @ w, relu, sum, with its derivative and an update; a stage before in which a negative stood twice."""
    forward = [
        node("x", "leaf", kind="input", label="x"),
        node("w", "leaf", kind="state", label="w"),
        node("p", "matmul", ("x", "w"), kind="product", module=("model", "first"), place=0, measures={"seconds": 2e-6}),
        node("r", "relu", ("p",), module=("model",), place=1, measures={"seconds": 1e-6}, kernel="k"),
        node("s", "sum", ("r",), kind="reduction", result="result", place=1, measures={"seconds": 0.0, "error": 0.5}),
    ]
    backward = [
        node("ds", "broadcast_to", ("s",), kind="view", part="backward", of="s"),
        node("m", "greater", ("r",), part="backward", of="r", module=("model",)),
        node("dr", "where", ("m", "ds"), part="backward", of="r", module=("model",), kernel="k"),
        node("dw", "matmul", ("x", "dr"), kind="product", part="backward", of="p", module=("model", "first")),
        node("u", "subtract", ("w", "dw"), part="update", result="update of w", module=("optimizer", "w")),
    ]
    twice = [node("n1", "negative", ("r",)), node("n2", "negative", ("n1",))]
    older = [*forward[:4], *twice, node("s", "sum", ("n2",), kind="reduction", result="result"), *backward]
    places = [
        Place("model.py", 7, 4, 9, "    x @ w  # product", "forward"),
        Place("model.py", 8, 4, 11, "    relu(p).sum()"),
    ]
    fired = Firing("negative_twice", "-(-x) is x", ("n1", "n2"), ("r",), 1)
    stages = [
        Stage("as traced", "static", "what the program says", tuple(older)),
        Stage("canonical", "static", "one form", (*forward, *backward), (fired,)),
    ]
    return Scene("a step", stages, places, {"k": Kernel("k", "for i in range(n):\n    out[i] = x[i]  # 'k'", 3e-6, 2)})


def random_scene(seed: int, size: int = 50) -> Scene:
    """A graph of nodes at random, in modules up to four deep, some of them derivatives, some inside a loop."""
    draw = random.Random(seed)
    made: list[Node] = []
    for i in range(size):
        earlier = [n.id for n in made[-25:]]
        inputs = tuple(draw.choice(earlier) for _ in range(draw.randint(0, min(3, len(earlier)))))
        path = tuple(draw.choice(["a", "b", "blocks.0", "blocks.1"]) for _ in range(draw.randint(0, 4)))
        kind = (
            draw.choice(["elementwise", "reduction", "view"]) if inputs else draw.choice(["input", "state", "constant"])
        )
        part = "backward" if i > size // 2 and draw.random() < 0.6 else "forward"
        of = draw.choice([n.id for n in made if n.part == "forward"]) if part == "backward" else ""
        inside = draw.choice(earlier) if i in range(30, 36) else ""
        made.append(
            node(
                f"n{i}",
                draw.choice(["add", "exp", "a_long_name_of_an_op"]),
                inputs,
                kind=kind,
                module=path,
                part=part,
                of=of,
                inside=inside,
                kernel=draw.choice(["", "k0", "k1"]),
            )
        )
    return Scene(f"random {seed}", [Stage("only", "static", "", tuple(made))])


def hostile() -> Scene:
    """Names and lines that would break a page or a file that writes them as they are."""
    bad = node(
        HOSTILE,
        HOSTILE,
        label=HOSTILE,
        module=(HOSTILE,),
        kernel=HOSTILE,
        attrs={HOSTILE: HOSTILE},
        result=HOSTILE,
        place=0,
        rule=HOSTILE,
        measures={"seconds": 1.0},
    )
    user = node("user\x00", "exp", (HOSTILE,), label="\x01\ud800")
    firing = Firing(HOSTILE, HOSTILE, (HOSTILE,), ("user\x00",), 0)
    stages = [
        Stage(HOSTILE, "static", HOSTILE, (bad,)),
        Stage("after", "static", HOSTILE, (bad, user), (firing, firing)),
    ]
    return Scene(HOSTILE, stages, [Place(HOSTILE, 1, 0, 5, HOSTILE, HOSTILE)], {HOSTILE: Kernel(HOSTILE, HOSTILE)})
