"""For each fault to plant a program that it makes wrong: a function, its arguments, and the op whose value comes out wrong
(any of several, where one loop computes them and all are)."""

from __future__ import annotations

import numpy as np

import tapegraph as tg

_rng = np.random.default_rng(5)


def _f(*shape, low=0.5, high=2.0):
    return _rng.uniform(low, high, shape).astype(np.float32)


def _signed(*shape):
    return _rng.standard_normal(shape).astype(np.float32)


X, Y, SQUARE = _f(6, 7), _f(6, 7), _signed(5, 5)
LEFT, RIGHT = tg.State(np.arange(4, dtype=np.float32)), tg.State(np.ones(4, np.float32))


def _swapped(x):
    left = LEFT.value
    LEFT.assign(RIGHT.value)
    RIGHT.assign(left)
    return tg.sum(x)


def _total(weight, xs, reverse=False):
    def body(h, x):
        h = tg.tanh(h @ weight + x)
        return h, h * 2

    return tg.scan(body, tg.zeros(xs.shape[1:]), xs, reverse=reverse)


def _shared(x, y):
    a = tg.matmul(x, y)
    b = tg.matmul(a, y)
    c = tg.matmul(b, y)
    return tg.matmul(c, y) + a


def _used_again(x, y):
    a = tg.cumulative_sum(x @ y, axis=0)
    b = tg.cumulative_sum(tg.exp(a), axis=0)
    return b @ y + a


# Name of the fault: (program, arguments, op at fault).
PROGRAMS = {
    "lost_sign": (lambda x, y: tg.exp(x - (-y)), (X, Y), "subtract"),
    "lost_factor": (lambda x: tg.sum(x**3), (X,), "pow"),
    "wrong_constant": (lambda x: tg.tanh(x / 3.0), (X,), "divide"),
    "dropped_guard": (lambda x: tg.tanh(x / 5.0), (X,), "divide"),
    "swapped_operands": (lambda x, y: (-x) / y + x, (X, Y), "divide"),
    "wrong_op": (lambda x: tg.max(tg.max(x, axis=1), axis=0), (X,), "max"),
    "wrong_axes": (
        lambda x: tg.permute_dims(tg.permute_dims(x, (1, 2, 0)), (0, 2, 1)) * 2,
        (_signed(4, 4, 4),),
        "permute_dims",
    ),
    "negation_forgotten": (lambda x, y: tg.where(tg.logical_not(x > y), x, y) * 2, (X, Y), "where"),
    "constants_added": (lambda x: tg.exp((x * 0.5) * 3.0), (X,), "multiply"),
    "product_not_turned": (lambda x, y: tg.matrix_transpose(x @ y) + x, (SQUARE, _signed(5, 5)), "permute_dims"),
    "promise_too_strong": (lambda x: tg.log(x) * 0 + x, (np.float32([1, 0, 2]),), "multiply"),
    "argument_doubled": (lambda x: tg.sum(tg.log(1 + x)), (X,), "log"),
    "repetitions_forgotten": (lambda x: tg.sum(tg.broadcast_to(x, (3, 6, 7)), axis=0) * 2, (X,), "sum"),
    "step_forgotten": (lambda x: x[::2][1:3] * 2, (_f(9),), "slice"),
    "turned_round": (lambda x, y: tg.exp(x - y), (X, Y), "subtract"),
    "mirrored": (lambda x: tg.sum(tg.sigmoid(x) * x), (X,), "sigmoid"),
    "smaller_for_larger": (lambda x, y: tg.sqrt(tg.maximum(x, y)), (X, Y), "maximum"),
    "one_in_a_thousand": (lambda x: tg.tanh(x) + 1, (X,), "tanh"),
    "branch_missing": (lambda x: tg.mean(tg.nn.functional.softplus(x)), (X,), "log1pexp"),
    "begins_with_one": (lambda x: tg.sqrt(tg.sum(x, axis=1)), (X,), "sum"),
    "begins_with_zero": (lambda x: tg.exp(tg.max(-x, axis=1)), (X,), "max"),
    "one_too_early": (lambda x: x[2:5] * 3, (_f(9),), "slice"),
    "parts_swapped": (lambda x, y: tg.cumulative_sum(tg.concat([x, y]), axis=0), (X, Y), "concat"),
    "only_the_last_two": (lambda x: tg.cumulative_sum(x, axis=0) * 2, (X,), "cumulative_sum"),
    "last_of_equals": (lambda x: tg.argmax(tg.round(x), axis=1), (X,), "argmax"),
    "wrong_row": (lambda x, k: tg.take_along_axis(x, k, axis=0) * 2, (X, np.full((2, 7), -1)), "gather"),
    "one_too_few": (lambda x, y: tg.sum(x * y, axis=1), (X, Y), "sum multiply"),
    "tail_left_out": (lambda x, y: tg.sum(tg.exp(x) * y, axis=1), (_f(3, 21), _f(3, 21)), "sum exp"),
    "not_accumulated": (lambda x: tg.exp(tg.mean(x, axis=1)), (X,), "sum"),
    "stores_crossed": (lambda x, y: (tg.exp(h := x * y), tg.sqrt(h)), (X, Y), "exp multiply"),
    "rows_and_columns": (lambda x, y: x + tg.exp(y).T, (SQUARE, SQUARE[::-1].copy()), "exp"),
    "first_element_repeated": (lambda x, y: tg.exp(x * y), (X, Y), "multiply"),
    "number_one_higher": (lambda x: tg.exp(x * 0.3), (X,), "multiply"),
    "depth_one_less": (lambda x, y: tg.relu(x @ y), (SQUARE, _signed(5, 5)), "matmul"),
    "overwritten_too_early": (
        lambda x, y: (tg.exp(h := x @ y) + tg.permute_dims(h, (1, 0))) @ y,
        (SQUARE, _signed(5, 5)),
        "add",
    ),
    "piece_lost": (lambda x: tg.sum(tg.exp(x)), (_signed(1 << 21),), "sum"),
    "forgotten_reader": (_shared, (SQUARE, _signed(5, 5)), "matmul"),
    "dead_at_once": (_used_again, (SQUARE, _signed(5, 5)), "cumulative_sum"),
    "waves_exchanged": (lambda x, y: tg.relu(tg.cumulative_sum(x @ y, axis=0) @ y), (SQUARE, _signed(5, 5)), "matmul"),
    "state_read_too_late": (_swapped, (X,), "leaf"),
    "carry_not_handed_on": (lambda w, xs: _total(w, xs)[0], (_signed(3, 3), _signed(6, 2, 3)), "scan"),
    "rows_from_the_end": (lambda w, xs: _total(w, xs, True)[0], (_signed(3, 3), _signed(6, 2, 3)), "scan"),
}  # fmt: skip
