"""The makers that fill in an op from its NumPy kernel, and the register of functions written over ops."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import FACES
from engine.landing import entrance
from engine.lowering import Fold, Scalar
from engine.op import Op, Samples, Trait
from engine.sizes import Shape
from engine.spec import DType, Spec, broadcast


def dtype_of(a: Any, like: DType | None = None) -> DType:
    """The dtype of an operand; a weak scalar takes that of the arrays beside it."""
    if hasattr(a, "dtype"):
        found: DType = a.dtype
        return found
    return like if like is not None else dtypes.default_dtype(a)


def shape_of(a: Any) -> Shape:
    """The shape of an operand; a scalar has none."""
    return a.shape if hasattr(a, "shape") else ()


_results: dict[tuple[Any, ...], DType] = {}


def probe(kernel: Callable[..., Any], *operand_dtypes: DType, **attrs: Any) -> DType:
    """The dtype NumPy gives the result, found by running the kernel once on one-element arrays."""
    key = (kernel, operand_dtypes, tuple(sorted(attrs.items())))
    found = _results.get(key)
    if found is None:
        with np.errstate(all="ignore"):
            out = kernel(*(np.ones((1,), d) for d in operand_dtypes), **attrs)
        found = _results[key] = np.asarray(out).dtype
    return found


def elementwise(
    kernel: Callable[..., Any],
    arity: int,
    *,
    name: str | None = None,
    lower: str | Scalar | None = None,
    expensive: bool = False,
    traits: Iterable[Trait] = (),
    doc: str = "",
    **rest: Any,
) -> Op:
    """An op on matching elements: shapes broadcast, the dtype is what NumPy's kernel gives."""

    def infer(*args: Any) -> Spec:
        like = next(a.dtype for a in args[op.casts or slice(0)] if hasattr(a, "dtype"))
        # Only operands outside the promotion (the condition of ``where``) keep a dtype of their own.
        operand_dtypes = [dtype_of(a, like) for a in args]
        return Spec(broadcast(*(shape_of(a) for a in args)), probe(kernel, *operand_dtypes))

    op = Op(
        name or kernel.__name__,
        _of_one(kernel) if arity == 1 and isinstance(kernel, np.ufunc) else kernel,
        infer,
        lower=Scalar(lower, expensive) if isinstance(lower, str) else lower,
        traits=(Trait.ELEMENTWISE, *traits),
        doc=doc,
        **rest,
    )
    op.arity = arity
    op.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in ("x1", "x2", "x3")[:arity]]
        if arity > 1
        else [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
    )
    FACES[op.name] = op
    return op


def _of_one(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    """A unary NumPy function that takes no second operand, which would be an array to write to."""
    return lambda x: ufunc(x)


def reduction(name: str, ufunc_reduce: Callable[..., Any], lower: Fold | None, *, doc: str, **rest: Any) -> Op:
    """An op that folds axes; the result keeps them with size 1 (the public function squeezes them)."""

    def kernel(x: Any, axis: tuple[int, ...]) -> Any:
        return ufunc_reduce(x, axis=axis, keepdims=True)

    def infer(x: Any, axis: tuple[int, ...]) -> Spec:
        shape = tuple(1 if i in axis else n for i, n in enumerate(x.shape))
        return Spec(shape, probe(kernel, x.dtype, axis=(0,)))

    return Op(name, kernel, infer, lower=lower, traits=(Trait.REDUCTION,), doc=doc, **rest)


@dataclass(frozen=True)
class Composite:
    """A public function over ops, with the samples its generated tests use."""

    name: str
    function: Callable[..., Any]
    samples: Samples | None
    errors: Samples | None
    onnx: str | None
    accepts: frozenset[DType]
    smooth: bool


COMPOSITES: dict[str, Composite] = {}


def composite(
    *,
    samples: Samples | None = None,
    errors: Samples | None = None,
    onnx: str | None = None,
    accepts: frozenset[DType] = dtypes.FLOATS,
    smooth: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function over ops in the op table; autodiff, both modes and the compiler come for free."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if name in COMPOSITES:
            raise ValueError(f"a composite named {name} exists already")
        function = entrance(function)
        FACES[name] = function
        COMPOSITES[name] = Composite(name, function, samples, errors, onnx, accepts, smooth)
        return function

    return register


PUBLIC: dict[str, Callable[..., Any]] = {}


def public(function: Any) -> Any:
    """Register a function of the package that has no samples of its own: creation, random draws, eager-only functions."""
    found = entrance(function) if inspect.isfunction(function) else function
    PUBLIC[function.__name__] = FACES[function.__name__] = found
    return found


def publish(op: Op) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function the public face of a primitive op: it normalises arguments and applies the op."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if not function.__doc__:
            function.__doc__ = op.__doc__
        op.public = FACES[op.name] = entrance(function)
        return op.public

    return register
