"""The stages of a static graph: as traced, after each phase that changed something, each with the rules that fired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from engine.control.body import Body
from engine.ops.dtype import leaf as LEAF
from engine.record import Record
from graph.graph import Graph
from tapegraph.debug.naming import whole_of
from tapegraph.visual.firings import firings
from tapegraph.visual.following import Passage, followed
from tapegraph.visual.modules import Names, common, part_of
from tapegraph.visual.scene import PARTS, Firing, Node, Stage
from tapegraph.visual.subprograms import Likeness, named, operands, outcomes
from tapegraph.visual.writing import Places, Told, node_of, results_of, users_of

if TYPE_CHECKING:
    from compiler.plan import Plan


class Static:
    """Stages being made of one graph; ``ids`` of records in all stages so far, and what is ``told`` of each."""

    def __init__(self, traced: Graph, names: Names, places: Places) -> None:
        self.traced, self.names, self.places = traced, names, places
        self.ids: dict[Record, str] = {}
        self.told: dict[Record, Told] = {}
        self.now: dict[Record, Record] = {r: r for r in traced.nodes}  # what each traced record is in the latest stage
        self.graph = traced
        self.twins: Mapping[str, str] = {}  # by id
        self.notes: dict[Record, dict[str, str]] = {}  # more attributes
        self._shown: set[str] = set()  # in the latest stage
        self._made_from: dict[str, tuple[str, ...]] = {}
        self._made: dict[Record, tuple[Any, Node]] = {}
        self._numbers = count()
        self._bodies: dict[tuple[str, str], Sequence[Record]] = {}  # by control op, as seen last
        called = {id(m): m for modules in traced.within.values() for m in modules}
        owners = [names.optimizes(m) for m in called.values() if hasattr(m, "param_groups")]
        self._leaves = {r: names.of_state(s) for s, r in traced.states.items()}
        self._leaves |= {r: f"{names.of_state(s)}.grad" for s, r in traced.grads.items()}
        for record in traced.nodes:
            self.ids[record] = self._new()
            self.told[record] = self._first(record)
        self._by_parameter({state: name for owned in owners for state, name in owned.items()})
        self._settle(traced.nodes)
        self._users = users_of(traced.nodes)

    def _by_parameter(self, owners: Mapping[Any, str]) -> None:
        """What an optimizer does for one parameter only stands together."""
        for_: dict[Record, set[str]] = {}
        for state, made in self.traced.updates.items():
            for_.setdefault(made, set()).add(owners.get(state, ""))
        for record in reversed(self.traced.nodes):
            theirs = for_.get(record, set())
            for operand in record.parents:
                for_.setdefault(operand, set()).update(theirs)
            told = self.told[record]
            if told.part == "update" and len(theirs) == 1 and (name := next(iter(theirs))):
                self.told[record] = replace(told, module=(*told.module, name))

    def _new(self) -> str:
        return f"n{next(self._numbers)}"

    def _first(self, record: Record) -> Told:
        """What the trace knew of a record."""
        forward = self.traced.derived.get(record)
        base = record
        while (behind := self.traced.derived.get(base)) is not None:
            base = behind
        modules = self.traced.within.get(base, ())
        module = self.names.path(base.origin, modules, self.traced.outer)
        if not module and (whole := whole_of(base)) is not base.op:
            module = (whole.name,)
        return Told(module, part_of(modules) if forward is None else "backward", forward)

    def _settle(self, nodes: Iterable[Record]) -> None:
        """Leaves and constants belong to what uses them."""
        nodes = list(nodes)
        users = users_of(nodes)
        for record in nodes:
            if record.args or record not in users:
                continue
            theirs = [self.told[u] for u in users[record]]
            first = min(theirs, key=lambda t: PARTS.index(t.part))
            module = common(t.module for t in theirs if t.part == first.part)
            self.told[record] = replace(self.told[record], module=module, part=first.part, of=first.of)

    # ------------------------------------------------------------------------------------ stages

    def stages(self, fidelity: str, phases: bool = True) -> list[Stage]:
        """The graph as traced, and after each phase that changed it."""
        count = len(self.graph.nodes)
        found = [self.stage("as traced", f"the program as it was written down: {count} nodes", ())]
        for passage in followed(self.graph, fidelity) if phases and fidelity != "bitwise" else ():
            self.graph, told = passage.after, self._passed(passage)
            found.append(self.stage(passage.phase.name, passage.phase.doc, told))
        return found

    def _passed(self, passage: Passage) -> tuple[Firing, ...]:
        """Give the records of a graph after a phase their ids, and tell what fired."""
        after = passage.after
        taken: set[str] = {self.ids[r] for r in after.nodes if r in self.ids}
        like = Likeness(passage.before.nodes, after.nodes)
        for record in after.nodes:
            if record in self.ids:
                continue
            rule = passage.rule_of(record)
            source = passage.kept(record) if not rule else None
            source = source or (None if rule else like.of(record))
            sources = [source] if source is not None else passage.sources(record)
            known = next((self.told[s] for s in sources if s in self.told), Told())
            self.told[record] = replace(known, rule=rule or known.rule)
            own = self.ids.get(source) if source is not None else None
            if own is None or own in taken:
                own = self._new()
                self._made_from[own] = tuple(self.ids[s] for s in sources if s in self.ids)
            self.ids[record] = own
            taken.add(own)
        self.now = {old: like.became(passage.became(r)) for old, r in self.now.items()}
        self._settle(after.nodes)
        return tuple(firings(passage, self.ids, self.places))

    def rewritten(self, before: Graph, passages: Sequence[Passage]) -> tuple[Firing, ...]:
        """What the phases did to the graph of a subprogram, all in one."""
        for record in before.nodes:
            if record not in self.ids:  # of a loop in a loop that was made anew
                self.ids[record], self.told[record] = self._new(), self._first(record)
        fired = [f for passage in passages for f in self._passed(passage)]
        first = {self.ids[r] for r in before.nodes} & self._shown
        last = {self.ids[r] for r in passages[-1].after.nodes} if passages else first
        told = []
        for one in fired:
            left, stack = dict[str, None](), list(one.left)
            while stack:  # what an earlier phase has made is told by what it was made from
                number = stack.pop()
                if number in first:
                    left[number] = None
                else:
                    stack += self._made_from.get(number, ())
            if left:
                told.append(replace(one, left=tuple(left), right=tuple(n for n in one.right if n in last)))
        return tuple(told)

    # ------------------------------------------------------------------------------------ nodes

    def stage(self, name: str, caption: str, firings: tuple[Firing, ...], kernels: Mapping[Record, str] | None = None,
              plans: Mapping[Body, Plan] | None = None) -> Stage:  # fmt: skip
        """A stage of the graph as it is now. ``kernels``: which computes a record. ``plans``: how subprograms are
        computed."""
        kernels = kernels or {}
        results, there = results_of(self.graph, self.names), set(self.graph.nodes)
        nodes: list[Node] = []
        for record in self.graph.nodes:
            nodes.append(self._node(record, there, results.get(record, ""), kernels.get(record, "")))
            nodes += self._subprograms(record, there, kernels, plans or {})
        self._shown = {n.id for n in nodes}
        return Stage(name, "static", caption, tuple(nodes), firings)

    def _node(self, record: Record, there: set[Record], result: str, kernel: str) -> Node:
        told = self.told[record]
        forward = self._living(told.of, there) if told.of is not None else None
        of = self.ids[forward] if forward is not None else ""
        key = told, of, result, kernel, self.notes.get(record, {})
        made = self._made.get(record)
        if made is None or made[0] != key:  # else it stands unchanged since an earlier stage
            node = node_of(record, self.ids, self.places, told, name=self.name_of(record), of=of, result=result,
                           kernel=kernel, twin=self.twins.get(self.ids[record], ""))  # fmt: skip
            made = self._made[record] = key, replace(node, attrs={**node.attrs, **key[-1]})
        return made[1]

    def _living(self, record: Record, there: set[Record]) -> Record | None:
        """What a forward record is in this stage; where it has gone, what has taken it in, or what it was made from."""
        stack, seen = [record], {record}
        while stack:
            one = stack.pop(0)
            now = self.now.get(one, one)
            if now in there:
                return now
            users = [u for u in self._users.get(one, ()) if self.told[u].part == "forward"]
            derived = self.traced.derived.get(one)
            behind = [derived] if derived is not None else [] if one in self.told else one.parents
            new = [r for r in (*users, *behind) if r not in seen]
            seen.update(new)
            stack += new
        return None

    def roles(self) -> dict[str, str]:
        """What nodes of the latest stage are to the caller."""
        return {self.ids[r]: told for r, told in results_of(self.graph, self.names).items()}

    def name_of(self, record: Record) -> str:
        """What a leaf is called; "" for what is none."""
        return self._leaves.get(record, "") or str(record.attrs["name"]) if record.op is LEAF else ""

    def _subprograms(
        self, control: Record, around: set[Record], kernels: Mapping[Record, str], plans: Mapping[Body, Plan]
    ) -> Iterable[Node]:
        """The nodes of the subprograms of a control op, and of those in them."""
        for word, body in named(control):
            roles, nodes = outcomes(control, word, body), body.nodes
            if (plan := plans.get(body)) is not None and plan.traced is not None:
                nodes = tuple(plan.graph.nodes)
                roles = {made: roles[r] for r, made in zip(plan.traced.outputs, plan.graph.outputs, strict=True)}
            self._know(control, word, nodes)
            outside = dict(zip(body.inputs, operands(control, word, body), strict=True))
            there = around.union(nodes)
            for record in nodes:
                operand = outside.get(record)
                if (told := self.told[record]).of is not None and self._living(told.of, there) is None:
                    self.told[record] = replace(told, of=self.told[control].of)
                node = self._node(record, there, roles.get(record, ""), kernels.get(record, ""))
                inputs = (self.ids[operand],) if operand in self.ids else node.inputs  # type: ignore[index]
                attrs = {**node.attrs, "subprogram": word}
                yield replace(node, inside=self.ids[control], inputs=inputs, attrs=attrs)
                yield from self._subprograms(record, there, kernels, plans)

    def _know(self, control: Record, word: str, nodes: Sequence[Record]) -> None:
        """Give the records of a subprogram their ids: those that it had in an earlier stage."""
        key = self.ids[control], word
        earlier = self._bodies.get(key, ())
        like, around = Likeness(earlier, nodes), self.told[control]
        lines = {r.origin[:1]: self.told[r] for r in reversed(earlier)}
        for record in nodes:
            if record in self.ids:
                continue
            source = like.of(record)
            self.ids[record] = self._new() if source is None else self.ids[source]
            if source is not None:
                self.told[record] = self.told[source]
            elif earlier:
                self.told[record] = lines.get(record.origin[:1], around)
            else:
                told = self._first(record)
                if told.part == "forward" and around.part == "backward":  # what a backward loop computes once more
                    told = replace(told, part="backward", of=around.of)
                self.told[record] = told
            self.now[record] = record
        self._bodies[key] = nodes
        self._settle(nodes)
