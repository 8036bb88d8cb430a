"""Random numbers by counting: Philox 4x64-10, a pure function of a key and a counter kept as state.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11. The bits are those of ``numpy.random.Philox``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_shape
from engine.errors import ArgumentError
from engine.lowering import Loop
from engine.makers import public
from engine.op import Op, Sample, Trait, apply
from engine.ops.arithmetic import add, floor_divide, multiply
from engine.ops.compare import less
from engine.ops.create import number
from engine.ops.dtype import astype
from engine.ops.math import cos, log, sqrt
from engine.sizes import Shape, Size, product
from engine.spec import DType, Spec
from engine.state import State


def _bits_kernel(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    count = int(np.prod(shape, dtype=np.int64))
    words = -(-count * dtype.itemsize // 8)
    source = np.random.Philox(key=np.array([key, 0], np.uint64), counter=np.array([counter, 0, 0, 0], np.uint64))
    return source.random_raw(words).view(dtype)[:count].reshape(shape)


def _bits_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    per_word = 8 // out.dtype.itemsize
    stores = []
    for w in range(4 * per_word):
        word = f"c{w // per_word}"
        value = word if per_word == 1 else f"uint32(({word} >> uint64({32 * (w % 2)})) & uint64(4294967295))"
        stores.append(f"        if first + {w} < n:\n            o[first + {w}] = {value}")
    words = 4 * per_word
    text = f"""def kernel(a0, a1, o, n):
    for block in range((n + {words - 1}) // {words}):
        c0 = a1[0] + uint64(block) + uint64(1)
        c1 = uint64(0)
        c2 = uint64(0)
        c3 = uint64(0)
        k0 = a0[0]
        k1 = uint64(0)
        for step in range(10):
            h0 = mulhi_u64(uint64(0xD2E7470EE14C6C93), c0)
            l0 = uint64(0xD2E7470EE14C6C93) * c0
            h1 = mulhi_u64(uint64(0xCA5A826395121157), c2)
            l1 = uint64(0xCA5A826395121157) * c2
            c0 = h1 ^ c1 ^ k0
            c1 = l1
            c2 = h0 ^ c3 ^ k1
            c3 = l0
            k0 = k0 + uint64(0x9E3779B97F4A7C15)
            k1 = k1 + uint64(0xBB67AE8584CAA73B)
        first = block * {words}
{chr(10).join(stores)}
    return 0
"""
    return text, [product(out.shape)]


random_bits = Op(
    "random_bits",
    _bits_kernel,
    lambda key, counter, shape, dtype: Spec(shape, dtype),
    lower=Loop(_bits_text),
    accepts=frozenset({dtypes.uint64}),
    casts=None,
    keeps="",
    order=45,
    traits=[Trait.RANDOM],
    samples=lambda rng, dtype: [
        Sample((np.asarray(7, dtype), np.asarray(2, dtype)), {"shape": shape, "dtype": d})
        for shape in ((), (3, 5), (0, 2))
        for d in (dtypes.uint32, dtypes.uint64)
    ],
    doc="Random bits, a function of key and counter (0-d uint64): the words of consecutive Philox blocks.",
    hidden=True,
)


class Generator:
    """A stream of random numbers: a key (the seed) and a counter, both states, so that both modes draw the same bits."""

    def __init__(self, seed: int = 0) -> None:
        self.key = State(np.asarray(seed % 2**64, np.uint64), name="random.key")
        self.counter = State(np.asarray(0, np.uint64), name="random.counter")

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``, any integer; it is taken modulo 2**64."""
        self.key.assign(np.asarray(seed % 2**64, np.uint64))
        self.counter.assign(np.asarray(0, np.uint64))
        return self

    def bits(self, shape: Shape, dtype: DType) -> Any:
        """Random bits of uint32 or uint64; moves the counter past the blocks used."""
        drawn = apply(random_bits, self.key.value, self.counter.value, shape=shape, dtype=dtype)
        per_block = 32 // dtype.itemsize
        blocks = (product(shape) + (per_block - 1)) // per_block
        self.counter.assign(add(self.counter.value, number(blocks, dtypes.uint64)))
        return drawn


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator. Both modes draw the same numbers from the same seed."""
    return default_generator.manual_seed(seed)


def _unit(shape: Shape, dtype: DType, generator: Generator) -> Any:
    """Uniform in [0, 1): as many random bits as the significand holds, scaled by a power of two."""
    if dtype == dtypes.float64:
        whole = generator.bits(shape, dtypes.uint64)
        return multiply(astype(_shifted(whole, 11), dtype), 2.0**-53)
    return multiply(astype(_shifted(generator.bits(shape, dtypes.uint32), 8), dtype), 2.0**-24)


def _shifted(bits: Any, places: int) -> Any:
    return floor_divide(bits, 1 << places)


def _drawn_dtype(dtype: Any, op: str) -> DType:
    target = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.as_dtype(dtype)
    if target not in dtypes.FLOATS:
        raise ArgumentError(f"draws float32 or float64, not {target.name}", op=op)
    return target


@public
def uniform(
    shape: Any = (), low: Any = 0.0, high: Any = 1.0, *, dtype: Any = None, generator: Generator | None = None
) -> Any:
    """Random numbers, each value of [low, high) equally likely; float32 unless told otherwise."""
    target = _drawn_dtype(dtype, "uniform")
    unit = _unit(normal_shape(shape, "uniform"), target, generator or default_generator)
    if isinstance(low, float | int) and isinstance(high, float | int) and low == 0 and high == 1:
        return unit
    return add(multiply(unit, high - low), low)


@public
def normal(
    shape: Any = (), mean: Any = 0.0, std: Any = 1.0, *, dtype: Any = None, generator: Generator | None = None
) -> Any:
    """Normally distributed random numbers (Box and Muller 1958); float32 unless told otherwise."""
    target = _drawn_dtype(dtype, "normal")
    sizes, source = normal_shape(shape, "normal"), generator or default_generator
    radius = sqrt(log(1.0 - _unit(sizes, target, source)) * -2.0)
    drawn = radius * cos(_unit(sizes, target, source) * (2 * np.pi))
    if isinstance(mean, float | int) and isinstance(std, float | int) and mean == 0 and std == 1:
        return drawn
    return add(multiply(drawn, std), mean)


@public
def bernoulli(p: Any = 0.5, shape: Any = None, *, dtype: Any = None, generator: Generator | None = None) -> Any:
    """True (or 1 in ``dtype``) with probability ``p``, a number or an array; ``shape`` defaults to that of p."""
    if shape is None:
        shape = p.shape if hasattr(p, "shape") else ()
    drawn = less(_unit(normal_shape(shape, "bernoulli"), dtypes.float32, generator or default_generator), p)
    return drawn if dtype is None else astype(drawn, dtype)
