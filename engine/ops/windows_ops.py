"""What windows do to the last axes of an array, as linear ops that are each other's gradients: sums, copies, choices."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as every
from typing import Any

import numpy as np

from engine import dtypes
from engine.op import Op, Sample, apply
from engine.ops.windows_text import each, loop, sweep
from engine.spec import DType, Spec

Meeting = tuple[tuple[int, ...], Any, Any]


def _ranges(n: int, i: int, tap: int, how: dict[str, Any]) -> tuple[slice, slice]:
    """Which elements of an axis a tap meets, and for which windows."""
    s, shift = how["stride"][i], tap * how["dilation"][i] - how["padding"][i][0]
    low = max(0, -(shift // s))
    high = min(how["results"][i], (n - 1 - shift) // s + 1)
    high = max(low, high)
    return slice(low * s + shift, max((high - 1) * s + shift + 1, 0) if high > low else low * s + shift, s), slice(
        low, high
    )


def _meetings(sizes: tuple[int, ...], how: dict[str, Any]) -> Iterator[Meeting]:
    """Each tap of a window, with the elements it meets and the windows it meets them for, as NumPy indices."""
    if not how["adaptive"]:
        for taps in every(*(range(k) for k in how["window"])):
            found = [_ranges(n, i, t, how) for i, (n, t) in enumerate(zip(sizes, taps, strict=True))]
            if all(r.stop > r.start for _, r in found):
                yield taps, (..., *(x for x, _ in found)), (..., *(r for _, r in found))
        return
    edges = []
    for n, m in zip(sizes, how["results"], strict=True):
        i = np.arange(m)
        edges.append((i * n // m, ((i + 1) * n + m - 1) // m))
    for taps in every(*(range(int(np.max(b - a, initial=0))) for a, b in edges)):
        places = [np.flatnonzero(a + t < b) for t, (a, b) in zip(taps, edges, strict=True)]
        elements = [a[r] + t for t, r, (a, _) in zip(taps, places, edges, strict=True)]
        yield taps, (..., *np.ix_(*elements)), (..., *np.ix_(*places))


def _sizes(x: Any, how: dict[str, Any]) -> tuple[int, ...]:
    return tuple(x.shape[x.ndim - len(how["results"]) :])


def _lead(x: Any, how: dict[str, Any], extra: int = 0) -> tuple[Any, ...]:
    return tuple(x.shape[: len(x.shape) - len(how["results"]) - extra])


def _check(x: Any, *tail: Any) -> None:
    """ValueError where an operand does not end in these sizes: a native loop would read outside of it."""
    if tuple(x.shape[x.ndim - len(tail) :]) != tail:
        raise ValueError(f"shape {x.shape} does not end in {tail}")


def _sum_kernel(x: Any, **how: Any) -> Any:
    y = np.zeros((*_lead(x, how), *how["results"]), x.dtype)
    for _, elements, windows in _meetings(_sizes(x, how), how):
        y[windows] += x[elements]
    return y


def _spread_kernel(g: Any, sizes: Any, **how: Any) -> Any:
    _check(g, *how["results"])
    x = np.zeros((*_lead(g, how), *sizes), g.dtype)
    for _, elements, windows in _meetings(sizes, how):
        if how["adaptive"]:
            np.add.at(x, elements, g[windows])  # where results outnumber elements, a tap meets one of them twice
        else:
            x[elements] += g[windows]
    return x


def _max_kernel(x: Any, **how: Any) -> Any:
    y = np.full((*_lead(x, how), *how["results"]), -np.inf, x.dtype)
    for _, elements, windows in _meetings(_sizes(x, how), how):
        y[windows] = np.maximum(y[windows], x[elements])
    return y


def _patches_kernel(x: Any, **how: Any) -> Any:
    y = np.zeros((*_lead(x, how), *how["window"], *how["results"]), x.dtype)
    for taps, elements, windows in _meetings(_sizes(x, how), how):
        y[(..., *taps, *windows[1:])] = x[elements]
    return y


def _unpatched_kernel(p: Any, sizes: Any, **how: Any) -> Any:
    _check(p, *how["window"], *how["results"])
    x = np.zeros((*_lead(p, how, len(sizes)), *sizes), p.dtype)
    for taps, elements, windows in _meetings(sizes, how):
        x[elements] += p[(..., *taps, *windows[1:])]
    return x


def _hits(x: Any, how: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """For each tap the elements and windows it meets, and for which of them it is the first to meet the largest element."""
    best = _max_kernel(x, **how)
    unknown = best != best
    free = np.ones(best.shape, bool)
    for _, elements, windows in _meetings(_sizes(x, how), how):
        found = x[elements]
        hit = found == best[windows]
        if unknown.any():
            hit |= (found != found) & unknown[windows]
        hit &= free[windows]
        free[windows] &= ~hit
        yield elements, windows, hit


def _places_kernel(x: Any, **how: Any) -> Any:
    sizes = _sizes(x, how)
    place = np.zeros((*_lead(x, how), *how["results"]), np.int64)
    here = np.broadcast_to(np.arange(int(np.prod(sizes))).reshape(sizes), x.shape)
    for elements, windows, hit in _hits(x, how):
        place[windows] += np.where(hit, here[elements], 0)
    return place


def _chosen_kernel(x: Any, v: Any, **how: Any) -> Any:
    _check(v, *x.shape)
    y = np.zeros((*_lead(x, how), *how["results"]), v.dtype)
    for elements, windows, hit in _hits(x, how):
        y[windows] = np.where(hit, v[elements], y[windows])
    return y


def _returned_kernel(x: Any, g: Any, **how: Any) -> Any:
    _check(g, *_lead(x, how), *how["results"])
    back = np.zeros(x.shape, g.dtype)
    for elements, windows, hit in _hits(x, how):
        part = np.where(hit, g[windows], 0)
        if how["adaptive"]:
            np.add.at(back, elements, part)
        else:
            back[elements] += part
    return back


def _results_spec(x: Any, *_: Any, **how: Any) -> Spec:
    return Spec((*_lead(x, how), *how["results"]), x.dtype)


def how(window: Any, stride: Any, padding: Any, dilation: Any, results: Any, adaptive: bool = False) -> dict[str, Any]:
    """The attributes of these ops."""
    names = ("window", "stride", "padding", "dilation", "results", "adaptive")
    return dict(zip(names, (window, stride, padding, dilation, results, adaptive), strict=True))


_HOW = [
    ((3,), how((2,), (2,), ((1, 0),), (1,), (2,))),
    ((3, 4), how((2, 2), (1, 2), ((0, 1), (1, 1)), (2, 1), (2, 3))),
]
_ADAPTIVE = ((3, 4), how((0, 0), (1, 1), ((0, 0), (0, 0)), (1, 1), (2, 3), adaptive=True))


def _samples(operands: str, adaptive: bool = True) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        found = []
        for sizes, attrs in [*_HOW, *([_ADAPTIVE] if adaptive else [])]:
            shapes = {"x": sizes, "r": attrs["results"], "p": (*attrs["window"], *attrs["results"])}
            args = [rng.permutation(2 * int(np.prod(shapes[name]))).reshape(2, *shapes[name]) for name in operands]
            known = {"sizes": sizes} if operands in "rp" else {}
            found.append(Sample(tuple((a / 4 - 2).astype(dtype) for a in args), attrs | known))
        return found

    return samples


_COMMON: dict[str, Any] = {"accepts": dtypes.FLOATS, "order": 45, "hidden": True, "batch": "leading"}

window_sum: Op = Op(
    "window_sum",
    _sum_kernel,
    _results_spec,
    lower=loop(
        sweep("zero", "o[{r}] = o[{r}] + a0[{x}]", "count"),
        each("total = {zero}", ["total = total + a0[x]"], "o[r] = total"),
    ),
    keeps="",
    vjp=(lambda g, y, x, **how: apply(window_spread, g, sizes=_sizes(x, how), **how),),
    samples=_samples("x"),
    doc="The sum of each window over the last axes.",
    **_COMMON,
)
window_spread: Op = Op(
    "window_spread",
    _spread_kernel,
    lambda g, sizes, **how: Spec((*_lead(g, how), *sizes), g.dtype),
    lower=loop(
        sweep("zero", "o[{x}] = o[{x}] + a0[{r}]", "area"),
        each("", ["o[x] = o[x] + a0[r]"], "", "area"),
        shape="result",
    ),
    keeps="",
    vjp=(lambda v, y, g, sizes, **how: apply(window_sum, v, **how),),
    samples=_samples("r"),
    doc="The gradient of window_sum: each element collects the windows it is in.",
    **_COMMON,
)
patches: Op = Op(
    "patches",
    _patches_kernel,
    lambda x, **how: Spec((*_lead(x, how), *how["window"], *how["results"]), x.dtype),
    lower=loop(sweep("zero", "o[{e}] = a0[{x}]", "taps * count")),
    keeps="",
    vjp=(lambda g, y, x, **how: apply(unpatched, g, sizes=_sizes(x, how), **how),),
    samples=_samples("x", adaptive=False),
    doc="Every window over the last axes copied out, zeros where it reaches outside: [..., *window, *results].",
    **_COMMON,
)
unpatched: Op = Op(
    "unpatched",
    _unpatched_kernel,
    lambda p, sizes, **how: Spec((*_lead(p, how, len(sizes)), *sizes), p.dtype),
    lower=loop(sweep("zero", "o[{x}] = o[{x}] + a0[{e}]", "area"), shape="result"),
    keeps="",
    vjp=(lambda v, y, p, sizes, **how: apply(patches, v, **how),),
    samples=_samples("p", adaptive=False),
    doc="The gradient of patches: each element the sum of its copies.",
    **_COMMON,
)

_BEST = [
    "value = a0[x]",
    "if place < 0 or value > best or (value != value and best == best):",
    "    best = value",
    "    place = here",
]
_NONE = "best, place = {zero}, -1"
# ``place`` in its plane; a window without elements does not occur.

window_place: Op = Op(
    "window_place",
    _places_kernel,
    lambda x, **how: Spec((*_lead(x, how), *how["results"]), dtypes.DEFAULT_INT),
    lower=loop(each(_NONE, _BEST, "o[r] = place")),
    keeps="",
    samples=_samples("x"),
    doc="Where in its plane the largest element of each window stands, the first of equals; NaN is largest.",
    **_COMMON,
)
window_chosen: Op = Op(
    "window_chosen",
    _chosen_kernel,
    _results_spec,
    lower=loop(each(_NONE, _BEST, "o[r] = a1[p * area + place]")),
    vjp=(None, lambda g, y, x, v, **how: apply(window_returned, x, g, **how)),
    samples=_samples("xx"),
    doc="The element of v that stands where each window of x has its largest.",
    **_COMMON,
)
window_returned: Op = Op(
    "window_returned",
    _returned_kernel,
    lambda x, g, **how: Spec(x.shape, x.dtype),
    lower=loop(each(_NONE, _BEST, "o[p * area + place] = o[p * area + place] + a1[r]", "area")),
    vjp=(None, lambda v, y, x, g, **how: apply(window_chosen, x, v, **how)),
    samples=_samples("xr"),
    doc="Zeros like x, with g added where each window has its largest element.",
    **_COMMON,
)
window_max: Op = Op(
    "window_max",
    _max_kernel,
    _results_spec,
    lower=loop(sweep("lowest", "o[{r}] = maximum(o[{r}], a0[{x}])", "count")),
    vjp=(lambda g, y, x, **how: apply(window_returned, x, g, **how),),
    samples=_samples("x", adaptive=False),
    doc="The largest element of each window.",
    **_COMMON,
)
