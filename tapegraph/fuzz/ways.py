"""The ways to run a program that must all mean the same, from the reference run of its graph to native code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from compiler import plainly, pool
from compiler.pipeline import plan_graph
from eager.tensor import Tensor
from engine import level, tree
from engine.control.body import bodies_of
from engine.errors import Trap, UnsupportedError
from engine.handle import Handle
from engine.origin import resolve, user_frames
from engine.state import State
from graph import reference
from graph.phases import optimize
from tapegraph.function import compile as compiled
from tapegraph.fuzz.outcome import Maker, line_by_line, run
from tapegraph.fuzz.program import Loaded, register
from tapegraph.threads import get_num_threads, set_num_threads
from tapegraph.tracing import Slot, Traced, argument_arrays, trace_call

Array = np.ndarray[Any, Any]
Results = tuple[list[Array], Mapping[State, Array], Mapping[State, Array | None]]


@dataclass(frozen=True)
class Way:
    """A way to run a program: ``make`` turns a loaded program into what is called, ``base`` what it is compared with.

    ``like``: a way whose results it must have to the last bit, since it runs the same code.
    """

    name: str
    make: Maker
    base: Maker = line_by_line
    like: str | None = None


def _traced(execute: Callable[[Traced, dict[str, Array]], Results]) -> Maker:
    """Trace each call anew and give the graph to ``execute``; then write back what it returns."""

    def make(loaded: Loaded) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            traced = trace_call(loaded.function, args, {}, lambda name: False)
            arrays = [a for _, a in argument_arrays(loaded.function, args, {})]
            feeds = dict(zip([r.attrs["name"] for r in traced.graph.inputs], arrays, strict=True))
            outputs, updates, grads = execute(traced, feeds)
            for state, value in updates.items():
                state.hold(np.array(value, order="C"))
            for state, gradient in grads.items():
                state._grad = None if gradient is None else Tensor(np.array(gradient))
            given = [a for a in tree.leaves(list(args)) if isinstance(a, Tensor)]
            for argument, output in traced.rebound:
                given[argument]._rebind(Tensor(outputs[output]))
            fresh = [Tensor(np.array(a)) for a in outputs]
            return tree.map_tree(lambda s: fresh[s.number] if type(s) is Slot else s, traced.outputs)

        return call

    return make


def _by_node(traced: Traced, feeds: dict[str, Array]) -> Results:
    found = reference.run(optimize(traced.graph, check=True)[0], feeds)
    return found.outputs, found.updates, found.grads


def lines_computed(text: str, number: int) -> set[int]:
    """The lines of the program whose ops, constants apart, have a part in the optimised graph of one of its calls."""
    lines: set[int] = set()
    calls = count()

    def execute(traced: Traced, feeds: dict[str, Array]) -> Results:
        if next(calls) == number:
            every, file = list(optimize(traced.graph)[0].nodes), register(text)
            # Equal constants are one node, which has the line of the first.
            for record in every:
                every += [n for body in bodies_of(record) for n in body.nodes]
                frames = user_frames(record.origin) if record.args else []
                lines.update(resolve(f).line for f in frames if f[0].co_filename == file)
        return _by_node(traced, feeds)

    run(text, _traced(execute))
    return lines


def _by_kernel(traced: Traced, feeds: dict[str, Array]) -> Results:
    try:
        found = plainly.run(plan_graph(traced.graph).plan, list(feeds.values()))
    except Trap:
        reference.run(traced.graph, feeds)  # raises at the user's line, as a native call does
        raise
    return found.outputs, found.updates, found.grads


def _natively(**options: Any) -> Maker:
    return lambda loaded: compiled(loaded.function, **options)


def _in_pieces(threads: int) -> Maker:
    """Compiled, and run by so many threads that share even the smallest of loops."""

    def make(loaded: Loaded) -> Callable[..., Any]:
        function = compiled(loaded.function)

        def call(*args: Any) -> Any:
            pool.address()
            numbers = [pool.PIECE, pool.GRAIN, pool.NAP]
            before, count = pool.words[numbers].copy(), get_num_threads()
            pool.words[numbers] = 20_000, 0, 0
            set_num_threads(threads)
            try:
                return function(*args)
            finally:
                set_num_threads(count)
                pool.words[numbers] = before

        return call

    return make


def _unwatched(loaded: Loaded) -> Callable[..., Any]:
    function = compiled(loaded.function)

    def call(*args: Any) -> Any:
        with level.level("off"):
            return function(*args)

    return call


def _copies(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(Tensor(a.numpy().copy()) if isinstance(a, Tensor) else a for a in args)


def _twice(loaded: Loaded) -> Callable[..., Any]:
    """Line by line, two calls on the same arguments, their results stacked."""

    def call(*args: Any) -> Any:
        first, second = loaded.function(*_copies(args)), loaded.function(*_copies(args))
        if not any(isinstance(a, Tensor) for a in args):
            raise UnsupportedError("needs arrays", op="many")
        both = zip(tree.leaves([first]), tree.leaves([second]), strict=True)
        stacked = [Tensor(np.stack([np.asarray(x), np.asarray(y)])) if isinstance(x, Handle) else y for x, y in both]
        return tree.rebuild([first], stacked)[0]

    return call


def _many(loaded: Loaded) -> Callable[..., Any]:
    """Compiled, both calls in one."""
    function = compiled(loaded.function)

    def call(*args: Any) -> Any:
        if not any(isinstance(a, Tensor) for a in args):
            raise UnsupportedError("needs arrays", op="many")
        return function.many(*(Tensor(np.stack([np.asarray(a)] * 2)) if isinstance(a, Tensor) else a for a in args))

    return call


def _not_run(traced: Traced, feeds: dict[str, Array]) -> Results:
    raise UnsupportedError("is traced only", op="trace")


TRACED = _traced(_not_run)  # whose mistakes are those found while a graph is built
WAYS = {
    way.name: way
    for way in (
        Way("graph", _traced(_by_node)),  # the optimised graph, node by node with NumPy's kernels
        Way("kernels", _traced(_by_kernel)),  # the plan, its kernels run as the Python they are written in
        Way("native", _natively()),
        Way("pieces", _in_pieces(1)),  # where loops are cut decides in which order sums are added
        Way("threads", _in_pieces(2), like="pieces"),
        Way("unwatched", _unwatched, like="native"),
        Way("bare", _natively(phases=False)),
        Way("bitwise", _natively(fidelity="bitwise")),
        Way("pinned", _natively(specialize=True)),
        Way("many", _many, base=_twice),
    )
}
