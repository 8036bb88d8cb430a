"""Random numbers: a stream kept as state, or keys handed from call to call; both modes draw the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_shape
from engine.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from engine.handle import Handle
from engine.makers import public, shape_of
from engine.op import apply, as_handle
from engine.ops.arithmetic import add, multiply
from engine.ops.bits import random_below, random_bits
from engine.ops.compare import less
from engine.ops.create import number
from engine.ops.dtype import astype
from engine.ops.joins import concat
from engine.ops.laws import exponential_of, gumbel_of, normal_of, unit_of
from engine.ops.shape import reshape
from engine.sizes import Shape, Size, product
from engine.spec import DType, broadcast
from engine.state import State
from engine.vmap import drawn_in_vmap

_WORD = 2**64


class _Source:
    """Where bits come from: a key and how many blocks of it are used up."""

    key: Any
    counter: Any

    def _use(self, blocks: Size) -> None:
        raise NotImplementedError

    def bits(self, shape: Shape, dtype: DType) -> Any:
        """Random bits of uint32 or uint64; moves on past the blocks used."""
        drawn = apply(random_bits, as_handle(self.key), as_handle(self.counter), shape=shape, dtype=dtype, lane=0)
        per_block = 32 // dtype.itemsize
        self._use((product(shape) + (per_block - 1)) // per_block)
        return drawn

    def below(self, shape: Shape, bound: Any) -> Any:
        """Integers (uint64) from 0 up to ``bound`` (uint64, 0-d or of the shape)."""
        drawn = apply(random_below, as_handle(self.key), as_handle(self.counter), bound, shape=shape)
        self._use((product(shape) + 3) // 4)
        return drawn


class Generator(_Source):
    """A stream of random numbers: a key (the seed) and a counter, both states, so that both modes draw the same bits.

    ``seed``: any integer; it is taken modulo 2**128.
    """

    def __init__(self, seed: int = 0) -> None:
        self.key = State(_seeded(seed), name="random.key")
        self.counter = State(np.asarray(0, np.uint64), name="random.counter")

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``."""
        self.key.assign(_seeded(seed))
        self.counter.assign(np.asarray(0, np.uint64))
        return self

    def get_state(self) -> Any:
        """The key and the counter as one array, uint64[3], for ``set_state``."""
        return concat([self.key.value, reshape(self.counter.value, (1,))])

    def set_state(self, state: Any) -> Generator:
        """Go on from where ``get_state`` of this or another generator was called."""
        state = state if isinstance(state, Handle) else as_handle(np.array(state, np.uint64))
        if state.dtype != dtypes.uint64 or tuple(state.shape) != (3,):
            raise ArgumentError(
                "a state is what get_state returns: three words of uint64", op="set_state", operands=(state,)
            )
        self.key.assign(state[:2])
        self.counter.assign(state[2])
        return self

    def next_key(self) -> Any:
        """A fresh key, uint64[2], for draws with ``key=``."""
        return self.bits((2,), dtypes.uint64)

    def split(self, n: int = 2) -> list[Generator]:
        """``n`` new generators, independent of each other and of what this one draws later.

        Inside a traced function, where no states can be made, draw keys instead: ``split_key(generator.next_key(), n)``.
        """
        if dispatch.current().name == "static":
            raise UnsupportedError(
                "a generator cannot be made inside a traced function",
                op="split",
                fix="use keys: tg.split_key(generator.next_key(), n)",
            )
        keys = np.asarray(split_key(self.next_key(), n))
        return [Generator(int(low) + int(high) * _WORD) for low, high in keys]

    def bits(self, shape: Shape, dtype: DType) -> Any:
        """As for any source; inside vmap, whose ``randomness`` says whether entries share them."""
        return drawn_in_vmap(super().bits, shape, dtype)

    def below(self, shape: Shape, bound: Any) -> Any:
        """As for any source; inside vmap, whose ``randomness`` says whether entries share them."""
        return drawn_in_vmap(super().below, shape, bound)

    def _use(self, blocks: Size) -> None:
        self.counter.assign(add(self.counter.value, number(blocks, dtypes.uint64)))


class _Keyed(_Source):
    """The bits of one key, from its first block on."""

    def __init__(self, key: Any) -> None:
        self.key = key
        self.counter = dispatch.current().asarray(np.asarray(0, np.uint64), None)

    def _use(self, blocks: Size) -> None:
        self.counter = add(self.counter, number(blocks, dtypes.uint64))


def _seeded(seed: int) -> Any:
    seed = int(seed)
    return np.array([seed % _WORD, seed // _WORD % _WORD], np.uint64)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator. Both modes draw the same numbers from the same seed.

    >>> _ = tg.manual_seed(0)
    >>> tg.uniform(shape=(2,))
    tensor([0.03474188, 0.01154673])
    """
    return default_generator.manual_seed(seed)


# ---------------------------------------------------------------------------------------- keys


@public
def random_key(seed: int, /) -> Any:
    """A key, uint64[2], from any integer (modulo 2**128). Draws with ``key=`` are functions of it: equal keys, equal draws.

    ``uniform(..., key=random_key(7))`` draws what ``Generator(7)`` draws first.
    """
    return as_handle(_seeded(seed))


@public
def split_key(key: Any, n: int = 2, /) -> Any:
    """``n`` new keys, uint64[n, 2], independent of each other and of draws with ``key`` (``jax.random.split``).

    >>> tg.split_key(tg.random_key(7)).shape
    (2, 2)
    """
    (size,) = normal_shape(n, "split_key")
    return apply(random_bits, _checked(key, "split_key"), _count(0), shape=(size, 2), dtype=dtypes.uint64, lane=1)


@public
def fold_in(key: Any, data: Any, /) -> Any:
    """A new key, uint64[2], made from a key and an integer (a step, an index; a number or 0-d) (``jax.random.fold_in``)."""
    count = _count(data)
    return apply(random_bits, _checked(key, "fold_in"), count, shape=(2,), dtype=dtypes.uint64, lane=2)


def _count(data: Any) -> Any:
    if isinstance(data, int):
        return dispatch.current().asarray(np.asarray(data % _WORD, np.uint64), None)
    data = as_handle(data)
    if data.dtype not in dtypes.INTEGERS or data.ndim:
        raise ArgumentError("what is folded into a key must be one integer", op="fold_in", operands=(data,))
    return astype(data, dtypes.uint64)


def _checked(key: Any, op: str) -> Any:
    key = as_handle(key)
    fix = "make one with tg.random_key(seed), more of them with tg.split_key(key, n)"
    if key.dtype != dtypes.uint64:
        raise DTypeError(f"a key is uint64, not {key.dtype.name}", op=op, operands=(key,), fix=fix)
    if tuple(key.shape) != (2,):
        raise ShapeError("a key has two words", op=op, operands=(key,), fix=fix)
    return key


def source(generator: Generator | None, key: Any, op: str) -> _Source:
    """Where a draw takes its bits from: its key, its generator, or the default generator."""
    if key is None:
        return generator or default_generator
    if generator is not None:
        raise ArgumentError("takes a generator or a key, not both", op=op)
    return _Keyed(_checked(key, op))


# ---------------------------------------------------------------------------------------- continuous laws


def drawn_dtype(dtype: Any, op: str, parameters: Sequence[Any] = ()) -> DType:
    """The dtype of a draw: the one asked for, that of its parameters where they are float arrays, or float32."""
    if dtype is None:
        floats = {p.dtype for p in parameters if hasattr(p, "dtype") and p.dtype in dtypes.FLOATS}
        return dtypes.promote(*floats) or dtypes.DEFAULT_FLOAT if floats else dtypes.DEFAULT_FLOAT
    target = dtypes.as_dtype(dtype)
    if target not in dtypes.FLOATS:
        raise ArgumentError(f"draws float32 or float64, not {target.name}", op=op)
    return target


def drawn_shape(shape: Any, op: str, parameters: Sequence[Any] = ()) -> Shape:
    """The shape of a draw: the one asked for, or what its parameters broadcast to."""
    return broadcast(*(shape_of(p) for p in parameters)) if shape is None else normal_shape(shape, op)


def _draw(law: Any, shape: Shape, dtype: DType, source: _Source) -> Any:
    return apply(law, source.bits(shape, dtypes.uint64 if dtype == dtypes.float64 else dtypes.uint32))


def unit(shape: Shape, dtype: DType, source: _Source) -> Any:
    """Uniform in [0, 1): as many random bits as the significand holds, scaled by a power of two."""
    return _draw(unit_of, shape, dtype, source)


def race(shape: Shape, dtype: DType, source: _Source) -> Any:
    """Waiting times: the first of several, each divided by its rate, comes first with a chance as its rate."""
    return _draw(exponential_of, shape, dtype, source)


def gumbel_noise(shape: Shape, dtype: DType, source: _Source) -> Any:
    """What makes the largest of some log weights a random choice by these weights."""
    return _draw(gumbel_of, shape, dtype, source)


def moved(drawn: Any, scale: Any, place: Any) -> Any:
    """``drawn * scale + place``, leaving out what changes nothing."""
    if not (type(scale) in (int, float) and scale == 1):
        drawn = multiply(drawn, scale)
    return drawn if type(place) in (int, float) and place == 0 else add(drawn, place)


def _arrays(*parameters: Any) -> list[Any]:
    return [p if isinstance(p, Handle | int | float) else as_handle(p) for p in parameters]


@public
def uniform(
    shape: Any = None,
    low: Any = 0.0,
    high: Any = 1.0,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Random numbers, each value of [low, high) equally likely; float32 unless told otherwise.

    low, high: numbers or arrays that broadcast to ``shape`` (their own shape where it is None). Rounding of
    ``low + u * (high - low)`` may reach ``high``. ``key``: drawn from this key instead of a generator.
    """
    low, high = _arrays(low, high)
    target = drawn_dtype(dtype, "uniform", (low, high))
    sizes = drawn_shape(shape, "uniform", (low, high))
    return moved(unit(sizes, target, source(generator, key, "uniform")), high - low, low)


@public
def normal(
    shape: Any = None,
    mean: Any = 0.0,
    std: Any = 1.0,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Normally distributed random numbers, by the inverse of the distribution function (Wichura 1988); float32 unless told.

    mean, std: numbers or arrays that broadcast to ``shape`` (their own shape where it is None).
    ``key``: drawn from this key instead of a generator.
    """
    mean, std = _arrays(mean, std)
    target = drawn_dtype(dtype, "normal", (mean, std))
    sizes = drawn_shape(shape, "normal", (mean, std))
    return moved(_draw(normal_of, sizes, target, source(generator, key, "normal")), std, mean)


@public
def exponential(
    shape: Any = None, scale: Any = 1.0, *, dtype: Any = None, generator: Generator | None = None, key: Any = None
) -> Any:
    """Waiting times of mean ``scale``, a number or an array; float32 unless told otherwise."""
    (scale,) = _arrays(scale)
    target, sizes = drawn_dtype(dtype, "exponential", (scale,)), drawn_shape(shape, "exponential", (scale,))
    return moved(race(sizes, target, source(generator, key, "exponential")), scale, 0)


@public
def gumbel(
    shape: Any = None,
    loc: Any = 0.0,
    scale: Any = 1.0,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
    key: Any = None,
) -> Any:
    """Random numbers of Gumbel's law, the largest of many; float32 unless told otherwise."""
    loc, scale = _arrays(loc, scale)
    target, sizes = drawn_dtype(dtype, "gumbel", (loc, scale)), drawn_shape(shape, "gumbel", (loc, scale))
    return moved(gumbel_noise(sizes, target, source(generator, key, "gumbel")), scale, loc)


@public
def bernoulli(
    p: Any = 0.5, shape: Any = None, *, dtype: Any = None, generator: Generator | None = None, key: Any = None
) -> Any:
    """True (or 1 in ``dtype``) with probability ``p``, a number or an array; ``shape`` defaults to that of p."""
    (p,) = _arrays(p)
    sizes, wide = drawn_shape(shape, "bernoulli", (p,)), drawn_dtype(None, "bernoulli", (p,))
    drawn = less(unit(sizes, wide, source(generator, key, "bernoulli")), p)
    return drawn if dtype is None else astype(drawn, dtype)
