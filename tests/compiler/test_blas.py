"""Matrix products through SciPy's BLAS agree with numpy, natively and in Python, whatever the sizes and flags."""

import itertools

import numpy as np
import pytest

from compiler import blas, driver
from compiler.kernel import Kernel

SIZES = (0, 1, 2, 5, 17)


def product(run, dtype, m, n, k, ta=0, tb=0, beta=0.0, alpha=1.0, batch=1, shared=False, spare=0):
    """(result, expected) of one kernel call; rows are `spare` elements apart from each other."""
    rng = np.random.default_rng(m * 100 + n * 10 + k)
    stored_a, stored_b = ((k, m) if ta else (m, k)), ((n, k) if tb else (k, n))
    a = rng.standard_normal((batch, stored_a[0], stored_a[1] + spare)).astype(dtype)
    b = rng.standard_normal((1 if shared else batch, stored_b[0], stored_b[1] + spare)).astype(dtype)
    c = np.full((batch, m, n + spare), np.nan if beta == 0 else 0.5, dtype)
    left, right = a[..., : stored_a[1]], b[..., : stored_b[1]]
    left, right = left.swapaxes(1, 2) if ta else left, right.swapaxes(1, 2) if tb else right
    expected = c.copy()
    expected[..., :n] = alpha * (left @ right) + (beta * c[..., :n] if beta else 0)
    flat = [np.ascontiguousarray(x).reshape(-1) for x in (a, b, c)]
    rows = [max(1, x.shape[2]) for x in (a, b, c)]
    steps = [a[0].size, 0 if shared else b[0].size, c[0].size]
    status = run(*flat, *blas.addresses(dtype), batch, m, n, k, ta, tb, *rows, *steps, alpha, beta)
    assert status == 0
    return flat[2].reshape(c.shape), expected


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_every_size_flag_and_beta(dtype):
    kernel = blas.gemm_kernel(dtype)

    def native(*args):
        return driver.call(kernel, *args)

    for m, n, k, ta, tb, beta in itertools.product(SIZES, SIZES, SIZES, (0, 1), (0, 1), (0.0, 0.5)):
        result, expected = product(native, dtype, m, n, k, ta, tb, beta)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4, err_msg=f"{m} {n} {k} {ta} {tb} {beta}")


@pytest.mark.parametrize("dtype", ("float32", "float64"))
@pytest.mark.parametrize("spare", (0, 3))
@pytest.mark.parametrize("shared", (False, True))
def test_batches_leading_dimensions_and_python(dtype, spare, shared):
    kernel = blas.gemm_kernel(dtype)
    runs = (lambda *args: driver.call(kernel, *args), kernel.run_python)
    for run, (m, n), (ta, tb) in itertools.product(
        runs, ((4, 5), (1, 5), (4, 1), (1, 1)), itertools.product((0, 1), (0, 1))
    ):
        for beta in (0.0, 2.0):
            result, expected = product(run, dtype, m, n, 3, ta, tb, beta, 0.5, 3, shared, spare)
            np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_tiles_and_panels_at_their_edges(dtype):
    """Whole tiles and what is left of rows, of columns, and of the inner size; one element beyond what a panel holds."""
    kernel = blas.gemm_kernel(dtype)
    for m, n, k, ta, tb in itertools.product((2, 5, 6, 20), (9, 16, 35), (1, 8, 19, 257), (0, 1), (0, 1)):
        result, expected = product(lambda *args: driver.call(kernel, *args), dtype, m, n, k, ta, tb, alpha=0.5, spare=2)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4, err_msg=f"{m} {n} {k} {ta} {tb}")
    for m, n, ta, tb in itertools.product((3, 8), (9, 17), (0, 1), (0, 1)):
        result, expected = product(kernel.run_python, dtype, m, n, 11, ta, tb, batch=2, alpha=0.5, spare=2)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4, err_msg=f"{m} {n} {ta} {tb}")


def test_sizes_beyond_32_bits_are_a_status():
    kernel, empty = blas.gemm_kernel("float32"), np.zeros(1, "f4")
    sizes = (1, 1 << 31, 2, 2, 0, 0, 2, 2, 2, 0, 0, 0, 1.0, 1.0)
    assert driver.call(kernel, empty, empty, empty, *blas.addresses("float32"), *sizes) == blas.TOO_LARGE


def test_no_address_in_the_kernel():
    assert all(isinstance(blas.gemm_kernel(dtype), Kernel) for dtype in ("float32", "float64"))
    for address in blas.addresses("float32"):
        assert str(address) not in blas.TEXT


def test_addresses_without_the_bundled_library(monkeypatch):
    expected = blas.addresses("float64")
    monkeypatch.setattr(blas, "_library", lambda: None)
    found = blas.addresses.__wrapped__("float64")
    assert len(found) == len(expected) and all(found)
    assert blas.blas_threads(1) is None


def test_thread_count_is_set_and_read():
    before = blas.blas_threads()
    if before is None:
        pytest.skip("this BLAS has no thread control")
    try:
        assert blas.blas_threads(1) == 1
    finally:
        blas.blas_threads(before)
    assert blas.blas_threads() == before
