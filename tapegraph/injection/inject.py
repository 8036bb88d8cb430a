"""inject: faults put into the user's own program, one at a time, and what both modes and peers say to each."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.origin import is_user_file
from tapegraph.bugs.contenders import IMPORTS
from tapegraph.comparison.faults import Fault, Faults, FaultVerdict
from tapegraph.comparison.subject import bodies
from tapegraph.injection import peers as others
from tapegraph.injection.copies import UNWRITTEN, Copies
from tapegraph.injection.judge import shown, verdict
from tapegraph.injection.kinds import KINDS, Change, forgotten
from tapegraph.injection.sites import Scouted, scout
from tapegraph.injection.text import Edit, Source
from tapegraph.mode import mode

MODES = ("eager", "static")
CALLS = 3  # of the program with a fault; what is left over or never changes shows from the second on
MOST = 12  # faults
FEW = 4  # that are tried even where time is up
TRIES = 3  # places for a kind of fault until one changes anything
# One of each sort first (structure, numbers, tracing, training), so that little time does not leave only what is easy to tell.
ORDER = (
    *("shape", "nan", "branch", "zero_grad", "index", "slope", "dtype", "overflow", "shape", "broadcast", "detached"),
    *("nan", "step", "shape", "backward"),
)
FIRST_LIMIT = 60.0  # seconds for the clean program, which may have to be compiled
SLOW = 0.4  # of ``limit``: a peer that takes longer would leave no time for faults
LONGER = 4  # times as long as that took, a program with a fault may take


def inject(
    fn: Callable[..., Any],
    *args: Any,
    kwargs: Mapping[str, Any] | None = None,
    peers: Mapping[str, Callable[..., Any]] | None = None,
    peer_args: Mapping[str, tuple[Any, ...] | Callable[[], tuple[Any, ...]]] | None = None,
    kinds: Iterable[str] = ORDER,
    seconds: float = 6.0,
    limit: float = 5.0,
    progress: Callable[[str], None] = lambda title: None,
    done: Callable[[Fault], None] = lambda fault: None,
) -> Faults:
    """Change one expression of the user's program at a time, call it in both modes, and score what each says.

    ``fn(*args, **kwargs)`` is called in copies of this process (``fork``), which are thrown away: this process, its
    states, random streams, compiled versions and files stay as they are. ``peers``: the same work in other libraries, by
    name; ``peer_args``: their arguments, or functions that make them in the copy, by default the same. ``kinds``: which
    faults to try, in this order. ``seconds``: after which no further fault is begun. ``limit``: seconds until a call counts
    as hanging; in our own modes four times what the program takes without a fault, where that is more. ``progress``: told
    the title of each fault before it is tried; ``done``: given each that has been, so that an interruption loses none.

    Raises what ``fn`` raises in eager mode: a program that is wrong by itself cannot be told from one that was changed.
    """
    began = time.perf_counter()
    if not hasattr(os, "fork"):
        return Faults(left_out={"all": "each is tried in a copy of the process, for which the system needs fork"})
    work = _Injection(fn, args, dict(kwargs or {}), dict(peers or {}), dict(peer_args or {}), limit)
    found = work.run(tuple(kinds), began + seconds, progress, done)
    found.seconds = time.perf_counter() - began
    return found


class _Injection:
    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        peers: dict[str, Callable[..., Any]],
        peer_args: dict[str, Any],
        limit: float,
    ) -> None:
        both = bodies(fn)
        self.body = both.plain
        self.limit = limit
        for name in IMPORTS["tapegraph"]:  # here, so that no copy imports them while its clock runs
            importlib.import_module(name)
        self.copies = Copies()
        given = {"of": self.body, "calls": CALLS, "notices": "tg.debug.last().values"}
        self.requests: dict[str, dict[str, Any]] = {
            "eager": {**given, "mode": "eager", "call": (self.body, args, kwargs)},
            "static": {**given, "mode": "static", "call": (both.compiled, args, kwargs)},
        }
        self.peers = {name: others.Peer(peer) for name, peer in peers.items()}
        self.absent = {name: peer.refusal for name, peer in self.peers.items() if peer.refusal}
        for name, peer in peers.items():
            if name in self.absent:
                continue
            call = (peer, peer_args.get(name, args), kwargs)
            self.requests[name] = {**given, "of": peer, "mode": None, "call": call, "notices": "{}"}
        self.twins: dict[str, dict[str, Any]] = {}
        self.limits: dict[str, float] = {}
        self.sources: dict[str, Source] = {}

    def run(
        self,
        kinds: tuple[str, ...],
        until: float,
        progress: Callable[[str], None],
        done: Callable[[Fault], None],
    ) -> Faults:
        found = Faults()
        scouted = self.scouted()
        self.clean()
        self.sources = {key[0]: Source(key[0]) for key in scouted.codes if is_user_file(key[0])}
        if not any(source.lines for source in self.sources.values()):
            found.left_out["all"] = "no line of the program could be read: it is not the user's, or has no source"
            return found
        parameters = others.parameters(self.body) if self.peers else ()
        pools: dict[str, list[Change]] = {kind.name: [] for kind in KINDS}
        for change in (*(c for kind in KINDS for c in kind.changes(scouted)), *forgotten(scouted, self.sources)):
            pools.setdefault(change.kind.name, []).append(change)
        self._explain(pools, scouted, kinds, found.left_out)
        used: list[Change] = []
        for name in kinds:
            if len(found.found) >= MOST or not pools.get(name):
                continue
            if time.perf_counter() > until and len(found.found) >= FEW:
                said = "there was no time left"
            else:
                progress(pools[name][-1].kind.title)
                fault = self.placed(pools[name], used, parameters)
                if fault is not None:
                    found.found.append(fault)
                    done(fault)
                    continue
                said = f"it changed nothing where it was tried, at {TRIES} places at most"
            if all(fault.kind != name for fault in found.found):
                found.left_out.setdefault(name, said)
        found.found.sort(key=lambda fault: (fault.file, fault.line))
        return found

    def placed(self, pool: list[Change], used: list[Change], parameters: tuple[str, ...]) -> Fault | None:
        """A fault of a kind, at the first of a few places where it changes anything; none of them is tried again."""
        for _ in range(min(TRIES, len(pool))):
            change = spread(pool, used, parameters)
            pool.remove(change)
            fault = self.tried(change)
            if fault is not None:
                used.append(change)
                return fault
        return None

    def scouted(self) -> Scouted:
        """Where the program computes what; raises what it raises."""
        program, args, kwargs = self.requests["eager"]["call"]

        def look() -> Scouted:
            with mode("eager"):
                return scout(lambda: program(*args, **kwargs))

        found: Scouted = self.copies.answer(look, FIRST_LIMIT)
        return found

    def clean(self) -> None:
        """The records of the program as it is."""
        for name, request in self.requests.items():
            began = time.perf_counter()
            ours = name in MODES
            record = self.copies.run(self._marked(request, None, ()), None, FIRST_LIMIT if ours else self.limit)
            took = time.perf_counter() - began
            self.limits[name] = max(self.limit, LONGER * took) if ours else self.limit
            if raised := record.get("exception"):
                said = f"{raised['kinds'][0]}: {raised['message']}".splitlines()[0]
                self.absent[name] = f"the program itself raises {said}"
            elif "broken" in record:
                said = record["broken"].strip().splitlines()[-1]
                self.absent[name] = f"a copy of the process could not run it: {said}"
            elif not ours and took > SLOW * self.limit:
                self.absent[name] = f"its calls take {took:.1f} s in a copy of the process, too long to try every fault"
            else:
                self.twins[name] = record
        if "eager" in self.twins:
            again = self.copies.run(self._marked(self.requests["eager"], None, ()), None, self.limits["eager"])
            for record in self.twins.values():
                record["steady"] = same(self.twins["eager"]["result"], again.get("result"))

    def tried(self, change: Change) -> Fault | None:
        """The fault with all verdicts; None where it changes nothing for anybody, or cannot be written."""
        source = self.sources[change.edit.file]
        after, start, stop = change.edit.line(source.lines)
        before = source.lines[change.edit.span[0] - 1].rstrip("\n")
        fault = Fault(
            change.kind.name,
            change.kind.title,
            shown(change.edit.file),
            change.edit.span[0],
            change.site.function,
            before,
            after,
            start,
            stop,
            absent=dict(self.absent),
        )
        manifest = False
        for name in MODES:
            if name in self.twins:
                bug = self.records(name, change, change.edit)
                if bug.get("broken", "").startswith(UNWRITTEN):
                    return None
                said = fault.verdicts[name] = verdict(name, change, change.edit, source, bug, self.twins[name])
                manifest |= shows(change, said, bug, self.twins[name])
        if not manifest:
            return None
        for name, peer in self.peers.items():
            if name not in self.twins:
                continue
            edit = peer.edit(change, self.body)
            if edit is None:
                fault.absent[name] = "its function has no such place"
                continue
            bug = self.records(name, change, edit)
            if bug.get("broken", "").startswith(UNWRITTEN):
                fault.absent[name] = bug["broken"]
            else:
                fault.verdicts[name] = verdict(name, change, edit, peer.source, bug, self.twins[name])
        return fault

    def records(self, name: str, change: Change, edit: Edit) -> dict[str, Any]:
        """What a mode or peer does with an edit."""
        return self.copies.run(self._marked(self.requests[name], edit, change.names), edit, self.limits[name])

    @staticmethod
    def _marked(request: dict[str, Any], edit: Edit | None, operands: tuple[str, ...]) -> dict[str, Any]:
        where = {"program": "", "line": 0} if edit is None else {"program": edit.file, "line": edit.span[0]}
        return {**request, **where, "operands": list(operands)}

    @staticmethod
    def _explain(
        pools: dict[str, list[Change]], scouted: Scouted, kinds: tuple[str, ...], left_out: dict[str, str]
    ) -> None:
        for kind in KINDS:
            if kind.name in kinds and not pools[kind.name]:
                untracked = kind.backward and not scouted.differentiates
                left_out[kind.name] = "no gradient is taken" if untracked else kind.reason


def same(one: list[Any], other: list[Any] | None) -> list[bool]:
    """Which numbers of two runs are the same; a program may draw from a generator without a seed, or read the clock."""
    if other is None or len(one) != len(other):
        return [False] * len(one)
    return [a == b for a, b in zip(one, other, strict=True)]


def shows(change: Change, said: FaultVerdict, bug: dict[str, Any], twin: dict[str, Any]) -> bool:
    """Whether a fault does anything: results that differ, or words about it; where numbers are to break, some that did."""
    silent = said.found not in ("raised", "warned")
    if change.kind.numeric and silent and "result" in bug:
        clean = twin["result"]
        return any(isinstance(x, str) and not isinstance(was, str) for x, was in zip(bug["result"] or (), clean))
    return said.found != "allowed"


def spread(pool: list[Change], used: list[Change], parameters: tuple[str, ...]) -> Change:
    """The change that is farthest from those made already, on a line that has few, in a variable, by an op of ours.

    Where peers are to follow, arguments come first.
    """
    last = max(change.site.order for change in pool) or 1
    deep = max(change.site.depth for change in pool) or 1

    def worth(change: Change) -> float:
        here = change.site.order / last
        apart = min((abs(here - other.site.order / last) for other in used), default=1.0)
        place = change.edit.file, change.edit.span[0]
        fresh = 2 / (1 + sum(place == (other.edit.file, other.edit.span[0]) for other in used))
        name = change.operand.name if change.operand else ""
        ours = change.operand is not None and change.operand.facts.tensor
        liked = (name != "") + ours + change.kind.fitting + 3 * (name in parameters)
        return apart + 0.25 * change.site.depth / deep + fresh + liked

    return max(pool, key=worth)
