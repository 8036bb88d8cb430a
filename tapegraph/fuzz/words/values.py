"""Words that compute: elementwise ops, reductions, products, changes of shape and dtype, and every op by its own samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import tree
from engine.handle import Handle
from engine.op import Sample
from tapegraph.fuzz import vocabulary
from tapegraph.fuzz.draft import Scope

SCALARS = ("0", "1", "2", "-1", "3", "0.5", "-0.25", "2.0", "1.0", "-1.5", "1e-3", "True")
SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "remainder": "%", "pow": "**",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "bitwise_left_shift": "<<", "bitwise_right_shift": ">>",
}  # fmt: skip
DTYPES = ("float32", "float64", "int64", "int32", "int8", "uint8", "bool", "float16")


def elementwise(s: Scope) -> None:
    """An op on matching elements, of arrays and Python numbers, spelt as an operator or a function."""
    entry = s.rng.choice(vocabulary.elementwise())
    operands = []
    for number in range(entry.arity or 0):
        scalar = number and s.draft.chance(0.3)
        name = None if scalar else s.pick() if s.draft.chance(0.3) else _fitting(s, operands)
        operands.append(name or s.rng.choice(SCALARS))
    if entry.arity == 2 and s.draft.chance(0.15):
        operands.reverse()
    sign = SIGNS.get(entry.record.name)
    if sign and s.draft.chance(0.7):
        s.say(f"{operands[0]} {sign} {operands[1]}")
    else:
        s.say(f"{entry.spelt}({', '.join(operands)})")


def _fitting(s: Scope, operands: list[str]) -> str | None:
    """A value that broadcasts with the operands so far and, mostly, has their dtype."""
    given = [s.value(o) for o in operands if o in s.known]
    return s.pick(
        lambda v: all(
            (v.dtype == g.dtype or s.draft.chance(0.2)) and _together(v.shape, g.shape) is not None for g in given
        )
    )


def _together(a: Any, b: Any) -> Any:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


def of_one(s: Scope) -> None:
    """An op of one array, with an axis and other options where it takes them."""
    entry = s.rng.choice(vocabulary.of_one())
    name = s.pick(lambda v: v.dtype in entry.record.accepts) or s.pick()
    if name is None:
        return
    options = []
    rank = s.value(name).ndim
    if "axis" in entry.parameters and s.draft.chance(0.7) and rank:
        axis: Any = s.rng.randrange(-rank, rank)
        if rank > 1 and s.draft.chance(0.15):
            axis = tuple(s.rng.sample(range(rank), 2))
        options.append(f"axis={axis}")
    if "keepdims" in entry.parameters and s.draft.chance(0.4):
        options.append("keepdims=True")
    if "correction" in entry.parameters and s.draft.chance(0.3):
        options.append("correction=1")
    if "training" in entry.parameters:
        options.append(f"training={s.draft.chance(0.5) and not s.pure}")
    if s.pure and "dropout" in entry.spelt and "training=True" in options:
        return
    _unpacked(s, f"{entry.spelt}({', '.join([name, *options])})")


def _unpacked(s: Scope, expression: str) -> None:
    """A name for each of several results."""
    name = s.draft.fresh("v")
    if not s.add(f"{name} = {expression}", name):
        return
    value = s.names.get(name)
    if isinstance(value, tuple) and all(isinstance(v, Handle) for v in value) and value:
        s.lines.pop()
        names = [s.draft.fresh("v") for _ in value]
        s.add(f"{', '.join(names)}{',' * (len(names) == 1)} = {expression}", *names)


def product(s: Scope) -> None:
    """A matrix product of any two ranks that fit, or of an array with its own transpose."""
    a = s.floats(lambda v: v.ndim >= 1) or s.pick(lambda v: v.ndim >= 1)
    if a is None:
        return
    x = s.value(a)
    b = s.pick(lambda v: v.ndim >= 1 and v.dtype == x.dtype and v.shape[-2 if v.ndim > 1 else 0] == x.shape[-1])
    if b is not None and s.draft.chance(0.7):
        s.say(s.rng.choice((f"{a} @ {b}", f"tg.matmul({a}, {b})")))
    elif x.ndim > 1:
        s.say(s.rng.choice((f"{a} @ {a}.mT", f"{a}.mT @ {a}", f"tg.einsum('...ij,...kj->...ik', {a}, {a})")))


def shape(s: Scope) -> None:
    """The same elements in another shape, or several arrays as one."""
    name = s.pick()
    if name is None:
        return
    v = s.value(name)
    rank = v.ndim
    options = [f"tg.reshape({name}, (-1,))", f"tg.expand_dims({name}, axis={s.rng.randint(-rank - 1, rank)})"]
    options += [f"{name}[None]", f"tg.flatten({name})", f"tg.tile({name}, (2,))", f"tg.squeeze({name})"]
    if rank:
        axis = s.rng.randrange(-rank, rank)
        other = s.pick(lambda w: w.dtype == v.dtype and w.shape == v.shape) or name
        options += [
            f"tg.reshape({name}, ({name}.shape[0], -1))",
            f"tg.concat([{name}, {other}], axis={axis})",
            f"tg.stack([{name}, {other}], axis={axis})",
            f"tg.roll({name}, {s.rng.choice((1, -1, 3))}, axis={axis})",
            f"tg.flip({name}, axis={axis})",
            f"tg.repeat({name}, 2, axis={axis})",
            f"tg.pad({name}, {[s.rng.choice(((0, 0), (1, 0), (0, 2), (1, 1))) for _ in range(rank)]})",
            f"tg.permute_dims({name}, {tuple(s.rng.sample(range(rank), rank))})",
            f"tg.broadcast_to({name}, (2, *{name}.shape))",
            f"{name}.reshape({name}.size)",
        ]
    if rank > 1:
        options += [f"{name}.mT", f"tg.moveaxis({name}, 0, -1)", f"tg.reshape({name}, {v.shape[::-1]})"]
    s.say(s.rng.choice(options))


def dtype(s: Scope) -> None:
    """The same values in another dtype, or new ones of no operand."""
    name = s.pick()
    if name is None:
        return
    if s.draft.chance(0.6):
        s.say(
            f"tg.astype({name}, {s.rng.choice(DTYPES)!r})"
            if s.draft.chance(0.5)
            else f"{name}.astype({s.rng.choice(DTYPES[:4])!r})"
        )
        return
    options = [f"tg.zeros_like({name})", f"tg.full_like({name}, 2)", f"tg.zeros({name}.shape)", f"{name}.detach()"]
    if s.value(name).ndim:
        options += [
            f"tg.arange({name}.shape[0])",
            f"tg.eye({name}.shape[-1])",
            f"tg.linspace(0.0, 1.0, {name}.shape[0])",
        ]
    s.say(s.rng.choice(options))


def method(s: Scope) -> None:
    """A method or an augmented expression of a few ops, as people write them."""
    name = s.floats() or s.pick()
    if name is None:
        return
    other = s.pick(lambda v: _together(v.shape, s.value(name).shape) is not None) or "2"
    s.say(
        s.rng.choice(
            (
                f"-{name} + {other}",
                f"abs({name})",
                f"{name}.sum()",
                f"{name}.mean()",
                f"({name} - tg.mean({name})) / (tg.std({name}) + 1)",
                f"tg.where({name} > 0, {name}, {other})",
                f"tg.clip({name}, -1, 1)",
                f"tg.exp(-{name} * {name}) * {other}",
                f"1 / (1 + {name} ** 2)",
                f"tg.sum({name} * {other}, axis=-1, keepdims=True)",
                f"tg.maximum({name}, {other}) - tg.minimum({name}, {other})",
                f"tg.log1p(abs({name})) + {other}",
                f"tg.sqrt({name} * {name} + 1)",
                f"{name} * 2.0 + {other} * 0.5",
            )
        )
    )


def sample(s: Scope) -> None:
    """Any op of the table, called as its own samples say; some of its arrays are values of the program where they fit."""
    entry = s.rng.choice(vocabulary.sampled())
    dtypes = sorted((d for d in entry.record.accepts if d.name in DTYPES), key=str)
    if not dtypes:
        return
    assert entry.record.samples is not None
    wanted = s.rng.choice(dtypes)
    calls = [c for c in entry.record.samples(np.random.default_rng(s.rng.randrange(99)), wanted) if c.error is None]
    if calls:
        spoken = call(s, entry.spelt, s.rng.choice(calls), swap=0.4)
        if spoken is not None:
            _unpacked(s, spoken)


def call(s: Scope, spelt: str, chosen: Sample, swap: float = 0.0) -> str | None:
    """A call as text: arrays as values of the program, as inputs of its own, as constants or as literals."""
    words = [argument(s, a, swap) for a in chosen.args]
    named = {k: argument(s, v, swap) for k, v in chosen.attrs.items()}
    if None in words or None in named.values():
        return None
    return f"{spelt}({', '.join([*map(str, words), *(f'{k}={v}' for k, v in named.items())])})"


def argument(s: Scope, a: Any, swap: float) -> str | None:
    """An argument of a sample as text; None for one that has no short text."""
    if isinstance(a, list | tuple) and any(isinstance(leaf, np.ndarray) for leaf in tree.leaves([a])):
        parts = [argument(s, part, swap) for part in a]
        if None in parts:
            return None
        return f"[{', '.join(map(str, parts))}]" if isinstance(a, list) else f"({', '.join(map(str, parts))},)"
    if not isinstance(a, np.ndarray):
        if a is None or isinstance(a, bool | int | float | str | list | tuple):
            return repr(a)
        return repr(a.name) if isinstance(a, np.dtype) else None
    if s.draft.chance(swap):
        like = s.pick(lambda v: v.dtype == a.dtype and v.shape == a.shape) or s.pick(
            lambda v: v.dtype == a.dtype and v.ndim == a.ndim
        )
        if like is not None:
            return like
    if a.size > 24:
        return None
    short = np.round(a, 3) if a.dtype.kind == "f" else a
    text = f"np.array({np.ascontiguousarray(short).tolist()!r}, {a.dtype.name!r})"
    text = text.replace("nan", "np.nan").replace("inf", "np.inf")
    if a.size == 0:
        text = f"np.zeros({a.shape}, {a.dtype.name!r})"
    if s.depth == 0 and s.draft.chance(0.6):
        return s.input([text] * s.draft.count_calls)
    return s.prepare("c", f"tg.asarray({text})") if s.draft.chance(0.5) else f"tg.asarray({text})"
