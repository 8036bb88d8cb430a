"""tg.debug.shadow: a share of a compiled step's calls is made again in eager mode, and compared."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from engine import effects, level
from engine.dispatch import current
from engine.notices import MismatchWarning, warn
from graph.builder import Builder
from graph.mismatch import size, worst
from tapegraph.debug.bisection import Bisection, bisect
from tapegraph.debug.twin import Twin, far_apart
from tapegraph.function import Function
from tapegraph.mode import current_mode

Array = np.ndarray[Any, Any]


class Found:
    """A call that differed: what it was given, and the states and gradients before it, as copies."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def bisect(self, **options: Any) -> Bisection:
        """``tg.debug.bisect`` of the call, from the states it began with; they are afterwards as they are now."""
        with self.twin.restored():
            self.twin.begin()
            return bisect(self.twin.function, *self.twin.args, **self.twin.kwargs, **options)


class Shadow:
    """A function, a share of whose compiled calls is checked; see ``shadow``.

    ``calls``, ``checked``: how many there were. ``found``: the latest call that differed, or None; its ``bisect()`` goes on.
    Everything else is the function's.
    """

    def __init__(self, function: Function, rate: float, seed: int, rtol: float | None, atol: float) -> None:
        functools.update_wrapper(self, function.body)
        self.function, self.rate, self.rtol, self.atol = function, rate, rtol, atol
        self.draws = np.random.default_rng(seed)
        self.calls = self.checked = 0
        self.found: Found | None = None

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["function"], name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self.function
        compiled = current_mode() == "static" or (function.always and current_mode() != "inline")
        if not compiled or isinstance(current(), Builder) or level.current() == "off":
            return function(*args, **kwargs)
        self.calls += 1
        if self.draws.random() >= self.rate:
            return function(*args, **kwargs)
        version, *_ = function.serving(args, kwargs)
        if version is None:
            return function(*args, **kwargs)
        self.checked += 1
        twin = Twin(function, version, args, kwargs)
        returned = function(*args, **kwargs)
        mine = twin.results(returned, args, kwargs)
        with twin.restored(), level.level("off"), effects.left_out():
            twin.begin()
            meant = twin.eager()
        self._compare(twin, mine, meant)
        return returned

    def _compare(self, twin: Twin, mine: list[Array], meant: list[Array]) -> None:
        for (name, record), found, wanted in zip(twin.described(), mine, meant, strict=True):
            far, fine = far_apart(found, wanted, self.rtol, self.atol)
            if fine:
                continue
            self.found = Found(twin)
            index = worst(found, wanted)
            where = "" if not index else f" at index {list(index)}"
            values = "" if index is None else f": {found[index]:.7g}{where}, eager {wanted[index]:.7g}"
            warn(
                MismatchWarning(
                    f"{name} of compiled call {self.calls} differs from eager mode by {far:.2g} of its largest element, "
                    f"{size(wanted):.3g}{values}",
                    op=self.function.__name__,
                    fix="found.bisect() of the shadowed function names the first node that differs and what is to blame",
                    origin=record.origin,
                )
            )
            return


def shadow(
    step: Callable[..., Any] | None = None,
    *,
    rate: float = 0.01,
    seed: int = 0,
    rtol: float | None = None,
    atol: float = 0.0,
) -> Any:
    """``step`` with a random share of its compiled calls made again in eager mode, from the same states and random counters.

    ``rate``: the share, from 0 to 1; ``seed``: of the choice. ``rtol``, ``atol``: how far results, new states and
    gradients may be apart, relative to the largest element of each (by default 1e-4 in float32, 1e-10 in float64) and
    absolutely. The training goes on from what the compiled call computed. A difference is a MismatchWarning that names
    the first result or state, at level "checked" an error; ``step.found.bisect()`` goes on from there. What Python does
    in the body beside computing (appending to a list) happens once more in a checked call. At level "off" and in eager
    mode nothing is checked. Also a decorator: ``@tg.debug.shadow(rate=0.05)``.
    """
    if step is None:
        return functools.partial(shadow, rate=rate, seed=seed, rtol=rtol, atol=atol)
    function = step if isinstance(step, Function) else Function(step)
    return Shadow(function, rate, seed, rtol, atol)
