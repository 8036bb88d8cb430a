"""Random bits turned into numbers of a law, to the last bit alike in both modes.

Each law is one text. NumPy runs it on arrays, the compiler on scalars; it says +, -, *, /, sqrt and moves bits, which
IEEE 754 rounds in one way only. (The vector math of the compiler and NumPy's own agree within some ulp.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import dtypes
from engine.lowering import Loop
from engine.op import Op, Sample, Samples
from engine.ops.bits import indented
from engine.sizes import Size, product
from engine.spec import DType, Spec

_WORDS: dict[str, Any] = {
    "where": np.where,
    "nonzero": np.nonzero,
    "sqrt": np.sqrt,
    "float32_bits": lambda x: x.view(np.int32),
    "float64_bits": lambda x: x.view(np.int64),
    "bits_float32": lambda x: x.view(np.float32),
    "bits_float64": lambda x: x.view(np.float64),
}
_WORDS |= {
    name: (lambda x, name=name: np.asarray(x).astype(name))
    for name in ("int32", "int64", "uint32", "uint64", "float32", "float64")
}
_BLOCK = 32768  # elements that NumPy takes at a time, so that what stands between two steps stays in the cache


class _Width:
    """The words and constants of a law in single or double precision."""

    def __init__(self, bits: int) -> None:
        self.bits, self.f, self.i, self.u = bits, f"float{bits}", f"int{bits}", f"uint{bits}"
        self.digits = 23 if bits == 32 else 52

    def number(self, value: float) -> str:
        return f"{self.f}({value!r})"

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Horner's rule, the constant term first in the list."""
        text = self.number(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            text = f"({text} * {x} + {self.number(c)})"
        return text

    def half_open(self) -> str:
        """``k``: all bits but the lowest; ``q`` and ``p``: (k + 1/2) / 2**(bits - 1) and one minus that."""
        top = 2 ** (self.bits - 1)
        return f"""k = {self.i}(b >> {self.u}(1))
q = ({self.f}(k) + {self.number(0.5)}) * {self.number(1 / top)}
p = ({self.f}({self.i}({top - 1} - k)) + {self.number(0.5)}) * {self.number(1 / top)}
"""

    def logarithm(self, x: str, result: str, near: str = "") -> str:
        """Statements for the log of a positive normal number: the exponent, and 2 artanh((m - 1) / (m + 1)) for m in [sqrt(1/2), sqrt(2)).

        ``near``: a text for one minus x that is more precise where x > 3/4.
        """
        root = int(np.float32(0.5**0.5).view(np.int32)) if self.bits == 32 else int(np.float64(0.5**0.5).view(np.int64))
        terms = [2 / (2 * n + 1) for n in range(1, 6 if self.bits == 32 else 11)]
        high, low = 0.6931471803691238, 1.9082149292705877e-10  # log(2) in two parts, the first with 33 bits
        text = f"""w = {self.f}_bits({x})
e = {self.i}({self.i}(w - {root}) >> {self.digits})
f = bits_{self.f}({self.i}(w - (e << {self.digits}))) - {self.number(1.0)}
"""
        if near:
            text += f"f = where({x} > {self.number(0.75)}, -({near}), f)\n"
        text += f"""s = f / ({self.number(2.0)} + f)
z = s * s
t = {self.f}(e)
"""
        series = f"s * {self.number(2.0)} + s * z * {self.polynomial('z', terms)}"
        if self.bits == 32:
            return text + f"{result} = t * {self.number(0.6931471805599453)} + ({series})\n"
        return text + f"{result} = t * {self.number(high)} + (({series}) + t * {self.number(low)})\n"


@dataclass(frozen=True)
class _Law:
    """``text`` computes ``y`` from ``b``; each piece (condition, what it reads, text, result) replaces y where it holds."""

    text: str
    pieces: tuple[tuple[str, str, str, str], ...] = ()
    end: str = ""

    def scalar(self) -> str:
        """The law for the compiler, which chooses after computing all pieces, so that the loop vectorises."""
        pieces = [f"{text}y = where({holds}, {found}, y)\n" for holds, _, text, found in self.pieces]
        return "b = a0[i]\n" + self.text + "".join(pieces) + self.end + "o[i] = y\n"

    def array(self) -> Callable[[Any], Any]:
        """The law for NumPy, which computes a piece only for the elements it is meant for."""
        code, body = "", self.text
        for number, (holds, reads, text, result) in enumerate(self.pieces):
            code += f"def piece{number}({reads}):\n{indented(text, 1)}    return {result}\n"
            body += f"at = nonzero({holds})\nif at[0].size:\n    y[at] = piece{number}({reads}[at])\n"
        scope = dict(_WORDS)
        exec(f"{code}def law(b):\n{indented(body + self.end, 1)}    return y\n", scope)
        found: Callable[[Any], Any] = scope["law"]
        return found


_BITS = frozenset({dtypes.uint32, dtypes.uint64})


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    top = np.iinfo(dtype).max
    ends = np.array([0, 1, 2, top // 2, top // 2 + 1, top - 1, top], dtype)
    return [Sample((rng.integers(0, top, (9, 50), dtype),)), Sample((ends,)), Sample((ends[:0],))]


def _law(
    name: str,
    write: Callable[[_Width], _Law],
    doc: str,
    accepts: frozenset[DType] = _BITS,
    samples: Samples = _samples,
) -> Op:
    """An op on 32 bits (or 64) that gives float32 (float64)."""
    laws = {bits // 8: write(_Width(bits)) for bits in (32, 64)}
    arrays = {size: law.array() for size, law in laws.items()}
    floats = {4: dtypes.float32, 8: dtypes.float64}

    def kernel(bits: Any) -> Any:
        flat, law = bits.reshape(-1), arrays[bits.dtype.itemsize]
        out = np.empty(flat.shape, floats[bits.dtype.itemsize])
        for start in range(0, flat.size, _BLOCK):
            out[start : start + _BLOCK] = law(flat[start : start + _BLOCK])
        return out.reshape(bits.shape)

    def lower(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
        body = indented(laws[out.dtype.itemsize].scalar(), 2)
        return f"def kernel(a0, o, n):\n    for i in range(n):\n{body}    return 0\n", [product(out.shape)]

    return Op(
        name,
        kernel,
        lambda bits: Spec(bits.shape, floats[bits.dtype.itemsize]),
        lower=Loop(lower),
        batch="shift",
        casts=None,
        keeps="",
        order=46,
        doc=doc,
        hidden=True,
        accepts=accepts,
        samples=samples,
    )


def _unit(w: _Width) -> _Law:
    digits = w.digits + 1
    return _Law(f"y = {w.f}({w.i}(b >> {w.u}({w.bits - digits}))) * {w.number(2.0**-digits)}\n")


def _waiting(w: _Width) -> str:
    return w.half_open() + w.logarithm("p", "y", near="q") + "y = -y\n"


def _exponential(w: _Width) -> _Law:
    return _Law(_waiting(w))


def _gumbel(w: _Width) -> _Law:
    return _Law(_waiting(w) + w.logarithm("y", "y") + "y = -y\n")


# Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988): PPND7 for
# single and PPND16 for double precision. Numerators and denominators, the constant term first.
_CENTRE = {
    32: (
        (3.3871327179, 50.434271938, 159.29113202, 59.109374720),
        (1.0, 17.895169469, 78.757757664, 67.187563600),
    ),
    64: (
        (
            3.3871328727963666080e0,
            1.3314166789178437745e2,
            1.9715909503065514427e3,
            1.3731693765509461125e4,
            4.5921953931549871457e4,
            6.7265770927008700853e4,
            3.3430575583588128105e4,
            2.5090809287301226727e3,
        ),
        (
            1.0,
            4.2313330701600911252e1,
            6.8718700749205790830e2,
            5.3941960214247511077e3,
            2.1213794301586595867e4,
            3.9307895800092710610e4,
            2.8729085735721942674e4,
            5.2264952788528545610e3,
        ),
    ),
}
_TAIL = {
    32: ((1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103), (1.0, 0.73700164250, 0.12021132975)),
    64: (
        (
            1.42343711074968357734e0,
            4.63033784615654529590e0,
            5.76949722146069140550e0,
            3.64784832476320460504e0,
            1.27045825245236838258e0,
            2.41780725177450611770e-1,
            2.27238449892691845833e-2,
            7.74545014278341407640e-4,
        ),
        (
            1.0,
            2.05319162663775882187e0,
            1.67638483018380384940e0,
            6.89767334985100004550e-1,
            1.48103976427480074590e-1,
            1.51986665636164571966e-2,
            5.47593808499534494600e-4,
            1.05075007164441684324e-9,
        ),
    ),
}
_FAR = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def _distance(w: _Width) -> tuple[str, list[tuple[str, str, str, str]]]:
    """``y``: how far out a normal variable lies that lies further out with probability p, q = 1/2 - p."""

    def ratio(x: str, parts: Any) -> str:
        return f"{w.polynomial(x, parts[0])} / {w.polynomial(x, parts[1])}"

    text = f"r = {w.number(0.180625)} - q * q\ny = q * ({ratio('r', _CENTRE[w.bits])})\n"
    root = w.logarithm("p", "r") + "r = sqrt(-r)\n"
    pieces = [(f"p < {w.number(0.075)}", "p", f"{root}d = r - {w.number(1.6)}\nv = {ratio('d', _TAIL[w.bits])}\n", "v")]
    if w.bits == 64:  # 31 bits reach no further than r = 4.8
        far = f"{root}d = r - {w.number(5.0)}\nv = {ratio('d', _FAR)}\n"
        pieces.append((f"p < {w.number(float(np.exp(-25.0)))}", "p", far, "v"))
    return text, pieces


def _normal(w: _Width) -> _Law:
    text, pieces = _distance(w)
    half = f"{w.half_open()}q = q * {w.number(0.5)}\np = p * {w.number(0.5)}\n"
    return _Law(half + text, tuple(pieces), f"y = where((b & {w.u}(1)) == {w.u}(0), y, -y)\n")


def _quantile(w: _Width) -> _Law:
    text, pieces = _distance(w)
    half, one, least = w.number(0.5), w.number(1.0), w.number(2.0**-1000 if w.bits == 64 else 2.0**-120)
    nearer = f"p = where(b > {half}, {one} - b, b)\np = where(p < {least}, {least}, p)\nq = {half} - p\n"
    return _Law(nearer + text, tuple(pieces), f"y = where(b > {half}, y, -y)\n")


unit_of = _law("unit_of_bits", _unit, "Numbers in [0, 1): as many of the upper bits as a significand holds.")
exponential_of = _law("exponential_of_bits", _exponential, "-log(u) of u in (0, 1), precise at both ends.")
gumbel_of = _law("gumbel_of_bits", _gumbel, "-log(-log(u)) of u in (0, 1).")
normal_of = _law(
    "normal_of_bits", _normal, "Normally distributed numbers by the inverse of their distribution function."
)
quantile_of = _law(
    "normal_quantile",
    _quantile,
    "Where a normal variable lies with a probability below, of a probability in (0, 1).",
    accepts=dtypes.FLOATS,
    samples=lambda rng, dtype: [Sample((rng.uniform(0, 1, (9, 50)).astype(dtype),)), Sample((np.asarray(0.5, dtype),))],
)
