"""What each elementary function named in kernel text means: NumPy's function, so that a kernel runs without numba.

`compiler.vectormath.NATIVE` binds the same names to native code, within 4 ulp of these meanings.
"""

from collections.abc import Callable

import numpy as np


def sigmoid(x):
    """1 / (1 + e**-x) without overflow; keeps the dtype of x."""
    with np.errstate(under="ignore"):
        decay = np.exp(-np.abs(x))
        return np.where(x < 0, decay, np.ones_like(decay))[()] / (1 + decay)


def rsqrt(x):
    """1 / sqrt(x); keeps the dtype of x."""
    return 1 / np.sqrt(x)


def erf(x):
    """The error function; needs SciPy, which NumPy users may not have, hence the import here."""
    from scipy.special import erf as scipy_erf

    return scipy_erf(x)


MEANINGS: dict[str, Callable] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sigmoid": sigmoid,
    "erf": erf,
    "rsqrt": rsqrt,
    "pow": np.power,
    "hypot": np.hypot,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}
