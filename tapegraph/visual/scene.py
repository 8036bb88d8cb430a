"""A scene: all that a picture of one or several graphs shows, as plain data; the renderer reads its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
PARTS = ("forward", "backward", "update")
MEASURES = ("seconds", "bytes", "flops", "error", "divergence")


@dataclass(frozen=True)
class Place:
    """A line of the user's: file as a person would write it, columns from 0, the text of the line, the function around it."""

    file: str
    line: int
    column: int
    end_column: int
    text: str
    function: str = ""

    @property
    def address(self) -> str:
        """File and line, as ``file:line``."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Node:
    """One value.

    id        the same in every stage in which the value stands unchanged
    inputs    ids of its operands, by position
    kind      input, state, constant, elementwise, reduction, product, view, control or other
    shape     one entry an axis; a name where the size is symbolic
    module    the path of the user's module or function that it belongs to, outermost first, as ("model", "encoder.first")
    kernel    the fused kernel that computes it (a key of ``Scene.kernels``), "" where there is none
    part      "forward", "backward", or "update" for what an optimizer does
    of        for a node of the backward part, the id of the forward node that it is the derivative of
    place     an index into ``Scene.places``, None where no line of the user's is known
    rule      the rewrite rule that built it
    result    what it is to the caller: "result", "update of weight", "gradient of weight"; "" for what stays inside
    inside    the id of the loop or branch in whose subprogram it stands, "" for the program itself; the inputs of a
              subprogram have the operands outside that they stand for as ``inputs``
    twin      the id of the eager op that does the same, for a node of a static graph beside a tape
    measures  what nodes are coloured by: "seconds", "bytes", "flops", "error" (ulp), "divergence" (between the modes)
    """

    id: str
    op: str
    label: str
    kind: str
    dtype: str
    shape: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    module: tuple[str, ...] = ()
    kernel: str = ""
    part: str = "forward"
    of: str = ""
    place: int | None = None
    rule: str = ""
    result: str = ""
    inside: str = ""
    twin: str = ""
    attrs: dict[str, str] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Kernel:
    """A fused kernel: its text as emitted, how its time was measured, and how often it runs in a call."""

    name: str
    text: str
    seconds: float | None = None
    calls: int = 1


@dataclass(frozen=True)
class Firing:
    """A rewrite that led to a stage: the rule, its equation in words, ids in the stage before and in this one, the line."""

    rule: str
    equation: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    place: int | None = None


@dataclass(frozen=True)
class Stage:
    """One position of the slider: a whole graph, and what was done since the position before.

    family  "eager" for a tape, "static" for what the compiler made of the program
    """

    name: str
    family: str
    caption: str
    nodes: tuple[Node, ...]
    firings: tuple[Firing, ...] = ()


@dataclass
class Scene:
    """Stages in order, and the tables that their nodes point into."""

    title: str
    stages: list[Stage]
    places: list[Place] = field(default_factory=list)
    kernels: dict[str, Kernel] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What the renderer reads. A node that stands in several stages is written once: stages hold indices into "nodes"."""
        index: dict[str, int] = {}
        same: dict[int, int] = {}  # by identity, which is quicker to ask for than all of a node
        nodes: list[dict[str, Any]] = []
        stages = []
        for stage in self.stages:
            chosen = []
            for node in stage.nodes:
                if (number := same.get(id(node))) is None:
                    number = same[id(node)] = index.setdefault(repr(node), len(nodes))
                    if number == len(nodes):
                        told = vars(node).items()
                        nodes.append({name: value for name, value in told if value not in ("", None, (), {})})
                chosen.append(number)
            stages.append(
                {
                    "name": stage.name,
                    "family": stage.family,
                    "caption": stage.caption,
                    "nodes": chosen,
                    "firings": [asdict(firing) for firing in stage.firings],
                }
            )
        return {
            "schema": SCHEMA,
            "title": self.title,
            "places": [asdict(place) for place in self.places],
            "kernels": {key: asdict(kernel) for key, kernel in self.kernels.items()},
            "nodes": nodes,
            "stages": stages,
        }
