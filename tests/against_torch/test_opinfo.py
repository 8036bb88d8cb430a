"""Every op with a counterpart in PyTorch gives its values, shapes, dtypes and gradients, on PyTorch's own argument sets.

Which ops those are stands in ``covered.txt``, one "route op" a line, which ``python -m tests.against_torch.report --write`` makes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

COVERED = [tuple(line.split()) for line in Path(__file__).with_name("covered.txt").read_text().splitlines()]
NATIVE = [key for route, key in COVERED if route == "native"]
FACADE = [key for route, key in COVERED if route == "facade"]
DEAR = ("conv", "ctc_loss", "scaled_dot_product_attention", "interpolate", "pool")
"""Parts of names of ops that take long, and are left to the slow tests."""

INTEGERS = ("bitwise_", "bincount", "nn.functional.one_hot", "__rand__", "__ror__", "__rxor__")
"""Beginnings of names of ops of integers."""

pytestmark = pytest.mark.filterwarnings("ignore")


def agrees(key: str, route: str, dtype: str, **how: int) -> None:
    """Check one op, and that there were calls to check."""
    pytest.importorskip("torch")
    pytest.importorskip("expecttest")  # PyTorch's own op tests import it
    from tests.against_torch.checking import check

    tally = check(key, route, dtype, **how)
    if tally.failed:
        lines = [f"{n} x {reason}: {example}" for reason, example, n in tally.reasons()]
        pytest.fail(
            f"{len(tally.failed)} of {tally.passed + len(tally.failed)} calls: " + "\n".join(lines), pytrace=False
        )
    if not tally.passed:
        pytest.skip("no call in this dtype that both take")


@pytest.mark.parametrize("key", [k for k in NATIVE if not any(part in k for part in DEAR)])
def test_native(key):
    agrees(key, "native", "int64" if key.startswith(INTEGERS) else "float64", most=10)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
@pytest.mark.parametrize("key", NATIVE)
def test_native_all(key, dtype):
    agrees(key, "native", dtype, most=60, static=2)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
@pytest.mark.parametrize("key", FACADE)
def test_facade(key, dtype):
    agrees(key, "facade", dtype, most=60, static=2)


@pytest.mark.slow
def test_covered_is_what_is_offered():
    pytest.importorskip("expecttest")
    from tests.against_torch.report import offered

    assert [f"{route} {key}" for route, key in COVERED] == offered()
