"""The array object and its namespace: conversions, DLPack, devices, inspection, and Hypothesis's own view of them."""

from __future__ import annotations

import array
import operator
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapegraph as tg
from engine.errors import ArgumentError, DTypeError, ShapeError, SymbolError
from tests.array_api.arrays import EVERY, assert_same, of

quick = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(of(EVERY, ()))
def test_python_numbers(x):
    t = tg.asarray(x)
    if x.dtype.kind == "b":
        assert bool(t) is bool(x)
    if x.dtype.kind in "iu":
        assert int(t) == int(x) and operator.index(t) == int(x) and type(int(t)) is int
    if x.dtype.kind == "f":
        assert float(t) == float(x) or np.isnan(x)
        with pytest.raises(DTypeError):
            operator.index(t)
    assert complex(t) == complex(x) or x != x


def test_numbers_a_symbol_does_not_have():
    for use in (bool, int, float, complex, operator.index):
        with pytest.raises(SymbolError):
            tg.compile(lambda x, use=use: use(x) * x)(tg.asarray(2))
    with pytest.raises(OverflowError):
        int(tg.asarray(tg.inf))
    with pytest.raises(ArgumentError):
        complex(tg.ones(2))


def test_namespace():
    x = tg.ones(2)
    assert x.__array_namespace__() is tg and tg.__array_api_version__ == "2025.12"
    for version in ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
        assert x.__array_namespace__(api_version=version) is tg
    assert tg.Parameter([1.0]).__array_namespace__() is tg
    with pytest.raises(ValueError, match="2020"):
        x.__array_namespace__(api_version="2020.01")


def test_inspection():
    info = tg.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_device() == "cpu" and info.devices() == ["cpu"]
    assert info.default_dtypes(device="cpu") == {
        "real floating": tg.float32,
        "integral": tg.int64,
        "indexing": tg.int64,
    }
    assert set(info.dtypes()) == set(EVERY) and info.dtypes()["bool"] == tg.bool
    assert (
        set(info.dtypes(kind="real floating")) == {"float32", "float64"} and info.dtypes(kind="complex floating") == {}
    )
    assert set(info.dtypes(kind=("bool", "signed integer"))) == {"bool", "int8", "int16", "int32", "int64"}
    for name, dtype in info.dtypes().items():
        assert getattr(tg, name) == dtype
    with pytest.raises(ArgumentError):
        info.dtypes(device="gpu")
    seen = []
    tg.compile(lambda x: (seen.append(info.capabilities()["boolean indexing"]), x)[1])(tg.ones(2))
    assert seen[0] is False


@quick
@given(of(EVERY))
def test_dlpack(x):
    t = tg.asarray(x)
    assert t.__dlpack_device__() == (1, 0)
    assert_same(np.from_dlpack(t), x)
    assert_same(tg.from_dlpack(t), x)
    assert_same(tg.from_dlpack(x.copy(), device="cpu", copy=True), x)
    assert t.__dlpack__(stream=None, max_version=(1, 0), dl_device=(1, 0), copy=True) is not None


def test_what_is_shared_and_what_is_copied():
    a = np.arange(3.0)
    assert np.shares_memory(tg.from_dlpack(a).numpy(), a) and not np.shares_memory(
        tg.from_dlpack(a, copy=True).numpy(), a
    )
    assert np.shares_memory(tg.asarray(a, copy=False).numpy(), a) and not np.shares_memory(
        tg.asarray(a, copy=True).numpy(), a
    )
    with pytest.raises(ValueError, match="without a copy"):
        tg.asarray(a, dtype="float32", copy=False)
    with pytest.raises(ValueError, match="without a copy"):
        tg.asarray(tg.ones(2), dtype="int8", copy=False)
    buffer = array.array("d", [1.0, 2.0])
    x = tg.asarray(buffer, copy=True)
    buffer[0] = 5.0
    assert x.dtype == tg.float64 and x.tolist() == [1.0, 2.0]
    torch = pytest.importorskip("torch")
    theirs = torch.arange(3)
    x = tg.asarray(theirs, copy=True)
    theirs[0] = 7
    assert x.tolist() == [0, 1, 2] and tg.from_dlpack(theirs).tolist() == [7, 1, 2]


def test_asarray_of_what_is_no_array_of_numbers():
    for wrong in (None, "a", [1, "a"], 1j, [[1, 2j]], object()):
        with pytest.raises(DTypeError):
            tg.asarray(wrong)
    for wrong, dtype in (([None], "int8"), (["a"], "float32"), (float("nan"), "int32"), ([300], "int8")):
        with pytest.raises(DTypeError):
            tg.asarray(wrong, dtype=dtype)
    with pytest.raises(ShapeError, match="ragged"):
        tg.asarray([[1], [2, 3]], dtype="int8")
    with pytest.raises(TypeError, match="complex128"):
        tg.zeros(2, dtype=complex)


def test_hypothesis_finds_a_namespace_it_can_use():
    from hypothesis.extra.array_api import make_strategies_namespace

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xps = make_strategies_namespace(tg, api_version="2024.12")

        @quick
        @given(st.data())
        def check(data):
            dtype = data.draw(xps.boolean_dtypes() | xps.real_dtypes())
            x = data.draw(xps.arrays(dtype, xps.array_shapes(min_dims=0, min_side=0)))
            assert isinstance(x, tg.Tensor) and x.dtype == dtype
            key = data.draw(xps.indices(x.shape, allow_newaxis=True, allow_ellipsis=True))
            assert_same(x[key], x.numpy()[key])

        check()
