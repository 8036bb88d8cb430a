"""Programs that ask for values while a graph is built: name, arguments, source of ``f``."""

import numpy as np

X = np.array([1.0, 2.0, 3.0], np.float32)
SMALL = np.array([0.1, 0.2, 0.3], np.float32)
MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
THREE = np.array(3)
HEAD = """import math

import numpy as np

import tapegraph as tg
from tapegraph import nn

"""

PROGRAMS = [
    ("if_else", (X, SMALL), "def f(x):\n    s = tg.sum(x)\n    if s > 3:\n        y = x * 2\n    else:\n        y = x + 1\n    return y\n"),
    ("if_alone", (X, SMALL), "def f(x):\n    if tg.max(x) > 1:\n        x = x / tg.max(x)\n    return x\n"),
    ("if_augmented", (X, SMALL), "def f(x):\n    y = x * 3\n    if tg.mean(x) > 1:\n        y -= 1\n    else:\n        y += x\n    return y\n"),
    ("if_a_float", (X, X * 0), "def f(x):\n    s = tg.sum(x)\n    if s:\n        x = x / s\n    return x\n"),
    ("if_an_int", (THREE, np.array(0)), "def f(n):\n    y = n * 2\n    if n:\n        y = n + 1\n    return y\n"),
    ("if_not", (X, SMALL), "def f(x):\n    if not tg.sum(x) > 3:\n        x = x * 10\n    return x\n"),
    ("if_and_or", (X, SMALL), "def f(x):\n    s = tg.sum(x)\n    if s > 3 and s < 10 or s == 0:\n        x = x - s\n    return x\n"),
    ("if_chain", (X, SMALL), "def f(x):\n    if 0 < tg.sum(x) < 5:\n        x = -x\n    return x\n"),
    ("if_flag_and_value", (X, SMALL), "def f(x, scaled=True):\n    if scaled and tg.sum(x) > 3:\n        x = x * 0.5\n    return x\n"),
    ("if_elif_else", (X, SMALL, -X), "def f(x):\n    s = tg.sum(x)\n    if s > 3:\n        y = x * 2\n    elif s > 0:\n        y = x * 3\n    else:\n        y = x * 4\n    return y\n"),
    ("if_two_results", (X, SMALL), "def f(x):\n    if tg.sum(x) > 3:\n        a = x * 2\n        b = tg.sum(a)\n    else:\n        a = x + 1\n        b = tg.max(x)\n    return a, b\n"),
    ("if_uses_what_it_changes", (X, SMALL), "def f(x):\n    y = x * 1.0\n    if tg.sum(x) > 3:\n        t = y * 2\n        y = t + y\n        x = x + 1\n    return x * y\n"),
    ("if_nested", (X, SMALL, -X), "def f(x):\n    s = tg.sum(x)\n    y = x\n    if s > 0:\n        y = y + 1\n        if s > 3:\n            y = y * 2\n    return y\n"),
    ("if_constant", (X, SMALL), "def f(x):\n    scale = tg.mean(x)\n    if scale > 1:\n        scale = 1.0\n    return x * scale\n"),
    ("if_slice", (X, SMALL), "def f(x):\n    y = x * 2\n    if x[0] > 0.5:\n        y[0] = 0.0\n    return y\n"),
    ("if_in_a_loop", (X, SMALL), "def f(x):\n    for k in range(3):\n        if tg.sum(x) > 4:\n            x = x * 0.5\n        else:\n            x = x * 3\n    return x\n"),
    ("if_over_a_float_of_it", (X, SMALL), "def f(x):\n    if float(tg.sum(x)) > 3.0:\n        x = x + 1\n    return x\n"),
    ("if_item", (X, SMALL), "def f(x):\n    if x.sum().item() > 3:\n        x = x + 1\n    return x\n"),
    ("if_numpy_norm", (X, SMALL), "def f(x):\n    if np.linalg.norm(x) > 2:\n        x = x + 1\n    return x\n"),
    ("numpy_functions", (X, SMALL), "def f(x):\n    y = np.trace(np.outer(x, x))\n    return y * tg.exp(x)\n"),
    ("if_builtin_any", (X, -X), "def f(x):\n    if any(x > 2):\n        x = x + 1\n    return x\n"),
    ("return_in_both", (X, SMALL), "def f(x):\n    if tg.sum(x) > 3:\n        return x * 2\n    else:\n        return x + 1\n"),
    ("return_early", (X, SMALL), "def f(x):\n    if tg.sum(x) > 3:\n        return x * 2\n    y = x + 1\n    return y * 3\n"),
    ("return_early_twice", (X, SMALL, -X), "def f(x):\n    s = tg.sum(x)\n    if s > 3:\n        return x * 2\n    if s > 0:\n        return x * 5\n    return -x\n"),
    ("return_early_after_work", (X, SMALL), "def f(x):\n    y = x * 2\n    if tg.max(y) > 3:\n        y = y / tg.max(y)\n        return y\n    y = y + 1\n    return y\n"),
    ("while_plain", (X, SMALL), "def f(x):\n    while tg.sum(x) < 100:\n        x = x * 2\n    return x\n"),
    ("while_not", (X, SMALL), "def f(x):\n    while not tg.all(x > 5):\n        x = x + 1\n    return x\n"),
    ("while_count", (X, SMALL), "def f(x):\n    n = 0\n    while tg.sum(x) > 0.5 and n < 50:\n        x = x / 2\n        n += 1\n    return x, n\n"),
    ("while_newton", (X, SMALL), "def f(x):\n    err = 1.0\n    while err > 1e-3:\n        new = 0.5 * (x + 2 / x)\n        err = tg.max(abs(new - x))\n        x = new\n    return x\n"),
    ("while_two", (X, SMALL), "def f(x):\n    a, b = x, x * 2\n    while tg.max(a) < 50:\n        a, b = b, a + b\n    return a - b\n"),
    ("while_with_an_if", (X, SMALL), "def f(x):\n    y = x\n    while tg.sum(y) < 50:\n        if tg.max(y) > 4:\n            y = y + 3\n        else:\n            y = y * 2\n    return y\n"),
    ("while_collatz", (THREE, np.array(6)), "def f(n):\n    steps = 0\n    while n != 1:\n        if n % 2 == 0:\n            n = n // 2\n        else:\n            n = 3 * n + 1\n        steps = steps + 1\n    return steps\n"),
    ("for_range", (THREE, np.array(5)), "def f(n):\n    x = tg.ones(3)\n    for i in range(n):\n        x = x * 1.5 + i\n    return x\n"),
    ("for_range_from", (THREE, np.array(5)), "def f(n):\n    total = 0\n    for i in range(1, n + 1):\n        total = total + i * i\n    return total\n"),
    ("for_range_down", (THREE, np.array(5)), "def f(n):\n    total = tg.zeros(())\n    for i in range(n, 0, -1):\n        total = total * 0.5 + i\n    return total\n"),
    ("for_range_int", (X, X * 2), "def f(x):\n    y = x\n    for i in range(int(tg.sum(x))):\n        y = y + 1\n    return y\n"),
    ("ternary", (X, SMALL), "def f(x):\n    y = x * 2 if tg.sum(x) > 3 else x - 1\n    return y\n"),
    ("ternary_constants", (X, SMALL), "def f(x):\n    return (1.0 if tg.sum(x) > 2 else 2.0) * x\n"),
    ("ternary_in_a_call", (X, SMALL), "def f(x):\n    return tg.exp(x if tg.sum(x) > 2 else -x) + 1\n"),
    ("and_as_a_value", (X, SMALL), "def f(x):\n    s = tg.sum(x)\n    inside = s > 1 and s < 4\n    return tg.where(inside, x, -x)\n"),
    ("not_as_a_value", (X, SMALL), "def f(x):\n    small = not tg.sum(x) > 1\n    return tg.where(small, x, -x)\n"),
    ("chain_as_a_value", (X, SMALL), "def f(x):\n    return tg.where(0.5 < tg.sum(x) < 2, x, -x)\n"),
    ("float_of", (X, SMALL), "def f(x):\n    scale = float(tg.sum(x))\n    return x * scale\n"),
    ("int_of", (X, X * 2), "def f(x):\n    n = int(tg.sum(x) / 2)\n    return x * n\n"),
    ("bool_of", (X, X * 0), "def f(x):\n    known = bool(tg.sum(x) > 0)\n    return tg.where(known, x, 7.0)\n"),
    ("item_of_one", (X, SMALL), "def f(x):\n    first = x[0:1].item()\n    return x - first\n"),
    ("math_of", (X, SMALL), "def f(x):\n    return x / math.sqrt(tg.sum(x * x))\n"),
    ("numpy_array", (X, SMALL), "def f(x):\n    y = np.asarray(x)\n    return tg.sin(x) + y\n"),
    ("max_of_two", (X, SMALL), "def f(x):\n    return x * max(tg.sum(x), 1.0)\n"),
    ("min_of_three", (X, SMALL), "def f(x):\n    a, b = tg.sum(x), tg.max(x)\n    return x * min(a, b, 2.5)\n"),
    ("max_of_an_array", (X, SMALL), "def f(x):\n    top = max(x)\n    return x / top\n"),
    ("max_of_a_list", (X, SMALL), "def f(x):\n    return max([tg.sum(x), tg.max(x) * 1.5]) - x\n"),
    ("sorted_array", (X[::-1].copy(), SMALL), "def f(x):\n    return tg.stack(sorted(x)) if False else tg.cumulative_sum(sorted(x))\n"),
    ("among_numbers", (THREE, np.array(7)), "def f(n):\n    y = n * 1\n    if n in (1, 3, 5):\n        y = n * 10\n    return y\n"),
    ("not_among", (THREE, np.array(7)), "def f(n):\n    allowed = [3, 4]\n    return tg.where(n not in allowed, n, -n)\n"),
    ("index_of_numbers", (np.array(1), np.array(2)), "RATES = [0.1, 0.01, 0.001]\n\n\ndef f(i):\n    return tg.ones(3) * RATES[i]\n"),
    ("index_of_arrays", (np.array(0), np.array(1)), "def f(i):\n    rows = [tg.ones(3), tg.arange(3) * 1.0]\n    return rows[i] + 1\n"),
    ("index_of_functions", (np.array(0), np.array(1)), "def f(i):\n    x = tg.arange(3) * 0.5\n    table = [tg.sin, tg.cos]\n    return table[i](x) * 2\n"),
    ("a_state_in_a_branch", (X, SMALL), "counter = tg.State(np.zeros(()), 'float32')\n\n\ndef f(x):\n    if tg.sum(x) > 3:\n        counter.assign(counter + 1)\n        x = x * 2\n    return x + counter\n"),
    ("a_method", (X, SMALL), "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.scale = nn.Parameter(np.ones(3, 'float32') * 2)\n\n    def forward(self, x):\n        h = x * self.scale\n        if tg.sum(h) > 5:\n            h = tg.tanh(h)\n        return h\n\n\nnet = Net()\n\n\ndef f(x):\n    return net(x)\n"),
    ("a_closure", (X, SMALL), "def make(limit):\n    def inner(x):\n        # what is large is halved\n        if tg.sum(x) > limit:\n            x = x / 2\n        return x\n\n    return inner\n\n\nf = make(3.0)\n"),
    ("a_lambda", (X, SMALL), "f = lambda x: x * (2.0 if tg.sum(x) > 3 else 0.5)  # halves or doubles\n"),
    ("a_lambda_of_numbers", (X, SMALL), "f = tg.compile(lambda x: x * float(tg.sum(x))).body\n"),
    ("tuple_of_results", (X, SMALL), "def f(x):\n    if tg.sum(x) > 3:\n        low, high = x * 0.5, x * 2\n    else:\n        low, high = x, x\n    return low + high\n"),
    ("with_inside", (X, SMALL), "def f(x):\n    y = x\n    with tg.no_grad():\n        if tg.sum(x) > 3:\n            y = x * 2\n    return y\n"),
    ("names_that_are_taken", (X, SMALL), "def f(x):\n    when_true = x * 2\n    if tg.sum(x) > 3:\n        x = x + when_true\n        when_true = x * 3\n    return x + when_true\n"),
]  # fmt: skip

HINDERED = [
    ("break", (X,), "def f(x):\n    for i in range(10):\n        if tg.sum(x) > 100:\n            break\n        x = x * 2\n    return x\n", "break (line"),
    ("raise", (X,), "def f(x):\n    if tg.sum(x) > 3:\n        raise ValueError('too large')\n    return x\n", "an error cannot depend on a value"),
    ("append", (X,), "seen = []\n\n\ndef f(x):\n    if tg.sum(x) > 3:\n        seen.append(1)\n        x = x * 2\n    return x\n", "seen.append(...)"),
    ("an_attribute", (X,), "class A:\n    pass\n\n\na = A()\n\n\ndef f(x):\n    if tg.sum(x) > 3:\n        a.large = True\n        x = x * 2\n    return x\n", "a.large is set"),
    ("one_branch_sets_it", (X,), "def f(x):\n    if tg.sum(x) > 3:\n        y = x * 2\n    return y\n", "y is set in one branch only"),
    ("return_in_one", (X,), "def f(x):\n    if tg.sum(x) > 3:\n        return x\n", "return in one branch only"),
    ("an_assertion", (X,), "def f(x):\n    assert tg.all(x > 0), 'positive'\n    return x\n", "an assertion cannot end a compiled call"),
    ("tolist", (X,), "def f(x):\n    return tg.asarray(x.tolist())\n", "tolist() leaves the graph"),
    ("a_comprehension", (X,), "def f(x):\n    return tg.stack([v for v in x if v > 1])\n", "a comprehension's length would depend on values"),
    ("a_nonlocal", (X,), "def f(x):\n    n = 0\n\n    def g(x):\n        nonlocal n\n        if tg.sum(x) > 3:\n            n = 1\n            x = x * 2\n        return x\n    return g(x) + n\n", "n belongs to the program around"),
]  # fmt: skip
