"""Random bits by counting: Philox 4x64-10, a pure function of a key and a counter, in both modes the same.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11. The bits are those of ``numpy.random.Philox``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.lowering import Loop
from engine.op import Op, Sample, Trait
from engine.sizes import Size, product
from engine.spec import DType, Spec

# The counter has four words: the block, the attempt of a draw that may be refused, 0, and the lane, which keeps what
# new keys are made of (1, 2) apart from what is drawn (0).


def _words(key: Any, counter: Any, count: int, attempt: int = 0, lane: int = 0) -> Any:
    start = np.array([counter, attempt, 0, lane], np.uint64)
    return np.random.Philox(key=np.asarray(key), counter=start).random_raw(count)


def _bits_kernel(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType, lane: int) -> Any:
    count = int(np.prod(shape, dtype=np.int64))
    return _words(key, counter, -(-count * dtype.itemsize // 8), 0, lane).view(dtype)[:count].reshape(shape)


_BLOCK = """c0 = a1[0] + uint64(block) + uint64(1)
c1 = uint64({attempt})
c2 = uint64(0)
c3 = uint64({lane})
k0 = a0[0]
k1 = a0[1]
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
"""


def indented(text: str, depth: int) -> str:
    """Lines moved to the right by so many levels."""
    return "".join("    " * depth + line + "\n" for line in text.splitlines())


def _bits_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    per_word = 8 // out.dtype.itemsize
    words = 4 * per_word
    stores = ""
    for w in range(words):
        word = f"c{w // per_word}"
        value = word if per_word == 1 else f"uint32(({word} >> uint64({32 * (w % 2)})) & uint64(4294967295))"
        stores += f"if first + {w} < n:\n    o[first + {w}] = {value}\n"
    body = _BLOCK.format(attempt=0, lane=attrs["lane"]) + f"first = block * {words}\n" + stores
    head = f"def kernel(a0, a1, o, n):\n    for block in range((n + {words - 1}) // {words}):\n"
    return f"{head}{indented(body, 2)}    return 0\n", [product(out.shape)]


def _key(*words: int) -> Any:
    return np.array(words, np.uint64)


random_bits = Op(
    "random_bits",
    _bits_kernel,
    lambda key, counter, shape, dtype, lane: Spec(shape, dtype),
    lower=Loop(_bits_text),
    accepts=frozenset({dtypes.uint64}),
    casts=None,
    keeps="",
    order=45,
    traits=[Trait.RANDOM],
    samples=lambda rng, dtype: [
        Sample((_key(7, 9), np.asarray(2, dtype)), {"shape": shape, "dtype": d, "lane": len(shape)})
        for shape in ((), (3, 5), (0, 2))
        for d in (dtypes.uint32, dtypes.uint64)
    ],
    doc="Random bits, a function of key (uint64[2]) and counter (0-d uint64): the words of consecutive Philox blocks.",
    hidden=True,
)


# ---------------------------------------------------------------------------------------- integers below a bound

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def _high(a: Any, b: Any) -> Any:
    """The upper 64 bits of products of 64-bit integers."""
    al, ah, bl, bh = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    middle = ah * bl + ((al * bl) >> _HALF)
    return ah * bh + (middle >> _HALF) + ((al * bh + (middle & _LOW)) >> _HALF)


def _below_kernel(key: Any, counter: Any, bound: Any, shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape, dtype=np.int64))
    bound = np.broadcast_to(bound, shape).reshape(-1)
    uneven = (np.uint64(0) - bound) % np.maximum(bound, np.uint64(1))  # 2**64 mod bound
    out, waiting, attempt = np.zeros(count, np.uint64), np.arange(count), 0
    while waiting.size:
        word = _words(key, counter, count, attempt)[waiting]
        limit = bound[waiting]
        good = word * limit >= uneven[waiting]
        out[waiting[good]] = _high(word[good], limit[good])
        waiting, attempt = waiting[~good], attempt + 1
    return out.reshape(shape)


def _below_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    body = _BLOCK.format(attempt="attempt", lane=0) + "left = 0\n"
    for w in range(4):
        place = f"block * 4 + {w}"
        body += f"""if {place} < n and (waiting >> {w}) & 1 == 1:
    bound = a2[{place if specs[2].shape else 0}]
    low = c{w} * bound
    good = low >= bound
    if not good:
        good = low >= remainder(uint64(0) - bound, bound)
    if good:
        o[{place}] = mulhi_u64(c{w}, bound)
    else:
        left = left | {1 << w}
"""
    text = f"""def kernel(a0, a1, a2, o, n):
    for block in range((n + 3) // 4):
        waiting = 15
        attempt = 0
        while waiting != 0:
{indented(body, 3)}            waiting = left
            attempt += 1
    return 0
"""
    return text, [product(out.shape)]


random_below = Op(
    "random_below",
    _below_kernel,
    lambda key, counter, bound, shape: Spec(shape, dtypes.uint64),
    lower=Loop(_below_text),
    accepts=frozenset({dtypes.uint64}),
    casts=None,
    keeps="",
    order=45,
    traits=[Trait.RANDOM],
    samples=lambda rng, dtype: (
        [
            Sample((_key(7, 9), np.asarray(2, dtype), np.asarray(bound, dtype)), {"shape": (3, 5)})
            for bound in (1, 10, 2**63 + 1)
        ]
        + [Sample((_key(7, 9), np.asarray(2, dtype), np.array([3, 2**63 + 5], dtype)), {"shape": (2,)})]
    ),
    doc="Integers below a bound (0-d, or one for each), all equally likely (Lemire 2019); below 0 there is only 0.",
    hidden=True,
)
