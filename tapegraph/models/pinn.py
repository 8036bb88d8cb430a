"""Physics-informed networks: a network is a function, and trained to satisfy a differential equation."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegraph as tg
from tapegraph import nn
from tapegraph.models.mlp import MLP


class PINN(nn.Module):
    """A smooth function of coordinates: [..., dimensions] to [...]; an MLP with tanh.

    Source: Raissi, Perdikaris and Karniadakis 2019, "Physics-informed neural networks".
    """

    def __init__(self, dimensions: int, hidden: int = 32, layers: int = 2) -> None:
        super().__init__()
        self.network = MLP((dimensions, *[hidden] * layers, 1), nn.Tanh)

    def forward(self, points: Any) -> Any:
        return self.network(points)[..., 0]

    def derivatives(self, points: Any, axis: int) -> tuple[Any, Any, Any]:
        """Of each point [n, d]: value [n], gradient [n, d], and second derivative [n] along one axis.

        Written for one point, the gradient being a function that is differentiated again, and applied to all at once.
        """
        along = np.eye(points.shape[1], dtype=points.dtype)[axis]

        def at(point: Any) -> tuple[Any, Any, Any]:
            gradient, pull = tg.vjp(tg.grad(self), point)
            (row,) = pull(along)  # of the matrix of second derivatives
            return self(point), gradient, row[axis]

        return tg.vmap(at)(points)


def poisson_residual(model: PINN, points: Any, source: Any) -> Any:
    """u'' + source at points [n, 1]; zero where u solves Poisson's equation -u'' = source."""
    _, _, second = model.derivatives(points, 0)
    return second + source


def burgers_residual(model: PINN, points: Any, viscosity: float) -> Any:
    """u_t + u u_x - viscosity * u_xx at points (t, x) [n, 2]; zero where u solves Burgers' equation."""
    u, gradient, second = model.derivatives(points, 1)
    return gradient[:, 0] + u * gradient[:, 1] - viscosity * second


def burgers_solution(points: Any, viscosity: float) -> Any:
    """The solution of Burgers' equation that begins as u(0, x) = -sin(pi x), at points (t, x): float64 [n, 2] to [n].

    By the transformation of Hopf (1950) and Cole (1951), integrated with 100 nodes of Gauss and Hermite.
    """
    nodes, weights = np.polynomial.hermite.hermgauss(100)
    t, x = points[:, :1], points[:, 1:]
    away = x - nodes * np.sqrt(4 * viscosity * t)
    share = weights * np.exp(-np.cos(np.pi * away) / (2 * np.pi * viscosity))
    return -(np.sin(np.pi * away) * share).sum(axis=1) / share.sum(axis=1)
