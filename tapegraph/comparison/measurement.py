"""A comparison under way: ``found`` holds at any time what is known so far."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import compiler.pipeline  # noqa: F401  # here, so that importing it is not taken for the cost of compiling
from engine.errors import ArgumentError
from engine.ops.random import default_generator
from tapegraph.bench.machine import described
from tapegraph.comparison import extras
from tapegraph.comparison.agreement import Moment, agreement, moment
from tapegraph.comparison.figures import Comparison, Start, speed
from tapegraph.comparison.intervals import Medians
from tapegraph.comparison.lane import Batch, Lane, Timed, as_before, nudged
from tapegraph.comparison.peers import Contender, PeerLane, converted, threads_of_peers
from tapegraph.comparison.retraces import retraces
from tapegraph.comparison.starts import KERNEL, start_of, starts_here
from tapegraph.comparison.subject import always_compiled, bodies, said
from tapegraph.comparison.threads import pinned
from tapegraph.reached import states_of

BLOCK = 15  # batches in a row in one mode; a change of mode costs caches, a long row lets noise hit one mode only
TURN = 5e-3, 0.1  # seconds that a turn in eager mode takes, at least and, where BLOCK calls would take longer, at most
TURNS = 20, 80  # of each contender: at least, where time allows, and at most
CALLS = 5  # further calls where one set of arguments is given, before states are compared
TIMING, STARTING, FAULTS = 0.25, 0.2, 0.35  # shares of the time


@dataclass
class Settings:
    """How a comparison is made; see ``tg.compare``. ``starts``: what measures starts elsewhere than in this process."""

    batches: Any = None
    epochs: int = 1
    states: Iterable[Any] | None = None
    evaluate: Callable[[], float] | None = None
    score_name: str = "score"
    tolerance: float | None = None
    threads: int = 1
    peers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    workers: Sequence[Contender] = ()  # peers that the command line knows how to make
    faults: bool = True
    profile: bool = True
    scene: bool = True
    seconds: float = 15.0
    title: str = ""
    starts: Callable[[], Iterator[Start]] | None = None


def _quiet(text: str, share: float) -> None:
    pass


class Measurement:
    """``run()`` measures all. ``progress`` is told what begins, and which share is done; between measurements only."""

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        settings: Settings,
        progress: Callable[[str, float], None] = _quiet,
    ) -> None:
        if settings.epochs < 1:
            raise ArgumentError(f"epochs must be at least 1, got {settings.epochs}", op="compare")
        self.fn, self.args, self.settings, self.progress = fn, args, settings, progress
        self.bodies = bodies(fn)
        self.held = states_of(
            [[self.bodies.plain, args] if settings.states is None else list(settings.states), default_generator]
        )
        body, compiled = self.bodies.plain, self.bodies.compiled
        count = lambda: sum(map(len, compiled.versions.values()))  # noqa: E731
        self.eager = Lane("eager", body, self.held)
        self.static = Lane("static", compiled, self.held, count)
        # Compiled apart: gradients that a compiled step leaves lie in memory of its own.
        self.control = Lane("static", bodies(fn).compiled, self.held)
        self.control.nudge()
        self.peers: list[Contender] = [
            *(PeerLane(name, peer) for name, peer in settings.peers.items()),
            *settings.workers,
        ]
        self.rows: list[Batch] = []
        self.firsts: dict[str, Moment] = {}
        self.lasts: dict[str, Moment] = {}
        self.calls = 0  # that all lanes have made
        name = self.bodies.subject.name
        self.found = Comparison(
            settings.title or name,
            self.bodies.subject,
            score_name=settings.score_name,
            machine=described(),
            origin={"when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())},
            settings={"seconds": settings.seconds, "threads": settings.threads, "epochs": settings.epochs},
        )
        if found := always_compiled(body):
            self.found.notes.append(f"Compiled in whatever mode, so in the eager figures too: {', '.join(found)}.")

    @property
    def lanes(self) -> list[Lane]:
        """The modes that run."""
        return [lane for lane in (self.eager, self.static) if lane.name not in self.found.failed]

    @property
    def timed(self) -> list[Timed]:
        """All that take turns."""
        return [*self.lanes, *(peer for peer in self.peers if not peer.failed)]

    def run(self) -> Comparison:
        """Measure everything; what the function raises in eager mode is raised. ``found`` is of use after a KeyboardInterrupt."""
        began = time.perf_counter()
        settings, found = self.settings, self.found
        found.complete = False
        with (
            as_before(self.held),
            contextlib.ExitStack() as stack,
            pinned(settings.threads) as did_pin,
            threads_of_peers(settings.peers, settings.threads),
        ):
            found.threads = settings.threads if did_pin else None
            for peer in self.peers:
                stack.callback(peer.close)
            self._run_batches()
            self._judge()
            self._inject()
            for peer in (peer for peer in self.peers if not peer.failed):
                self.progress(f"first call of {peer.name}", 0.35)
                peer.begin(self.rows, self.firsts["eager"])
            self._time()
            self._remember()
            if "static" not in found.failed:
                self._start()
            self._look()
        self._tell()
        found.complete = True
        found.settings["took"] = time.perf_counter() - began
        return found

    # ------------------------------------------------------------------------------------ agreement

    def _run_batches(self) -> None:
        """All batches in both modes by turns."""
        self.progress("both modes from the same start", 0.02)
        settings = self.settings
        loader_epoch = getattr(settings.batches, "epoch", None)
        source: Any = settings.batches
        if source is not None and loader_epoch is None:
            source = [self._arguments(b) for b in source]
        try:
            for epoch in range(settings.epochs):
                rows = [self.args] * (1 + CALLS) if source is None else [self._arguments(b) for b in source]
                if not rows:
                    raise ArgumentError("there are no batches", op="compare")
                if epoch == 0:
                    self.rows = [self.args] if source is None else rows
                    self.firsts = self.lasts = self._first(rows[0])
                    rows = rows[1:]
                for number, start in enumerate(range(0, len(rows), BLOCK)):
                    self._turn(rows[start : start + BLOCK], number + epoch)
                    done = (epoch + start / len(rows)) / settings.epochs
                    self.progress("both modes from the same start", 0.05 + 0.15 * done)
        except KeyboardInterrupt:
            if self.lasts:
                self._judge()
                self._count()
            raise
        finally:
            if loader_epoch is not None:
                settings.batches.epoch = loader_epoch
        if settings.evaluate is not None:
            self.scores = {lane.name: float(lane.during(settings.evaluate)) for lane in self.lanes}

    def _judge(self) -> None:
        """Whether the modes agree, by the first call and the last turn that all have made; what was compiled, and why."""
        found = self.found
        if "static" in found.failed:
            return
        moments = ([self.firsts[name], self.lasts[name]] for name in ("eager", "static", "control"))
        found.agreement = agreement(*moments, self.settings.tolerance, self.calls)
        found.retraces = retraces(self.bodies.versions)
        if not found.agreement.ok:
            self.progress("where the modes part", 0.2)
            extras.bisect(found, self.bodies.compiled, self.rows[0])

    def _named(self) -> list[tuple[str, Lane]]:
        return [("eager", self.eager), ("static", self.static), ("control", self.control)]

    def _arguments(self, batch: Any) -> Batch:
        return (*self.args, *batch) if isinstance(batch, tuple | list) else (*self.args, batch)

    def _first(self, row: Batch) -> dict[str, Moment]:
        """The first call of each; where the compiled one fails there is no static mode to compare with."""
        found: dict[str, Moment] = {}
        for name, lane in self._named():
            if lane.name in self.found.failed:
                continue
            try:
                result = lane.run([nudged(row) if name == "control" else row])
            except Exception as error:
                if name == "eager":
                    error.add_note(
                        "tg.compare called it in eager mode, where it must run before there is anything to compare."
                    )
                    raise
                self.found.failed[lane.name] = said(error)
                continue
            found[name] = moment(lane, result)
        self.calls = 1
        return found

    def _turn(self, rows: Sequence[Batch], number: int) -> None:
        results: dict[str, Any] = {}
        for name, lane in self._named() if number % 2 == 0 else self._named()[::-1]:
            if lane.name not in self.found.failed:
                with self._failing(lane):
                    results[name] = lane.run([nudged(r) for r in rows] if name == "control" else rows)
        self.lasts = {name: moment(lane, results[name]) for name, lane in self._named() if name in results}
        self.calls += len(rows)

    @contextlib.contextmanager
    def _failing(self, lane: Lane) -> Iterator[None]:
        """Static mode that fails in a later call is out of the comparison; eager mode's errors are the user's."""
        try:
            yield
        except Exception as error:
            if lane.name == "eager":
                raise
            self.found.failed[lane.name] = said(error)

    # ------------------------------------------------------------------------------------ speed

    def _time(self) -> None:
        """Further turns, on states that are put back afterwards, until there are enough or time is up."""
        kept = [(lane, lane.values(), lane.gradients()) for lane in self.lanes]
        once = min([s for turn in self.eager.turns for _, s in turn] or [self.eager.first])
        block = max(1, int(TURN[0] / once), min(BLOCK, int(TURN[1] / once)))
        began, least, most = time.perf_counter(), *TURNS
        limit, turn = self.settings.seconds * TIMING, 0
        try:
            while turn < most:
                rows = [self.rows[(turn * block + k) % len(self.rows)] for k in range(block)]
                for contender in self.timed if turn % 2 == 0 else self.timed[::-1]:
                    contender.run(rows)
                turn += 1
                passed = time.perf_counter() - began
                self.progress("timing by turns", 0.4 + 0.2 * min(1.0, max(passed / limit, turn / most)))
                if passed > limit and (turn >= least or passed * (turn + 1) / turn > 2 * limit) and turn >= 3:
                    break
        finally:
            for lane, values, gradients in kept:
                lane.restore(values, gradients)
            self._count()

    def _count(self) -> None:
        """Figures of what was timed so far."""
        found = self.found
        lanes = [lane for lane in self.timed if lane.turns]
        if not lanes:
            return
        size = self.eager.usual()
        turns = {lane.name: lane.seconds(size) for lane in lanes}
        turns = {name: its for name, its in turns.items() if its}
        self.medians = Medians(turns)
        for lane in lanes:
            if lane.name in turns:
                interval = self.medians.interval(lane.name)
                times = [s for turn in turns[lane.name] for s in turn]
                figures = speed(times, size, interval=interval, first_call=lane.first)
                if isinstance(lane, Contender):
                    lane.peer.speed = figures
                else:
                    found.modes[lane.name] = figures
        for name, score in getattr(self, "scores", {}).items():
            found.modes[name].score = score
        if "static" in turns:
            found.speedup = self.medians.ratio("eager", "static")
            for peer in found.peers.values():
                if peer.speed is not None:
                    peer.ratio = self.medians.ratio(peer.name, "static")
        for lane in (self.eager, self.static):
            found.notices[lane.name] = extras.notices(lane.notices)

    def _remember(self) -> None:
        """Peak memory of a call in each mode."""
        self.progress("memory", 0.62)
        kept = [(lane, lane.values(), lane.gradients()) for lane in self.lanes]
        for lane, values, gradients in kept:
            parts = {"allocated": lane.peak(self.rows[0])}
            if lane.name == "static":
                parts["arena"] = max(arena(v.program) for v in self.bodies.versions)
            lane.restore(values, gradients)
            if (figures := self.found.modes.get(lane.name)) is not None:
                figures.peak_parts, figures.peak_bytes = parts, sum(parts.values())

    # ------------------------------------------------------------------------------------ starts

    def _start(self) -> None:
        """What compiling costs, and when it has paid."""
        self.progress("compiling again, cold and warm", 0.65)
        for start in (self.settings.starts or self.starts_here)():
            start.break_even = self.medians.break_even(start.runs)
            self.found.starts.append(start)
            self.progress("compiling again, cold and warm", 0.75)

    def starts_here(self) -> Iterator[Start]:
        """First calls in this process; where a cold one would take too long, the one that there was."""
        seconds = self.settings.seconds * STARTING
        report = self.bodies.versions[0].program.report
        kernels = report.compiled + report.disk + report.registry
        if kernels * KERNEL <= 2 * seconds:
            yield from starts_here(lambda: bodies(self.fn).compiled, self.rows[0], self.held, seconds)
            return
        self.found.notes.append(
            f"Compiling its {kernels} kernels over an empty cache takes longer than there was time for; "
            "more seconds are what it needs."
        )
        yield start_of(self.bodies.compiled, "this process", self.static.first)

    def _tell(self) -> None:
        """How intervals came about."""
        if not self.eager.turns:
            return
        runs = [f"{len(start.runs)} over a {start.name}" for start in self.found.starts]
        again = f", and the first calls ({', '.join(runs)})" if runs else ""
        alone = (
            "; one run alone says nothing of how much the next would take" if any(r[:2] == "1 " for r in runs) else ""
        )
        self.found.notes.insert(
            0,
            f"Intervals hold at 95 %: {len(self.eager.turns)} turns of calls were drawn again 1,000 times{again}{alone}.",
        )

    # ------------------------------------------------------------------------------------ looks

    def _inject(self) -> None:
        """Faults, in copies of this process: before peers compute, since a copy of a process in which JAX has hangs."""
        settings, found = self.settings, self.found
        found.peers = {peer.name: peer.peer for peer in self.peers}
        if settings.faults:
            self.progress("injecting faults", 0.2)
            living = {peer.name: peer for peer in self.peers if isinstance(peer, PeerLane) and not peer.failed}
            functions = {name: peer.step for name, peer in living.items()}
            # Converted in the copies: to make an array starts the threads of JAX.
            arguments = {name: partial(converted, self.rows[0], peer.framework.array) for name, peer in living.items()}
            extras.faults(found, self.fn, self.rows[0], functions, arguments, settings.seconds * FAULTS)

    def _look(self) -> None:
        """Profiles and pictures, each where asked for; what cannot be made says why in the notes."""
        if self.settings.profile:
            self.progress("profiling", 0.85)
            extras.profiles(self.found, self.fn, self.rows[0])
        if self.settings.scene and "static" not in self.found.failed:
            self.progress("graphs", 0.95)
            extras.scene(self.found, self.fn, self.rows[0])
        self.progress("done", 1.0)


def arena(program: Any) -> int:
    """Bytes of the native memory that a compiled program holds for its largest sizes: intermediates and gradients."""
    return int(program.arena.bytes + sum(a.nbytes for a in program.kept.values()))
