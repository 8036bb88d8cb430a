"""The table of ops: every name of the specification is there, and every row points at the line that defines it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.optable import markdown, rows

ROOT = Path(__file__).parents[1]

# The op library by name: what a serious engine must offer, by group.
NAMES = [
    "asarray",
    "full",
    "zeros",
    "ones",
    "zeros_like",
    "ones_like",
    "full_like",
    "arange",
    "linspace",
    "eye",
    "tril",
    "triu",
    "one_hot",
    "meshgrid",
    "astype",
    "stop_gradient",
    "shape",
    "abs",
    "negative",
    "sign",
    "square",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sin",
    "cos",
    "tanh",
    "floor",
    "ceil",
    "round",
    "isnan",
    "isinf",
    "isfinite",
    "erf",
    "logical_not",
    "log2",
    "log10",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "asinh",
    "acosh",
    "atanh",
    "trunc",
    "bitwise_invert",
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "pow",
    "maximum",
    "minimum",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "atan2",
    "logaddexp",
    "hypot",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "clip",
    "where",
    "addcmul",
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "any",
    "all",
    "argmax",
    "argmin",
    "var",
    "std",
    "logsumexp",
    "vector_norm",
    "cumulative_sum",
    "cumulative_prod",
    "count_nonzero",
    "reshape",
    "permute_dims",
    "expand_dims",
    "squeeze",
    "broadcast_to",
    "concat",
    "stack",
    "split",
    "unstack",
    "flip",
    "roll",
    "repeat",
    "tile",
    "moveaxis",
    "pad",
    "getitem",
    "setitem",
    "take",
    "take_along_axis",
    "scatter",
    "scatter_add",
    "sort",
    "argsort",
    "topk",
    "sliding_window",
    "gather_nd",
    "searchsorted",
    "nonzero",
    "unique_values",
    "diagonal",
    "matmul",
    "linear",
    "einsum",
    "tensordot",
    "outer",
    "vecdot",
    "trace",
    "det",
    "slogdet",
    "inv",
    "solve",
    "cholesky",
    "qr",
    "svd",
    "eigh",
    "conv",
    "conv_transpose",
    "max_pool",
    "avg_pool",
    "global_avg_pool",
    "batch_norm",
    "layer_norm",
    "rms_norm",
    "dropout",
    "embedding",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "sigmoid",
    "softplus",
    "softmax",
    "log_softmax",
    "scaled_dot_product_attention",
    "rnn",
    "lstm",
    "gru",
    "group_norm",
    "local_response_norm",
    "mish",
    "softsign",
    "hard_sigmoid",
    "hard_swish",
    "hard_shrink",
    "interpolate",
    "pixel_shuffle",
    "softmax_cross_entropy",
    "nll_loss",
    "mse_loss",
    "smooth_l1_loss",
    "bce_with_logits",
    "kl_div",
    "ctc_loss",
    "uniform",
    "normal",
    "bernoulli",
    "categorical",
    "randint",
    "cond",
    "while_loop",
    "scan",
    "assign",
]


def test_every_op_of_the_specification_is_offered():
    assert len(NAMES) == len(set(NAMES)) == 190
    missing = [n for n in NAMES if not (hasattr(tg, n) or hasattr(tg.linalg, n) or hasattr(nn.functional, n))]
    assert not missing


def test_every_row_points_at_its_definition():
    table = [row for row in rows(hidden=True) if row.place.startswith("engine/")]  # other tests add ops of their own
    assert len(table) > 400
    for row in table:
        file, line = row.place.rsplit(":", 1)
        assert (ROOT / file).is_file(), row
        assert 0 < int(line) <= len((ROOT / file).read_text(encoding="utf-8").splitlines())
        assert row.text, f"{row.name} has no description"


def test_command():
    found = subprocess.run(
        [sys.executable, "-m", "tapegraph", "ops", "matmul", "softmax", "--markdown"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    assert "| matmul | op | engine/ops/linalg.py:" in found.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", "tapegraph", "ops", "no_such_op"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert wrong.returncode == 2
    assert "no op has a name like 'no_such_op'" in wrong.stderr


@pytest.mark.parametrize("hidden", [False, True])
def test_markdown_has_a_line_for_each(hidden):
    table = rows(hidden)
    assert len(markdown(table).splitlines()) == len(table) + 2
