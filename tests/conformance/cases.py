"""The table all conformance tests run over: every op and composite with samples made from its record."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine import dtypes, tree
from engine.errors import Trap
from engine.lowering import Assemble, View
from engine.makers import COMPOSITES, Composite
from engine.op import OPS, Op, Sample
from engine.spec import DType

COMMON = {dtypes.bool_, dtypes.int64, dtypes.float32, dtypes.float64}
RANGE = (-3.0, 3.0)  # where an op without a declared domain is sampled
BROADCAST = ((2, 1, 4), (3, 1), (4,))
EXACT = {"astype", "stop_gradient", "mark", "full", "iota", "gather", "index_set", "random_bits"}


# They compute nothing, or take subprograms that only their public functions can make.
WITHOUT = {"leaf", "result", "custom", "scan", "switch", "while_loop"} | {
    n for n in OPS if n.startswith("recurrent_layer")
}


@dataclass(frozen=True)
class Entry:
    """An op or a composite under its public face."""

    name: str
    call: Callable[..., Any]
    record: Op | Composite

    @property
    def op(self) -> Op | None:
        return self.record if isinstance(self.record, Op) else None

    @property
    def elementwise(self) -> bool:
        """Whether samples follow from arity and domain alone."""
        return self.op is not None and self.op.arity is not None

    @property
    def smooth(self) -> bool:
        return self.record.smooth if isinstance(self.record, Composite) else bool(self.record.vjp)

    @property
    def moves(self) -> bool:
        """Whether it only moves or converts elements, so that every bit is known beforehand."""
        if self.op is None:
            return self.record.accepts >= dtypes.EVERY
        return isinstance(self.op.lower, View | Assemble) or self.name in EXACT

    @property
    def axis(self) -> bool:
        """Whether the public function takes an axis."""
        return "axis" in inspect.signature(self.call).parameters


def _entries() -> Iterator[Entry]:
    for op in OPS.values():
        if op.name not in WITHOUT:
            yield Entry(op.name, op.public, op)
    for composite in COMPOSITES.values():
        yield Entry(composite.name, composite.function, composite)


ENTRIES = {e.name: e for e in _entries()}


def rng_of(name: str, dtype: DType) -> np.random.Generator:
    """Random numbers of this op and dtype alone, so that another op changes nothing here."""
    return np.random.default_rng(zlib.crc32(f"{name} {dtype}".encode()))


def pairs(keep: Callable[[Entry], bool] = lambda e: True, within: frozenset[DType] = dtypes.EVERY) -> list[Any]:
    """(name, dtype name) of every op and each dtype it declares."""
    return [(e.name, d.name) for e in ENTRIES.values() if keep(e) for d in sorted(e.record.accepts & within, key=str)]


def thin(chosen: list[Any]) -> list[Any]:
    """The same pairs, those of dtypes that differ from a common one in width alone marked slow."""
    return [p if np.dtype(p[1]) in COMMON else pytest.param(*p, marks=pytest.mark.slow) for p in chosen]


def samples(entry: Entry, dtype: DType) -> list[Sample]:
    """Valid calls of an op: those its record gives, else those its arity and domain imply."""
    rng = rng_of(entry.name, dtype)
    if entry.record.samples is not None:
        return [s for s in entry.record.samples(rng, dtype) if s.error is None]
    assert entry.elementwise, f"{entry.name} has no samples and no arity to make them from"
    return [Sample(args) for args in _layouts(entry.op, rng, dtype)]


def errors(entry: Entry, dtype: DType) -> list[Sample]:
    """Calls that are mistakes by the op's own record, with the error each must raise."""
    return list(entry.record.errors(rng_of(entry.name, dtype), dtype)) if entry.record.errors else []


def _layouts(op: Op, rng: np.random.Generator, dtype: DType) -> Iterator[tuple[Any, ...]]:
    arity = op.arity

    def fill(*shapes: tuple[int, ...]) -> tuple[Any, ...]:
        return tuple(_values(op, i, rng, dtype, s) for i, s in enumerate(shapes))

    yield fill(*BROADCAST[:arity])
    for shape in ((), (0, 3), (2, 3)):
        yield fill(*[shape] * arity)
    yield tuple(a.T for a in fill(*[(3, 2)] * arity))
    yield tuple(a[::2] if i % 2 else a[::-2] for i, a in enumerate(fill(*[(6, 2)] * arity)))


def _values(op: Op, operand: int, rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Any:
    if dtype.kind == "b" or operand not in range(op.arity)[op.casts]:
        return rng.uniform(size=shape) < 0.5
    low, high = op.domain[operand] if op.domain else RANGE
    if dtype.kind == "f":
        return rng.uniform(low, high, shape).astype(dtype)
    if op.domain or dtype.kind == "u":
        low = max(low, 0)
    return rng.integers(np.ceil(low), max(np.floor(high), np.ceil(low)) + 1, shape).astype(dtype)


def edges(op: Op, dtype: DType) -> tuple[Any, ...]:
    """Operands that pair every special value of a dtype with every other, but for those that are a mistake."""
    values = _special(dtype)
    arity = op.arity
    grid = np.meshgrid(*[values] * arity, indexing="ij")
    flat = [g.reshape(-1) for g in grid]
    if op.casts != slice(None):
        flat[0] = flat[0] != 0
    good = [i for i in range(flat[0].size) if _allowed(op, [f[i : i + 1] for f in flat])]
    return tuple(f[good] for f in flat)


def _special(dtype: DType) -> Any:
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array(
            sorted({limits.min, limits.max, 0, 1, 2, 7, *([-1, -2, -7] if dtype.kind == "i" else [])}), dtype
        )
    limits = np.finfo(dtype)
    tiny, small, large = limits.smallest_subnormal, limits.smallest_normal, limits.max
    # Not 0.5: as a scalar exponent NumPy takes it for sqrt, which differs from its own array power at -0 and -inf.
    positive = [0.0, tiny, small, 0.1, 0.25, 1.0, 1.5, 2.5, 30.0, 88.8, 1e4, large, np.inf]
    return np.array([*positive, *(-v for v in positive), np.nan], dtype)


def _allowed(op: Op, operands: list[Any]) -> bool:
    try:
        with np.errstate(all="ignore"):
            op.kernel(*operands)
    except (Trap, ValueError):
        return False
    return True


# ------------------------------------------------------------------------------------------ running


def unpack(calls: list[Sample]) -> tuple[list[Any], Callable[[Any], list[Sample]]]:
    """The arrays in all arguments of some calls, and how to put others (symbols, tensors) in their place."""
    structure = [[list(s.args), s.attrs] for s in calls]
    flat = tree.leaves(structure)
    places = [i for i, leaf in enumerate(flat) if isinstance(leaf, np.ndarray)]

    def fill(arrays: Any) -> list[Sample]:
        now = list(flat)
        for i, a in zip(places, arrays, strict=True):
            now[i] = a
        return [Sample(tuple(args), attrs) for args, attrs in tree.rebuild(structure, now)]

    return [flat[i] for i in places], fill


def program(entry: Entry, calls: list[Sample]) -> tuple[Callable[[Any], Any], list[Any]]:
    """A function of a list of arrays that makes all these calls and returns all results, and the arrays."""
    arrays, fill = unpack(calls)

    def run(arrays: Any) -> list[Any]:
        return [entry.call(*s.args, **s.attrs) for s in fill(arrays)]

    return run, arrays


def eager(run: Callable[[Any], Any], arrays: list[Any]) -> list[Any]:
    """Its results computed at once; the arrays keep their strides."""
    with np.errstate(all="ignore"):
        return [np.asarray(y) for y in tree.leaves(run([tg.asarray(a, copy=False) for a in arrays]))]


def static(run: Callable[[Any], Any], arrays: list[Any], phases: bool = True, **options: Any) -> list[Any]:
    """Its results from one compiled function."""
    return [np.asarray(y) for y in tree.leaves(tg.compile(run, phases=phases, **options)(arrays))]
