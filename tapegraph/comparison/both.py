"""Both modes of a function, each with states of its own, and a control run beside them; they take turns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from engine.ops.random import default_generator
from tapegraph.comparison.agreement import Moment, moment
from tapegraph.comparison.figures import Comparison
from tapegraph.comparison.lane import Batch, Lane, nudged
from tapegraph.comparison.subject import bodies, said
from tapegraph.function import Function
from tapegraph.reached import reached, states_of
from tapegraph.version import Version


class Both:
    """``eager`` and ``static`` start equal; ``control`` is static mode that starts one last bit away.

    ``lasts`` and ``calls``: what could be seen after the last turn that all have made, and how many calls that was.
    """

    def __init__(self, fn: Callable[..., Any], args: Any, states: Iterable[Any] | None, found: Comparison) -> None:
        self.fn, self.found = fn, found
        self.bodies = bodies(fn)
        self.held = states_of([[self.bodies.plain, args] if states is None else list(states), default_generator])
        # What is compiled: the function itself, or where that cannot be traced the decorated ones that it calls.
        self.compiled: list[Function] = [self.bodies.compiled]
        self.eager = Lane("eager", self.bodies.plain, self.held)
        # The control run is compiled apart: gradients that a compiled step leaves lie in memory of its own.
        self._static(self.bodies.compiled, bodies(fn).compiled)
        self.firsts: dict[str, Moment] = {}
        self.lasts: dict[str, Moment] = {}
        self.calls = 0

    def _static(self, step: Callable[..., Any], control: Callable[..., Any]) -> None:
        self._known = set(map(id, self.versions))
        self.static = Lane("static", step, self.held, lambda: len(self.versions))
        self.control = Lane("static", control, self.held)
        self.control.nudge()

    @property
    def whole(self) -> bool:
        """Whether the function is compiled as a whole."""
        return self.compiled == [self.bodies.compiled]

    @property
    def versions(self) -> list[Version]:
        """What was compiled, in order."""
        return [v for function in self.compiled for known in function.versions.values() for v in known]

    @property
    def made(self) -> list[Version]:
        """What was compiled since this began."""
        return [version for version in self.versions if id(version) not in self._known]

    @property
    def lanes(self) -> list[Lane]:
        """The modes that run."""
        return [lane for lane in (self.eager, self.static) if lane.name not in self.found.failed]

    def _named(self) -> list[tuple[str, Lane]]:
        known = [("eager", self.eager), ("static", self.static), ("control", self.control)]
        return [(name, lane) for name, lane in known if lane.name not in self.found.failed]

    @property
    def begun(self) -> bool:
        """Whether every mode that runs has made its first call."""
        return bool(self.lasts) and all(name in self.lasts for name, _ in self._named())

    # ------------------------------------------------------------------------------------ calls

    def first_eager(self, row: Batch) -> None:
        """The first call in eager mode; raises what the function raises, with a note."""
        try:
            self.firsts["eager"] = moment(self.eager, self.eager.run([row]))
        except Exception as error:
            error.add_note("tg.compare called it in eager mode, where it must run before there is anything to compare.")
            raise

    def first_static(self, row: Batch) -> None:
        """The first compiled call and that of the control run; where it fails there is no static mode to compare with."""
        try:
            self._both_static(row)
        except Exception as error:
            inner = [] if isinstance(self.fn, Function) else _decorated(self.bodies.plain)
            whole = said(error)
            if inner:
                self.compiled = inner
                self._static(self.bodies.plain, self.bodies.plain)
                try:
                    self._both_static(row)
                except Exception as other:
                    self.found.failed["static"] = said(other)
                    return
                if not self.made:
                    self.found.failed["static"] = whole
                else:
                    names = ", ".join(
                        f.__name__ for f in inner if any(v in self.made for known in f.versions.values() for v in known)
                    )
                    where = f" at {whole.place.address}" if whole.place else ""
                    self.found.notes.append(
                        f"{self.found.function.name} cannot be compiled as a whole ({whole.error}{where}), so static mode "
                        f"runs it line by line and compiles the decorated functions that it calls: {names}."
                    )
            else:
                self.found.failed["static"] = whole
        finally:
            self.lasts, self.calls = dict(self.firsts), 1

    def _both_static(self, row: Batch) -> None:
        self.firsts["static"] = moment(self.static, self.static.run([row]))
        self.firsts["control"] = moment(self.control, self.control.run([nudged(row)]))

    def turn(self, rows: Sequence[Batch], number: int) -> None:
        """The same calls in both modes, and in the control run; static mode that fails is out of the comparison."""
        results: dict[str, Any] = {}
        for name, lane in self._named() if number % 2 == 0 else self._named()[::-1]:
            with self.failing(lane):
                results[name] = lane.run([nudged(r) for r in rows] if name == "control" else rows)
        self.lasts = {name: moment(lane, results[name]) for name, lane in self._named() if name in results}
        self.calls += len(rows)

    @contextlib.contextmanager
    def failing(self, lane: Lane) -> Iterator[None]:
        """A later call that fails in static mode is noted; eager mode's errors are the user's."""
        try:
            yield
        except Exception as error:
            if lane.name == "eager":
                raise
            self.found.failed[lane.name] = said(error)

    @contextlib.contextmanager
    def put_back(self) -> Iterator[None]:
        """Calls inside the block leave the states of each lane as they are now."""
        kept = [(lane, lane.values(), lane.gradients()) for lane in self.lanes]
        try:
            yield
        finally:
            for lane, values, gradients in kept:
                lane.restore(values, gradients)


def _decorated(body: Callable[..., Any]) -> list[Function]:
    """The ``tg.function`` objects that a program can come to, other than itself."""
    own = getattr(body, "__func__", body)
    return [thing for thing in reached([body]) if isinstance(thing, Function) and thing.body is not own]
