"""tg.function: a program traced once for each kind of call, optimised, compiled and kept."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import dispatch, tree
from engine.dtypes import as_dtype
from engine.errors import ArgumentError, UnsupportedError
from engine.handle import Handle
from engine.spec import Dim, Size, evaluate, names_in, same, size_policy, substitute
from engine.state import State
from graph.builder import Builder, Trace
from graph.symbol import Symbol
from tapegraph.mode import checked, current_mode

_NESTED = {list, tuple, dict}
RESTARTS = 200  # each one settles at least one named size, so a trace cannot need more than it has sizes


class _Learned(BaseException):
    """The trace needs a fact about sizes: it starts again with names replaced. Not an Exception: user code must not catch it."""

    def __init__(self, facts: dict[str, Size]) -> None:
        self.facts = facts


class _Learning:
    """The size policy of a trace: a size is a name until the program needs its number or its equality with another."""

    def __init__(self, seen: Mapping[str, int]) -> None:
        self.seen = seen

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


@dataclass
class Compiled:
    """One compiled version of a function, with why it was made and what it cost (seconds)."""

    program: Any
    graph: Any
    optimised: Any
    outputs: Any  # structure of the results
    shapes: list[tuple[Size, ...]]
    cause: str
    seconds: dict[str, float] = field(default_factory=dict)
    learned: list[str] = field(default_factory=list)
    constants: list[tuple[int, Any]] = field(default_factory=list)
    had_grads: list[tuple[State, bool]] = field(default_factory=list)
    watched: list[tuple[Any, str, Any]] = field(default_factory=list)  # (object, attribute, value when traced)
    calls: int = 0
    changes: int = -1

    def serves(self, arrays: list[np.ndarray[Any, Any]]) -> bool:
        """Whether the sizes of these inputs are among those this version was compiled for."""
        sizes: dict[str, int] = {}
        for shape, array in zip(self.shapes, arrays, strict=True):
            for want, got in zip(shape, array.shape, strict=True):
                if isinstance(want, Dim):
                    if got == 1 or sizes.setdefault(str(want), got) != got:
                        return False
                elif want != got:
                    return False
        return True

    def fresh(self) -> bool:
        """Whether gradients and freezing are as they were when it was traced."""
        for state, held in self.had_grads:
            if (state._grad is not None) != held:
                return False
        if self.changes != State.changes:
            for owner, attribute, value in self.watched:
                if getattr(owner, attribute) != value:
                    return False
            self.changes = State.changes
        return True

    def stale(self) -> str:
        """What has changed since the trace, as a cause for another one."""
        for state, held in self.had_grads:
            if (state._grad is not None) != held:
                return f"{state.name or 'a state'} {'no longer has' if held else 'has'} a gradient when the call begins"
        for owner, attribute, value in self.watched:
            if (now := getattr(owner, attribute)) != value:
                label = getattr(owner, "name", None) or type(owner).__name__
                return f"{label}.{attribute.lstrip('_')} is {now}, before {value}"
        return "nothing"


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
    ) -> None:
        functools.update_wrapper(self, body)
        self.body = body
        self.always = always
        self.fidelity = fidelity
        self.specialize = specialize
        self.phases = phases
        self.versions: dict[Any, list[Compiled]] = {}
        self._quick: dict[Any, Compiled] = {}
        self._lock = threading.RLock()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.always and current_mode() == "eager":
            return self.body(*args, **kwargs)
        if isinstance(dispatch.current(), Builder):
            return self.body(*args, **kwargs)  # part of a larger trace
        return self._static(args, kwargs)

    # ------------------------------------------------------------------------------------ static mode

    def _static(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        flat: Any = args
        structure: Any = len(args)
        if kwargs or not _NESTED.isdisjoint(map(type, args)):
            flat = tree.leaves([*args, *kwargs.values()])
            structure = repr(tree.map_tree(lambda _: 0, [list(args), kwargs]))
        arrays: list[np.ndarray[Any, Any]] = []
        shapes = []
        key: list[Any] = []
        for a in flat:
            if type(a) is Tensor:
                a = a._value
            if type(a) is np.ndarray:
                arrays.append(a)
                shapes.append(a.shape)
                key.append(a.dtype)
            else:
                key.append(_constant_key(a))
        quick = (tuple(key), tuple(shapes), structure, dispatch.current().grad_enabled)
        version = self._quick.get(quick)
        if version is None or not version.fresh():
            with self._lock:
                version = self._quick[quick] = self._version(quick, args, kwargs, arrays)
        version.calls += 1
        program = version.program
        results = program.run_checked(arrays, version.graph) if checked() else program.run(arrays)
        return _rebuild(version.outputs, results)

    def _version(
        self, quick: Any, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[np.ndarray[Any, Any]]
    ) -> Compiled:
        key, shapes, structure, grad = quick
        kind = (key, tuple(map(len, shapes)), structure, grad)
        known = self.versions.setdefault(kind, [])
        for version in known:
            if version.serves(arrays) and version.fresh():
                return version
        version = self._compile(args, kwargs, arrays, self._cause(kind, arrays))
        known.append(version)
        return version

    def _cause(self, kind: Any, arrays: list[np.ndarray[Any, Any]]) -> str:
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
                return f"argument {i}: {_key_text(new)}, before {_key_text(old)}"
        if kind[1] != previous[1]:
            return f"number of dimensions of the arrays: {kind[1]}, before {previous[1]}"
        if kind[3] != previous[3]:
            return "gradients switched on or off"
        return "another structure of arguments"

    def _compile(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[np.ndarray[Any, Any]], cause: str
    ) -> Compiled:
        from compiler.pipeline import compile_graph  # numba comes in only where something must be compiled

        started = time.perf_counter()
        names = _argument_names(self.body, args, kwargs)
        seen: dict[str, int] = {}
        shapes: list[tuple[Size, ...]] = []
        for name, array in zip(names, arrays, strict=True):
            pinned = self._pinned(name)
            shape: list[Size] = []
            for axis, n in enumerate(array.shape):
                label = f"{name}.{axis}"
                if n == 1 or pinned is True or (pinned and axis in pinned):
                    shape.append(n)
                else:
                    seen[label] = n
                    shape.append(Dim(label))
            shapes.append(tuple(shape))
        learned: list[str] = []
        for _ in range(RESTARTS):
            try:
                trace, outputs = self._trace(args, kwargs, names, shapes, seen)
                break
            except _Learned as found:
                facts = found.facts
                shapes = [tuple(substitute(n, facts) for n in shape) for shape in shapes]
                learned += [f"{k} = {v}" for k, v in facts.items()]
        else:
            raise UnsupportedError("the trace kept asking for sizes", op=self.__name__)
        graph = trace.finish(outputs[1])
        traced = time.perf_counter() - started
        program, optimised, seconds = compile_graph(graph, fidelity=self.fidelity, phases=self.phases)
        return Compiled(
            program,
            graph,
            optimised,
            outputs[0],
            shapes,
            cause,
            {"trace": traced, **seconds},
            learned,
            had_grads=list(trace.had_grad.items()),
            watched=[*trace.watched, *((s, "trainable", s.trainable) for s in graph.states)],
        )

    def _pinned(self, name: str) -> Any:
        if isinstance(self.specialize, Mapping):
            axes = self.specialize.get(name)
            return (axes,) if isinstance(axes, int) and not isinstance(axes, bool) else axes
        return bool(self.specialize)

    def _trace(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        names: list[str],
        shapes: list[tuple[Size, ...]],
        seen: Mapping[str, int],
    ) -> tuple[Trace, Any]:
        trace = Trace()
        builder = Builder(trace, dispatch.current().grad_enabled)
        supply = iter(zip(names, shapes, strict=True))

        def symbol(leaf: Any) -> Any:
            value = leaf._value if type(leaf) is Tensor else leaf
            if type(value) is not np.ndarray:
                return leaf
            name, shape = next(supply)
            return trace.input(name, shape, as_dtype(value.dtype))

        with size_policy(_Learning(seen)), dispatch.interpret(builder):
            call = tree.map_tree(symbol, list(args))
            named = {k: tree.map_tree(symbol, v) for k, v in kwargs.items()}
            result = self.body(*call, **named)
            records: list[Any] = []
            structure = tree.map_tree(lambda leaf: _output(leaf, builder, records), result)
        return trace, (structure, records)

    # ------------------------------------------------------------------------------------ reports

    def explain(self) -> str:
        """Every version compiled so far: which argument caused it, what sizes it serves, what it cost."""
        lines = []
        versions = [v for known in self.versions.values() for v in known]
        lines.append(f"{self.__name__}: {len(versions)} version{'s' * (len(versions) != 1)} compiled")
        for number, v in enumerate(versions, 1):
            inputs = ", ".join(
                f"{r.attrs['name']}: {r.dtype.name}[{', '.join(map(str, r.shape))}]" for r in v.graph.inputs
            )
            times = ", ".join(f"{k} {s * 1e3:.1f} ms" for k, s in v.seconds.items())
            report = v.program.report
            lines += [
                f"  {number}. cause: {v.cause}",
                f"     inputs: {inputs}",
                f"     sizes learned from the program: {', '.join(v.learned) or 'none'}",
                f"     {len(v.graph.nodes)} nodes, {len(v.optimised.nodes)} after optimisation, "
                f"{len(v.program.plan.steps)} steps; {v.calls} calls",
                f"     cost: {times}",
                f"     kernels: {report.compiled} compiled, {report.disk} from disk, {report.registry} shared",
            ]
            callbacks = v.program.callbacks
            if callbacks:
                lines.append(f"     computed in Python, for want of native code: {', '.join(callbacks)}")
        return "\n".join(lines)

    def source(self) -> str:
        """The plan and its kernels as one readable listing with the user's lines, of the latest version."""
        from compiler.inspect import listing

        return listing(self._latest().program.plan)

    def graphs(self) -> tuple[Any, Any]:
        """The graph as traced and as optimised, of the latest version."""
        latest = self._latest()
        return latest.graph, latest.optimised

    def _latest(self) -> Compiled:
        versions = [v for known in self.versions.values() for v in known]
        if not versions:
            raise UnsupportedError(
                "nothing is compiled yet", op=self.__name__, fix='call it once inside tg.mode("static")'
            )
        return versions[-1]


def _output(leaf: Any, builder: Builder, records: list[Any]) -> Any:
    """An output in the structure of results: the position of an array, or a Python value as it is."""
    if isinstance(leaf, Symbol | State):
        records.append(builder.lift(leaf))
        return _Slot(len(records) - 1)
    if isinstance(leaf, Handle):
        records.append(builder.lift(leaf))
        return _Slot(len(records) - 1)
    if isinstance(leaf, np.ndarray):
        records.append(builder.asarray(leaf, None)._record)
        return _Slot(len(records) - 1)
    return leaf


@dataclass(frozen=True)
class _Slot:
    number: int


def _rebuild(structure: Any, results: list[np.ndarray[Any, Any]]) -> Any:
    if type(structure) is _Slot:
        return Tensor(results[structure.number])
    return tree.map_tree(lambda s: Tensor(results[s.number]) if type(s) is _Slot else s, structure)


def _constant_key(value: Any) -> Any:
    """How two Python arguments are told apart: numbers and strings by value, objects by identity."""
    if value is None or isinstance(value, bool | int | str | bytes | np.dtype):
        return (type(value), value)
    if isinstance(value, float):
        return (float, value.hex())
    if isinstance(value, np.generic):
        return (type(value), value.item())
    return _Same(value)


class _Same:
    """An object as a key by identity, kept alive so that its id stays its own."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def _key_text(key: Any) -> str:
    if isinstance(key, _Same):
        return f"another {type(key.value).__name__}"
    if isinstance(key, np.dtype):
        return f"an array of {key.name}"
    first, second = key
    return repr(float.fromhex(second) if first is float else second)


def _argument_names(body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """A name for each array among the arguments: that of the parameter, with the place inside a structure."""
    import inspect

    try:
        parameters = [
            p.name
            for p in inspect.signature(body).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []

    def walk(label: str, value: Any) -> None:
        if isinstance(value, list | tuple):
            for i, part in enumerate(value):
                walk(f"{label}[{i}]", part)
        elif isinstance(value, dict):
            for k, part in value.items():
                walk(f"{label}[{k!r}]", part)
        elif type(value) in (np.ndarray, Tensor):
            names.append(label)

    for i, a in enumerate(args):
        walk(parameters[i] if i < len(parameters) else f"arg{i}", a)
    for k, v in kwargs.items():
        walk(k, v)
    return names


def function(body: Callable[..., Any] | None = None, *, fidelity: str = "rounding", specialize: Any = None) -> Any:
    """Make a function that runs line by line in eager mode and compiled in static mode.

    In static mode it is traced on its first call, optimised, compiled and kept. It is traced again only for another
    dtype or number of dimensions, for other Python values, or for sizes the program itself depends on; any other
    size is served by the version at hand. Parameters and States it reads become inputs, those it changes are updated
    in place. ``step.explain()`` says what was compiled and why.

    ``fidelity``: which rewrites may be used: "bitwise", "rounding" (default) or "finite". ``specialize``: True, or
    {argument: axes} whose sizes are to be compiled in.
    """
    _check_fidelity(fidelity)
    if body is None:
        return functools.partial(function, fidelity=fidelity, specialize=specialize)
    return Function(body, fidelity=fidelity, specialize=specialize)


def compile(
    body: Callable[..., Any], *, fidelity: str = "rounding", specialize: Any = None, phases: bool = True
) -> Function:
    """Like ``tg.function``, but compiled in whatever mode it is called. ``phases=False`` leaves the graph as traced."""
    _check_fidelity(fidelity)
    body = body.body if isinstance(body, Function) else body
    return Function(body, always=True, fidelity=fidelity, specialize=specialize, phases=phases)


def _check_fidelity(fidelity: str) -> None:
    if fidelity not in ("bitwise", "rounding", "finite"):
        raise ArgumentError(
            f"there is no fidelity {fidelity!r}", op="compile", fix='use "bitwise", "rounding" or "finite"'
        )
