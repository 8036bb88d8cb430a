"""Op, the one record that holds all that is known of an operation."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

import numpy as np

from engine import dispatch, dtypes, tree
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.handle import Handle, is_scalar
from engine.landing import MISTAKES, clear
from engine.lowering import Lowering
from engine.record import NO_ATTRS
from engine.sizes import Dim, show_shape
from engine.spec import DType, Incompatible, Several, Spec


class Trait(Enum):
    """What generic code may assume of an op; rules and passes match on these, not on names."""

    COMMUTATIVE = auto()
    ELEMENTWISE = auto()
    REDUCTION = auto()
    VIEW = auto()
    RANDOM = auto()  # reads bits from a key and a counter: still a pure function of its operands


@dataclass(frozen=True)
class Sample:
    """Arguments for a generated test: arrays and scalars, attributes of the public function."""

    args: tuple[Any, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    error: type[Exception] | None = None


Rule = Callable[..., Any]
Infer = Callable[..., Any]  # a Spec, or a list of them
Samples = Callable[[np.random.Generator, DType], Iterable[Sample]]


class Op:
    """An operation. Calling it applies it in the current mode.

    kernel    the meaning: NumPy arrays (and Python scalars) to a NumPy array
    infer     specs of the operands (and attrs) to the spec of the result
    vjp       for each operand None or ``rule(g, y, *operands, **attrs)``, written in ops (or one rule for all)
    jvp       the tangent of the result, ``rule(ts, y, *operands, **attrs)``; needed only where the gradient rule cannot
              be transposed
    batch     how vmap applies it to a whole batch: a way of ``engine.batching``, or the name of one; needed where it is
              neither elementwise nor a reduction, else it runs entry by entry
    lower     how the compiler makes native code of it; None means it calls back into the kernel
    expand    the same written in other ops: a graph holds those instead, so that they fuse with what is around them
    accepts   the dtypes its promoted operands may have; ``floating`` casts integers to the default float first
    casts     which operands take part in promotion
    keeps     what its gradient rules look at: "x" operands, "y" the result, "xy", or ""
    order     precedence in the termination proof of rewriting: rules go from greater to smaller
    domain    an interval for each operand from which tests may sample, where gradients are smooth
    many      it has several results: the kernel returns a tuple, infer a list, and the one gradient rule takes lists,
              ``rule(gs, ys, *operands, **attrs)`` with None in gs where no gradient arrives
    hidden    part of other functions only: the package has no function of this name
    """

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        infer: Infer,
        *,
        vjp: Sequence[Rule | None] | Rule = (),
        jvp: Rule | None = None,
        batch: str | Callable[..., Any] | None = None,
        lower: Lowering | None = None,
        expand: Callable[..., Any] | None = None,
        onnx: str | None = None,
        accepts: frozenset[DType] = dtypes.COMPUTED,
        floating: bool = False,
        casts: slice | None = slice(None),
        keeps: str = "x",
        order: int = 10,
        domain: tuple[tuple[float, float], ...] = (),
        traits: Iterable[Trait] = (),
        samples: Samples | None = None,
        errors: Samples | None = None,
        many: bool = False,
        hidden: bool = False,
        doc: str = "",
    ) -> None:
        self.name = name
        self.kernel = kernel
        self.infer = infer
        # One rule for each operand, or (for a variable number of them) one rule that returns all gradients.
        self.vjp_together = callable(vjp)
        self.vjp: tuple[Rule | None, ...] = (vjp,) if callable(vjp) else tuple(vjp)
        self.jvp = jvp
        self.batch = batch
        self.lower = lower
        self.expand = expand
        self.onnx = onnx
        self.accepts = accepts
        self.floating = floating
        self.casts = casts
        self.keeps_x = "x" in keeps
        self.keeps_y = "y" in keeps
        self.order = order
        self.domain = domain
        self.traits = frozenset(traits)
        # What eager mode asks of each call: the dtypes that need no cast, and whether rules may miss even the shapes.
        self.direct = frozenset() if casts is None else accepts & dtypes.FLOATS if floating else accepts
        self.many = many
        self.arity: int | None = None  # how many operands there must be, where a maker knows
        self.whole = casts == slice(None) and not many
        self.shapeless = Trait.ELEMENTWISE in self.traits and not self.keeps_x
        self.samples = samples
        self.errors = errors
        self.hidden = hidden
        self.public: Callable[..., Any] = self
        self.__name__ = name
        self.__doc__ = doc
        self.place = _defined()
        if name in OPS:
            raise ValueError(f"an op named {name} exists already")
        OPS[name] = self

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        try:
            return dispatch.current().apply(self, args, attrs)
        except MISTAKES as error:
            clear(error)
            raise

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def prepare(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands as handles and weak scalars of one dtype, with the casts written as ops of their own."""
        interpreter = dispatch.current()
        arity = self.arity
        if arity is not None and len(args) != arity:
            raise ArgumentError(
                f"takes {arity} operand{'s' * (arity > 1)}, not {len(args)}", op=self.name, operands=args
            )
        ready = [a if isinstance(a, Handle) or is_scalar(a) else as_handle(a) for a in args]
        if self.casts is None:
            return tuple(ready)
        chosen = range(*self.casts.indices(len(ready)))
        arrays = [ready[i] for i in chosen if isinstance(ready[i], Handle)]
        ranks = [dtypes.scalar_rank(ready[i]) for i in chosen if not isinstance(ready[i], Handle)]
        if arrays:
            target = dtypes.promote(*(a.dtype for a in arrays))
            if target is None:
                raise DTypeError(
                    "uint64 and signed integers have no common integer dtype",
                    op=self.name,
                    operands=args,
                    fix="cast one of them with astype",
                )
            for rank in ranks:
                target = dtypes.with_scalar(target, rank)
        else:
            target = max((dtypes.default_dtype(ready[i]) for i in chosen), key=dtypes.kind_rank)
        if self.floating and dtypes.kind_rank(target) < 2:
            target = dtypes.DEFAULT_FLOAT
        if target not in self.accepts:
            self._refuse(target, args)
        for i in chosen:
            a = ready[i]
            if isinstance(a, Handle):
                if a.dtype != target:
                    ready[i] = CAST(a, dtype=target)
            else:
                ready[i] = _weak(a, target, self, args)
        if not any(isinstance(ready[i], Handle) for i in chosen):
            ready[chosen[0]] = interpreter.asarray(ready[chosen[0]], target)
        return tuple(ready)

    def _refuse(self, dtype: DType, args: tuple[Any, ...]) -> None:
        names = ", ".join(sorted(d.name for d in self.accepts))
        fix = (
            "cast with x.astype('float32') first"
            if dtype == dtypes.float16
            else "use logical_and, logical_or or where, or cast with astype"
            if dtype == dtypes.bool_
            else "cast with astype"
        )
        raise DTypeError(f"takes {names}, not {dtype.name}", op=self.name, operands=args, fix=fix)

    @cached_property
    def looks(self) -> list[list[bool]]:
        """For each gradient rule, whether it reads the result and each operand: it may get None for the others."""
        return [[] if rule is None else _looked_at(rule) for rule in self.vjp]

    def inferred(self, args: Sequence[Any], attrs: dict[str, Any]) -> Spec | Several:
        """What ``infer`` says; raises Incompatible for shapes that do not fit."""
        found: Any = self.infer(*args, **attrs)
        return Several(found) if self.many else found

    def spec(self, args: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """The spec of the result (of each, where there are several); raises the user's mistake at the user's line."""
        try:
            return self.inferred(args, attrs)
        except Incompatible as mistake:
            raise ShapeError(
                f"shapes {' and '.join(_shape_text(a) for a in args)} do not fit: {mistake}",
                op=self.name,
                operands=args,
                fix=_shape_fix(self.name, args),
            ) from None


def _looked_at(rule: Rule) -> list[bool]:
    """Which of the result and two operands the code of a gradient rule names."""
    code = getattr(rule, "__code__", None)
    if code is None or code.co_argcount < 3:
        return [True] * 3
    named: set[Any] = set()
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        named.update(value if isinstance(value, tuple) else [value] if isinstance(value, str) else [])
    return [name in named for name in code.co_varnames[1 : code.co_argcount]] + [True]


_MAKERS = ("engine/op.py", "engine/makers.py", "tapegraph/extend.py")
_LIBRARY = "engine/ops/"


def _defined() -> tuple[str, int]:
    """File and line where the op under construction is written: the first frame outside the makers, and in the op library
    outside its helpers too."""
    frame = sys._getframe(2)
    while frame.f_back is not None and (
        frame.f_code.co_filename.endswith(_MAKERS)
        or (_LIBRARY in frame.f_code.co_filename and frame.f_code.co_name != "<module>")
    ):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


OPS: dict[str, Op] = {}
# Set where they are defined, because promotion needs them: the astype op, and the function that joins handles.
CAST: Any = None
STACK: Any = None


def _weak(value: Any, target: DType, op: Op, args: tuple[Any, ...]) -> Any:
    """A Python scalar in the kind of ``target``; a named size becomes an array of its value."""
    if isinstance(value, Dim):
        return dispatch.current().asarray(value, target)
    if target.kind == "f":
        return float(value)
    if target.kind == "b":
        return bool(value)
    limits = np.iinfo(target)
    if not limits.min <= value <= limits.max:
        raise DTypeError(
            f"the number {value} does not fit into {target.name}",
            op=op.name,
            operands=args,
            fix="cast the array to a wider dtype with astype",
        )
    return int(value)


def _shape_text(a: Any) -> str:
    return show_shape(a.shape) if hasattr(a, "shape") else repr(a)


def _shape_fix(op: str, args: Sequence[Any]) -> str:
    if op == "matmul":
        return "columns of the first must match rows of the second; turn one of them with .mT, or swap them"
    shapes = [a.shape for a in args if hasattr(a, "shape")]
    if len(shapes) == 2 and {len(shapes[0]), len(shapes[1])} == {1, 2}:
        short, long = sorted(shapes, key=len)
        if show_shape(short[:1]) == show_shape(long[:1]):
            return "to align it with axis 0, give the vector a second axis: expand_dims(v, axis=1)"
    return "shapes are compared from the last axis; each pair of sizes must be equal or one of them 1"


def as_handle(x: Any) -> Any:
    """``x`` as a handle of the current mode; nested lists that hold handles are stacked, so that gradients flow."""
    if isinstance(x, Handle):
        return x
    if holds_handle(x):
        return STACK(x)
    return dispatch.current().asarray(x, None)


def handles(values: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts as handles of the current mode."""
    return [as_handle(v) for v in tree.leaves(values)]


def holds_handle(x: Any) -> bool:
    """Whether ``x`` is a handle or nested lists with one in them."""
    return isinstance(x, Handle) or (isinstance(x, list | tuple) and any(map(holds_handle, x)))


def apply(op: Op, *args: Any, **attrs: Any) -> Any:
    """Apply a primitive whose arguments are already normalised."""
    return dispatch.current().apply(op, args, attrs or NO_ATTRS)
