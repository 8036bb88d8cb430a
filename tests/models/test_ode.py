"""Differential equations: accuracy against exact solutions, gradients, and the same in both modes."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.models import NeuralODE, odeint
from tapegraph.testing import assert_modes_agree, check_grads

TURN = np.array([[0.0, 1.0], [-4.0, -0.2]])


def damped(t, y):
    return tg.matmul(TURN, y) + tg.sin(t)


def exact(t):
    integrate = pytest.importorskip("scipy.integrate")
    found = integrate.solve_ivp(
        lambda t, y: TURN @ y + np.sin(t), (t[0], t[-1]), [1.0, 0.5], method="DOP853", t_eval=t, rtol=1e-12, atol=1e-13
    )
    return found.y.T


def test_the_error_of_rk4_falls_with_the_fourth_power_of_the_step():
    errors = []
    for steps in (20, 40):
        t = np.linspace(0, 2, steps + 1)
        errors.append(np.abs(np.asarray(odeint(damped, np.array([1.0, 0.5]), t)) - exact(t)).max())
    assert 14 < errors[0] / errors[1] < 18


@pytest.mark.parametrize("t", [np.linspace(0, 3, 5), np.linspace(3, 0, 5)], ids=["forward", "backward"])
def test_adaptive_steps_keep_the_error_small_in_both_modes(t):
    def run(t, y):
        return odeint(damped, y, t, method="dopri5", rtol=1e-8, atol=1e-10)

    rising = np.sort(t)
    wanted = exact(rising) if t[0] < t[-1] else exact(rising)[::-1]
    for f in (run, tg.compile(run)):
        np.testing.assert_allclose(np.asarray(f(t, wanted[0].copy())), wanted, rtol=1e-6, atol=1e-7)


def test_adaptive_steps_are_as_many_as_the_tolerance_asks_for():
    def evaluations(rtol):
        calls = []

        def slope(t, y):
            calls.append(1)
            return damped(t, y)

        odeint(slope, np.array([1.0, 0.5]), np.array([0.0, 3.0]), method="dopri5", rtol=rtol, atol=rtol)
        return len(calls)

    assert evaluations(1e-3) < evaluations(1e-6) < evaluations(1e-9) < 2000


@pytest.mark.parametrize("how", [{}, {"method": "dopri5", "rtol": 1e-9, "max_steps": 20}], ids=["rk4", "dopri5"])
def test_gradients_flow_through_the_solver(how):
    def last(y, rate):
        return tg.sum(odeint(lambda t, y: tg.sin(y) * rate - t, y, np.linspace(0, 1, 3), **how)[-1] ** 2)

    y, rate = np.array([0.3, -0.7]), np.array(1.3)
    check_grads(last, [y, rate], order=1, rtol=1e-5)
    assert_modes_agree(tg.grad(last, (0, 1)), y, rate, rtol=1e-9)


def test_too_few_steps_give_nan():
    y = np.array([1.0, 0.5])
    short, enough = (
        np.asarray(odeint(damped, y, np.array([0.0, 1.0, 1.0]), method="dopri5", max_steps=steps)) for steps in (3, 40)
    )
    assert np.isnan(short[1:]).all() and np.isfinite(enough).all()
    np.testing.assert_array_equal(enough[2], enough[1])


def test_neural_ode_flows_the_same_way_by_either_method():
    tg.manual_seed(0)
    fixed = NeuralODE(2, 2, 8, steps=32).double()
    adapting = NeuralODE(2, 2, 8, steps=2, method="dopri5", rtol=1e-9, max_steps=30).double()
    adapting.load_state_dict(fixed.state_dict())
    points = np.random.default_rng(0).standard_normal((5, 2))
    np.testing.assert_allclose(np.asarray(adapting(points)), np.asarray(fixed(points)), rtol=1e-6)


def test_times_take_the_dtype_of_the_value():
    solved = odeint(lambda t, y: -y * t, np.ones(2, "float32"), np.linspace(0, 1, 9))
    assert solved.dtype == tg.float32
    np.testing.assert_allclose(np.asarray(solved)[-1], np.exp(-0.5), rtol=1e-5)


def test_another_method_is_refused():
    with pytest.raises(tg.errors.ArgumentError, match="'rk4' or 'dopri5', not 'euler'"):
        odeint(damped, np.zeros(2), np.linspace(0, 1, 3), method="euler")
