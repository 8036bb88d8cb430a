"""For each rule a program on which it must fire, and one, as near to it as may be, on which it must not."""

from __future__ import annotations

import numpy as np

import tapegraph as tg
from engine.op import OPS, apply
from engine.ops.dtype import astype

# What the parameters of a program stand for: (shape, kind).
INPUTS = {
    "x": ((12, 8), "f"),
    "y": ((12, 8), "f"),
    "z": ((12, 8), "f"),
    "w": ((8, 12), "f"),
    "t": ((4, 3, 8), "f"),
    "row": ((8,), "f"),
    "column": ((12, 1), "f"),
    "one": ((1, 1), "f"),
    "scalar": ((), "f"),
    "thin": ((12, 1, 8), "f"),
    "c": ((12, 8), "b"),
    "d": ((12, 8), "b"),
    "k": ((12,), "k"),
}


def _op(name, *args, **attrs):
    return apply(OPS[name], *args, **attrs)


def _fold(name, x, *axis):
    return _op(name, x, axis=axis)


def _permute(x, *axes):
    return _op("permute_dims", x, axes=axes)


def _reshape(x, *shape):
    return _op("reshape", x, shape=shape)


def _broadcast(x, *shape):
    return _op("broadcast_to", x, shape=shape)


def _slice(x, starts, sizes, steps):
    return _op("slice", x, starts=starts, sizes=sizes, steps=steps)


def _full(value, like, *shape):
    return tg.full(shape, value, dtype=like.dtype)


def _where(c, x, y):
    return _op("where", c, x, y)


def _scatter(x, k, used):
    rows = _op("iota", shape=(12, 1), axis=0, dtype=np.dtype("i8"))
    places = _reshape(k, 12, 1)
    v = _op("gather", x, rows, places, axis=0) if used else x[:, :1]
    return _op("add_at", tg.zeros((12, 8), dtype=x.dtype), v * 3, rows, places, axis=0)


def _choice(x, k, used):
    places = tg.abs(k)
    v = _op("pick", x, places, axis=1) if used else x[:, 0]
    here = tg.equal(_op("iota", shape=(1, 8), axis=1, dtype=np.dtype("i8")), _reshape(places, 12, 1))
    return _fold("sum", _where(here, _reshape(v, 12, 1), 0), 1)


def _checked(x, k, used):
    places = tg.abs(k)
    v = _op("pick", x, places, axis=1) if used else x[:, 0]
    return v + _op("in_range", places, size=8)


def _part_set(v, start):
    whole = tg.zeros((12, 8), dtype=v.dtype)
    return _op("slice_set", whole, v, starts=(0, start), sizes=v.shape, steps=(1, 1))


CASES = {
    # identities
    "times_one": (lambda x: x * 1, lambda x: x * 2),
    "over_one": (lambda x: x / 1, lambda x: 1 / x),
    "minus_zero": (lambda x: x - 0, lambda x: x - 1),
    "plus_negative_zero": (lambda x: x + -0.0, lambda x: x + 0.0),
    "plus_zero": (lambda x: x + 0, lambda x: x + -0.0),
    "to_the_one": (lambda x: x**1, lambda x: x**2),
    "to_the_zero": (lambda x: x**0, lambda x: x**1),
    "times_zero": (lambda x: x * 0, lambda x: x * 1),
    "minus_itself": (lambda x: x - x, lambda x, y: x - y),
    "maximum_of_one": (lambda x: tg.maximum(x, x), lambda x, y: tg.maximum(x, y)),
    "minimum_of_one": (lambda x: tg.minimum(x, x), lambda x, y: tg.minimum(x, y)),
    "relu_named": (lambda x: tg.maximum(x, 0), lambda x: tg.maximum(x, 1)),
    "relu_twice": (lambda x: tg.relu(tg.relu(x)), lambda x: tg.relu(tg.abs(x))),
    "abs_twice": (lambda x: tg.abs(tg.abs(x)), lambda x: tg.abs(tg.sign(x))),
    "square_named": (lambda x: x * x, lambda x, y: x * y),
    "square_of_abs": (lambda x: tg.square(tg.abs(x)), lambda x: tg.abs(tg.square(x))),
    "not_twice": (
        lambda c: _op("logical_not", _op("logical_not", c)),
        lambda c: _op("logical_not", _op("logical_or", c, c)),
    ),
    "and_of_one": (lambda c: _op("logical_and", c, c), lambda c, d: _op("logical_and", c, d)),
    "or_of_one": (lambda c: _op("logical_or", c, c), lambda c, d: _op("logical_or", c, d)),
    "choice_of_one": (lambda c, x: _where(c, x, x), lambda c, x, y: _where(c, x, y)),
    "choice_by_negation": (
        lambda c, x, y: _where(_op("logical_not", c), x, y),
        lambda c, x, y: _where(_op("logical_or", c, c), x, y),
    ),
    "choice_repeated": (
        lambda c, x, y, z: _where(c, _where(c, x, y), z),
        lambda c, d, x, y, z: _where(c, _where(d, x, y), z),
    ),
    "choice_repeated_below": (
        lambda c, x, y, z: _where(c, x, _where(c, y, z)),
        lambda c, d, x, y, z: _where(c, x, _where(d, y, z)),
    ),
    "choice_of_true": (
        lambda x, y: _where(tg.full((), True), x, y),
        lambda x, y: _where(tg.full((), False), x, y),
    ),
    "choice_of_false": (
        lambda x, y: _where(tg.full((), False), x, y),
        lambda x, y: _where(tg.full((), True), x, y),
    ),
    "cast_to_itself": (
        lambda x: _op("astype", x, dtype=x.dtype),
        lambda x: astype(x, "float64" if x.dtype.itemsize == 4 else "float32"),
    ),
    "cast_twice": (
        lambda c: astype(astype(c, "float32"), "float64"),
        lambda x: astype(astype(x, "float16"), "float32"),
    ),
    "stop_gradient_done": (lambda x: _op("stop_gradient", x), lambda x: tg.abs(x)),
    "custom_done": (
        lambda x: apply(OPS["custom"], x, tg.exp(x), inputs=1, outputs=1, back=None)[0],
        lambda x: tg.exp(x),
    ),
    "mark_done": (lambda x: _op("mark", x, tag=1), lambda x: tg.abs(x)),
    "seen_back_done": (lambda x: _op("seen_back", x, action=print), lambda x: tg.abs(x)),
    # constants
    "fold": (lambda x: x * tg.exp(tg.full((), 0.5, dtype=x.dtype)), lambda x: tg.exp(x)),
    "iota_of_one": (
        lambda x: x + astype(_op("iota", shape=(12, 1), axis=1, dtype=np.dtype("i8")), x.dtype),
        lambda x: x + astype(_op("iota", shape=(12, 1), axis=0, dtype=np.dtype("i8")), x.dtype),
    ),
    "constant_without_axes": (lambda x: x * _full(3, x, 12, 8), lambda x: x * 3),
    "factors_meet": (lambda x: (x * 3) * 5, lambda x: (x * 3.0) * 0.5),
    "factors_meet_anyway": (lambda x: (x * 3.0) * 0.25, lambda x: (x * 3.0) * 0.0),
    "summands_meet": (lambda x: (x + 3) + 5, lambda x, y: (x + 3) + y),
    "sum_of_constant": (
        lambda x: x + _fold("sum", _full(3, x, 12, 8), 0),
        lambda x: x + _fold("sum", x, 0),
    ),
    # signs
    "minus_minus": (lambda x: -(-x), lambda x: -tg.abs(x)),
    "plus_minus": (lambda x, y: x + (-y), lambda x, y: x + y),
    "less_minus": (lambda x, y: x - (-y), lambda x, y: (-x) - y),
    "minus_times": (lambda x, y: (-x) * y, lambda x, y: x * y),
    "minus_over": (lambda x, y: (-x) / y, lambda x, y: x / (-y)),
    "over_minus": (lambda x, y: x / (-y), lambda x, y: (-x) / y),
    "minus_scaled": (lambda x: -(x * 3), lambda x, y: -(x * y)),
    "times_minus_one": (lambda x: x * -1, lambda x: x * -2),
    "minus_difference": (lambda x, y: -(x - y), lambda x, y: -(x + y)),
    "zero_minus": (lambda x: 0 - x, lambda x: 1 - x),
    "square_of_minus": (lambda x: tg.square(-x), lambda x: tg.square(x)),
    "abs_of_minus": (lambda x: tg.abs(-x), lambda x: tg.abs(x)),
    "minus_matmul": (lambda x, w: tg.matmul(-x, w), lambda x, w: tg.matmul(x, w)),
    "matmul_minus": (lambda x, w: tg.matmul(x, -w), lambda x, w: tg.matmul(x, w)),
    # views
    "reshape_twice": (lambda x: _reshape(_reshape(x, 96), 8, 12), lambda x: _reshape(x, 96)),
    "reshape_idle": (lambda x: _reshape(x, 12, 8), lambda x: _reshape(x, 8, 12)),
    "permute_twice": (lambda t: _permute(_permute(t, 1, 2, 0), 2, 1, 0), lambda t: _permute(t, 1, 2, 0)),
    "permute_idle": (lambda t: _permute(t, 0, 1, 2), lambda t: _permute(t, 1, 0, 2)),
    "permute_of_ones": (lambda thin: _permute(thin, 1, 0, 2), lambda thin: _permute(thin, 2, 1, 0)),
    "broadcast_twice": (
        lambda row: _broadcast(_broadcast(row, 12, 8), 2, 12, 8),
        lambda row: _broadcast(row, 12, 8),
    ),
    "broadcast_idle": (lambda x: _broadcast(x, 12, 8), lambda row: _broadcast(row, 12, 8)),
    "broadcast_of_reshape": (
        lambda row: _broadcast(_reshape(row, 1, 8), 12, 8),
        lambda row: _broadcast(_reshape(row, 8, 1), 8, 12),
    ),
    "move_of_one_value": (
        lambda one: _reshape(_broadcast(one, 3, 4), 12),
        lambda row: _reshape(_broadcast(row, 3, 8), 24),
    ),
    "slice_idle": (
        lambda x: _slice(x, (0, 0), (12, 8), (1, 1)),
        lambda x: _slice(x, (0, 0), (11, 8), (1, 1)),
    ),
    "slice_twice": (
        lambda x: _slice(_slice(x, (1, 7), (10, 8), (1, -1)), (2, 1), (3, 2), (2, 3)),
        lambda x: _slice(tg.abs(x), (2, 1), (3, 2), (2, 3)),
    ),
    "broadcast_outwards": (
        lambda x, row: x * _broadcast(row, 12, 8) + tg.exp(_broadcast(row, 12, 8)),
        lambda x, row: x * row,
    ),
    "leading_axes_implied": (lambda x, row: x * _reshape(row, 1, 8), lambda row: tg.exp(_reshape(row, 1, 8))),
    "reshape_outwards": (
        lambda x, y: tg.exp(_reshape(x, 96)) * _reshape(y, 96) * 3,
        lambda x: tg.exp(_reshape(x, 12, 1, 8)),
    ),
    "permute_outwards": (
        lambda x, y: tg.exp(_permute(x, 1, 0)) * _permute(y, 1, 0) * 3,
        lambda x, w: _permute(x, 1, 0) * w,
    ),
    # reductions
    "sum_twice": (lambda t: _fold("sum", _fold("sum", t, 0), 2), lambda t: _fold("sum", _fold("max", t, 0), 2)),
    "max_twice": (lambda t: _fold("max", _fold("max", t, 0), 2), lambda t: _fold("max", _fold("min", t, 0), 2)),
    "min_twice": (lambda t: _fold("min", _fold("min", t, 0), 2), lambda t: _fold("min", _fold("max", t, 0), 2)),
    "sum_of_minus": (lambda x: _fold("sum", -x, 0), lambda x: _fold("max", -x, 0)),
    "reduction_of_ones": (lambda column: _fold("max", column, 1), lambda x: _fold("max", x, 1)),
    "sum_of_permute": (lambda t: _fold("sum", _permute(t, 1, 2, 0), 0, 2), lambda t: _fold("sum", t, 0, 2)),
    "extreme_of_permute": (
        lambda t: _fold("max", _permute(t, 1, 2, 0), 0),
        lambda t: _fold("sum", _permute(t, 1, 2, 0), 0),
    ),
    "sum_of_reshape": (lambda t: _fold("sum", _reshape(t, 12, 8), 0, 1), lambda t: _fold("sum", _reshape(t, 12, 8), 0)),
    "extreme_of_reshape": (
        lambda t: _fold("max", _reshape(t, 12, 8), 0, 1),
        lambda t: _fold("max", _reshape(t, 12, 8), 0),
    ),
    "sum_of_broadcast": (
        lambda column: _fold("sum", _broadcast(column, 5, 12, 4), 0, 1, 2),
        lambda column: _fold("sum", _broadcast(column, 12, 4), 0),
    ),
    "extreme_of_broadcast": (
        lambda column: _fold("max", _broadcast(column, 5, 12, 4), 0, 1),
        lambda column: _fold("max", _broadcast(column, 12, 4), 0),
    ),
    "checked_by_a_pick": (lambda x, k: _checked(x, k, True), lambda x, k: _checked(x, k, False)),
    "one_of_each_row": (lambda x, k: _scatter(x, k, True), lambda x, k: _scatter(x, k, False)),
    "sum_of_one_choice": (lambda x, k: _choice(x, k, True), lambda x, k: _choice(x, k, False)),
    "sum_of_parts": (
        lambda x: _part_set(x[:, :1], 0) + _part_set(x[:, 1:], 1),
        lambda x: _part_set(x[:, :1], 0) + _part_set(x[:, 1:], 0),
    ),
    # products
    "transposed_product": (
        lambda x, w: _permute(tg.matmul(x, w), 1, 0),
        lambda x, w: _permute(tg.matmul(x, w), 1, 0) @ tg.matmul(x, w),
    ),
    "transposed_sum": (
        lambda x, y, w: _permute(tg.matmul(x, w) + tg.matmul(y, w), 1, 0),
        lambda x, y, w: _permute(tg.matmul(x, w) + tg.tanh(tg.matmul(y, w)), 1, 0),
    ),
    # stability
    "log_of_one_plus": (lambda x: tg.log(x + 1), lambda x: tg.log(x + 2)),
    "log_of_one_minus": (lambda x: tg.log(1 - x), lambda x: tg.log(x - 1)),
    "exp_minus_one": (lambda x: tg.exp(x) - 1, lambda x: 1 - tg.exp(x)),
    "sigmoid_spelt_out": (lambda x: 1 / (1 + tg.exp(-x)), lambda x: 2 / (1 + tg.exp(-x))),
    "sigmoid_as_reciprocal": (lambda x: tg.reciprocal(1 + tg.exp(-x)), lambda x: tg.reciprocal(2 + tg.exp(-x))),
    "log_of_sigmoid": (lambda x: tg.log(tg.sigmoid(x)), lambda x: tg.log(tg.tanh(x))),
    "log_of_exp": (lambda x: tg.log(tg.exp(x)), lambda x: tg.exp(tg.log(x))),
    "log_of_softmax": (
        lambda x: tg.log(tg.softmax(x)),
        lambda x: tg.log(tg.exp(x) / _fold("sum", tg.exp(x * 2), 1)),
    ),
    "log_of_sum_of_exp": (
        lambda x: tg.log(_fold("sum", tg.exp(x), 1)),
        lambda x: tg.log(_fold("sum", tg.exp(x - _fold("max", x, 1)), 1)),
    ),
    "softmax_spelt_out": (lambda x: tg.exp(x) / _fold("sum", tg.exp(x), 1), lambda x: tg.softmax(x, axis=1)),
    # strength
    "square_as_power": (lambda x: x**2, lambda x: x**2.5),
    "cube_as_power": (lambda x: x**3, lambda x: x**3.5),
    "fourth_power": (lambda x: x**4, lambda x: x**4.5),
    "root_as_power": (lambda x: x**0.5, lambda x: x**0.25),
    "inverse_root_as_power": (lambda x: tg.exp(x) ** -0.5, lambda x: x**-0.5),
    "reciprocal_as_power": (lambda x: x**-1, lambda x: x**-2),
    "reciprocal_named": (lambda x: 1 / x, lambda x: 2 / x),
    "inverse_root": (lambda x: tg.reciprocal(tg.sqrt(x)), lambda x: tg.reciprocal(tg.abs(x))),
    "over_root": (lambda x, y: x / tg.sqrt(y), lambda x, y: tg.sqrt(x) / y),
    "over_power_of_two": (lambda x: x / -4, lambda x: x / 3),
    "over_constant": (lambda x: x / 3, lambda x: x / 1e-39),
    "over_fewer": (lambda x, column: x / column, lambda x, y: x / y),
    "over_exponentials": (lambda x: tg.softmax(x, axis=1), lambda x: tg.exp(x) / _fold("sum", tg.exp(x) + 1, 1)),
}
