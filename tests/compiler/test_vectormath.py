"""Every elementary function stays within its stated error of the exact result on the whole domain, and vectorises."""

import ctypes
import functools
import itertools
import re

import mpmath
import numba
import numpy as np
import pytest
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from compiler.bounds import ULP
from compiler.vectormath import NATIVE
from compiler.vectormath.lane import DOUBLE, Lane
from compiler.vocabulary import MEANINGS

DTYPES = {"float32": types.float32, "float64": types.float64}
WIDER = {"float32": np.float64, "float64": np.longdouble}
BINARY = ("pow", "hypot", "atan2")
UNARY = tuple(name for name in NATIVE if name not in BINARY)
EACH = pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name in NATIVE for dtype in DTYPES])
EACH_UNARY = pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name in UNARY for dtype in DTYPES])
LONG = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="float64 is measured against 80-bit floats")


def spelled(name: str) -> str:
    arguments = "a[i], b[i]" if name in BINARY else "a[i]"
    return f"def kernel(o, a, b, n):\n    for i in range(n):\n        o[i] = {name}({arguments})\n"


@functools.cache
def compiled(name: str, dtype: str, fastmath: frozenset = frozenset()):
    """The kernel o[i] = name(a[i]) over bare pointers, as numba's cfunc object."""
    namespace = dict(NATIVE)
    exec(spelled(name), namespace)
    pointer = types.CPointer(DTYPES[dtype])
    compile_ = numba.cfunc(
        types.void(pointer, pointer, pointer, types.intp), error_model="numpy", fastmath=set(fastmath)
    )
    return compile_(namespace["kernel"])


def run(kernel, a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    a = np.ascontiguousarray(a)
    b = a if b is None else np.ascontiguousarray(b, a.dtype)
    out = np.empty_like(a)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_ssize_t)(kernel.address)
    call(out.ctypes.data, a.ctypes.data, b.ctypes.data, a.size)
    return out


def erf_reference(x):
    """scipy's erf is good enough for float32; for float64, mpmath, as a sum of two float64."""
    if x.dtype == np.float64:
        return MEANINGS["erf"](x)
    result = np.empty(x.shape, np.longdouble)
    with mpmath.workprec(80):
        for i, value in enumerate(x.astype(np.float64).tolist()):
            exact = mpmath.erf(value) if abs(value) < 7 else mpmath.mpf(np.sign(value))
            high = float(exact)
            result[i] = np.longdouble(high) + np.longdouble(float(exact - high) if np.isfinite(high) else 0.0)
    return result


def reference(name: str, x, y=None):
    with np.errstate(all="ignore"):
        match name:
            case "erf":
                return erf_reference(x)
            case "pow" | "hypot" | "atan2":
                return MEANINGS[name](x, y)
        return MEANINGS[name](x)


def error_in_ulp(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|got - exact| in units of the last place of `exact` in got's dtype; infinity counts as the next power of 2."""
    info, wide = np.finfo(got.dtype), exact.dtype.type
    with np.errstate(all="ignore"):
        same = (got == exact.astype(got.dtype)) | (np.isnan(got) & np.isnan(exact))
        limit = np.ldexp(wide(1), int(info.maxexp))
        _, exponent = np.frexp(exact)
        unit = np.ldexp(wide(1), np.maximum(exponent - 1, info.minexp).astype(int) - info.nmant)
        error = np.abs(np.clip(got.astype(wide), -limit, limit) - np.clip(exact, -limit, limit)) / unit
        error = np.where(same, np.minimum(np.nan_to_num(error, nan=0.0, posinf=0.0), 0.5), error)
    return np.where(np.isnan(error), np.inf, error).astype(np.float64)


def every_binade(dtype: str, per_binade: int, seed: int = 0) -> np.ndarray:
    """All exponents (zero, subnormals, infinity and NaN too), both signs, `per_binade` significands each."""
    info, rng = np.finfo(dtype), np.random.default_rng(seed)
    word = np.dtype(f"u{info.bits // 8}")
    digits = info.nmant
    fraction = rng.integers(0, 1 << digits, per_binade, word)
    fraction[:4] = 0, 1, (1 << digits) - 1, 1 << (digits - 1)
    # Half of the significands near the ends of the binade, where roundings are least forgiving.
    fraction[4 : per_binade // 4] >>= rng.integers(0, digits, per_binade // 4 - 4, word)
    exponents = np.arange(1 << (info.bits - 1 - digits), dtype=word) << word.type(digits)
    positive = (exponents[:, None] | fraction).ravel()
    sign = word.type(1) << word.type(info.bits - 1)
    return np.concatenate([positive, positive | sign]).view(dtype)


def dense(name: str, dtype: str, count: int) -> np.ndarray:
    """Uniform samples where the function is neither linear nor saturated."""
    rng = np.random.default_rng(1)
    wide = {"float32": 110.0, "float64": 760.0}[dtype]
    ends = {
        "log": (0.4, 2.5),
        "log2": (0.4, 2.5),
        "log10": (0.4, 2.5),
        "rsqrt": (0.2, 5.0),
        "acosh": (1.0, 10.0),
    }
    ends |= {"asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "atanh": (-1.0, 1.0), "erf": (-6.0, 6.0)}
    ends |= {"log1p": (-1.0, 3.0), "sin": (-50, 50), "cos": (-50, 50), "tan": (-50, 50), "asinh": (-9, 9)}
    ends |= {"tanh": (-20.0, 20.0), "atan": (-9.0, 9.0)}
    low, high = ends.get(name, (-wide, wide))
    return np.concatenate([rng.uniform(low, high, count), rng.uniform(max(low, -2), min(high, 2), count)]).astype(dtype)


def pairs(name: str, dtype: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Arguments of all sizes; for pow mostly those whose result is neither 0 nor infinite."""
    rng = np.random.default_rng(2)
    bits = np.finfo(dtype).bits
    word = f"u{bits // 8}"
    x, y = (rng.integers(0, 1 << bits, count, word).view(dtype) for _ in "xy")
    if name in ("atan2", "hypot"):
        with np.errstate(all="ignore"):
            near = x * rng.uniform(-3, 3, count).astype(dtype)
        return np.concatenate([y, near]), np.concatenate([x, x])
    largest = {"float32": 155.0, "float64": 1080.0}[dtype]
    with np.errstate(all="ignore"):
        fitted = (rng.uniform(-largest, largest, count) / np.log2(np.abs(x).astype(np.float64))).astype(dtype)
        close = rng.uniform(0.7, 1.4, count).astype(dtype)
        fitted_close = (rng.uniform(-largest, largest, count) / np.log2(close.astype(np.float64))).astype(dtype)
    whole = rng.integers(-40, 40, count).astype(dtype)
    return np.concatenate([x, np.abs(x), close, x]), np.concatenate([y, fitted, fitted_close, whole])


def arguments(name: str, dtype: str, factor: int = 1) -> tuple[np.ndarray, ...]:
    if name in BINARY:
        return pairs(name, dtype, factor * (100_000 if dtype == "float32" else 40_000))
    if name == "erf" and dtype == "float64":
        # mpmath takes its time; below 2**-30 and above 8 nothing happens that the float32 sweep does not show.
        sample = every_binade(dtype, 16)
        sample = sample[(np.abs(sample) > 2.0**-30) & (np.abs(sample) < 8) | (np.abs(sample) < 1e-306)]
        return (np.concatenate([sample, dense(name, dtype, factor * 3000)]),)
    per_binade, count = (512, 100_000) if dtype == "float32" else (16, 30_000)
    return (np.concatenate([every_binade(dtype, factor * per_binade), dense(name, dtype, factor * count)]),)


def worst(name: str, dtype: str, factor: int = 1) -> tuple[float, tuple]:
    """The largest error found and the arguments it was found at."""
    given = arguments(name, dtype, factor)
    with np.errstate(invalid="ignore"):
        wide = [argument.astype(WIDER[dtype]) for argument in given]
    error = error_in_ulp(run(compiled(name, dtype), *given), reference(name, *wide))
    at = int(np.argmax(error))
    return float(error[at]), tuple(a[at] for a in given)


@LONG
@EACH
def test_error_on_the_whole_domain(name, dtype):
    error, at = worst(name, dtype)
    print(f"{name:8} {dtype} {error:.2f} ulp at {at}")
    assert error <= ULP[name][dtype == "float64"], f"{name}{at} is {error:.2f} ulp off"


@LONG
@pytest.mark.slow
@EACH
def test_error_on_a_denser_sample(name, dtype):
    error, at = worst(name, dtype, factor=8)
    assert error <= ULP[name][dtype == "float64"], f"{name}{at} is {error:.2f} ulp off"


@intrinsic
def float32_of(context, pattern):
    """The float32 with the bits of an int64's low half."""

    def emit(_, builder, sig, args):
        return builder.bitcast(builder.trunc(args[0], ir.IntType(32)), ir.FloatType())

    return types.float32(types.int64), emit


@intrinsic
def distance(context, got, exact):
    """|got - exact| in float32 ulp of exact, as the bits of a float64: integers, whose maximum vectorises.

    Infinity counts as 2**128, and a NaN on one side only as 1e9 ulp.
    """

    def emit(_, builder, sig, args):
        got, exact = (Lane(builder, DOUBLE, value).at_most(2.0**128).at_least(-(2.0**128)) for value in args)
        unit = (exact.bits() & (0x7FF << 52)).as_float().at_least(2.0**-126)
        error = ((got - exact) / unit * 2.0**23).magnitude()
        lost = (got.is_nan() ^ exact.is_nan()).where(1e9, error.number(0.0))
        return error.is_nan().where(lost, error).bits().value

    return types.int64(types.float64, types.float64), emit


def sweep(name: str, first: int, step: int, count: int) -> float:
    """The worst error of a float32 function over bit patterns, against the float64 one, which is tested above."""
    text = """def loop(first, step, count):
        worst = 0
        for i in range(count):
            x = float32_of(first + i * step)
            worst = max(worst, distance(float64(FUNCTION(x)), FUNCTION(float64(x))))
        return worst"""
    namespace = {
        "float32_of": float32_of,
        "distance": distance,
        "float64": types.float64,
        "FUNCTION": NATIVE[name],
    }
    exec(text, namespace)
    signature = types.int64(types.int64, types.int64, types.int64)
    return float(np.int64(numba.njit(signature, nogil=True)(namespace["loop"])(first, step, count)).view(np.float64))


@pytest.mark.slow
@pytest.mark.parametrize("name", UNARY)
def test_error_on_every_61st_float32(name):
    assert sweep(name, 7, 61, 2**32 // 61) <= ULP[name][0]


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, 1e30, -1e30]


def specials(dtype: str) -> np.ndarray:
    info = np.finfo(dtype)
    ends = [
        info.smallest_subnormal,
        info.smallest_normal,
        info.max,
        2.0**info.nmant - 0.5,
        2.0**info.nmant + 1,
    ]
    return np.array([*SPECIAL, *ends, *(-e for e in ends)], dtype)


def assert_same_kind(got: np.ndarray, expected: np.ndarray, given):
    """NaN, infinities, zeros and signs agree exactly."""
    for value, wanted, at in zip(got, expected, zip(*given, strict=True), strict=True):
        same = np.isnan(value) if np.isnan(wanted) else np.signbit(value) == np.signbit(wanted)
        same &= np.isinf(value) == np.isinf(wanted) and (value == 0) == (wanted == 0)
        assert same, f"{at} gives {value}, expected {wanted}"


@EACH_UNARY
def test_special_values_are_those_of_numpy(name, dtype):
    x = specials(dtype)
    expected = reference(name, x.astype(np.float64)).astype(dtype)
    assert_same_kind(run(compiled(name, dtype), x), expected, (x,))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_special_pairs_are_those_of_numpy(name, dtype):
    x, y = (np.array(column, dtype) for column in zip(*itertools.product(specials(dtype), repeat=2), strict=True))
    wide = reference(name, x.astype(np.longdouble), y.astype(np.longdouble))
    with np.errstate(all="ignore"):
        expected = wide.astype(dtype)
    assert_same_kind(run(compiled(name, dtype), x, y), expected, (x, y))


# The float64 is the one nearest a multiple of pi/2 (Muller, Handbook of Floating-Point Arithmetic, table 10.1).
FAR = {
    "float32": [16367173 * 2.0**72, 3.4e38, 1e30, 123456.79, 2.0**127],
    "float64": [6381956970095103 * 2.0**797, 1.7e308, 1e22, 1e300, 2.0**1023, 5.0**400],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_large_and_worst_angles_against_mpmath(name, dtype):
    rng = np.random.default_rng(3)
    largest = np.finfo(dtype).maxexp - 1
    random = rng.uniform(1, 2, 300) * 2.0 ** rng.integers(0, largest, 300)
    turns = np.round(rng.uniform(1, 1e6, 300)) * (np.pi / 2)
    x = np.concatenate([FAR[dtype], random, turns]).astype(dtype)
    x = np.concatenate([x, -x])
    with mpmath.workprec(1300):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(value))) for value in x]
        high = np.array([float(value) for value in exact])
        low = np.array([float(value - first) for value, first in zip(exact, high.tolist(), strict=True)])
    error = error_in_ulp(run(compiled(name, dtype), x), high.astype(np.longdouble) + low)
    assert error.max() <= ULP[name][dtype == "float64"], x[error.argmax()]


@EACH
def test_a_loop_vectorises_and_calls_nothing(name, dtype):
    library = compiled(name, dtype)._library
    kind = {"float32": "float", "float64": "double"}[dtype]
    text = library.get_llvm_str()
    assert re.search(rf"store <\d+ x {kind}>", text), "the loop is scalar"
    called = set(re.findall(r"call [^\n]*@([\w.]+)\(", text))
    assert all(symbol.startswith(("llvm.", "_ZN")) for symbol in called), called
    # Far symbols are called through a register; libm's names are plain, numba's own start with _ZN.
    symbols = re.findall(r"(?:movabsq\s+\$|call\w*\s+)([A-Za-z_]\w*)", library.get_asm_str())
    assert all(symbol.startswith(("_ZN", "tapegraph")) for symbol in symbols), symbols


@pytest.mark.parametrize("name", ["exp", "sin", "log1p", "pow"])
def test_fast_math_of_the_kernel_does_not_reach_inside(name):
    x, y = specials("float64"), specials("float64")[::-1]
    exact, fast = (
        run(compiled(name, "float64", fast), x, y) for fast in (frozenset(), frozenset({"reassoc", "contract", "nsz"}))
    )
    np.testing.assert_array_equal(exact, fast)


def test_both_tables_name_the_same_functions():
    assert NATIVE.keys() == MEANINGS.keys()


@EACH
def test_the_same_text_runs_as_plain_python(name, dtype):
    a = np.linspace(0.1, 0.9, 37, dtype=dtype) + (name == "acosh")
    b = np.linspace(-2, 3, 37, dtype=dtype)
    namespace, plain = dict(MEANINGS), np.empty_like(a)
    exec(spelled(name), namespace)
    namespace["kernel"](plain, a, b, a.size)
    assert MEANINGS[name](*((a[0], b[0]) if name in BINARY else (a[0],))).dtype == dtype
    np.testing.assert_allclose(run(compiled(name, dtype), a, b), plain, rtol=8 * np.finfo(dtype).eps)


def test_dtypes_mix_in_one_kernel():
    def kernel(o, a, b, n):
        for i in range(n):
            o[i] = exp(a[i]) + pow(b[i], a[i])  # noqa: F821

    namespace = {"exp": NATIVE["exp"], "pow": NATIVE["pow"], "range": range}
    kernel = type(kernel)(kernel.__code__, namespace)
    single, double = types.CPointer(types.float32), types.CPointer(types.float64)
    compiled_ = numba.cfunc(types.void(double, single, double, types.intp))(kernel)
    a, b, out = np.float32([0.5, 1.5]), np.array([2.0, 3.0]), np.empty(2)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_ssize_t)(compiled_.address)
    call(out.ctypes.data, a.ctypes.data, b.ctypes.data, 2)
    np.testing.assert_allclose(out, np.exp(a) + b**a, rtol=1e-6)


def test_integers_are_refused():
    def kernel(x):
        return exp(x)  # noqa: F821

    with pytest.raises(TypingError, match="exp takes float32 or float64"):
        numba.njit(type(kernel)(kernel.__code__, {"exp": NATIVE["exp"]}))(3)
