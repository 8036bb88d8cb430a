"""Statements that are mistakes: of shape, dtype, axis or argument, and such that only the data of a call show."""

from __future__ import annotations

import numpy as np

from tapegraph.fuzz import vocabulary
from tapegraph.fuzz.draft import Scope
from tapegraph.fuzz.words.values import DTYPES, call


def mistake(s: Scope) -> str | None:
    """A statement that is probably a mistake; whoever adds it finds out."""
    made = s.rng.choice((_declared, _declared, _shapes, _axes, _data, _data, _dtypes, _uses))(s)
    return None if made is None else f"{s.draft.fresh('v')} = {made}"


def _declared(s: Scope) -> str | None:
    """A call that an op's record says is a mistake."""
    entry = s.rng.choice(vocabulary.mistaken())
    dtypes = sorted((d for d in entry.record.accepts if d.name in DTYPES), key=str)
    if not dtypes or entry.record.errors is None:
        return None
    calls = list(entry.record.errors(np.random.default_rng(s.rng.randrange(99)), s.rng.choice(dtypes)))
    return call(s, entry.spelt, s.rng.choice(calls), swap=0.2) if calls else None


def _shapes(s: Scope) -> str | None:
    a, b = s.pick(lambda v: v.ndim > 0), s.pick(lambda v: v.ndim > 0)
    if a is None or b is None:
        return None
    return s.rng.choice(
        (
            f"{a} + tg.concat([{b}, {b}, {b}[:1]])",
            f"{a} @ {b}",
            f"tg.reshape({a}, (7, -1))",
            f"tg.concat([{a}, {b}[None]])",
            f"tg.stack([{a}, {b}])",
            f"tg.broadcast_to({a}, (3, 7))",
            f"F.linear({a}, tg.ones((3, 7)))",
            f"tg.where({a} > 0, {b}, tg.ones((7,)))",
            f"tg.squeeze({a}, axis=0)",
            f"F.mse_loss({a}, {b}[:1])",
            f"F.cross_entropy({a}, {b})",
        )
    )


def _axes(s: Scope) -> str | None:
    a = s.pick()
    return a and s.rng.choice(
        (
            f"tg.sum({a}, axis=4)",
            f"tg.softmax({a}, axis=-5)",
            f"tg.permute_dims({a}, (0, 0))",
            f"tg.expand_dims({a}, axis=7)",
            f"{a}[0, 0, 0, 0, 0]",
            f"{a}[9]",
            f"{a}[:, -8]",
            f"tg.sum({a}, axis=(0, 0))",
            f"tg.sort({a}, axis=3)",
            f"tg.flip({a}, axis=5)",
        )
    )


def _data(s: Scope) -> str | None:
    """What is wrong only because of the values: an index outside its axis, an integer divided by zero, a singular matrix."""
    a = s.pick(lambda v: v.ndim > 0)
    i = s.pick(lambda v: v.dtype.kind == "i" and v.ndim < 2)
    z = s.pick(lambda v: v.dtype.kind in "iu")
    options = []
    if a is not None and i is not None:
        options += [f"tg.take({a}, {i} + 9, axis=0)", f"{a}[{i} - 20]", f"tg.take({a}, {i} * 5, axis=-1)"]
        options += [f"F.embedding({i} + 7, tg.ones((4, 2)))", f"tg.segment_sum({a}, {i} + 5, 3)"]
        options += [f"F.cross_entropy(tg.ones((3, 4)), tg.zeros((3,), dtype='int64') + tg.max({i}) + 9)"]
    if z is not None:
        options += [f"{z} // ({z} - {z})", f"{z} % ({z} * 0)", f"1 // ({z} - tg.max({z}))", f"{z} ** (0 * {z} - 1)"]
    options += ["tg.inv(tg.ones((2, 2)))", "tg.cholesky(-tg.eye(3))", "tg.solve(tg.zeros((2, 2)), tg.ones((2,)))"]
    return s.rng.choice(options)


def _dtypes(s: Scope) -> str | None:
    a = s.pick()
    return a and s.rng.choice(
        (
            f"tg.logical_and({a}, 1.5)",
            f"{a} & 1",
            f"tg.sqrt(tg.astype({a}, 'bool'))",
            f"tg.astype({a}, 'uint64') + tg.astype({a}, 'int64')",
            f"tg.where({a}, 1, 2)",
            f"-tg.astype({a}, 'bool')",
            f"tg.astype({a}, 'int8') + 300",
            f"tg.take(tg.ones((3,)), tg.astype({a}, 'float32'))",
            f"tg.astype({a}, 'complex64')",
            f"tg.matmul({a} > 0, {a} > 0)",
            f"{a} << 0.5",
        )
    )


def _uses(s: Scope) -> str | None:
    """A wrong use of the engine: a gradient of what has none, a state given another shape, a name misspelt."""
    a = s.pick()
    return a and s.rng.choice(
        (
            f"tg.grad(lambda a: a * 2)({a})",
            f"tg.grad(lambda a: tg.sum(a > 0))({a})",
            "tg.State(np.zeros((3,), 'float32')).assign(tg.ones((2,)))",
            "tg.State(np.zeros((3,), 'float32')).assign(tg.ones((3,), dtype='float64'))",
            f"{a}.backward()",
            "tg.uniform((-1,))",
            f"F.dropout({a}, 1.5)",
            f"tg.cond({a}, lambda: 1, lambda: 2)",
            f"tg.cond(tg.asarray(True), lambda a: a, lambda a: a[None], {a})",
            "tg.scan(lambda h, x: (h[None], x), tg.zeros((2,)), tg.ones((3, 2)))",
            "tg.while_loop(lambda v: v < 3, lambda v: v * 1.5, tg.asarray(1))",
            f"tg.nothing({a})",
            f"{a}.nothing",
            f"undefined + {a}",
            "tg.vmap(lambda a: a * 2)(tg.asarray(2.0))",
            f"{a} + 'text'",
            f"{a} + None",
            f"tg.sum({a}, axes=0)",
        )
    )
