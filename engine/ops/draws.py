"""Random integers, choices by weight, permutations and truncated laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_axis, normal_shape
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.handle import Handle
from engine.makers import public
from engine.op import apply, as_handle
from engine.ops.arithmetic import add, divide, maximum, minimum, multiply, subtract
from engine.ops.dtype import astype
from engine.ops.index import take
from engine.ops.laws import quantile_of
from engine.ops.random import Generator, drawn_dtype, drawn_shape, gumbel_noise, moved, race, source, unit
from engine.ops.reduce import argmax, argmin
from engine.ops.running import cumulative_sum
from engine.ops.searching import place_in
from engine.ops.selection import top_of
from engine.ops.shape import broadcast_to, reshape
from engine.ops.slices import part
from engine.ops.sorting import at_end, order_of
from engine.sizes import agree, product

# ---------------------------------------------------------------------------------------- integers and permutations


@public
def randint(
    low: Any,
    high: Any = None,
    shape: Any = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Random integers, each of [low, high) exactly equally likely, or of [0, low) where ``high`` is None (NumPy).

    low, high: ints, or integer arrays that broadcast to ``shape`` (their own shape where it is None); where arrays leave
    no integer between them, the draw is ``low``. ``dtype``: int64 unless told otherwise. Raises ArgumentError for
    ints that leave no integer between them, or that the dtype does not hold.
    """
    low, high = (0, low) if high is None else (low, high)
    target = dtypes.DEFAULT_INT if dtype is None else dtypes.as_dtype(dtype)
    if target not in dtypes.INTEGERS:
        raise ArgumentError(f"draws integers, not {target.name}", op="randint")
    bounds = [b if isinstance(b, int) else as_handle(b) for b in (low, high)]
    for b in bounds:
        if isinstance(b, bool) or (isinstance(b, Handle) and b.dtype not in dtypes.INTEGERS):
            raise DTypeError("low and high must be integers", op="randint", operands=(low, high))
    low, high = bounds
    sizes = drawn_shape(shape, "randint", (low, high))
    words = source(generator, key, "randint")
    if isinstance(low, int) and isinstance(high, int):
        limits = np.iinfo(target)
        if not limits.min <= low < high <= limits.max + 1:
            raise ArgumentError(
                f"[{low}, {high}) is no range of {target.name}", op="randint", fix="low must be smaller than high"
            )
        if high - low == 2**64:
            drawn = words.bits(sizes, dtypes.uint64)
        else:
            drawn = words.below(sizes, dispatch.current().asarray(np.asarray(high - low, np.uint64), None))
    else:
        span = subtract(*(astype(as_handle(b), dtypes.uint64) for b in (high, low)))
        drawn = words.below(sizes, broadcast_to(span, sizes) if span.ndim else span)
    if isinstance(low, int):
        return astype(drawn if low == 0 else add(drawn, _word(low)), target)
    return astype(add(drawn, astype(low, dtypes.uint64)), target)


def _word(value: int) -> Any:
    """An integer as a word, a negative one by its two's complement: sums of words wrap around."""
    return dispatch.current().asarray(np.asarray(value % 2**64, np.uint64), None)


@public
def permutation(x: Any, /, *, axis: int = 0, generator: Generator | None = None, key: Any = None) -> Any:
    """The integers below ``x`` in random order (int64), or the slices of an array along an axis in random order (NumPy).

    Random words are sorted, of equal ones the first first; they favour an order by less than n**2 / 2**65.
    """
    words = source(generator, key, "permutation")
    if isinstance(x, Handle | np.ndarray | list | tuple):
        x = as_handle(x)
        place = normal_axis(axis, x.ndim, "permutation", x)
        order = apply(order_of, words.bits((x.shape[place],), dtypes.uint64), descending=False)
        return take(x, order, axis=place)
    (n,) = normal_shape(x, "permutation")
    if isinstance(n, int) and n < 0:
        raise ArgumentError(f"a permutation of {n} elements", op="permutation")
    return apply(order_of, words.bits((n,), dtypes.uint64), descending=False)


# ---------------------------------------------------------------------------------------- choices by weight


@public
def categorical(
    logits: Any = None,
    /,
    *,
    probs: Any = None,
    axis: int = -1,
    shape: Any = None,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Random classes (int64) along an axis, by their log weights ``logits`` or their weights ``probs``.

    Neither needs to be normalised. ``shape``: of the result; it ends with the shape of the weights without the axis,
    which it is where it is None (``jax.random.categorical``). A class of weight 0 is never drawn unless all have it.
    """
    if (logits is None) == (probs is None):
        raise ArgumentError("takes logits or probs", op="categorical")
    weights = as_handle(probs if logits is None else logits)
    if weights.dtype not in dtypes.FLOATS:
        weights = astype(weights, dtypes.DEFAULT_FLOAT)
    place = normal_axis(axis, weights.ndim, "categorical", weights)
    batch = tuple(n for i, n in enumerate(weights.shape) if i != place)
    sizes = batch if shape is None else normal_shape(shape, "categorical")
    lead = len(sizes) - len(batch)
    if lead < 0 or not all(agree(n, m) for n, m in zip(sizes[lead:], batch, strict=True)):
        raise ShapeError(
            f"the shape of the draws must end with {batch}, not be {sizes}", op="categorical", operands=(weights,)
        )
    rows = at_end(weights, place)
    words = source(generator, key, "categorical")
    noise = (*sizes, rows.shape[-1])
    if logits is None:
        return argmin(divide(race(noise, weights.dtype, words), rows), axis=-1)
    return argmax(add(gumbel_noise(noise, weights.dtype, words), rows), axis=-1)


@public
def multinomial(
    probs: Any,
    num_samples: int,
    replacement: bool = False,
    /,
    *,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """``num_samples`` random classes (int64) by weight, from each row of ``probs`` (PyTorch).

    probs: [..., classes], not negative, not all zero; they need not be normalised. Without ``replacement`` no class is
    drawn twice, and there must be as many classes of positive weight as samples.
    """
    probs = as_handle(probs)
    if probs.dtype not in dtypes.FLOATS:
        probs = astype(probs, dtypes.DEFAULT_FLOAT)
    if probs.ndim == 0:
        raise ShapeError("needs an axis of classes", op="multinomial", operands=(probs,))
    (count,) = normal_shape(num_samples, "multinomial")
    words = source(generator, key, "multinomial")
    if not replacement:
        n = probs.shape[-1]
        if isinstance(n, int) and isinstance(count, int) and count > n:
            raise ArgumentError(
                f"{count} different classes of {n}", op="multinomial", operands=(probs,), fix="set replacement=True"
            )
        waits = divide(race(tuple(probs.shape), probs.dtype, words), probs)
        return apply(top_of, waits, k=count, largest=False, face="multinomial")
    # The place of a random share of the total weight: strictly below it, so that some class reaches beyond.
    sums = cumulative_sum(astype(probs, dtypes.float64), axis=-1)
    total = part(sums, sums.ndim - 1, sums.shape[-1] - 1, 1)
    share = unit((*probs.shape[:-1], count), dtypes.float64, words)
    return apply(place_in, sums, multiply(share, total), side="right")


@public
def choice(
    a: Any,
    /,
    shape: Any = (),
    *,
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Random slices of an array along an axis, or integers below ``a``, as an array of ``shape`` (NumPy).

    ``p``: a weight for each, [n]; equal ones where it is None. Without ``replace`` none is drawn twice.
    """
    whole = isinstance(a, Handle | np.ndarray | list | tuple)
    if whole:
        a = as_handle(a)
        axis = normal_axis(axis, a.ndim, "choice", a)
    n = a.shape[axis] if whole else normal_shape(a, "choice")[0]
    sizes = normal_shape(shape, "choice")
    count = product(sizes)
    if isinstance(n, int) and isinstance(count, int) and (n < 1 or (not replace and count > n)):
        raise ArgumentError(f"{count} of {n} elements", op="choice", fix="set replace=True, or draw fewer")
    if p is not None:
        weights = as_handle(p)
        if weights.ndim != 1 or not agree(weights.shape[0], n):
            raise ShapeError(f"p must hold one weight for each of {n} elements", op="choice", operands=(weights,))
        drawn = multinomial(weights, count, replace, generator=generator, key=key)
    elif replace:
        drawn = randint(0, n, (count,), generator=generator, key=key)
    else:
        drawn = part(permutation(n, generator=generator, key=key), 0, 0, count)
    drawn = reshape(drawn, sizes)
    return take(a, drawn, axis=axis) if whole else drawn


# ---------------------------------------------------------------------------------------- truncated


@public
def truncated_normal(
    shape: Any = None,
    mean: Any = 0.0,
    std: Any = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Normal draws under the condition that they lie in [mean + low * std, mean + high * std] (``jax.random``, SciPy).

    low, high: numbers, in standard deviations; they must leave room between them, and lie within 8 of the mean on one
    side at least. mean, std: numbers or arrays. float32 unless told otherwise.
    """
    low, high = float(low), float(high)
    if not low < high or low > 8 or high < -8:
        raise ArgumentError(f"[{low}, {high}] is no range to draw from", op="truncated_normal")
    mean, std = (p if isinstance(p, Handle | int | float) else as_handle(p) for p in (mean, std))
    target = drawn_dtype(dtype, "truncated_normal", (mean, std))
    sizes = drawn_shape(shape, "truncated_normal", (mean, std))
    # Counted from the tail that is nearer, where probabilities are precise.
    turned = low + high > 0
    near, far = (-high, -low) if turned else (low, high)
    first, last = (math.erfc(-x / math.sqrt(2)) / 2 for x in (near, far))
    share = unit(sizes, dtypes.float64, source(generator, key, "truncated_normal"))
    drawn = apply(quantile_of, add(multiply(share, last - first), first))
    drawn = minimum(maximum(multiply(drawn, -1.0) if turned else drawn, low), high)
    return moved(astype(drawn, target), std, mean)
