"""Every name of the standard (2025.12) is there with its signature, but for complex numbers and fft."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import tapegraph as tg

# As the standard writes them. Left out: conj, imag, real (complex dtypes) and the extension fft.
FUNCTIONS = """
abs(x, /)
acos(x, /)
acosh(x, /)
add(x1, x2, /)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
arange(start, /, stop=None, step=1, *, dtype=None, device=None)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
argsort(x, /, *, axis=-1, descending=False, stable=True)
asarray(obj, /, *, dtype=None, device=None, copy=None)
asin(x, /)
asinh(x, /)
astype(x, dtype, /, *, copy=True, device=None)
atan(x, /)
atan2(x1, x2, /)
atanh(x, /)
bitwise_and(x1, x2, /)
bitwise_invert(x, /)
bitwise_left_shift(x1, x2, /)
bitwise_or(x1, x2, /)
bitwise_right_shift(x1, x2, /)
bitwise_xor(x1, x2, /)
broadcast_arrays(*arrays)
broadcast_shapes(*shapes)
broadcast_to(x, /, shape)
can_cast(from_, to, /)
ceil(x, /)
clip(x, /, min=None, max=None)
concat(arrays, /, *, axis=0)
copysign(x1, x2, /)
cos(x, /)
cosh(x, /)
count_nonzero(x, /, *, axis=None, keepdims=False)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
divide(x1, x2, /)
empty(shape, *, dtype=None, device=None)
empty_like(x, /, *, dtype=None, device=None)
equal(x1, x2, /)
exp(x, /)
expand_dims(x, /, axis)
expm1(x, /)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)
finfo(type, /)
flip(x, /, *, axis=None)
floor(x, /)
floor_divide(x1, x2, /)
from_dlpack(x, /, *, device=None, copy=None)
full(shape, fill_value, *, dtype=None, device=None)
full_like(x, /, fill_value, *, dtype=None, device=None)
greater(x1, x2, /)
greater_equal(x1, x2, /)
hypot(x1, x2, /)
iinfo(type, /)
isdtype(dtype, kind)
isfinite(x, /)
isin(x1, x2, /, *, invert=False)
isinf(x, /)
isnan(x, /)
less(x1, x2, /)
less_equal(x1, x2, /)
linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True)
log(x, /)
log10(x, /)
log1p(x, /)
log2(x, /)
logaddexp(x1, x2, /)
logical_and(x1, x2, /)
logical_not(x, /)
logical_or(x1, x2, /)
logical_xor(x1, x2, /)
matmul(x1, x2, /)
matrix_transpose(x, /)
max(x, /, *, axis=None, keepdims=False)
maximum(x1, x2, /)
mean(x, /, *, axis=None, keepdims=False)
meshgrid(*arrays, indexing='xy')
min(x, /, *, axis=None, keepdims=False)
minimum(x1, x2, /)
moveaxis(x, source, destination, /)
multiply(x1, x2, /)
negative(x, /)
nextafter(x1, x2, /)
nonzero(x, /)
not_equal(x1, x2, /)
ones(shape, *, dtype=None, device=None)
ones_like(x, /, *, dtype=None, device=None)
permute_dims(x, /, axes)
positive(x, /)
pow(x1, x2, /)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
reciprocal(x, /)
remainder(x1, x2, /)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape, *, copy=None)
result_type(*arrays_and_dtypes)
roll(x, /, shift, *, axis=None)
round(x, /)
searchsorted(x1, x2, /, *, side='left', sorter=None)
sign(x, /)
signbit(x, /)
sin(x, /)
sinh(x, /)
sort(x, /, *, axis=-1, descending=False, stable=True)
sqrt(x, /)
square(x, /)
squeeze(x, /, axis)
stack(arrays, /, *, axis=0)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
subtract(x1, x2, /)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
take(x, indices, /, *, axis=None)
take_along_axis(x, indices, /, *, axis=-1)
tan(x, /)
tanh(x, /)
tensordot(x1, x2, /, *, axes=2)
tile(x, repetitions, /)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
trunc(x, /)
unique_all(x, /)
unique_counts(x, /)
unique_inverse(x, /)
unique_values(x, /)
unstack(x, /, *, axis=0)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
vecdot(x1, x2, /, *, axis=-1)
where(condition, x1, x2, /)
zeros(shape, *, dtype=None, device=None)
zeros_like(x, /, *, dtype=None, device=None)
"""
LINALG = """
cholesky(x, /, *, upper=False)
cross(x1, x2, /, *, axis=-1)
det(x, /)
diagonal(x, /, *, offset=0)
eigh(x, /)
eigvalsh(x, /)
inv(x, /)
matmul(x1, x2, /)
matrix_norm(x, /, *, keepdims=False, ord='fro')
matrix_power(x, n, /)
matrix_rank(x, /, *, rtol=None)
matrix_transpose(x, /)
outer(x1, x2, /)
pinv(x, /, *, rtol=None)
qr(x, /, *, mode='reduced')
slogdet(x, /)
solve(x1, x2, /)
svd(x, /, *, full_matrices=True)
svdvals(x, /)
tensordot(x1, x2, /, *, axes=2)
trace(x, /, *, offset=0, dtype=None)
vecdot(x1, x2, /, *, axis=-1)
vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
"""  # eig and eigvals have complex results
BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]
UNARY = ["abs", "neg", "pos", "invert"]
OPERATORS = [f"__{kind}{name}__" for name in BINARY for kind in ("", "r", "i")]
OPERATORS += [f"__{name}__" for name in ["lt", "le", "gt", "ge", "eq", "ne", *UNARY]]
METHODS = {
    "__array_namespace__": "(*, api_version=None)",
    "__bool__": "()",
    "__complex__": "()",
    "__dlpack__": "(*, stream=None, max_version=None, dl_device=None, copy=None)",
    "__dlpack_device__": "()",
    "__float__": "()",
    "__getitem__": "(key, /)",
    "__index__": "()",
    "__int__": "()",
    "__setitem__": "(key, value, /)",
    "to_device": "(device, /, *, stream=None)",
} | {name: "(other, /)" if name[2:-2] not in UNARY else "()" for name in OPERATORS}

KEYWORD, POSITIONAL, EITHER = (
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def signature(text: str) -> inspect.Signature:
    scope: dict = {}
    exec(f"def f{text}: pass", scope)
    return inspect.signature(scope["f"])


def lines(table: str) -> dict[str, str]:
    """name: signature."""
    return {line.split("(")[0]: "(" + line.split("(", 1)[1] for line in table.split("\n") if line}


LINES = lines(FUNCTIONS)


def assert_serves(found: inspect.Signature, wanted: inspect.Signature, name: str) -> None:
    """Every call the wanted signature allows is allowed, with the same defaults; there may be more."""
    here = list(found.parameters.values())
    for place, p in enumerate(q for q in wanted.parameters.values() if q.kind is not KEYWORD):
        mine = here[place]
        assert mine.kind is p.kind or (p.kind is POSITIONAL and mine.kind is EITHER), (name, p.name)
        assert p.kind is POSITIONAL or mine.name == p.name, (name, p.name)
        assert p.default is inspect.Parameter.empty or mine.default == p.default, (name, p.name)
    for p in wanted.parameters.values():
        if p.kind is KEYWORD:
            mine = found.parameters[p.name]
            assert mine.kind in (KEYWORD, EITHER) and mine.default == p.default, (name, p.name)
    for p in here[len([q for q in wanted.parameters.values() if q.kind is not KEYWORD]) :]:
        optional = p.default is not inspect.Parameter.empty or p.kind is inspect.Parameter.VAR_POSITIONAL
        assert optional, f"{name} needs {p.name} too"


def test_the_table_has_the_functions_of_the_standard():
    assert len(LINES) == 132


@pytest.mark.parametrize("name", LINES)
def test_functions(name):
    assert_serves(inspect.signature(getattr(tg, name)), signature(LINES[name]), name)
    assert getattr(tg, name).__doc__


@pytest.mark.parametrize("name", lines(LINALG))
def test_functions_of_linalg(name):
    linalg = pytest.importorskip("tapegraph.linalg")
    assert_serves(inspect.signature(getattr(linalg, name)), signature(lines(LINALG)[name]), name)


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    assert_serves(inspect.signature(getattr(tg.ones(1), name)), signature(METHODS[name]), name)


def test_the_standard_s_own_implementation_has_these_signatures():
    strict = pytest.importorskip("array_api_strict")
    for name, line in LINES.items():
        wanted = inspect.signature(getattr(strict, name)).parameters.values()
        mine = signature(line).parameters.values()
        assert [(p.name, p.kind) for p in mine] == [(p.name, p.kind) for p in wanted], name


def test_constants_dtypes_and_attributes():
    assert (tg.e, tg.pi, tg.inf, tg.newaxis) == (math.e, math.pi, math.inf, None) and math.isnan(tg.nan)
    widths = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
    for name in ["bool", "float32", "float64", *widths]:
        assert getattr(tg, name) == np.dtype(name), name
        assert tg.ones(1, dtype=getattr(tg, name)).dtype == getattr(tg, name)
    x = tg.ones((2, 3))
    assert (x.shape, x.ndim, x.size, x.device, x.dtype) == ((2, 3), 2, 6, "cpu", tg.float32)
    assert x.T.shape == x.mT.shape == (3, 2)
