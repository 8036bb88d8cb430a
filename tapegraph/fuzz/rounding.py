"""Random rounding: an eager mode whose results are off by a few last bits, to tell an ill-conditioned value from a wrong one.

Two orders of adding, or two polynomials for exp, differ in last bits; what a program makes of that may be large (a floor, a sort, a
difference of equals). A program is run several times with every computed result changed at random in its last bits: a value
that the modes disagree about by more than these runs do is not explained by rounding.
Source: Monte Carlo arithmetic (Parker 1997); discrete stochastic arithmetic (Vignes 1993).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eager.interpreter import Eager
from eager.tensor import Tensor
from engine import dispatch
from engine.handle import Handle
from engine.lowering import Assemble, View
from engine.op import Op, Trait
from tapegraph.fuzz.outcome import Maker, Outcome, run

ULPS = 8  # how far a result is moved, in units of eps: twice what a polynomial of ours may be off
FACTOR = 8  # how much further than these runs the modes may be apart
RUNS, MORE = 6, 24  # so many runs, and so many more before a difference is believed


class Rounding(Eager):
    """Eager mode in which every float that is computed, not only moved, is off by up to ULPS times eps at random."""

    def __init__(self, rng: np.random.Generator, grad_enabled: bool = True) -> None:
        super().__init__(grad_enabled)
        self.rng = rng
        self.other: Rounding | None = None

    def with_grad(self, enabled: bool) -> Any:
        """The same mode with or without the tape."""
        if enabled == self.grad_enabled:
            return self
        if self.other is None:
            self.other = Rounding(self.rng, enabled)
            self.other.other = self
        return self.other

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        alone = Trait.ELEMENTWISE in op.traits
        # Sums and products of many elements may be added in any order, which matters as much as last bits of these do.
        moved = args if alone else tuple(self._shifted(a) for a in args)
        found = super().apply(op, args, attrs)
        results = found if isinstance(found, tuple) else (found,)
        if not all(_only_moved(r, args) for r in results):
            if not alone:
                found = super().apply(op, moved, attrs)
                results = found if isinstance(found, tuple) else (found,)
            for result in results:
                if _computed(result):
                    result._value = self._off(result._value)
        if not isinstance(op.lower, View | Assemble):
            for result in results:  # rewrites may change the sign of a zero, too: x + 0 is x
                if _computed(result):
                    flipped = np.copysign(result._value, self.rng.choice((-1.0, 1.0), result.shape))
                    result._value = np.where(result._value == 0, flipped, result._value).astype(result.dtype)
        return found

    def _shifted(self, a: Any) -> Any:
        return Tensor(self._off(a._value), self.record(a)) if _computed(a) else a

    def _off(self, value: Any) -> Any:
        u = self.rng.uniform(0.5, 1, value.shape) * self.rng.choice((-1.0, 1.0), value.shape)
        with np.errstate(all="ignore"):
            return np.asarray(value * (1 + ULPS * float(np.finfo(value.dtype).eps) * u), value.dtype)


def _computed(a: Any) -> bool:
    return isinstance(a, Handle) and a._value is not None and a._value.dtype.kind == "f"  # type: ignore[attr-defined]


def _only_moved(result: Any, args: tuple[Any, ...]) -> bool:
    """Whether every element of the result is one of an operand's, or its negative, or 0 or 1."""
    if not _computed(result):
        return True
    known = [np.ravel(a._value) for a in args if isinstance(a, Handle)] + [np.array([0.0, 1.0])]
    known += [np.array([float(a)]) for a in args if isinstance(a, bool | int | float)]
    value = result._value
    finite = np.abs(value[np.isfinite(value)])
    return bool(np.isin(finite, np.abs(np.concatenate([k.astype(value.dtype) for k in known]))).all())


def runs(text: str, count: int, seed: int, base: Maker) -> list[Outcome]:
    """The outcomes of a program under random rounding."""
    found = []
    for number in range(count):
        with dispatch.interpret(Rounding(np.random.default_rng((seed, number)))):
            found.append(run(text, base))
    return found
