"""Elements read and written at positions that integer arrays name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import IndexRangeError, Trap
from engine.lowering import Loop, Scalar
from engine.op import Op, Sample, Trait, apply
from engine.ops.compare import equal, where
from engine.ops.create import iota, zeros
from engine.ops.shape import expand_dims, reshape
from engine.sizes import Shape, Size, product
from engine.spec import DType, Spec

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
    batch="gather",
    accepts=dtypes.EVERY,
    casts=None,
    keeps="x",
    onnx="GatherND",
    order=43,
    vjp=(lambda g, y, x, *index, axis: apply(add_at, zeros(x.shape, dtype=g.dtype), g, *index, axis=axis),),
    samples=_gather_samples,
    errors=_out_of_range,
    doc="Elements of consecutive axes, from ``axis`` on, chosen by integer arrays of one shape.",
    hidden=True,
)


def _add_at_kernel(x: Any, v: Any, *index: Any, axis: int) -> Any:
    out = np.array(x, order="C")
    np.add.at(out, _select(axis, index, x.shape), v)
    return out


def _index_set_kernel(x: Any, v: Any, *index: Any, axis: int) -> Any:
    out = np.array(x, order="C")
    out[_select(axis, index, x.shape)] = v
    return out


def _write_spec(x: Any, v: Any, *index: Any, axis: int) -> Spec:
    return Spec(x.shape, x.dtype)


def _lasting(x: Any, v: Any, *index: Any, axis: int) -> Any:
    """Which elements of v stay: of those written to one position, the last."""
    places, count = index[0].shape, len(index)
    turn = reshape(apply(iota, shape=(product(places),), axis=0, dtype=dtypes.int64), places)
    written = apply(index_set, zeros(x.shape[axis : axis + count], dtype=dtypes.int64), turn, *index, axis=0)
    stays = equal(apply(gather, written, *index, axis=0), turn)
    return reshape(stays, (1,) * axis + tuple(places) + (1,) * (v.ndim - axis - len(places)))


add_at: Op = Op(
    "add_at",
    _add_at_kernel,
    _write_spec,
    lower=Loop(_write_text("o[target + r] = o[target + r] + a1[source + r]"), reuses=0),
    batch="scatter",
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
    hidden=True,
)
index_set: Op = Op(
    "index_set",
    _index_set_kernel,
    _write_spec,
    lower=Loop(_write_text("o[target + r] = a1[source + r]"), reuses=0),
    batch="scatter",
    accepts=dtypes.EVERY,
    casts=None,
    keeps="x",
    onnx="ScatterND",
    order=44,
    vjp=(
        lambda g, y, x, v, *index, axis: apply(index_set, g, zeros(v.shape, dtype=g.dtype), *index, axis=axis),
        lambda g, y, x, v, *index, axis: where(
            _lasting(x, v, *index, axis=axis), apply(gather, g, *index, axis=axis), 0.0
        ),
    ),
    samples=lambda rng, dtype: [
        *_write_samples(rng, dtype),
        Sample(tuple(_places(rng, dtype, (3, 2), np.array([1, -1, 1, 2]), axis=0)), {"axis": 0}),
    ],
    errors=_write_out_of_range,
    doc="x with v written at the positions that integer arrays name; of repeated positions the last one counts.",
    hidden=True,
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
    hidden=True,
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
    index = apply(in_range, index, size=x.shape[axis])  # where only the gradient is asked for, no pick has looked
    here = equal(apply(iota, shape=line, axis=axis, dtype=index.dtype), expand_dims(index, axis=axis))
    return where(here, expand_dims(g, axis=axis), 0.0)


pick = Op(
    "pick",
    _pick_kernel,
    lambda x, index, axis: Spec((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype),
    lower=Loop(_pick_text),
    batch="shift",
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
    hidden=True,
)
