"""Reading and replacing parts of an array by integers, slices and integer arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, Trap, UnsupportedError
from engine.handle import Handle
from engine.lowering import Loop, Scalar
from engine.op import Op, Sample, Trait, apply, as_handle, composite, normal_axis
from engine.ops.compare import equal, where
from engine.ops.create import iota, zeros
from engine.ops.dtype import astype
from engine.ops.shape import broadcast_to, expand_dims, permute_dims, reshape, slice_, slice_set
from engine.sizes import Dim, Shape, Size, larger, product, same
from engine.spec import DType, Spec, broadcast

# ---------------------------------------------------------------------------------------- integer arrays


def _parts(x_shape: Shape, index_shape: Shape, axis: int, count: int) -> tuple[Size, Size, Size]:
    return product(x_shape[:axis]), product(index_shape), product(x_shape[axis + count :])


def _select(axis: int, index: Sequence[Any], shape: tuple[int, ...]) -> tuple[Any, ...]:
    for place, n in zip(index, shape[axis:], strict=False):
        if place.size and (place.max() >= n or place.min() < -n):
            wrong = int(place[(place >= n) | (place < -n)].flat[0])
            raise Trap(2, f": {wrong}, where the axis has size {n}", f"indices must lie in [{-n}, {n})")
    return (slice(None),) * axis + tuple(index)


def _gather_kernel(x: Any, *index: Any, axis: int) -> Any:
    return x[_select(axis, index, x.shape)]


def _gather_spec(x: Any, *index: Any, axis: int) -> Spec:
    return Spec((*x.shape[:axis], *index[0].shape, *x.shape[axis + len(index) :]), x.dtype)


def _position_code(count: int, first: int) -> str:
    """Statements that compute ``row``, the flat position the k-th index tuple points to, or return status 2."""
    lines = ["row = 0"]
    for d in range(count):
        lines += [
            f"p{d} = int64(a{first + d}[k])",
            f"if p{d} < 0:",
            f"    p{d} += d{d}",
            f"if p{d} < 0 or p{d} >= d{d}:",
            "    return 2",
            f"row = row * d{d} + p{d}" if d else f"row = p{d}",
        ]
    return "\n".join("            " + line for line in lines[1:])


def _sizes(x_shape: Shape, index: Sequence[Spec], axis: int) -> tuple[list[Size], str, str]:
    count = len(index)
    outer, places, inner = _parts(x_shape, index[0].shape, axis, count)
    names = ", ".join(f"d{d}" for d in range(count))
    block = " * ".join(f"d{d}" for d in range(count))
    return [outer, places, inner, *x_shape[axis : axis + count]], names, block


def _gather_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    count = len(specs) - 1
    sizes, names, block = _sizes(specs[0].shape, specs[1:], attrs["axis"])
    arrays = ", ".join(f"a{i}" for i in range(count + 1))
    text = f"""def kernel({arrays}, o, outer, places, inner, {names}):
    for i in range(outer):
        for k in range(places):
{_position_code(count, 1)}
            source = (i * {block} + row) * inner
            target = (i * places + k) * inner
            for r in range(inner):
                o[target + r] = a0[source + r]
    return 0
"""
    return text, sizes


def _write_text(combine: str) -> Any:
    def text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
        count = len(specs) - 2
        sizes, names, block = _sizes(specs[0].shape, specs[2:], attrs["axis"])
        arrays = ", ".join(f"a{i}" for i in range(1, count + 2))
        source = f"""def kernel({arrays}, o, outer, places, inner, {names}):
    for i in range(outer):
        for k in range(places):
{_position_code(count, 2)}
            target = (i * {block} + row) * inner
            source = (i * places + k) * inner
            for r in range(inner):
                {combine}
    return 0
"""
        return source, sizes

    return text


def _places(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...], *index: Any, axis: int) -> list[Any]:
    """x, values for the places of x that ``index`` names (each once), and the index arrays."""
    x = rng.uniform(0, 3, shape).astype(dtype)
    v = rng.uniform(0, 3, (*shape[:axis], *index[0].shape, *shape[axis + len(index) :])).astype(dtype)
    return [x, v, *index]


def _write_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    one, two = np.array([2, -3]), np.array([[1], [0]])
    return [
        Sample(tuple(_places(rng, dtype, (3, 4), one, axis=0)), {"axis": 0}),
        Sample(tuple(_places(rng, dtype, (2, 3, 2), two, axis=1)), {"axis": 1}),
        Sample(tuple(_places(rng, dtype, (3, 4), one, np.array([1, 3], np.uint8), axis=0)), {"axis": 0}),
        Sample(tuple(_places(rng, dtype, (3, 0), one, axis=0)), {"axis": 0}),
    ]


def _gather_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((s.args[0], *s.args[2:]), s.attrs) for s in _write_samples(rng, dtype)]


def _out_of_range(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((3, 4), dtype), np.array([3])), {"axis": 0}, IndexRangeError)]


def _write_out_of_range(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((3, 4), dtype), np.ones((1, 4), dtype), np.array([-4])), {"axis": 0}, IndexRangeError)]


gather = Op(
    "gather",
    _gather_kernel,
    _gather_spec,
    lower=Loop(_gather_text),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="x",
    onnx="GatherND",
    order=43,
    vjp=(lambda g, y, x, *index, axis: apply(index_add, zeros(x.shape, dtype=g.dtype), g, *index, axis=axis),),
    samples=_gather_samples,
    errors=_out_of_range,
    doc="Elements of consecutive axes, from ``axis`` on, chosen by integer arrays of one shape.",
)


def _index_add_kernel(x: Any, v: Any, *index: Any, axis: int) -> Any:
    out = np.array(x, order="C")
    np.add.at(out, _select(axis, index, x.shape), v)
    return out


def _index_set_kernel(x: Any, v: Any, *index: Any, axis: int) -> Any:
    out = np.array(x, order="C")
    out[_select(axis, index, x.shape)] = v
    return out


def _write_spec(x: Any, v: Any, *index: Any, axis: int) -> Spec:
    return Spec(x.shape, x.dtype)


index_add: Op = Op(
    "index_add",
    _index_add_kernel,
    _write_spec,
    lower=Loop(_write_text("o[target + r] = o[target + r] + a1[source + r]"), reuses=0),
    accepts=dtypes.NUMERIC,
    casts=None,
    keeps="x",
    onnx="ScatterND",
    order=44,
    vjp=(
        lambda g, y, x, v, *index, axis: g,
        lambda g, y, x, v, *index, axis: apply(gather, g, *index, axis=axis),
    ),
    samples=_write_samples,
    errors=_write_out_of_range,
    doc="x with v added at the positions that integer arrays name; repeated positions add up.",
)
index_set: Op = Op(
    "index_set",
    _index_set_kernel,
    _write_spec,
    lower=Loop(_write_text("o[target + r] = a1[source + r]"), reuses=0),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="x",
    onnx="ScatterND",
    order=44,
    vjp=(
        lambda g, y, x, v, *index, axis: apply(index_set, g, zeros(v.shape, dtype=g.dtype), *index, axis=axis),
        lambda g, y, x, v, *index, axis: apply(gather, g, *index, axis=axis),
    ),
    samples=_write_samples,
    errors=_write_out_of_range,
    doc="x with v written at the positions that integer arrays name; of repeated positions the last one counts.",
)


# ---------------------------------------------------------------------------------------- one element of each row

in_range = Op(
    "in_range",
    lambda x, size: check_range(x, size),
    lambda x, size: Spec(x.shape, x.dtype),
    lower=Scalar("{0}", traps="({0} < {zero}) | ({0} >= {size})", trap_status=2),
    accepts=dtypes.INTEGERS,
    casts=None,
    keeps="",
    order=3,
    traits=[Trait.ELEMENTWISE],
    samples=lambda rng, dtype: [Sample((rng.integers(0, 5, (2, 3)).astype(dtype),), {"size": 5})],
    errors=lambda rng, dtype: [Sample((np.array([5], dtype),), {"size": 5}, IndexRangeError)],
    doc="Integers that are checked to lie in [0, size).",
)


def check_range(x: Any, size: int, op: str | None = None) -> Any:
    """Integers, or Trap where one lies outside [0, size)."""
    bad = (x < 0) | (x >= size)
    if bad.any():
        wrong = int(x[bad].flat[0])
        fix = f"classes and positions must lie in [0, {size})"
        raise Trap(2, f": {wrong}, where the axis has size {size}", fix, op)
    return x


def _pick_kernel(x: Any, index: Any, axis: int) -> Any:
    check_range(index, x.shape[axis])
    return np.take_along_axis(x, np.expand_dims(index, axis), axis).squeeze(axis)


_PICK = """def kernel(a0, a1, o, outer, n, inner):
    for i in range(outer):
        for j in range(inner):
            place = int64(a1[i * inner + j])
            if place < 0 or place >= n:
                return 2
            o[i * inner + j] = a0[(i * n + place) * inner + j]
    return 0
"""


def _pick_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    shape, axis = specs[0].shape, attrs["axis"]
    return _PICK, [product(shape[:axis]), shape[axis], product(shape[axis + 1 :])]


def _pick_vjp(g: Any, y: Any, x: Any, index: Any, axis: int) -> Any:
    line = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
    here = equal(apply(iota, shape=line, axis=axis, dtype=index.dtype), expand_dims(index, axis=axis))
    return where(here, expand_dims(g, axis=axis), 0.0)


pick = Op(
    "pick",
    _pick_kernel,
    lambda x, index, axis: Spec((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype),
    lower=Loop(_pick_text),
    accepts=dtypes.COMPUTED,
    casts=None,
    keeps="x",
    onnx="GatherElements",
    order=46,
    vjp=(_pick_vjp,),
    samples=lambda rng, dtype: [
        Sample((rng.uniform(0, 3, (2, 3)).astype(dtype), np.array([2, 0])), {"axis": 1}),
        Sample((rng.uniform(0, 3, (2, 3, 2)).astype(dtype), np.array([[2, 0], [1, 1]])), {"axis": 1}),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((2, 3), dtype), np.array([0, 3])), {"axis": 1}, IndexRangeError)],
    doc="The element of each row along ``axis`` that an integer array names; the axis disappears. No negative places.",
)


# ---------------------------------------------------------------------------------------- x[...] and x[...] = v


class _Selection:
    """An index taken apart: a regular part of each axis, the axes that integers drop, and the integer arrays."""

    def __init__(self, x: Any, index: Any) -> None:
        entries = list(index) if isinstance(index, tuple) else [index]
        entries = [as_handle(e) if isinstance(e, list | np.ndarray) else e for e in entries]
        for e in entries:
            if isinstance(e, Handle) and e.dtype == dtypes.bool_:
                raise UnsupportedError(
                    "a boolean mask gives a result whose size depends on the data",
                    op="getitem",
                    operands=(x, e),
                    fix="use where(mask, x, other), or multiply by the mask",
                )
        used = sum(1 for e in entries if e is not None and e is not Ellipsis)
        if used > x.ndim:
            raise IndexRangeError(f"{used} indices for {x.ndim} axes", op="getitem", operands=(x,))
        if sum(e is Ellipsis for e in entries) > 1:
            raise ArgumentError("an index may have one ellipsis", op="getitem", operands=(x,))
        if Ellipsis not in [e for e in entries if e is Ellipsis]:
            entries.append(Ellipsis)
        at = next(i for i, e in enumerate(entries) if e is Ellipsis)
        entries[at : at + 1] = [slice(None)] * (x.ndim - used)
        self.starts: list[Size] = []
        self.sizes: list[Size] = []
        self.steps: list[int] = []
        self.shape: list[Size] = []  # after the regular part: integers dropped, None inserted
        self.arrays: list[tuple[int, Any]] = []  # (axis of ``shape``, integer array)
        axis = 0
        start: Size
        size: Size
        for e in entries:
            if e is None:
                self.shape.append(1)
                continue
            n = x.shape[axis]
            if isinstance(e, Handle):
                if e.dtype not in dtypes.INTEGERS:
                    raise DTypeError(f"an index must be of integers, not {e.dtype.name}", op="getitem", operands=(x, e))
                self.arrays.append((len(self.shape), e))
                start, size, step = 0, n, 1
                self.shape.append(n)
            elif isinstance(e, slice):
                start, size, step = _range(e, n, x)
                self.shape.append(size)
            elif isinstance(e, int | np.integer | Dim) and not isinstance(e, bool):
                start, size, step = _place(e, n, axis, x), 1, 1
            else:
                raise ArgumentError(f"cannot index with {e!r}", op="getitem", operands=(x,))
            self.starts.append(start)
            self.sizes.append(size)
            self.steps.append(step)
            axis += 1
        self.whole = all(
            s == 1 and same(a, 0) and same(n, m)
            for s, a, n, m in zip(self.steps, self.starts, self.sizes, x.shape, strict=True)
        )


def _place(i: Any, n: Size, axis: int, x: Any) -> Size:
    if isinstance(i, Dim):
        return i
    place = int(i)
    if isinstance(n, Dim):
        return place if place >= 0 else n + place  # checked when the call brings the size
    if not -n <= place < n:
        raise IndexRangeError(
            f"index {place} is out of range for axis {axis} of size {n}",
            op="getitem",
            operands=(x,),
            fix=f"use an index from {-n} to {n - 1}" if n else "the axis is empty",
        )
    return place % n


def _range(s: slice, n: Size, x: Any) -> tuple[Size, Size, int]:
    """Start, number and step of the elements a slice takes, by Python's rule."""
    step = 1 if s.step is None else int(s.step)
    if step == 0:
        raise ArgumentError("a slice cannot have step 0", op="getitem", operands=(x,))
    if s.start is None and (s.stop is None or same(s.stop, n)) and abs(step) == 1 and (step == 1 or s.stop is None):
        return (0, n, 1) if step == 1 else (n - 1, n, -1)
    if isinstance(n, Dim) and step > 0:
        start = 0 if s.start is None else s.start if _forward(s.start) else larger(n + s.start, 0)
        stop = n if s.stop is None else s.stop if isinstance(s.stop, Dim) else _limit(int(s.stop), n)
        return start, larger(stop - start + (step - 1), 0) // step, step
    n = int(n)
    start, stop, step = slice(s.start, s.stop, step).indices(n)
    return start, len(range(start, stop, step)), step


def _forward(bound: Any) -> bool:
    return isinstance(bound, Dim) or int(bound) >= 0


def _limit(stop: int, n: Size) -> Size:
    """Where a slice ends: ``stop`` places from the start, but not beyond the axis, or that many from the end."""
    return n + stop if stop < 0 else n - larger(n - stop, 0)


def _joined(chosen: _Selection) -> tuple[list[Any], bool, list[int]]:
    """The integer arrays broadcast to one shape, whether their axes are adjacent, and those axes."""
    shape = broadcast(*(a.shape for _, a in chosen.arrays))
    axes = [axis for axis, _ in chosen.arrays]
    adjacent = axes == list(range(axes[0], axes[0] + len(axes)))
    return [broadcast_to(a, shape) for _, a in chosen.arrays], adjacent, axes


def getitem(x: Any, index: Any) -> Any:
    """``x[index]`` with integers, slices, None, Ellipsis and integer arrays, by NumPy's rules.

    Raises IndexRangeError outside the array, UnsupportedError for boolean masks.
    """
    x = as_handle(x)
    chosen = _Selection(x, index)
    y = x
    if not chosen.whole:
        y = apply(slice_, y, starts=tuple(chosen.starts), sizes=tuple(chosen.sizes), steps=tuple(chosen.steps))
    if len(chosen.shape) != y.ndim or not all(same(a, b) for a, b in zip(chosen.shape, y.shape, strict=True)):
        y = reshape(y, tuple(chosen.shape))
    if not chosen.arrays:
        return y
    arrays, adjacent, axes = _joined(chosen)
    if not adjacent:  # NumPy's rule: the dimensions of the index then come first
        rest = [a for a in range(y.ndim) if a not in axes]
        y = permute_dims(y, (*axes, *rest))
        axes = list(range(len(axes)))
    return apply(gather, y, *arrays, axis=axes[0])


def setitem(x: Any, index: Any, value: Any) -> Any:
    """``x`` with ``x[index]`` replaced by ``value``, which broadcasts; what ``x[index] = value`` rebinds x to.

    Of repeated positions in integer arrays the last one counts.
    """
    x = as_handle(x)
    value = value if isinstance(value, Handle) else as_handle(value)
    value = astype(value, x.dtype) if value.dtype != x.dtype else value
    chosen = _Selection(x, index)
    if not chosen.arrays:
        value = reshape(broadcast_to(value, tuple(chosen.shape)), tuple(chosen.sizes))
        return apply(
            slice_set,
            x,
            value,
            starts=tuple(chosen.starts),
            sizes=tuple(chosen.sizes),
            steps=tuple(chosen.steps),
        )
    # Read the regular part, write into it by position, and put it back.
    arrays, adjacent, axes = _joined(chosen)
    rest = [a for a in range(len(chosen.shape)) if a not in axes]
    order = [*axes, *rest] if not adjacent else list(range(len(chosen.shape)))
    inner = x
    if not chosen.whole:
        inner = apply(slice_, x, starts=tuple(chosen.starts), sizes=tuple(chosen.sizes), steps=tuple(chosen.steps))
    inner = permute_dims(reshape(inner, tuple(chosen.shape)), tuple(order))
    first = 0 if not adjacent else axes[0]
    target = (*inner.shape[:first], *arrays[0].shape, *inner.shape[first + len(axes) :])
    inner = apply(index_set, inner, broadcast_to(value, target), *arrays, axis=first)
    inner = permute_dims(inner, tuple(int(i) for i in np.argsort(order)))
    if chosen.whole:
        return reshape(inner, x.shape)
    return apply(
        slice_set,
        x,
        reshape(inner, tuple(chosen.sizes)),
        starts=tuple(chosen.starts),
        sizes=tuple(chosen.sizes),
        steps=tuple(chosen.steps),
    )


# ---------------------------------------------------------------------------------------- by name


def _take_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0, 3, (3, 4)).astype(dtype)
    places = np.array([[2, -1], [0, 2]])
    return [Sample((x, np.array([2, 0, 0])), {"axis": 0}), Sample((x, places), {"axis": 1})]


def _take_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((3, 4), dtype)
    return [
        Sample((x, np.array([3])), {"axis": 0}, IndexRangeError),
        Sample((x, np.array([0.5])), {"axis": 0}, DTypeError),
    ]


def _integers(indices: Any, x: Any, op: str) -> Any:
    indices = as_handle(indices)
    if indices.dtype not in dtypes.INTEGERS:
        raise DTypeError(
            f"indices must be integers, not {indices.dtype.name}",
            op=op,
            operands=(x, indices),
            fix="cast with indices.astype('int64')",
        )
    return indices


@composite(samples=_take_samples, errors=_take_errors, onnx="Gather", accepts=dtypes.EVERY)
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """Elements of an axis by position (integers, negative from the end); the axis becomes those of ``indices`` (Array API).

    Raises IndexRangeError for a position outside the axis. An array of one dimension needs no ``axis``.
    """
    x = as_handle(x)
    indices = _integers(indices, x, "take")
    if axis is None and x.ndim != 1:
        raise ArgumentError(f"an array of {x.ndim} dimensions needs an axis", op="take", operands=(x, indices))
    return apply(gather, x, indices, axis=normal_axis(0 if axis is None else axis, x.ndim, "take", x))


def _along_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0, 3, (3, 4)).astype(dtype)
    return [
        Sample((x, np.array([[2, 0, -1, 0]])), {"axis": 0}),
        Sample((x, np.array([[2], [0], [3]])), {"axis": -1}),
    ]


@composite(samples=_along_samples, errors=None, onnx="GatherElements", accepts=dtypes.EVERY)
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Elements of an axis chosen apart for each position of the other axes, which broadcast (Array API).

    x and indices must have the same number of dimensions. Raises IndexRangeError for a position outside the axis.
    """
    x = as_handle(x)
    indices = _integers(indices, x, "take_along_axis")
    if indices.ndim != x.ndim:
        raise ShapeError("x and indices must have the same number of axes", op="take_along_axis", operands=(x, indices))
    place = normal_axis(axis, x.ndim, "take_along_axis", x)
    others = [n if i != place else 1 for i, n in enumerate(x.shape)]
    shape = broadcast(tuple(others), indices.shape)
    x = broadcast_to(x, tuple(n if i != place else x.shape[place] for i, n in enumerate(shape)))
    index = [
        broadcast_to(indices, shape) if i == place else apply(iota, shape=shape, axis=i, dtype=dtypes.int64)
        for i in range(x.ndim)
    ]
    return apply(gather, x, *index, axis=0)
