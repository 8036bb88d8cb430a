"""Random programs of up to 40 ops, well conditioned by construction, as data that hypothesis draws and shrinks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tapegraph as tg

LONGEST = 40  # ops in a program
ELEMENTS = 64  # of the largest value
SIZES = (1, 2, 3, 4)
BOUND, ERROR = 4.0, 300.0  # of any value: its magnitude, and its rounding error in units of eps
CONSTANTS = (0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -0.25)


@dataclass(frozen=True)
class Value:
    """What is known of a value while the program is drawn. ``kind``: f, i or b."""

    shape: tuple[int, ...]
    kind: str = "f"
    bound: float = 2.0
    error: float = 1.0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Call:
    """One instruction: a word of WORDS, the values it reads and its parameters."""

    word: str
    operands: tuple[int, ...]
    parameters: tuple[Any, ...] = ()


@dataclass
class Program:
    """Inputs, instructions, which values are returned, and whether gradients of their sum are returned too."""

    dtype: str
    inputs: list[Value]
    calls: list[Call] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    gradients: bool = False

    def arrays(self) -> list[Any]:
        """The inputs, random but the same every time."""
        rng = np.random.default_rng(len(self.calls))
        made = {
            "f": lambda shape: rng.uniform(-2, 2, shape).astype(self.dtype),
            "i": lambda shape: rng.integers(-3, 4, shape),
            "b": lambda shape: rng.uniform(size=shape) < 0.5,
        }
        return [made[v.kind](v.shape) for v in self.inputs]

    def values(self, inputs: Any) -> list[Any]:
        """The results, computed by the mode in force."""
        known = list(inputs)
        for call in self.calls:
            known.append(WORDS[call.word](*(known[i] for i in call.operands), *call.parameters))
        return [known[i] for i in self.results]

    def __call__(self, inputs: Any) -> list[Any]:
        floats = tuple(i for i, v in enumerate(self.inputs) if v.kind == "f")
        if not self.gradients:
            return self.values(inputs)

        def loss(*inputs: Any) -> Any:
            results = self.values(inputs)
            scalars = [tg.sum(tg.tanh(y) * y) for y in results if y.dtype.kind == "f"]
            return sum(scalars[1:], scalars[0]), results

        (value, results), grads = tg.value_and_grad(loss, floats, has_aux=True)(*inputs)
        return [*results, value, *grads]


def _set(x: Any, place: Any, value: Any) -> Any:
    copy = tg.asarray(x) + 0 if x.dtype.kind != "b" else tg.logical_or(x, False)
    copy[place] = value
    return copy


def _above(x: Any) -> Any:
    return x * x + 0.5


SMOOTH: dict[str, Callable[[Any], Any]] = {
    "tanh": tg.tanh,
    "sin": tg.sin,
    "cos": tg.cos,
    "sigmoid": tg.sigmoid,
    "erf": tg.erf,
    "negative": tg.negative,
    "gelu": tg.gelu,
    "silu": tg.silu,
    "softplus": tg.softplus,
    "exp": lambda x: tg.exp(-_above(x)),
    "expm1": lambda x: tg.expm1(tg.tanh(x)),
    "log": lambda x: tg.log(_above(x)),
    "log1p": lambda x: tg.log1p(x * x),
    "sqrt": lambda x: tg.sqrt(_above(x)),
    "rsqrt": lambda x: 1 / tg.sqrt(_above(x)),
    "reciprocal": lambda x: tg.reciprocal(_above(x)),
    "root": lambda x: _above(x) ** 0.5,
    "power": lambda x: _above(x) ** -1,
    "elu": tg.elu,
    "stop": lambda x: x * 0.5 + tg.stop_gradient(x) * 0.5,
}
KINKED: dict[str, Callable[[Any], Any]] = {
    "relu": tg.relu,
    "abs": tg.abs,
    "leaky_relu": tg.leaky_relu,
    "clip": lambda x: tg.clip(x, -0.7, 0.9),
}
SLOPE = 2.5  # no function above is steeper within BOUND
WORDS: dict[str, Callable[..., Any]] = {
    **SMOOTH,
    **KINKED,
    "scale": lambda x, c: x * c,
    "cube": lambda x: x**3,
    "square": lambda x: x**2,
    "plus": lambda x, c: x + c,
    "from": lambda x, c: c - x,
    "times": lambda x, c: c * x,
    "over": lambda x, c: x / c,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / _above(b),
    "fma": lambda a, b, c: tg.addcmul(a, b, c),
    "where": lambda c, a, b: tg.where(c, a, b),
    "maximum": lambda a, b: tg.maximum(a, b),
    "minimum": lambda a, b: tg.minimum(a, b),
    "matmul": lambda a, b: a @ b,
    "gram": lambda a: a @ a.mT,
    "sum": lambda x, axis, keep: tg.sum(x, axis=axis, keepdims=keep),
    "mean": lambda x, axis, keep: tg.mean(x, axis=axis, keepdims=keep),
    "var": lambda x, axis, keep: tg.var(x, axis=axis, keepdims=keep),
    "logsumexp": lambda x, axis, keep: tg.logsumexp(x, axis=axis, keepdims=keep),
    "max": lambda x, axis, keep: tg.max(x, axis=axis, keepdims=keep),
    "min": lambda x, axis, keep: tg.min(x, axis=axis, keepdims=keep),
    "any": lambda x, axis, keep: tg.any(x, axis=axis, keepdims=keep),
    "all": lambda x, axis, keep: tg.all(x, axis=axis, keepdims=keep),
    "cumulative_sum": lambda x, axis: tg.cumulative_sum(x, axis=axis),
    "softmax": lambda x, axis: tg.softmax(x, axis=axis),
    "log_softmax": lambda x, axis: tg.log_softmax(x, axis=axis),
    "layer_norm": lambda x: tg.layer_norm(x, x.shape[-1:], eps=0.25),
    "reshape": lambda x, shape: tg.reshape(x, shape),
    "permute": lambda x, axes: tg.permute_dims(x, axes),
    "broadcast": lambda x, shape: tg.broadcast_to(x, shape),
    "expand": lambda x, axis: tg.expand_dims(x, axis=axis),
    "flip": lambda x, axis: tg.flip(x, axis=axis),
    "roll": lambda x, by, axis: tg.roll(x, by, axis=axis),
    "slice": lambda x, index: x[index],
    "set": lambda x, index, value: _set(x, index, value),
    "set_sum": lambda x, index: _set(x, index, tg.tanh(tg.sum(x))),
    "concat": lambda a, b, axis: tg.concat([a, b], axis=axis),
    "stack": lambda a, b, axis: tg.stack([a, b], axis=axis),
    "pad": lambda x, widths: tg.pad(x, widths),
    "tril": lambda x, k: tg.tril(x, k=k),
    "take": lambda x, places, axis: tg.take(x, tg.asarray(np.array(places)), axis=axis),
    "repeat": lambda x, times, axis: tg.repeat(x, times, axis=axis),
    "tile": lambda x, counts: tg.tile(x, counts),
    "float": lambda x, dtype: tg.astype(x, dtype),
    "half": lambda x: tg.floor_divide(x, 2),
    "modulo": lambda x: tg.remainder(x, 3),
    "argmax": lambda x, axis: tg.argmax(x, axis=axis),
    "less": lambda a, b: a < b,
    "equal": lambda a, b: a == b,
    "and": lambda a, b: tg.logical_and(a, b),
    "xor": lambda a, b: tg.logical_xor(a, b),
    "not": lambda a: tg.logical_not(a),
}


# ------------------------------------------------------------------------------------------ drawing


class Drafter:
    """Draws one program: keeps what is known of each value, and squashes what grows."""

    def __init__(self, draw: Any, dtype: str, kinks: bool) -> None:
        self.draw = draw
        self.kinks = kinks
        self.dtype = dtype
        self.known: list[Value] = []
        self.calls: list[Call] = []

    def one_of(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def emit(self, word: str, operands: tuple[int, ...], value: Value, *parameters: Any) -> None:
        """Add an instruction whose result is ``value``; scale it down where it may have grown out of bounds."""
        self.calls.append(Call(word, operands, parameters))
        self.known.append(value)
        if value.kind == "f" and (value.bound > BOUND or value.error > ERROR):
            scale = 0.5 ** math.ceil(math.log2(max(value.bound / 2, value.error / 30)))
            self.emit(
                "scale",
                (len(self.known) - 1,),
                Value(value.shape, "f", value.bound * scale, value.error * scale + 1),
                scale,
            )

    def pick(self, fits: Callable[[Value], bool] = lambda v: True) -> int | None:
        """The position of a value of some kind, later ones first; None where there is none."""
        options = [i for i, v in enumerate(self.known) if fits(v)]
        return self.one_of(reversed(options)) if options else None

    def step(self) -> None:
        """Add one instruction, of a random family; none where the family finds no operand."""
        family = self.one_of(
            [unary, constant, binary, choice, product, fold, scan, view, part, write, join, index, whole, logic]
        )
        family(self)


def _spread(v: Value, shape: tuple[int, ...], factor: float = 1.0) -> Value:
    return Value(shape, v.kind, v.bound * factor, v.error * factor + 1)


def unary(d: Drafter) -> None:
    at = d.pick(lambda v: v.kind == "f")
    if at is not None:
        v = d.known[at]
        word = d.one_of([*SMOOTH, *(KINKED if d.kinks else ())])
        d.emit(word, (at,), Value(v.shape, "f", v.bound + 1, SLOPE * v.error + 4))


def constant(d: Drafter) -> None:
    at = d.pick(lambda v: v.kind == "f")
    if at is None:
        return
    v = d.known[at]
    word = d.one_of(["plus", "from", "times", "over", "square", "cube"])
    if word in ("square", "cube"):
        power = 2 if word == "square" else 3
        return d.emit(word, (at,), Value(v.shape, "f", v.bound**power, power * v.bound ** (power - 1) * v.error + 4))
    c = d.one_of(c for c in CONSTANTS if c or word != "over")
    grown = v.bound + abs(c) if word in ("plus", "from") else v.bound * (abs(c) if word == "times" else 1 / abs(c))
    d.emit(word, (at,), Value(v.shape, "f", grown, 4 * v.error + 4), c)


def _pair(d: Drafter, kind: str) -> tuple[int, int, tuple[int, ...]] | None:
    a = d.pick(lambda v: v.kind == kind)
    if a is None:
        return None
    b = d.pick(lambda v: v.kind == kind and _together(d.known[a].shape, v.shape) is not None)
    return a, b, _together(d.known[a].shape, d.known[b].shape)


def _together(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        return None
    return shape if math.prod(shape) <= ELEMENTS else None


def binary(d: Drafter) -> None:
    kind = d.one_of("ffffi")
    found = _pair(d, kind)
    if found is None:
        return
    i, j, shape = found
    a, b = d.known[i], d.known[j]
    if kind == "i":
        return d.emit(d.one_of(["add", "subtract", "multiply", "maximum", "minimum"]), (i, j), Value(shape, "i"))
    word = d.one_of(["add", "subtract", "multiply", "divide", *(["maximum", "minimum"] if d.kinks else [])])
    if word == "multiply":
        return d.emit(word, (i, j), Value(shape, "f", a.bound * b.bound, a.bound * b.error + b.bound * a.error + 4))
    if word == "divide":
        return d.emit(word, (i, j), Value(shape, "f", 2 * a.bound, 2 * a.error + 4 * a.bound * b.error + 4))
    d.emit(word, (i, j), Value(shape, "f", a.bound + b.bound, a.error + b.error + 4))


def choice(d: Drafter) -> None:
    found = _pair(d, d.one_of("ffi"))
    if found is None:
        return
    i, j, shape = found
    c = d.pick(lambda v: v.kind == "b" and _together(v.shape, shape) is not None)
    a, b = d.known[i], d.known[j]
    if c is not None:
        whole = _together(d.known[c].shape, shape)
        d.emit("where", (c, i, j), Value(whole, a.kind, max(a.bound, b.bound), max(a.error, b.error)))
    elif a.kind == "f":
        error = 1 + a.error + a.bound * b.error + b.bound * a.error
        d.emit("fma", (i, i, j), Value(shape, "f", a.bound + a.bound * b.bound, error))


def product(d: Drafter) -> None:
    i = d.pick(lambda v: v.kind == "f" and v.rank >= 1)
    if i is None:
        return
    a = d.known[i]
    j = d.pick(lambda v: v.kind == "f" and v.rank >= 1 and _product(a.shape, v.shape) is not None)
    if j is not None:
        b = d.known[j]
        k = a.shape[-1]
        error = k * (a.bound * b.error + b.bound * a.error + a.bound * b.bound)
        d.emit("matmul", (i, j), Value(_product(a.shape, b.shape), "f", k * a.bound * b.bound, error))
    elif a.rank >= 2:
        k, shape = a.shape[-1], (*a.shape[:-1], a.shape[-2])
        if math.prod(shape) > ELEMENTS:
            return
        d.emit("gram", (i,), Value(shape, "f", k * a.bound**2, k * (2 * a.bound * a.error + a.bound**2)))


def _product(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        shape = np.matmul(np.ones(a), np.ones(b)).shape
    except ValueError:
        return None
    return shape if math.prod(shape) <= ELEMENTS else None


def _axes(d: Drafter, v: Value) -> tuple[int, ...] | None:
    return d.one_of([None, *[(a,) for a in range(v.rank)], *[(a, b) for b in range(v.rank) for a in range(b)]])


def fold(d: Drafter) -> None:
    at = d.pick()
    v = d.known[at]
    axes, keep = _axes(d, v), d.one_of([False, True])
    gone = range(v.rank) if axes is None else axes
    count = math.prod(v.shape[a] for a in gone)
    shape = tuple(1 if a in gone else n for a, n in enumerate(v.shape) if keep or a not in gone)
    if v.kind == "b":
        return d.emit(d.one_of(["any", "all"]), (at,), Value(shape, "b"), axes, keep)
    if v.kind == "i":
        return d.emit(d.one_of(["sum", "max", "min"]), (at,), Value(shape, "i"), axes, keep)
    word = d.one_of(["sum", "mean", "var", "logsumexp", *(["max", "min"] if d.kinks else [])])
    grown = {"sum": count * v.bound, "var": 4 * v.bound**2, "logsumexp": v.bound + 5}.get(word, v.bound)
    slope = {"sum": count, "var": 8 * v.bound}.get(word, 1)
    d.emit(word, (at,), Value(shape, "f", grown, slope * v.error + 8 * grown), axes, keep)


def scan(d: Drafter) -> None:
    at = d.pick(lambda v: v.kind in "fi" and v.rank >= 1)
    if at is None:
        return
    v = d.known[at]
    axis = d.one_of(range(v.rank))
    if v.kind == "i" and d.one_of([False, True]):
        shape = tuple(n for a, n in enumerate(v.shape) if a != axis)
        return d.emit("argmax", (at,), Value(shape, "i"), axis)
    d.emit("cumulative_sum", (at,), _spread(v, v.shape, v.shape[axis]), axis)


def view(d: Drafter) -> None:
    at = d.pick()
    v = d.known[at]
    word = d.one_of(["reshape", "permute", "broadcast", "expand", "flip", "roll"])
    if word == "reshape":
        n = v.size
        options = [
            (n,),
            *((a, n // a) for a in SIZES if n % a == 0),
            *((a, b, n // (a * b)) for a in SIZES for b in SIZES if n % (a * b) == 0),
        ]
        shape = d.one_of([*options, ()] if n == 1 else options)
        return d.emit(word, (at,), _spread(v, shape), shape)
    if word == "permute":
        axes = d.draw(st.permutations(range(v.rank)))
        return d.emit(word, (at,), _spread(v, tuple(v.shape[a] for a in axes)), tuple(axes))
    if word == "broadcast":
        shape = (*d.one_of([(), (2,), (3,)]), *(d.one_of([1, 2, 3]) if n == 1 else n for n in v.shape))
        return (
            d.emit(word, (at,), _spread(v, shape), shape) if math.prod(shape) <= ELEMENTS and len(shape) < 5 else None
        )
    if word == "expand" and v.rank < 4:
        axis = d.one_of(range(v.rank + 1))
        return d.emit(word, (at,), _spread(v, (*v.shape[:axis], 1, *v.shape[axis:])), axis)
    if word == "flip":
        return d.emit(word, (at,), _spread(v, v.shape), d.one_of([None, *range(v.rank)]))
    if word == "roll" and v.rank:
        d.emit(word, (at,), _spread(v, v.shape), d.one_of([1, -1, 2, 5]), d.one_of(range(v.rank)))


def _index(d: Drafter, v: Value) -> tuple[Any, ...]:
    """An index that leaves at least one element."""
    chosen: list[Any] = []
    for n in v.shape[: d.one_of(range(1, v.rank + 1))]:
        steps = [slice(None), slice(None, None, -1), 0, -1, slice(0, 1)]
        chosen += d.one_of([[], [], [None]])
        chosen.append(
            d.one_of(
                steps if n < 2 else [*steps, slice(1, None), slice(None, -1), slice(None, None, 2), slice(None, 0, -1)]
            )
        )
    return tuple(chosen)


def part(d: Drafter) -> None:
    at = d.pick(lambda v: v.rank >= 1)
    if at is not None:
        v = d.known[at]
        index = _index(d, v)
        shape = np.empty(v.shape)[index].shape
        if len(shape) < 5:
            d.emit("slice", (at,), _spread(v, shape), index)


def write(d: Drafter) -> None:
    at = d.pick(lambda v: v.rank >= 1)
    if at is None:
        return
    v = d.known[at]
    index = _index(d, v)
    if v.kind == "f" and d.one_of([False, True]):
        return d.emit("set_sum", (at,), Value(v.shape, "f", max(v.bound, 1), v.size * v.error + 8), index)
    d.emit("set", (at,), _spread(v, v.shape), index, {"f": 0.75, "i": 2, "b": True}[v.kind])


def join(d: Drafter) -> None:
    i = d.pick(lambda v: v.rank >= 1)
    if i is None:
        return
    a = d.known[i]
    axis = d.one_of(range(a.rank))
    j = d.pick(
        lambda v: (
            v.kind == a.kind
            and v.rank == a.rank
            and all(m == n for k, (m, n) in enumerate(zip(v.shape, a.shape, strict=True)) if k != axis)
        )
    )
    b = d.known[j]
    word = d.one_of(["concat", "stack"] if a.shape == b.shape and a.rank < 4 else ["concat"])
    if word == "concat":
        shape = tuple(n + b.shape[k] if k == axis else n for k, n in enumerate(a.shape))
    else:
        shape = (*a.shape[:axis], 2, *a.shape[axis:])
    if math.prod(shape) <= ELEMENTS:
        d.emit(word, (i, j), Value(shape, a.kind, max(a.bound, b.bound), max(a.error, b.error)), axis)


def index(d: Drafter) -> None:
    at = d.pick(lambda v: v.rank >= 1)
    if at is None:
        return
    v = d.known[at]
    axis = d.one_of(range(v.rank))
    word = d.one_of(["take", "repeat", "tile"])
    if word == "take":
        places = tuple(d.draw(st.lists(st.integers(-v.shape[axis], v.shape[axis] - 1), min_size=1, max_size=3)))
        shape = (*v.shape[:axis], len(places), *v.shape[axis + 1 :])
        parameters: tuple[Any, ...] = (places, axis)
    else:
        shape = tuple(2 * n if k == axis else n for k, n in enumerate(v.shape))
        parameters = (2, axis) if word == "repeat" else (tuple(2 if k == axis else 1 for k in range(v.rank)),)
    if math.prod(shape) <= ELEMENTS:
        d.emit(word, (at,), _spread(v, shape), *parameters)


def whole(d: Drafter) -> None:
    at = d.pick(lambda v: v.kind == "f" and v.rank >= 1)
    if at is None:
        return
    v = d.known[at]
    word = d.one_of(["softmax", "log_softmax", "layer_norm", "pad", "tril"])
    if word in ("softmax", "log_softmax"):
        value = Value(v.shape, "f", 1 if word == "softmax" else 2 * v.bound + 5, 2 * v.error + 16)
        return d.emit(word, (at,), value, d.one_of(range(v.rank)))
    if word == "layer_norm":
        return d.emit(word, (at,), Value(v.shape, "f", 2, 8 * v.error + 16))
    if word == "pad":
        widths = tuple(d.one_of([(0, 0), (1, 0), (0, 1)]) for _ in v.shape)
        shape = tuple(n + sum(w) for n, w in zip(v.shape, widths, strict=True))
        return d.emit(word, (at,), _spread(v, shape), widths) if math.prod(shape) <= ELEMENTS else None
    if v.rank >= 2:
        d.emit(word, (at,), _spread(v, v.shape), d.one_of([0, 1, -1]))


def logic(d: Drafter) -> None:
    kind = d.one_of("iib")
    found = _pair(d, kind)
    if found is None:
        return
    i, j, shape = found
    if kind == "b":
        return d.emit(d.one_of(["and", "xor"]), (i, j), Value(shape, "b"))
    word = d.one_of(["less", "equal", "float", "half", "modulo"])
    if word in ("less", "equal"):
        return d.emit(word, (i, j), Value(shape, "b"))
    v = d.known[i]
    if word == "float":
        d.emit("modulo", (i,), Value(v.shape, "i"))
        return d.emit(word, (len(d.known) - 1,), Value(v.shape, "f", 2, 1), d.dtype)
    d.emit(word, (i,), Value(v.shape, "i"))


@st.composite
def programs(draw: Any, longest: int = LONGEST) -> Program:
    """Programs of 1 to ``longest`` instructions, with 1 to 3 inputs, at least one of them of floats."""
    dtype = draw(st.sampled_from(["float64", "float64", "float32"]))
    gradients = draw(st.booleans())
    drafter = Drafter(draw, dtype, kinks=not gradients)
    kinds = ["f", *draw(st.lists(st.sampled_from("ffib"), max_size=2))]
    shapes = st.lists(st.sampled_from(SIZES), max_size=3).map(tuple)
    inputs = [Value(draw(shapes), kind) for kind in kinds]
    drafter.known += inputs
    for _ in range(draw(st.integers(1, longest))):
        if len(drafter.calls) < longest:
            drafter.step()
    last = len(drafter.known) - 1
    results = sorted({last, drafter.pick(lambda v: v.kind == "f"), *draw(st.lists(st.integers(0, last), max_size=1))})
    return Program(dtype, inputs, drafter.calls, results, gradients)
