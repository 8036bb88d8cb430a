"""A comparison under way: ``found`` holds at any time what is known so far."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import compiler.pipeline  # noqa: F401  # here, so that importing it is not taken for the cost of compiling
from engine.errors import ArgumentError
from tapegraph.bench.machine import described
from tapegraph.comparison import extras
from tapegraph.comparison.agreement import agreement
from tapegraph.comparison.both import Both
from tapegraph.comparison.figures import Comparison, Start, speed
from tapegraph.comparison.intervals import Medians
from tapegraph.comparison.lane import Batch, Lane, Timed, as_before
from tapegraph.comparison.peers import Contender, PeerLane, converted, threads_of_peers
from tapegraph.comparison.retraces import retraces
from tapegraph.comparison.starts import KERNEL, kernels_of, start_of, starts_here
from tapegraph.comparison.subject import always_compiled, bodies
from tapegraph.comparison.threads import pinned

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


class _Nowhere(io.TextIOBase):
    """Takes what is printed and forgets it."""

    def write(self, text: str) -> int:
        return len(text)


class Measurement:
    """``run()`` measures all. ``progress`` is told what begins, and which share is done; between measurements only."""

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        settings: Settings,
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        if settings.epochs < 1:
            raise ArgumentError(f"epochs must be at least 1, got {settings.epochs}", op="compare")
        self.fn, self.args, self.settings, self.told = fn, args, settings, progress
        subject = bodies(fn).subject
        self.found = Comparison(
            settings.title or subject.name,
            subject,
            score_name=settings.score_name,
            machine=described(),
            origin={"when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())},
            settings={"seconds": settings.seconds, "threads": settings.threads, "epochs": settings.epochs},
        )
        self.both = Both(fn, args, settings.states, self.found)
        self.peers: list[Contender] = [
            *(PeerLane(name, peer) for name, peer in settings.peers.items()),
            *settings.workers,
        ]
        self.rows: list[Batch] = []
        self.scores: dict[str, float] = {}
        self._stdout = sys.stdout
        if found := always_compiled(self.both.bodies.plain):
            self.found.notes.append(f"Compiled in whatever mode, so in the eager figures too: {', '.join(found)}.")

    def progress(self, text: str, share: float) -> None:
        """Tell what begins; where the user's program may not print, who is told may."""
        if self.told is not None:
            with contextlib.redirect_stdout(self._stdout):
                self.told(text, share)

    @property
    def timed(self) -> list[Timed]:
        """All that take turns."""
        return [*self.both.lanes, *(peer for peer in self.peers if not peer.failed)]

    def run(self) -> Comparison:
        """Measure everything; what the function raises in eager mode is raised. ``found`` is of use after a KeyboardInterrupt.

        What the function prints in its first call is shown, and what it prints in the thousands of others is not.
        """
        began = time.perf_counter()
        settings, found = self.settings, self.found
        found.complete = False
        self._stdout = sys.stdout
        with (
            as_before(self.both.held),
            contextlib.ExitStack() as stack,
            pinned(settings.threads) as did_pin,
            threads_of_peers(settings.peers, settings.threads),
        ):
            found.threads = settings.threads if did_pin else None
            for peer in self.peers:
                stack.callback(peer.close)
            self._run_batches(stack)
            self._judge()
            self._inject()
            for peer in (peer for peer in self.peers if not peer.failed):
                self.progress(f"first call of {peer.name}", 0.35)
                peer.begin(self.rows, self.both.firsts["eager"])
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

    def _run_batches(self, stack: contextlib.ExitStack) -> None:
        """All batches in both modes by turns."""
        self.progress("both modes from the same start", 0.02)
        settings, both = self.settings, self.both
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
                    both.first_eager(rows[0])
                    stack.enter_context(contextlib.redirect_stdout(_Nowhere()))
                    both.first_static(rows[0])
                    rows = rows[1:]
                for number, start in enumerate(range(0, len(rows), BLOCK)):
                    both.turn(rows[start : start + BLOCK], number + epoch)
                    done = (epoch + start / len(rows)) / settings.epochs
                    self.progress("both modes from the same start", 0.05 + 0.15 * done)
        except KeyboardInterrupt:
            if both.begun:
                self._judge()
                self._count()
            raise
        finally:
            if loader_epoch is not None:
                settings.batches.epoch = loader_epoch
        if settings.evaluate is not None:
            self.scores = {lane.name: float(lane.during(settings.evaluate)) for lane in both.lanes}

    def _arguments(self, batch: Any) -> Batch:
        return (*self.args, *batch) if isinstance(batch, tuple | list) else (*self.args, batch)

    def _judge(self) -> None:
        """Whether the modes agree, by the first call and the last turn that all have made; what was compiled, and why."""
        found, both = self.found, self.both
        found.retraces = retraces(both.made)
        if "static" in found.failed:
            return
        if not both.firsts["eager"].results:
            found.notes.append("It returns no array and no number, so that only states and gradients were compared.")
        moments = ([both.firsts[name], both.lasts[name]] for name in ("eager", "static", "control"))
        found.agreement = agreement(*moments, self.settings.tolerance, both.calls)
        if not found.agreement.ok and both.whole:
            self.progress("where the modes part", 0.2)
            extras.bisect(found, both.bodies.compiled, self.rows[0])

    # ------------------------------------------------------------------------------------ speed

    def _time(self) -> None:
        """Further turns, on states that are put back afterwards, until there are enough or time is up."""
        eager = self.both.eager
        once = min([s for turn in eager.turns for _, s in turn] or [eager.first])
        block = max(1, int(TURN[0] / once), min(BLOCK, int(TURN[1] / once)))
        began, least, most = time.perf_counter(), *TURNS
        limit, turn = self.settings.seconds * TIMING, 0
        try:
            with self.both.put_back():
                while turn < most:
                    rows = [self.rows[(turn * block + k) % len(self.rows)] for k in range(block)]
                    for contender in self.timed if turn % 2 == 0 else self.timed[::-1]:
                        with self.both.failing(contender) if isinstance(contender, Lane) else contextlib.nullcontext():
                            contender.run(rows)
                    turn += 1
                    passed = time.perf_counter() - began
                    self.progress("timing by turns", 0.4 + 0.2 * min(1.0, max(passed / limit, turn / most)))
                    if passed > limit and (turn >= least or passed * (turn + 1) / turn > 2 * limit) and turn >= 3:
                        break
        finally:
            self._count()

    def _count(self) -> None:
        """Figures of what was timed so far."""
        found = self.found
        lanes = [lane for lane in self.timed if lane.turns]
        if not lanes:
            return
        size = self.both.eager.usual()
        turns = {lane.name: lane.seconds(size) for lane in lanes}
        turns = {name: its for name, its in turns.items() if its}
        together = min(
            map(len, turns.values())
        )  # peers begin later: what is compared are the turns that all have taken
        turns = {name: its[-together:] for name, its in turns.items()}
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
        for name, score in self.scores.items():
            if name in found.modes:
                found.modes[name].score = score
        if "static" in turns:
            found.speedup = self.medians.ratio("eager", "static")
            for peer in found.peers.values():
                if peer.speed is not None:
                    peer.ratio = self.medians.ratio(peer.name, "static")
        for lane in (self.both.eager, self.both.static):
            found.notices[lane.name] = extras.notices(lane.notices)

    def _remember(self) -> None:
        """Peak memory of a call in each mode."""
        self.progress("memory", 0.62)
        with self.both.put_back():
            for lane in self.both.lanes:
                parts = {"allocated": lane.peak(self.rows[0])}
                if lane.name == "static":
                    parts["arena"] = max((arena(v.program) for v in self.both.versions), default=0)
                if (figures := self.found.modes.get(lane.name)) is not None:
                    figures.peak_parts, figures.peak_bytes = parts, sum(parts.values())

    # ------------------------------------------------------------------------------------ starts

    def _start(self) -> None:
        """What compiling costs, and when it has paid."""
        self.progress("compiling again, cold and warm", 0.65)
        elsewhere = self.settings.starts if self.both.whole else None
        for start in (elsewhere or self.starts_here)():
            start.break_even = self.medians.break_even(start.runs)
            self.found.starts.append(start)
            self.progress("compiling again, cold and warm", 0.75)

    def starts_here(self) -> Iterator[Start]:
        """First calls in this process; where a cold one cannot be had, or would take too long, the one that there was."""
        both, seconds = self.both, self.settings.seconds * STARTING
        kernels = sum(sum(kernels_of(version).values()) for version in both.made)
        if both.whole and kernels * KERNEL <= 2 * seconds:
            yield from starts_here(lambda: bodies(self.fn).compiled, self.rows[0], both.held, seconds)
            return
        if both.whole:
            self.found.notes.append(
                f"Compiling its {kernels} kernels over an empty cache takes longer than there was time for; "
                "more seconds are what it needs."
            )
        if both.made:
            yield start_of(both.made, "this process", both.static.first)

    def _tell(self) -> None:
        """How intervals came about."""
        turns = len(self.both.eager.turns)
        if not turns:
            return
        runs = [f"{len(start.runs)} over a {start.name}" for start in self.found.starts]
        again = f", and the first calls ({', '.join(runs)})" if runs else ""
        alone = (
            "; one run alone says nothing of how much the next would take" if any(r[:2] == "1 " for r in runs) else ""
        )
        self.found.notes.insert(
            0,
            f"Intervals hold at 95 %: {turns} turns of calls were drawn again 1,000 times{again}{alone}.",
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
