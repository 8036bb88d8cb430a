"""The op library: each module defines its ops; this one gathers their public functions and gives Handle its methods."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from engine import handle
from engine.makers import COMPOSITES, PUBLIC
from engine.op import OPS
from engine.ops import arithmetic, bitwise, compare, index, linalg, shape

# Every module of this folder is part of the library: a new op is one file, or a few lines in one.
for _module in sorted(iter_modules(__path__), key=lambda found: found.name):
    import_module(f"{__name__}.{_module.name}")


def public_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the library by name: those of primitives, of composites, and the others."""
    found = {name: op.public for name, op in OPS.items() if not op.hidden}
    found |= {name: c.function for name, c in COMPOSITES.items()}
    return found | PUBLIC


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
    "and": (bitwise.both, True),
    "or": (bitwise.either, True),
    "xor": (bitwise.one, True),
    "lshift": (bitwise.bitwise_left_shift, True),
    "rshift": (bitwise.bitwise_right_shift, True),
    "matmul": (linalg.matmul, True),
}
_UNARY = {"neg": arithmetic.negative, "pos": arithmetic.positive, "invert": bitwise.inverted}
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
    "sort",
    "argsort",
    "topk",
    "kthvalue",
    "median",
    "quantile",
    "cummax",
    "cummin",
    "diagonal",
    "trace",
    "masked_fill",
    "scatter",
    "scatter_add",
    "index_add",
    "index_copy",
    "index_select",
    "take_along_axis",
    "dot",
    "outer",
]


def _install() -> None:
    functions = public_functions()
    handle.install_operators(_OPERATORS, _UNARY)
    handle.install_methods(
        {name: functions[name] for name in _METHODS} | {"__abs__": arithmetic.abs.public},
        {"get": index.getitem, "set": index.setitem},
    )
    handle.Handle.T = property(_transposed)  # type: ignore[attr-defined]
    handle.Handle.mT = property(shape.matrix_transpose)  # type: ignore[attr-defined]


def _transposed(self: Any) -> Any:
    return shape.permute_dims(self, tuple(reversed(range(self.ndim))))


_install()
__all__ = ["public_functions"]
