"""The neural ODE: a classifier whose depth is the time of a differential equation."""

from __future__ import annotations

from typing import Any

import tapegraph as tg
from tapegraph import nn
from tapegraph.models.mlp import MLP
from tapegraph.models.ode import odeint


class NeuralODE(nn.Module):
    """Points [n, features] flow for one unit of time along a learned field; a linear layer scores where they end: [n, classes].

    The field is an MLP of place and time. ``augment``: axes of zeros added to the points, so that trajectories need not
    cross (Dupont, Doucet and Teh 2019). ``steps``: of the classical Runge-Kutta method; ``method``, ``options``: of
    ``odeint``.

    Source: Chen, Rubanova, Bettencourt and Duvenaud 2018, "Neural ordinary differential equations". Gradients are those
    of the solver's steps, not of the adjoint equation.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        hidden: int = 32,
        *,
        augment: int = 1,
        steps: int = 8,
        method: str = "rk4",
        **options: Any,
    ) -> None:
        super().__init__()
        self.augment, self.steps, self.method, self.options = augment, steps, method, options
        self.field = MLP((features + augment + 1, hidden, features + augment), nn.Tanh)
        self.head = nn.Linear(features + augment, classes)

    def slope(self, t: Any, y: Any) -> Any:
        """The velocity at places y [n, features + augment] and time t."""
        return self.field(tg.concat([y, tg.broadcast_to(t, (y.shape[0], 1))], axis=1))

    def flow(self, x: Any) -> Any:
        """Where the points are at time 0, 1 / steps, .. 1: [steps + 1, n, features + augment]."""
        y = tg.pad(x, ((0, 0), (0, self.augment)))
        times = tg.linspace(0.0, 1.0, self.steps + 1, dtype=y.dtype)
        return odeint(self.slope, y, times, method=self.method, **self.options)

    def forward(self, x: Any) -> Any:
        return self.head(self.flow(x)[-1])
