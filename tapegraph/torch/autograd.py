"""torch.autograd: gradients on demand, and functions with a gradient rule of one's own."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from engine import dispatch
from engine.custom import custom
from engine.op import apply
from engine.ops.dtype import astype
from tapegraph.testing import check_grads
from tapegraph.torch.backward import backward as _backward
from tapegraph.torch.backward import grad
from tapegraph.torch.cell import Cell, of, wrap
from tapegraph.torch.modes import enable_grad, inference_mode, no_grad, set_grad_enabled


class FunctionCtx:
    """What the forward of a Function leaves for its backward."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward, where they are ``ctx.saved_tensors``."""
        self._saved = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` was given."""
        return self._saved

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """These results get no gradient."""
        self._constant = [id(t) for t in tensors]

    def mark_dirty(self, *tensors: Any) -> None:
        """These arguments were changed in place."""

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward is given zeros where there is no gradient."""
        self.materialize_grads = value


class Function:
    """A function with its own gradient: ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, called by ``apply``.

    It means the same in both modes: inside a traced function both are written into the graph.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes; no gradients are recorded inside."""
        raise NotImplementedError("define forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """A gradient, or None, for each argument of forward."""
        raise NotImplementedError("define backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """The result of forward, tied to its arguments by backward."""
        ctx = FunctionCtx()
        tensors = [a for a in args if isinstance(a, Cell)]
        ctx.needs_input_grad = tuple(isinstance(a, Cell) and a.requires_grad for a in args)  # type: ignore[attr-defined]
        with no_grad():
            if "setup_context" in {n for c in cls.__mro__ if c is not Function for n in vars(c)}:
                found = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, found)  # type: ignore[attr-defined]
            else:
                found = cls.forward(ctx, *args, **kwargs)
        if not any(ctx.needs_input_grad) or not dispatch.current().grad_enabled:
            return found
        several = isinstance(found, tuple | list)
        results = [dispatch.current().detach(of(r)) for r in (found if several else (found,))]

        def back(inputs: Any, residuals: Any, gs: list[Any]) -> list[Any]:
            given = cls.backward(ctx, *map(wrap, gs))
            given = given if isinstance(given, tuple | list) else (given,)
            parts = [of(g) for g, a in zip(given, args) if isinstance(a, Cell)]
            return [p if p is None or p.dtype == o.dtype else astype(p, o.dtype) for p, o in zip(parts, inputs)]

        operands = (*map(of, tensors), *results)
        tied = wrap(apply(custom, *operands, inputs=len(tensors), outputs=len(results), back=back))
        constant = getattr(ctx, "_constant", ())
        tied = tuple(f if id(f) in constant else t for t, f in zip(tied, found if several else (found,)))
        return tied if several else tied[0]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: Any = None,
    create_graph: bool = False,
    inputs: Any = None,
    **_: Any,
) -> None:
    """Accumulate the gradients of the sum of ``tensors`` into the leaves."""
    roots = [tensors] if isinstance(tensors, Cell) else list(tensors)
    given = [grad_tensors] if grad_tensors is None or isinstance(grad_tensors, Cell) else list(grad_tensors)
    _backward(roots, given if len(given) == len(roots) else given * len(roots), create_graph, inputs)


def gradcheck(
    func: Callable[..., Any], inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, **_: Any
) -> bool:
    """Compare gradients with finite differences; raises AssertionError where they differ. Takes float64 tensors."""
    given = [inputs] if isinstance(inputs, Cell) else list(inputs)
    check_grads(lambda *values: of(func(*map(wrap, values))), [np.asarray(of(v)) for v in given], order=1)
    return True


def gradgradcheck(func: Callable[..., Any], inputs: Any, *_: Any, **__: Any) -> bool:
    """Compare gradients of gradients with finite differences; raises AssertionError where they differ."""
    given = [inputs] if isinstance(inputs, Cell) else list(inputs)
    check_grads(lambda *values: of(func(*map(wrap, values))), [np.asarray(of(v)) for v in given], order=2)
    return True


class Variable:
    """The name of tensors before PyTorch 0.4: ``Variable(x)`` is ``x``."""

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        return data.requires_grad_() if requires_grad else data


class set_detect_anomaly:
    """Accepted for programs that ask for it; ``tg.debug.detect_nonfinite()`` finds where a NaN is born, at the user's line."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        pass

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: Any) -> None:
        return None


detect_anomaly = set_detect_anomaly
function = SimpleNamespace(Function=Function, FunctionCtx=FunctionCtx, once_differentiable=lambda f: f)
__path__: list[str] = []  # functional, function and variable are imported from it; see elsewhere
__all__ = [
    "Function",
    "FunctionCtx",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
