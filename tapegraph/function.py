"""tg.function: a program traced once for each kind of call, optimised, compiled and kept."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import dispatch, effects
from engine.errors import ArgumentError, UnsupportedError
from engine.landing import MISTAKES, clear, entrance
from engine.level import numbers
from engine.sizes import Dim
from graph.builder import Builder
from tapegraph.calls import Last
from tapegraph.fidelity import check_fidelity
from tapegraph.making import Making
from tapegraph.many import many
from tapegraph.mode import current_mode
from tapegraph.signature import key_text, signature
from tapegraph.tiers import Start, line_by_line
from tapegraph.version import Version

Array = np.ndarray[Any, Any]

SHAPES = 4096  # exact shapes remembered, so that a call with one of them finds its version at once


class Function:
    """A function that runs line by line in eager mode and compiled in static mode; see ``tg.function``."""

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        always: bool = False,
        fidelity: str = "rounding",
        specialize: Any = None,
        phases: bool = True,
        memory_budget: int | None = None,
        tiered: bool | None = None,
    ) -> None:
        functools.update_wrapper(self, body)
        self.__name__ = getattr(body, "__name__", type(body).__name__)  # a module or a partial has none
        self.body = body
        self.always = always
        self.fidelity = fidelity
        self.specialize = specialize
        self.phases = phases
        self.memory_budget = memory_budget
        self.tiered = os.environ.get("TAPEGRAPH_TIERED", "") not in ("", "0") if tiered is None else tiered
        self.early = 0  # calls made line by line while native code was made
        self._starts: dict[Any, Start] = {}
        self.versions: dict[Any, list[Version]] = {}
        self._quick: dict[Any, Version] = {}
        self._last: Last | None = None
        self._lock = threading.RLock()

    @property
    def literal(self) -> bool:
        """Whether it is traced op for op as eager mode applies them, so that every bit is eager mode's."""
        return self.fidelity == "bitwise"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            mode = current_mode()
            if mode != "static" and (mode == "inline" or not self.always):
                call = effects.new_call()  # noqa: F841 - effects ask this frame for it
                return self.body(*args, **kwargs)
            interpreter, last = dispatch.current(), self._last
            if (
                last is not None
                and not kwargs
                and interpreter is last.interpreter
                and (version := last.owner).count < version.due
                and numbers() == last.watch
            ):
                with last.lock:
                    found = last.call(*args)
                    if found is None:
                        found = last.delivered(args)
                if found is not None:
                    version.count += 1
                    return found if last.shaped else version.calls.rebuild(found)
            if isinstance(interpreter, Builder):
                return self.body(*args, **kwargs)  # part of a larger trace
            return self._static(args, kwargs)
        except MISTAKES as error:
            clear(error, self.body)
            raise

    # ------------------------------------------------------------------------------------ static mode

    @entrance
    def many(self, *args: Any, **kwargs: Any) -> Any:
        """Several calls in one, the states carried from each to the next: equal to a loop, without its cost.

        Every array among the arguments has one more axis in front, along which the batches lie; other arguments are the
        same in every call. A single list or iterator is taken for batches one by one: a tuple of arguments, or the only
        one. Returns what the function returns, each tensor with the batches along a new first axis.

        What Python does between calls does not happen between batches. A learning rate that is to change with every
        batch is set inside the function (``optimizer.param_groups[0]["lr"] *= 0.99``); a scheduler, which counts in
        Python, moves between calls of ``many``. In eager mode it is the loop. An error's note names the batch; the
        batches before it have been computed.
        """
        return many(self, args, kwargs)

    def _static(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        version, flat, arrays = self.serving(args, kwargs)
        if version is None:
            self.early += 1
            with effects.call():
                return line_by_line(self.body, args, kwargs)
        version.count += 1
        if version.rebound:
            results, returned = version.calls.run(arrays)
            given = [a for a in flat if type(a) in (Tensor, np.ndarray)]
            for argument, output in version.rebound:
                _assign(given[argument], results[output])
            version.ask()
            return returned
        returned, last = version.calls.quick(arrays, version)
        if version.later:
            version.ask()
            last = None  # the next call is looked at as well
        if flat is args and len(arrays) == len(args):
            self._last = last if version.settled() else None
        return returned

    def serving(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Version | None, Any, list[Array]]:
        """The version that serves these arguments, compiled where there is none; their leaves, and the arrays.

        None where a tiered start has no version yet.
        """
        quick, flat, arrays = signature(args, kwargs)
        version = self._quick.get(quick)
        if version is None or not version.fresh():
            with self._lock:
                if len(self._quick) >= SHAPES:
                    self._quick.clear()
                version = self._version(quick, args, kwargs, arrays)
                if version is not None:
                    self._quick[quick] = version
        if version is not None and version.count >= version.due:
            version.watch(self, args, kwargs)
        return version, flat, arrays

    def _version(
        self, quick: Any, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[Array]
    ) -> Version | None:
        kind = _kind(quick)
        known = self.versions.setdefault(kind, [])
        for version in known:
            if version.serves(arrays) and version.fresh():
                return version

        def make() -> Making:
            return Making(self, args, kwargs, arrays, self._cause(kind, arrays))

        if not self.tiered:
            made: Version | None = make().version()
        else:
            start = self._starts.setdefault(kind, Start())
            made = start.version(make)
        if made is not None:
            self._starts.pop(kind, None)
            known.append(made)
            if self.tiered and not (made.serves(arrays) and made.fresh()):
                return self._version(quick, args, kwargs, arrays)  # it was made for another call
        return made

    def found(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Version | None:
        """The compiled version that would serve these arguments, if there is one."""
        quick, _, arrays = signature(args, kwargs)
        return next((v for v in self.versions.get(_kind(quick), ()) if v.serves(arrays) and v.fresh()), None)

    def wait(self) -> None:
        """Return when the native code that a tiered start is having made is there; the next call will use it."""
        for start in list(self._starts.values()):
            start.wait()

    def _cause(self, kind: Any, arrays: list[Array]) -> str:
        if not any(self.versions.values()):
            return "first call"
        known = self.versions[kind]
        if known:
            last = known[-1]
            if not last.fresh():
                return last.stale()
            for name, shape, array in zip(last.program.names, last.shapes, arrays):
                for axis, (want, got) in enumerate(zip(shape, array.shape)):
                    if not isinstance(want, Dim) and want != got:
                        return f"argument {name!r}: size of axis {axis} is {got}, compiled for {want}"
                    if isinstance(want, Dim) and got == 1:
                        return f"argument {name!r}: size of axis {axis} is 1, which broadcasts"
            return "sizes that were equal differ"
        previous = next(k for k in reversed(self.versions) if self.versions[k])
        for i, (new, old) in enumerate(zip(kind[0], previous[0])):
            if new != old:
                return f"argument {i}: {key_text(new)}, before {key_text(old)}"
        if kind[1] != previous[1]:
            return f"number of dimensions of the arrays: {kind[1]}, before {previous[1]}"
        if kind[3] != previous[3]:
            return "gradients switched on or off"
        return "another structure of arguments"

    def pinned(self, name: str) -> Any:
        if self.literal:
            return True  # with sizes that are names, some functions choose other ways than with the numbers eager mode sees
        if isinstance(self.specialize, Mapping):
            axes = self.specialize.get(name)
            return (axes,) if isinstance(axes, int) and not isinstance(axes, bool) else axes
        return bool(self.specialize)

    # ------------------------------------------------------------------------------------ reports

    def explain(self, fidelity: bool = False) -> str:
        """Every version compiled so far: which argument caused it, what sizes it serves, what it cost.

        ``fidelity``: also every rule that fired and every kernel used that may change a bit of eager mode's results, by
        how much, and on which of the program's lines.
        """
        lines = []
        versions = [v for known in self.versions.values() for v in known]
        lines.append(f"{self.__name__}: {len(versions)} version{'s' * (len(versions) != 1)} compiled")
        if self.tiered:
            lines.append(f"  tiered start: {self.early} calls line by line, while native code was not there yet")
        for number, version in enumerate(versions, 1):
            lines += version.explain(number, fidelity)
        return "\n".join(lines)

    def source(self, form: str = "python") -> str:
        """The plan and its kernels as one readable listing with the user's lines, of the latest version.

        ``form``: "python", the text that is compiled; "llvm" or "assembly", what it was compiled to on this machine.
        """
        from compiler.inspect import listing

        return listing(self._latest().program.plan, form)

    def vectors(self) -> Any:
        """How many elements one instruction of each kernel takes, of the latest version: a ``compiler.lanes.Vectors``."""
        from compiler.lanes import vectors

        return vectors(self._latest().program.plan)

    def graphs(self) -> tuple[Any, Any]:
        """The graph as traced and as optimised, of the latest version."""
        latest = self._latest()
        return latest.graph, latest.optimised

    def _latest(self) -> Version:
        versions = [v for known in self.versions.values() for v in known]
        if not versions:
            raise UnsupportedError(
                "nothing is compiled yet", op=self.__name__, fix='call it once inside tg.mode("static")'
            )
        return versions[-1]


def _kind(quick: Any) -> Any:
    """What calls that may share versions have in common, from what tells calls apart."""
    key, shapes, structure, grad = quick
    return key, tuple(map(len, shapes)), structure, grad


effects.LINE_BY_LINE[Function.__call__.__code__] = "call"


def _assign(argument: Any, value: Array) -> None:
    """Give an argument the value the program assigned to it, as eager mode does on the way."""
    if type(argument) is Tensor:
        argument._rebind(Tensor(value))
    else:
        np.copyto(argument, value)


def function(
    body: Callable[..., Any] | None = None,
    *,
    fidelity: str = "rounding",
    specialize: Any = None,
    memory_budget: int | None = None,
    tiered: bool | None = None,
) -> Any:
    """Make a function that runs line by line in eager mode and compiled in static mode.

    In static mode it is traced on its first call, optimised, compiled and kept. It is traced again only for another
    dtype or number of dimensions, for other Python values, or for sizes the program itself depends on; any other
    size is served by the version at hand. Parameters and States it reads become inputs, those it changes are updated
    in place. ``step.explain()`` says what was compiled and why.

    ``fidelity``: "bitwise" gives every bit of eager mode's results, new states and gradients, at about eager mode's speed:
    each op is computed by its NumPy kernel, once for each size, with scans written out step by step (only gradients through
    ``cond``, ``switch`` and ``while_loop`` may be added in another order). "rounding" (default) may change last bits;
    "finite" may use rewrites that hold where values are finite. ``explain(fidelity=True)`` lists what may. ``specialize``: True, or
    {argument: axes} whose sizes are to be compiled in. ``memory_budget``: bytes that temporaries should not exceed at the
    sizes of the call that compiles; values are computed twice to meet it (``step.explain()`` says which memory is needed).
    ``tiered``: run the first calls line by line while another process compiles; by default what TAPEGRAPH_TIERED says (1
    or 0), else no, because then the last bits of a run depend on when the native code was there.

    >>> double = tg.function(lambda x: x * 2.0)
    >>> with tg.mode("static"):
    ...     double(tg.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    _check_options(fidelity, memory_budget)
    options = {"fidelity": fidelity, "specialize": specialize, "memory_budget": memory_budget, "tiered": tiered}
    return functools.partial(function, **options) if body is None else Function(body, **options)


def compile(
    body: Callable[..., Any],
    *,
    fidelity: str = "rounding",
    specialize: Any = None,
    phases: bool = True,
    memory_budget: int | None = None,
    tiered: bool | None = None,
) -> Function:
    """Like ``tg.function``, but compiled in whatever mode it is called. ``phases=False`` leaves the graph as traced.

    >>> tg.compile(lambda x: tg.sum(x * 2.0))(tg.tensor([1.0, 2.0]))
    tensor(6.)
    """
    _check_options(fidelity, memory_budget)
    body = body.body if isinstance(body, Function) else body
    return Function(
        body,
        always=True,
        fidelity=fidelity,
        specialize=specialize,
        phases=phases,
        memory_budget=memory_budget,
        tiered=tiered,
    )


def _check_options(fidelity: str, memory_budget: int | None) -> None:
    check_fidelity(fidelity)
    if memory_budget is not None and (
        isinstance(memory_budget, bool) or not isinstance(memory_budget, int) or memory_budget < 0
    ):
        raise ArgumentError(
            f"memory_budget is {memory_budget!r}", op="compile", fix="give a number of bytes, such as 64 << 20, or None"
        )
