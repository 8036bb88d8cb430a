"""Ops of your own: kernel, spec and gradient in one place, and from there on an op like any other, in both modes.

    from tapegraph import extend

    @extend.op(spec=lambda x: extend.Spec(x.shape, x.dtype), vjp=lambda g, y, x: g * 3.0 * x * x)
    def cube(x):
        return x**3

A kernel takes and returns NumPy arrays and is the op's meaning. Without ``lower`` a compiled function calls back into it
(``explain()`` says so); with a scalar template or a loop it becomes native code and fuses with its neighbours. Names are
those of one table, in which two ops cannot share one. ``elementwise``, ``reduction`` and ``composite`` derive more by
themselves; ``tapegraph.testing.check_op`` holds kernel, spec, gradient and native code against each other.

``extend.rule`` adds an equation of your own to those by which graphs are rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine import dtypes
from engine.errors import FACES, ArgumentError
from engine.lowering import Assemble, Fold, Loop, Lowering, Scalar, View
from engine.makers import composite, elementwise, reduction
from engine.op import OPS, Op, Sample, Trait
from engine.spec import Incompatible, Spec
from graph.pattern import Attr, Const, ops
from graph.rulebook import RuleError
from tapegraph.rules import forget, rule

Rule = Callable[..., Any]


def op(
    *,
    spec: Callable[..., Any],
    vjp: Sequence[Rule | None] | Rule | None = None,
    jvp: Rule | None = None,
    lower: Lowering | str | None = None,
    name: str | None = None,
    many: bool = False,
    batch: str | Rule | None = None,
    accepts: frozenset[Any] = dtypes.COMPUTED,
    floating: bool = False,
    casts: slice | None = slice(None),
    samples: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Op]:
    """Make an op of the NumPy function below.

    spec      the operands (with ``shape`` and ``dtype``) and attributes to a ``Spec``; a list of them with ``many``.
              Raise ``Incompatible("why")`` for shapes that do not fit: the user's line and operands are told with it
    vjp       for each operand None or ``rule(g, y, *operands, **attrs)``, written in ops so that it can be
              differentiated again; a single function where there is one operand. With ``many`` one function
              ``rule(gs, ys, *operands, **attrs)`` that returns the cotangents of all operands
    jvp       the tangent, where the gradient rule cannot be transposed
    lower     ``Scalar("{0} * {0}")`` for one element from one element of each operand, ``Loop`` for a loop of its own,
              or None
    batch     how ``vmap`` applies it to a batch: "leading" for an op on the last axes, "shift" where attributes count
              axes; without it entries are computed one by one
    accepts   the dtypes operands may have; ``floating`` casts integers to the default float first
    casts     which operands are promoted to one dtype; None for none

    Attributes are keyword arguments of the kernel. Raises ArgumentError for a name that is taken.
    """

    def make(kernel: Callable[..., Any]) -> Op:
        label = name or kernel.__name__
        if label in OPS:
            raise ArgumentError(f"there is an op named {label!r} already", op="extend.op", fix="pass another name=")
        rules: Any = vjp
        if vjp is None:
            rules = ()
        elif callable(vjp) and not many:
            rules = (vjp,)
        made = Op(
            label,
            kernel,
            spec,
            vjp=rules,
            jvp=jvp,
            lower=Scalar(lower) if isinstance(lower, str) else lower,
            many=many,
            batch=batch,
            accepts=accepts,
            floating=floating,
            casts=casts,
            samples=samples,
            keeps="xy",
            hidden=True,  # it is the caller's name, not one of the package
            doc=kernel.__doc__ or "",
        )
        FACES[label] = kernel
        return made

    return make


__all__ = [
    "Assemble",
    "Attr",
    "Const",
    "Fold",
    "Incompatible",
    "Loop",
    "Op",
    "RuleError",
    "Sample",
    "Scalar",
    "Spec",
    "Trait",
    "View",
    "composite",
    "dtypes",
    "elementwise",
    "forget",
    "op",
    "ops",
    "reduction",
    "rule",
]
