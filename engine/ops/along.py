"""One axis read and written at places chosen apart for each position of the other axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import IndexRangeError, Trap
from engine.lowering import Loop
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import divide, multiply
from engine.ops.compare import equal, logical_and, where
from engine.ops.create import iota, ones, zeros
from engine.ops.dtype import astype
from engine.sizes import Size, product
from engine.spec import DType, Spec

# x: [outer, n, inner]; the places and the values: [outer, m, inner].


def _sizes(x: Any, index: Any, axis: int) -> list[Size]:
    return [product(x.shape[:axis]), x.shape[axis], index.shape[axis], product(x.shape[axis + 1 :])]


def _flat(index: Any, n: int, axis: int) -> Any:
    """Flat positions in x, or Trap where a place lies outside the axis."""
    if index.size and (index.max() >= n or index.min() < -n):
        wrong = int(index[(index >= n) | (index < -n)].flat[0])
        raise Trap(2, f": {wrong}, where the axis has size {n}", f"indices must lie in [{-n}, {n})")
    place = index.astype(np.intp)
    place = np.where(place < 0, place + n, place)
    inner = int(np.prod(index.shape[axis + 1 :], dtype=np.intp))
    outer = int(np.prod(index.shape[:axis], dtype=np.intp))
    place = place.reshape(outer, index.shape[axis], inner)
    first = np.arange(outer)[:, None, None] * (n * inner) + np.arange(inner)
    return (place * inner + first).reshape(-1)


def _take_kernel(x: Any, index: Any, axis: int) -> Any:
    return x.reshape(-1)[_flat(index, x.shape[axis], axis)].reshape(index.shape)


_LOOP = """def kernel({arrays}, o, outer, n, m, inner):
    for i in range(outer):
        for k in range(m):
            for j in range(inner):
                at = (i * m + k) * inner + j
                place = int64({index}[at])
                if place < 0:
                    place += n
                if place < 0 or place >= n:
                    return 2
                row = (i * n + place) * inner + j
                {step}
    return 0
"""
_TAKE = _LOOP.format(arrays="a0, a1", index="a1", step="o[at] = a0[row]")


def _calls(rng: np.random.Generator, dtype: DType, write: bool = True) -> list[Sample]:
    """Calls that name places once, places twice, and none."""
    cases = [((3, 4), [[2, 0, -1, 0]], 0), ((3, 4), [[1, 3], [0, -1], [2, 2]], 1), ((2, 3, 2), [[[2, 0]], [[1, 1]]], 1)]
    found = []
    for shape, places, axis in cases:
        index = np.array(places)
        x, v = (rng.uniform(0.5, 3, s).astype(dtype) for s in (shape, index.shape))
        found.append(Sample((x, v, index) if write else (x, index), {"axis": axis}))
    return found


def _out_of_range(rng: np.random.Generator, dtype: DType, write: bool = True) -> list[Sample]:
    x, index = np.ones((3, 4), dtype), np.full((1, 4), 3)
    return [Sample((x, x[:1], index) if write else (x, index), {"axis": 0}, IndexRangeError)]


take_along = Op(
    "take_along",
    _take_kernel,
    lambda x, index, axis: Spec(index.shape, x.dtype),
    batch="shift",
    lower=Loop(lambda specs, out, attrs: (_TAKE, _sizes(specs[0], specs[1], attrs["axis"]))),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="x",
    onnx="GatherElements",
    order=43,
    vjp=(lambda g, y, x, index, axis: apply(add_along, zeros(x.shape, dtype=g.dtype), g, index, axis=axis),),
    samples=lambda rng, dtype: _calls(rng, dtype, write=False),
    errors=lambda rng, dtype: _out_of_range(rng, dtype, write=False),
    doc="Elements of an axis at places chosen apart for each position of the other axes, which have equal sizes.",
    hidden=True,
)


def _writer(name: str, write: Callable[..., None], step: str, vjp: Any, accepts: Any, keeps: str, doc: str) -> Op:
    def kernel(x: Any, v: Any, index: Any, axis: int) -> Any:
        out = np.array(x, order="C")
        write(out.reshape(-1), _flat(index, x.shape[axis], axis), v.reshape(-1))
        return out

    text = _LOOP.format(arrays="a1, a2", index="a2", step=step)

    def lower(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
        return text, _sizes(specs[0], specs[2], attrs["axis"])

    return Op(
        name,
        kernel,
        lambda x, v, index, axis: Spec(x.shape, x.dtype),
        lower=Loop(lower, reuses=0),
        batch="shift",
        accepts=accepts,
        casts=None,
        keeps=keeps,
        onnx="ScatterElements",
        order=44,
        vjp=vjp,
        samples=_calls,
        errors=_out_of_range,
        doc=doc,
        hidden=True,
    )


def _take(x: Any, index: Any, axis: int) -> Any:
    return apply(take_along, x, index, axis=axis)


def _put(flat: Any, places: Any, values: Any) -> None:
    flat[places] = values


def _lasting(x: Any, index: Any, axis: int) -> Any:
    """Which values stay: of those written to one place, the last."""
    turn = apply(iota, shape=index.shape, axis=axis, dtype=dtypes.int64)
    return equal(_take(apply(put_along, zeros(x.shape, dtype=dtypes.int64), turn, index, axis=axis), index, axis), turn)


put_along: Op = _writer(
    "put_along",
    _put,
    "o[row] = a1[at]",
    (
        lambda g, y, x, v, index, axis: apply(put_along, g, zeros(v.shape, dtype=g.dtype), index, axis=axis),
        lambda g, y, x, v, index, axis: where(_lasting(x, index, axis), _take(g, index, axis), 0.0),
    ),
    dtypes.EVERY,
    "x",
    "x with v written at places of an axis; of those written to one place the last one counts.",
)
add_along: Op = _writer(
    "add_along",
    np.add.at,
    "o[row] = o[row] + a1[at]",
    (
        lambda g, y, x, v, index, axis: g,
        lambda g, y, x, v, index, axis: _take(g, index, axis),
    ),
    dtypes.NUMERIC,
    "x",
    "x with v added at places of an axis; what is added to one place adds up.",
)


def _mul_vjp(g: Any, y: Any, x: Any, v: Any, index: Any, axis: int) -> list[Any]:
    """The product of the others: a quotient, except where a factor is zero."""
    no_x, no_v = equal(x, 0), equal(v, 0)
    safe_x, safe_v = where(no_x, 1.0, x), where(no_v, 1.0, v)
    others = apply(mul_along, safe_x, safe_v, index, axis=axis)
    count = apply(add_along, astype(no_x, g.dtype), astype(no_v, g.dtype), index, axis=axis)

    def share(safe: Any, zero: Any, whole: Any, zeros_: Any, g: Any) -> Any:
        alone = where(logical_and(zero, equal(zeros_, 1)), whole, 0.0)
        return multiply(g, where(equal(zeros_, 0), divide(whole, safe), alone))

    beside_v = [_take(t, index, axis) for t in (others, count, g)]
    return [share(safe_x, no_x, others, count, g), share(safe_v, no_v, *beside_v)]


def _extreme_vjp(g: Any, y: Any, x: Any, v: Any, index: Any, axis: int) -> list[Any]:
    """Equal extremes share the gradient."""
    hit_x = astype(equal(x, y), g.dtype)
    hit_v = astype(equal(v, _take(y, index, axis)), g.dtype)
    count = apply(add_along, hit_x, hit_v, index, axis=axis)
    share = divide(g, where(equal(count, 0), ones((), dtype=g.dtype), count))
    return [multiply(share, hit_x), multiply(_take(share, index, axis), hit_v)]


mul_along: Op = _writer(
    "mul_along",
    np.multiply.at,
    "o[row] = o[row] * a1[at]",
    _mul_vjp,
    dtypes.NUMERIC,
    "x",
    "x with places of an axis multiplied by v, as often as they are named.",
)
max_along: Op = _writer(
    "max_along",
    np.maximum.at,
    "o[row] = maximum(o[row], a1[at])",
    _extreme_vjp,
    dtypes.NUMERIC,
    "xy",
    "x with places of an axis raised to v where it is larger.",
)
min_along: Op = _writer(
    "min_along",
    np.minimum.at,
    "o[row] = minimum(o[row], a1[at])",
    _extreme_vjp,
    dtypes.NUMERIC,
    "xy",
    "x with places of an axis lowered to v where it is smaller.",
)
