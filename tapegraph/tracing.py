"""Tracing a call: arrays become symbols whose sizes stay names until the program needs to know more about them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import dispatch, last, origin, tree
from engine.dtypes import as_dtype
from engine.errors import Sentence, UnsupportedError
from engine.handle import Handle
from engine.landing import entries, relived
from engine.requirements import Requirement
from engine.size_policy import size_policy
from engine.sizes import Dim, Size, evaluate, names_in, same, substitute
from graph import reference
from graph.builder import Builder
from graph.graph import Graph
from graph.symbol import Symbol, symbol_in
from graph.trace import Trace

RESTARTS = 200  # each one settles at least one named size, so a trace cannot need more than it has sizes


class _Learned(BaseException):
    """The trace needs a fact about sizes: it starts again with names replaced. Not an Exception: user code must not catch it."""

    def __init__(self, facts: dict[str, Size]) -> None:
        self.facts = facts
        self.origin = origin.capture()


class _Learning:
    """The size policy of a trace: a size is a name until the program needs its number or its equality with another."""

    def __init__(self, seen: Mapping[str, int]) -> None:
        self.seen = seen
        self.required: list[Requirement] = []

    def require(self, requirement: Requirement) -> None:
        self.required.append(requirement)

    def hint(self, dim: Dim) -> int:
        return dim.evaluate(self.seen)

    def value(self, dim: Dim) -> int:
        raise _Learned({name: self.seen[name] for name in dim.names()})

    def equate(self, left: Size, right: Size) -> bool:
        if evaluate(left, self.seen) != evaluate(right, self.seen):
            return False
        for a, b in ((left, right), (right, left)):
            name = _plain_name(a)
            if name is not None and name not in names_in(b):
                raise _Learned({name: b})
        facts = self._pairing(left, right)
        if same(substitute(left, facts), substitute(right, facts)):
            raise _Learned(facts)
        raise _Learned({name: self.seen[name] for name in names_in(left) | names_in(right)})

    def _pairing(self, left: Size, right: Size) -> dict[str, Size]:
        """Names of one side taken for names of the other that had the same value: b*t = c*u by b = c and t = u."""
        free = sorted(names_in(left) - names_in(right))
        facts: dict[str, Size] = {}
        for name in sorted(names_in(right) - names_in(left)):
            partner = next((f for f in free if self.seen[f] == self.seen[name]), None)
            if partner is not None:
                free.remove(partner)
                facts[name] = Dim(partner)
        return facts


def _plain_name(size: Size) -> str | None:
    return str(size) if isinstance(size, Dim) and size.terms == ((((str(size),)), 1),) else None


@dataclass(frozen=True)
class Slot:
    """The place of an output in the structure a function returns."""

    number: int


@dataclass
class Traced:
    """A traced call: its graph, the structure of its results, and what it turned out to depend on.

    ``shapes``: of each array argument, in sizes and names. ``learned``: what the program made known about them, each fact
    with where it did.
    ``required``: what must hold of sizes. ``rebound``: arguments the program assigned to (``x[i] = v``), by number, with the output that is their new value.
    """

    graph: Graph
    outputs: Any
    shapes: list[tuple[Size, ...]]
    learned: list[tuple[str, origin.Origin]]
    rebound: list[tuple[int, int]]
    required: list[Requirement]
    trace: Trace


def trace_call(
    body: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    pinned: Callable[[str], Any],
    literal: bool = False,
) -> Traced:
    """Trace ``body`` on these arguments. Every size but 1 begins as a name, unless ``pinned(argument)`` says otherwise.

    Where the program needs the number behind a name, or two names to be equal, the fact is noted and the trace begins
    again with it; ``body`` may therefore run several times. ``pinned`` gives True, or the axes to compile in. ``literal``:
    op for op as eager mode applies them.
    """
    arrays = argument_arrays(body, args, kwargs)
    seen: dict[str, int] = {}
    shapes: list[tuple[Size, ...]] = []
    for name, array in arrays:
        fixed = pinned(name)
        shape: list[Size] = []
        for axis, n in enumerate(array.shape):
            if n == 1 or fixed is True or (fixed and axis in fixed):
                shape.append(n)
            else:
                seen[f"{name}.{axis}"] = n
                shape.append(Dim(f"{name}.{axis}"))
        shapes.append(tuple(shape))
    learned: list[tuple[str, origin.Origin]] = []
    for _ in range(RESTARTS):
        try:
            policy = _Learning(seen)
            trace, structure, records, rebound = _run(body, args, kwargs, arrays, shapes, policy, literal)
        except _Learned as found:
            facts = found.facts
            shapes = [tuple(substitute(n, facts) for n in shape) for shape in shapes]
            learned += [(f"{name} = {fact}", found.origin) for name, fact in facts.items()]
        else:
            graph = trace.finish(records)
            graph.outer = origin.capture()
            return Traced(graph, structure, shapes, learned, rebound, policy.required, trace)
    raise UnsupportedError("the trace kept asking for sizes", op=getattr(body, "__name__", "function"))


def _run(
    body: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    arrays: list[tuple[str, np.ndarray[Any, Any]]],
    shapes: list[tuple[Size, ...]],
    policy: _Learning,
    literal: bool,
) -> tuple[Trace, Any, list[Any], list[tuple[int, int]]]:
    trace = Trace(literal)
    builder = Builder(trace, dispatch.current().grad_enabled)
    supply = iter(zip([name for name, _ in arrays], shapes, strict=True))

    def symbol(leaf: Any) -> Any:
        value = leaf._value if type(leaf) is Tensor else leaf
        if type(value) is not np.ndarray:
            return leaf
        name, shape = next(supply)
        symbols.append(trace.input(name, shape, as_dtype(value.dtype)))
        return symbols[-1]

    def output(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = builder.asarray(leaf, None)
        if not isinstance(leaf, Handle):
            return leaf
        records.append(builder.lift(leaf))
        return Slot(len(records) - 1)

    records: list[Any] = []
    symbols: list[Symbol] = []
    rebound = []
    with size_policy(policy), dispatch.interpret(builder):
        call = [tree.map_tree(symbol, a) for a in args]
        named = {k: tree.map_tree(symbol, v) for k, v in kwargs.items()}
        try:
            structure = tree.map_tree(output, body(*call, **named))
        except Sentence as mistake:
            _made_concrete(mistake, trace, dict(arrays))
            raise
        for number, (given, leaf) in enumerate(zip(symbols, trace.graph.inputs, strict=True)):
            if given._record is not leaf:
                rebound.append((number, output(given).number))
        for notice in trace.notices[-1:]:
            given = [*(operand.value for operand in notice.operands), *notice.scope.values()]
            last.keep(notice, _concrete(given, trace, dict(arrays)))
    return trace, structure, records, rebound


def _made_concrete(mistake: Sentence, trace: Trace, feeds: Mapping[str, Any]) -> None:
    """Let symbols in the frames of a mistake's traceback be the values they have for these arguments."""
    held = [x for entry in entries(mistake) for x in entry.tb_frame.f_locals.values()]
    held += [operand.value for operand in mistake.operands]
    relived(mistake, _concrete(held, trace, feeds))


def _concrete(held: Iterable[Any], trace: Trace, feeds: Mapping[str, Any]) -> Callable[[Any], Any]:
    """What turns the symbols among what is held into the values they have for these arguments, where these are known."""
    symbols = [x for x in map(symbol_in, held) if x is not None and x._trace is trace]
    values = reference.values_of([x._record for x in symbols], trace.graph, feeds)

    def concrete(x: Any) -> Any:
        symbol = symbol_in(x)
        return x if symbol is None else values.get(symbol._record, x)

    return concrete


def argument_arrays(
    body: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Each array among the arguments under its parameter's name, with the place inside a structure."""
    try:
        parameters = [
            p.name
            for p in inspect.signature(body).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        parameters = []
    found: list[tuple[str, np.ndarray[Any, Any]]] = []

    def walk(label: str, value: Any) -> None:
        value = tree.held(value)
        if isinstance(value, list | tuple):
            for i, part in enumerate(value):
                walk(f"{label}[{i}]", part)
        elif isinstance(value, dict):
            for k, part in value.items():
                walk(f"{label}[{k!r}]", part)
        elif type(value) is Tensor:
            found.append((label, value._array()))
        elif type(value) is np.ndarray:
            found.append((label, value))

    for i, a in enumerate(args):
        walk(parameters[i] if i < len(parameters) else f"arg{i}", a)
    for k, v in kwargs.items():
        walk(k, v)
    return found
