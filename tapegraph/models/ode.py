"""Ordinary differential equations solved by Runge-Kutta methods, through which gradients flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tapegraph as tg
from engine.errors import ArgumentError

Slope = Callable[[Any, Any], Any]

# Dormand and Prince 1980: nodes, stages, and the difference of the solutions of order 5 and 4.
_NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def odeint(
    slope: Slope,
    y: Any,
    t: Any,
    *,
    method: str = "rk4",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int | None = None,
) -> Any:
    """The solution of dy/dt = slope(t, y) that begins with ``y`` at t[0], at each of the times t: [len(t), *y.shape].

    slope: of a time (0-d) and a value like y to its derivative. t: [times], rising or falling; at least two; cast to
    the dtype of y.
    ``method``: "rk4", one step of the classical method of order 4 (Kutta 1901) from each time to the next; or "dopri5",
    as many steps of the method of order 5 of Dormand and Prince (1980) as keep the estimated error of each below atol +
    rtol * |y| (root of the mean square, Hairer, Nørsett and Wanner 1993). ``max_steps``: how many dopri5 may take
    between two times; where they do not suffice the result is NaN. Gradients in static mode need it. Gradients do not
    flow through the choice of steps. In static mode all of it is a native loop. Raises ArgumentError for another
    method.
    """
    if method not in ("rk4", "dopri5"):
        raise ArgumentError(f"method must be 'rk4' or 'dopri5', not {method!r}", op="odeint")
    y = tg.asarray(y)
    t = tg.astype(tg.asarray(t), y.dtype)

    def between(y: Any, times: Any) -> Any:
        start, stop = times
        y = (
            rk4(slope, start, y, stop - start)
            if method == "rk4"
            else adaptive(slope, start, y, stop, rtol, atol, max_steps)
        )
        return y, y

    _, ys = tg.scan(between, y, (t[:-1], t[1:]))
    return tg.concat([y[None], ys])


def rk4(slope: Slope, t: Any, y: Any, h: Any) -> Any:
    """One step of length h of the classical Runge-Kutta method."""
    k1 = slope(t, y)
    k2 = slope(t + h / 2, y + k1 * (h / 2))
    k3 = slope(t + h / 2, y + k2 * (h / 2))
    k4 = slope(t + h, y + k3 * h)
    return y + (k1 + 2.0 * k2 + 2.0 * k3 + k4) * (h / 6)


def adaptive(slope: Slope, t: Any, y: Any, stop: Any, rtol: float, atol: float, max_steps: int | None) -> Any:
    """From t to ``stop`` by Dormand and Prince's method, with steps as long as the error allows."""

    def norm(x: Any, y: Any) -> Any:
        return tg.sqrt(tg.mean(tg.square(x / (atol + rtol * tg.abs(y)))))

    def step(carry: Any) -> Any:
        t, y, h, first = carry
        left = stop - t
        last = tg.abs(h) >= tg.abs(left)
        h = tg.stop_gradient(tg.where(last, left, h))
        slopes = [first]
        new = y
        for node, weights in zip(_NODES, _STAGES, strict=True):
            new = y + h * _weighted(weights, slopes)
            slopes.append(slope(t + h * node, new))
        error = tg.stop_gradient(norm(h * _weighted(_ERROR, slopes), tg.maximum(tg.abs(y), tg.abs(new))))
        good = error <= 1.0
        # The error grows as h**5. A step that gave NaN is tried again with a fifth of its length.
        factor = tg.where(tg.isfinite(error), tg.clip(0.9 * (error + 1e-10) ** -0.2, 0.2, 5.0), 0.2)
        return (
            tg.where(good, tg.where(last, stop, t + h), t),
            tg.where(good, new, y),
            h * factor,
            tg.where(good, slopes[-1], first),  # the last slope of a step is the first one of the next
        )

    first = slope(t, y)
    guess = 0.01 * tg.maximum(norm(y, y), 1e-3) / tg.maximum(norm(first, y), 1e-3)
    h = tg.stop_gradient(tg.minimum(guess, tg.abs(stop - t)) * tg.sign(stop - t))
    t, y, _, _ = tg.while_loop(lambda carry: carry[0] != stop, step, (t, y, h, first), max_steps=max_steps)
    return tg.where(t == stop, y, tg.nan)


def _weighted(weights: tuple[float, ...], slopes: list[Any]) -> Any:
    return sum(w * k for w, k in zip(weights, slopes, strict=True) if w)
