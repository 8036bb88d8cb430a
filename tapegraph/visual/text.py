"""A stage of a scene as text for terminals: rows under module headings, with threads of values as in ``git log --graph``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tapegraph.comparison.units import duration
from tapegraph.visual.scene import PARTS, Node, Place, Scene, Stage

WIDTH = 100
LANES = 8  # threads side by side; values beyond are told by number only
ROWS = 150  # a stage of more is told module by module


def text_of(scene: Scene, stage: Stage, rows: int = ROWS) -> str:
    """A stage as text of at most 100 columns: one row for each op with operands, spec and the user's line.

    ``rows``: where there are more ops than these, one row for each module.
    """
    lines = [f"{scene.title}, {stage.name}: {stage.caption}"]
    known = {n.id: n for n in stage.nodes}
    computed = [n for n in stage.nodes if not _inline(n)]
    if len(computed) > rows:
        lines += _tree(computed)
    else:
        lines += _leaves(stage.nodes)
        if stage.name == "plan":
            computed = _by_kernel(computed, list(scene.kernels))
        lines += _listed(computed, known, scene)
    lines += _fired(stage, scene.places)
    return "\n".join(_cut(line.rstrip()) for line in lines) + "\n"


def _inline(node: Node) -> bool:
    """Whether a node stands in the rows of those that use it."""
    return node.kind in ("input", "state") or (node.kind == "constant" and not node.inputs)


def _leaves(nodes: Iterable[Node]) -> Iterator[str]:
    for kind, word in (("input", "takes"), ("state", "holds")):
        found = [f"{n.label} {_spec(n)}" for n in nodes if n.kind == kind and not n.inside]
        line = ""
        for text in found:
            if line and len(line) + len(text) > WIDTH - 12:
                yield f"  {word:6}{line}"
                line, word = "", ""
            line += f"{', ' if line else ''}{text}"
        if line:
            yield f"  {word:6}{line}"


def _spec(node: Node) -> str:
    return node.attrs.get("results", f"{node.dtype}[{', '.join(node.shape)}]")


def _by_kernel(nodes: Sequence[Node], kernels: Sequence[str]) -> list[Node]:
    """The nodes in the order in which they are computed; what needs no kernel stands behind its operands."""
    order = {key: i for i, key in enumerate(kernels)}
    found: dict[str, int] = {}
    for node in nodes:
        found[node.id] = order.get(node.kernel, max((found.get(i, -1) for i in node.inputs), default=-1))
    return sorted(nodes, key=lambda n: (found[n.id], not n.kernel))  # stable: within a kernel as before


# ------------------------------------------------------------------------------------ rows


@dataclass
class _Threads:
    """Which column each value that is still needed has."""

    last: dict[str, int]  # the row of the last use of each value
    lanes: list[str] = field(default_factory=list)

    def row(self, number: int, node: Node) -> str:
        """The threads beside a row: ● where a value is made, ├ and ╯ where one is used and used up."""
        marks = [" "] * LANES
        for i, held in enumerate(self.lanes):
            if held and held in node.inputs:
                ends = self.last[held] == number
                marks[i] = "╯" if ends else "├"
                if ends:
                    self.lanes[i] = ""
            elif held:
                marks[i] = "│"
        if self.last.get(node.id, -1) > number:
            free = next((i for i, held in enumerate(self.lanes) if not held), len(self.lanes))
            if free < LANES:
                self.lanes[free:] = [node.id, *self.lanes[free + 1 :]]
                marks[free] = "●"
        return "".join(marks)


def _listed(nodes: Sequence[Node], known: dict[str, Node], scene: Scene) -> Iterator[str]:
    number = {n.id: f"%{i}" for i, n in enumerate(nodes)}
    last = {operand: i for i, n in enumerate(nodes) for operand in n.inputs if operand in number}
    threads = _Threads(last)
    count = 0
    for heading, rows in groupby(nodes, lambda n: _heading(n, scene, known)):
        yield ""
        yield heading
        for node in rows:
            operands = ", ".join(number.get(i) or known[i].label for i in node.inputs)
            written = f"{number[node.id]:>5} {node.label}({operands})"
            result = f"  = {node.result}" if node.result else ""
            yield _row(threads.row(count, node), f"{written}{result}", _spec(node), _where(node, scene.places))
            count += 1


def _row(marks: str, written: str, spec: str, where: str) -> str:
    spec, where = _cut(spec, 30), _cut(where, 24)
    room = WIDTH - LANES - 1 - max(len(spec), 18) - max(len(where), 18) - 2
    return f"{marks} {_cut(written, room):<{room}} {spec:<18} {where}"


def _where(node: Node, places: Sequence[Place]) -> str:
    return "" if node.place is None else _address(places[node.place])


def _address(place: Place) -> str:
    return f"{place.file.rsplit('/', 1)[-1]}:{place.line}"


def _heading(node: Node, scene: Scene, known: dict[str, Node]) -> str:
    if node.kernel:
        kernel = scene.kernels[node.kernel]
        runs = f", {kernel.calls} times" if kernel.calls > 1 else ""
        took = f", {duration(kernel.seconds)}" if kernel.seconds is not None else ""
        return f"{node.kernel}: {kernel.name}{runs}{took}"
    path = ".".join(node.module) or "at the top"
    part = "" if node.part == "forward" else f"  ({node.part})"
    inside = f"  in the {known[node.inside].op} {known[node.inside].label}" if node.inside else ""
    return f"{path}{part}{inside}"


# ------------------------------------------------------------------------------------ a large stage


@dataclass
class _Branch:
    """A module in a tree of them: the nodes that are its own, and the modules in it."""

    own: list[Node] = field(default_factory=list)
    parts: dict[str, _Branch] = field(default_factory=dict)

    def all(self) -> list[Node]:
        return self.own + [n for part in self.parts.values() for n in part.all()]


def _tree(nodes: Iterable[Node]) -> Iterator[str]:
    root = _Branch()
    for node in nodes:
        branch = root
        for name in node.module:
            branch = branch.parts.setdefault(name, _Branch())
        branch.own.append(node)
    yield ""
    yield from _branches(root, "")


def _branches(branch: _Branch, indent: str) -> Iterator[str]:
    runs = [list(run) for _, run in groupby(branch.parts.items(), lambda item: _content(item[1]))]
    shown = [
        (run[0], len(run) - 1) if len(run) > 3 else (item, 0)
        for run in runs
        for item in run[: 1 if len(run) > 3 else None]
    ]
    for number, ((name, part), more) in enumerate(shown):
        last = number == len(shown) - 1
        yield _summary(f"{indent}{'└─ ' if last and not more else '├─ '}{name}", part)
        yield from _branches(part, indent + ("   " if last and not more else "│  "))
        if more:
            yield f"{indent}{'└─ ' if last else '├─ '}and {more} more of the same ops"


def _content(branch: _Branch) -> object:
    """What two modules have in common that are told as one."""
    return Counter((n.part, n.label) for n in branch.all()), tuple(branch.parts)


def _summary(name: str, branch: _Branch) -> str:
    nodes = branch.all()
    count = Counter(n.part for n in nodes)
    parts = ", ".join(f"{count[p]} {p}" for p in PARTS if count[p])
    ops = ", ".join(f"{op} x{n}" if n > 1 else op for op, n in Counter(n.label for n in nodes).most_common(3))
    seconds = sum(n.measures.get("seconds", 0.0) for n in nodes)
    took = duration(seconds) if seconds else ""
    return f"{name:<34} {parts:<28} {took:>8}  {ops}"


def _fired(stage: Stage, places: Sequence[Place]) -> Iterator[str]:
    if not stage.firings:
        return
    yield ""
    yield "rules that fired"
    for rule, count in Counter(f.rule for f in stage.firings).most_common():
        first = next(f for f in stage.firings if f.rule == rule)
        at = _address(places[first.place]) if first.place is not None else ""
        times = f" x{count}" if count > 1 else ""
        yield f"  {rule + times:<26} {at:<18} {first.equation}"


def _cut(line: str, room: int = WIDTH) -> str:
    return line if len(line) <= room else line[: room - 1] + "…"
