"""Define-then-run: a graph built by hand, with named sizes, and compiled into a callable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import dispatch, tree
from engine.dtypes import as_dtype
from engine.effects import ORDER
from engine.errors import ArgumentError, FeedError, Operand, spec_of
from engine.handle import Handle
from engine.landing import entrance
from engine.level import numbers
from engine.requirements import Requirement
from engine.size_policy import Undecided, size_policy
from engine.sizes import Dim, Shape, Size, show_shape, substitute
from graph.builder import Builder
from graph.graph import Graph
from graph.symbol import Symbol
from graph.trace import Trace
from tapegraph.calls import Calls, Last, watchers
from tapegraph.fidelity import check_fidelity
from tapegraph.selfcheck import SelfCheck
from tapegraph.tracing import Slot


class _Noting(Undecided):
    """The size policy of a graph built by hand: what ops require of named sizes is noted for the calls."""

    def __init__(self) -> None:
        self.required: list[Requirement] = []

    def require(self, requirement: Requirement) -> None:
        self.required.append(requirement)


class _Given(Undecided):
    """The size policy of a call: every name has a number."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes

    def hint(self, dim: Dim) -> int | None:
        return dim.evaluate(self.sizes) if dim.names() <= self.sizes.keys() else None


class Definition:
    """A graph under construction; inside its ``with`` block, ops write into it."""

    def __init__(self, fidelity: str = "rounding") -> None:
        self.fidelity = fidelity
        self.trace = Trace(literal=fidelity == "bitwise")
        self.builder = Builder(self.trace)
        self.policy = _Noting()

    @entrance
    def input(self, name: str, shape: Any = (), dtype: Any = "float32") -> Symbol:
        """A symbol for a value the call will bring.

        ``shape``: sizes as ints, or names ("batch") that any size may take; the same name means the same size.
        """
        sizes: list[Size] = []
        for n in (shape,) if isinstance(shape, int | str) else shape:
            if isinstance(n, str):
                if not n.isidentifier():
                    raise ArgumentError(f"a size is a number or a name, not {n!r}", op="input")
                sizes.append(Dim(n))
            elif isinstance(n, int | Dim):
                sizes.append(n)
            else:
                raise ArgumentError(f"a size is a number or a name, not {n!r}", op="input")
        return self.trace.input(name, tuple(sizes), as_dtype(dtype))

    def graph(self, outputs: Any) -> Graph:
        """The graph of ``outputs`` (a symbol or a nested structure of them), without the rest of what was built."""
        records = [self.builder.lift(leaf) for leaf in tree.leaves(outputs)]
        built = self.trace.graph
        graph = Graph(
            list(built.nodes), list(built.inputs), records, dict(built.states), dict(built.grads), dict(built.captured),
            pulled=built.pulled, derived=built.derived, within=built.within,
        )  # fmt: skip
        if (count := self.trace.current.get(ORDER)) is not None and count is not built.states[ORDER]:
            graph.updates[ORDER] = count
        return graph.pruned()

    @entrance
    def compile(
        self, outputs: Any, *, specialize: Mapping[str, int] | None = None, fidelity: str | None = None
    ) -> Callable[..., Any]:
        """A callable that computes ``outputs`` from the inputs, in order or by name; it mutates nothing.

        Effects (``tg.print``) written down so far are done, whichever outputs are asked for.

        ``specialize``: {name of a size: number} to compile for that size only.
        """
        fidelity = check_fidelity(fidelity or self.fidelity)
        if (fidelity == "bitwise") != self.trace.literal:
            raise ArgumentError(
                f"the graph is built for fidelity {self.fidelity!r}, which decides how ops are written down",
                op="compile",
                fix=f"build it inside tg.static(fidelity={fidelity!r})",
            )
        return Compiled(self, outputs, dict(specialize or {}), fidelity)


class Compiled:
    """A compiled definition. Calling it checks the inputs and returns tensors in the structure of the outputs."""

    def __init__(self, definition: Definition, outputs: Any, pinned: dict[str, int], fidelity: str) -> None:
        from compiler.pipeline import compile_graph  # numba comes in only where something must be compiled

        self.traced = definition.graph(outputs)
        self.program, self.seconds = compile_graph(self.traced, fidelity=fidelity)
        number = itertools.count()
        structure = tree.map_tree(lambda _: Slot(next(number)), outputs)
        check = SelfCheck(fidelity, True, sum(self.seconds.values()))
        self.calls = Calls(self.program, structure, [], check)
        self._last: Last | None = None
        self.pinned = pinned
        named = set(self.traced.names())
        self.required = [r for r in definition.policy.required if r.size.names() <= named]
        self.inputs: dict[str, Shape] = {
            r.attrs["name"]: tuple(substitute(n, pinned) for n in r.shape) for r in self.traced.inputs
        }
        unknown = set(pinned) - set(self.traced.names())
        if unknown:
            raise ArgumentError(
                f"specialize names sizes the graph does not have: {', '.join(sorted(unknown))}", op="compile"
            )

    @entrance
    def __call__(self, *args: Any, **feeds: Any) -> Any:
        try:
            return self._called(args, feeds)
        except FeedError as mistake:
            given = [*zip(self.program.names, args), *feeds.items()]
            mistake.operands = tuple(Operand(x, spec_of(x), name) for name, x in given)
            raise

    def _called(self, args: tuple[Any, ...], feeds: dict[str, Any]) -> Any:
        last = self._last
        if last is not None and not feeds and numbers() == last.watch and not watchers():
            with last.lock:
                found = last.call(*args)
                if found is None:
                    found = last.delivered(args)
            if found is not None:
                return found if last.shaped else self.calls.rebuild(found)
        names = self.program.names
        if len(args) > len(names):
            raise FeedError(f"takes {len(names)} inputs ({', '.join(names)}), got {len(args)}", op="compiled graph")
        given = dict(zip(names, args, strict=False))
        for name, value in feeds.items():
            if name not in names:
                raise FeedError(f"has no input {name!r}", op="compiled graph", fix=f"its inputs are {', '.join(names)}")
            if name in given:
                raise FeedError(f"input {name!r} is given twice", op="compiled graph")
            given[name] = value
        missing = [n for n in names if n not in given]
        if missing:
            wanted = {r.attrs["name"]: str(r.spec) for r in self.traced.inputs}
            fix = f"give it by position or by name: {missing[0]}=..., {wanted[missing[0]]}"
            raise FeedError(f"input {', '.join(map(repr, missing))} is missing", op="compiled graph", fix=fix)
        arrays = [self._array(given[n], n, d) for n, d in zip(names, self.program.dtypes, strict=True)]
        if self.required:
            self._check(self.program.shapes.solve([a.shape for a in arrays])[0])
        returned, self._last = self.calls.quick(arrays, self)
        return returned

    def _check(self, sizes: Mapping[str, int]) -> None:
        """Raise the error of an op that cannot do with sizes like these."""
        for requirement in self.required:
            if requirement.size.evaluate(sizes) < requirement.least:
                with size_policy(_Given(sizes)):
                    mistake = requirement.mistake()
                mistake.origin = requirement.origin  # type: ignore[attr-defined]
                raise mistake

    def _array(self, value: Any, name: str, dtype: Any) -> np.ndarray[Any, Any]:
        if isinstance(value, Handle):
            value = value._value  # type: ignore[attr-defined]
        array = value if isinstance(value, np.ndarray) else np.asarray(value, dtype)
        for axis, want in enumerate(self.inputs[name]):
            if isinstance(want, int) and axis < array.ndim and array.shape[axis] != want:
                raise FeedError(
                    f"input {name!r}: axis {axis} must be {want}, got {array.shape[axis]}",
                    op="compiled graph",
                    fix=f"feed an array of shape {show_shape(self.inputs[name])}",
                )
        return array

    def source(self, form: str = "python") -> str:
        """The plan and its kernels as one readable listing with the user's lines; ``form`` as of ``tg.function``'s."""
        from compiler.inspect import listing

        return listing(self.program.plan, form)


@contextmanager
def static(fidelity: str = "rounding") -> Iterator[Definition]:
    """Build a graph: inside the block ops on its inputs are written down instead of computed.

    ``fidelity``: as of ``tg.compile``; "bitwise" writes op for op what eager mode computes.

    Example::

        with tg.static() as g:
            x = g.input("x", shape=("batch", 64), dtype="float32")
            y = model(x)
        predict = g.compile(y)
    """
    definition = Definition(check_fidelity(fidelity))
    with size_policy(definition.policy), dispatch.interpret(definition.builder):
        yield definition
