"""The op library: each module defines its ops; this one gathers their public functions and gives Handle its methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import handle
from engine.makers import COMPOSITES
from engine.op import OPS
from engine.ops import arithmetic, compare, create, dtype, index, linalg, losses, math, nn, random, reduce, shape

_HIDDEN = {
    "leaf",
    "mark",
    "iota",
    "size_of",
    "slice",
    "slice_set",
    "gather",
    "index_add",
    "index_set",
    "pick",
    "in_range",
    "random_bits",
    "clamp",
    "softmax_cross_entropy",
    "softmax_cross_entropy_slope",
}


def public_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the library by name: those of primitives and those of composites."""
    found = {name: op.public for name, op in OPS.items() if name not in _HIDDEN}
    found |= {name: c.function for name, c in COMPOSITES.items()}
    for module, names in _PLAIN.items():
        found |= {name: getattr(module, name) for name in names}
    found["clip"] = arithmetic.clip
    return found


# Public functions that are neither an op's face nor a registered composite.
_PLAIN: dict[Any, tuple[str, ...]] = {
    create: (
        "arange",
        "asarray",
        "empty",
        "empty_like",
        "eye",
        "from_dlpack",
        "full_like",
        "linspace",
        "ones",
        "ones_like",
        "zeros",
        "zeros_like",
    ),
    shape: ("broadcast_arrays",),
    random: ("bernoulli", "normal", "uniform"),
}

_OPERATORS: dict[str, tuple[Any, bool]] = {
    "add": (arithmetic.add, True),
    "sub": (arithmetic.subtract, True),
    "mul": (arithmetic.multiply, True),
    "truediv": (arithmetic.divide, True),
    "floordiv": (arithmetic.floor_divide, True),
    "mod": (arithmetic.remainder, True),
    "pow": (arithmetic.pow, True),
    "eq": (compare.equal, False),
    "ne": (compare.not_equal, False),
    "lt": (compare.less, False),
    "le": (compare.less_equal, False),
    "gt": (compare.greater, False),
    "ge": (compare.greater_equal, False),
    "and": (compare._and, True),
    "or": (compare._or, True),
    "xor": (compare._xor, True),
}
_UNARY = {"neg": arithmetic.negative, "invert": compare._not}
_METHODS = [
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
    "cumulative_sum",
    "reshape",
    "permute_dims",
    "flatten",
    "squeeze",
    "expand_dims",
    "broadcast_to",
    "take",
    "clip",
    "astype",
    "exp",
    "log",
    "sqrt",
    "tanh",
    "sigmoid",
    "relu",
    "abs",
    "square",
    "sign",
    "sin",
    "cos",
    "erf",
    "floor",
    "ceil",
    "softmax",
    "log_softmax",
    "repeat",
    "tile",
    "flip",
    "roll",
    "split",
    "unstack",
    "pow",
]


def _matmul(self: Any, other: Any) -> Any:
    return linalg.matmul(self, other)


def _rmatmul(self: Any, other: Any) -> Any:
    return linalg.matmul(other, self)


def _install() -> None:
    functions = public_functions()
    handle.install_operators(_OPERATORS, _UNARY)
    handle.install_methods(
        {name: functions[name] for name in _METHODS}
        | {"__matmul__": _matmul, "__rmatmul__": _rmatmul, "__abs__": arithmetic.abs.public}
        | {"__pos__": lambda self: self},
        {"get": index.getitem, "set": index.setitem},
    )
    handle.Handle.T = property(_transposed)  # type: ignore[attr-defined]
    handle.Handle.mT = property(shape.matrix_transpose)  # type: ignore[attr-defined]


def _transposed(self: Any) -> Any:
    return shape.permute_dims(self, tuple(reversed(range(self.ndim))))


_install()
__all__ = ["dtype", "losses", "math", "nn", "public_functions", "reduce"]
