"""A gate: values go through unchanged, and a Python rule sees and may replace the gradients that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.lowering import Loop, Scalar
from engine.op import Op, Sample, apply
from engine.ops.create import full
from engine.spec import DType, Spec

# A ticket is made from all values, then each value passes together with the ticket. In the reverse pass the passes
# come first and leave their gradients at the ticket, whose turn comes once, after all of them.


def _alone(gradients: list[Any]) -> Sequence[Any]:
    return gradients


class Ticket:
    """Gradients on their way back through a gate, and the rule they meet there: as many in, as many out."""

    def __init__(self, count: int, rule: Callable[[list[Any]], Sequence[Any]]) -> None:
        self.rule = rule
        self.arrived: list[Any] = [None] * count

    def leave(self, number: int, gradient: Any) -> None:
        """The gradient of one value has come back."""
        self.arrived[number] = gradient

    def collect(self) -> Sequence[Any]:
        """All have come back: what goes on to the values."""
        arrived, self.arrived = self.arrived, [None] * len(self.arrived)
        return self.rule(arrived)


def _ticket_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Any]]:
    arrays = ", ".join(f"a{i}" for i in range(len(specs)))
    return f"def kernel({arrays}, o):\n    o[0] = 0\n    return 0\n", []


def _ticket_vjp(g: Any, y: Any, *values: Any, ticket: Ticket) -> list[Any]:
    return list(ticket.collect())


def _pass_vjp(g: Any, y: Any, x: Any, token: Any, ticket: Ticket | None, number: int) -> list[Any]:
    if ticket is None:
        return [g, None]
    ticket.leave(number, g)
    return [None, full(token.shape, 0.0, dtype=token.dtype)]


def _ticket_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((rng.uniform(-3, 3, (2, 3)).astype(dtype), np.ones(2, dtype)), {"ticket": Ticket(2, _alone)})]


_ticket = Op(
    "gate_ticket",
    lambda *values, ticket: np.zeros((), values[0].dtype),
    lambda *values, ticket: Spec((), values[0].dtype),
    vjp=_ticket_vjp,
    lower=Loop(_ticket_text),
    batch="ticket",
    accepts=dtypes.FLOATS,
    casts=None,
    keeps="",
    samples=_ticket_samples,
    doc="A zero that stands for several values whose gradients are to arrive together.",
    hidden=True,
)
_pass = Op(
    "gate_pass",
    lambda x, token, ticket, number: x,
    lambda x, token, ticket, number: Spec(x.shape, x.dtype),
    vjp=_pass_vjp,
    lower=Scalar("{0}"),
    batch="shift",
    accepts=dtypes.FLOATS,
    casts=None,
    keeps="",
    samples=lambda rng, dtype: [
        Sample((rng.uniform(-3, 3, (2, 3)).astype(dtype), np.zeros((), dtype)), {"ticket": None, "number": 0})
    ],
    doc="x itself, whose gradient is left at the gate's ticket, or goes on where there is none.",
    hidden=True,
)


def gate(values: Sequence[Any], rule: Callable[[list[Any]], Sequence[Any]]) -> list[Any]:
    """``values`` (float handles), whose gradients go through ``rule`` on their way back, once for each reverse pass.

    ``rule`` takes a list of the gradients, None where none arrives, and returns as many: handles of the values' shapes,
    or None. It is called in both modes, in static mode while the graph is built.
    """
    ticket = Ticket(len(values), rule)
    token = apply(_ticket, *values, ticket=ticket)
    return [apply(_pass, x, token, ticket=ticket, number=i) for i, x in enumerate(values)]
