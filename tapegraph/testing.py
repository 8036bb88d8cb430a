"""Checks for ops and programs of one's own: gradients against finite differences, eager mode against static mode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from eager.interpreter import RECORDING
from engine import dispatch, tree
from engine.autodiff import grad
from engine.errors import ArgumentError
from engine.op import Op, as_handle
from engine.ops.create import asarray
from engine.ops.random import default_generator
from engine.ops.reduce import sum as sum_
from engine.spec import Spec
from tapegraph.reached import states_of
from tapegraph.rules import check_rule as check_rule

_STEP = 6e-6  # near the cube root of float64's rounding unit, where central differences err least


def check_grads(
    fn: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("rev",),
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> None:
    """Compare reverse-mode gradients with central finite differences, in float64, up to ``order``.

    For random c and t, <c, (f(x + ht) - f(x - ht)) / 2h> must equal <gradient of <c, f> at x, t>; for higher orders the
    gradient itself is the function tested. ``args``: arrays, or nested lists, tuples and dicts of them; floats are cast
    to float64 and differentiated, other arrays held fixed. ``fn`` returns arrays or a nest of them.
    Raises AssertionError where the two differ, ArgumentError for another mode than "rev".
    Source: HIPS/autograd's ``check_grads``.
    """
    if tuple(modes) != ("rev",):
        raise ArgumentError(f"modes must be ('rev',), not {modes!r}", op="check_grads")
    leaves = [np.asarray(leaf) for leaf in tree.leaves(list(args))]
    places = [i for i, leaf in enumerate(leaves) if leaf.dtype.kind == "f"]
    if not places:
        raise ArgumentError("none of the arguments is a float array", op="check_grads")

    def of_floats(*floats: Any) -> list[Any]:
        """The float results of ``fn``, as a function of its float arguments alone."""
        filled = [as_handle(leaf) for leaf in leaves]
        for place, value in zip(places, floats, strict=True):
            filled[place] = value
        found = tree.leaves([fn(*tree.rebuild(list(args), filled))])
        return [y for y in map(as_handle, found) if y.dtype.kind == "f"]

    _check(of_floats, [leaves[i].astype(np.float64) for i in places], 1, order, rtol, atol, np.random.default_rng(seed))


def _check(
    fn: Callable[..., list[Any]],
    x: list[np.ndarray[Any, Any]],
    order: int,
    last: int,
    rtol: float,
    atol: float,
    rng: np.random.Generator,
) -> None:
    weights = [rng.standard_normal(y.shape) for y in fn(*map(asarray, x))]
    if not weights:
        raise ArgumentError("the function returns no float array", op="check_grads")
    tangent = [rng.standard_normal(a.shape) for a in x]

    def gradient(*inputs: Any) -> list[Any]:
        return list(grad(lambda *now: _inner(fn(*now), inputs[len(x) :]), tuple(range(len(x))))(*inputs[: len(x)]))

    ahead, behind = (
        _dot(weights, fn(*(asarray(a + h * t) for a, t in zip(x, tangent, strict=True)))) for h in (_STEP, -_STEP)
    )
    numeric = (ahead - behind) / (2 * _STEP)
    exact = _dot(tangent, gradient(*map(asarray, x), *map(asarray, weights)))
    if not np.isclose(exact, numeric, rtol=rtol, atol=atol):
        raise AssertionError(
            f"gradient of order {order}: reverse mode gives {exact!r}, finite differences {numeric!r} "
            f"(difference {abs(exact - numeric):.2g}, allowed {atol + rtol * abs(numeric):.2g})"
        )
    if order < last:
        _check(gradient, [*x, *weights], order + 1, last, rtol, atol, rng)


def _inner(values: Iterable[Any], weights: Iterable[Any]) -> Any:
    return functools.reduce(lambda a, b: a + b, (sum_(v * w) for v, w in zip(values, weights, strict=True)))


def _dot(weights: Iterable[np.ndarray[Any, Any]], values: Iterable[Any]) -> float:
    return float(sum(np.sum(w * np.asarray(v)) for w, v in zip(weights, values, strict=True)))


def check_op(op: Op, *args: Any, order: int = 1, rtol: float = 1e-5, atol: float = 1e-6, **attrs: Any) -> None:
    """Hold an op's record together: kernel against spec, gradient against finite differences, native code against kernel.

    ``args``: arrays of the dtypes to test with. ``order``: derivatives to check, 0 for an op without a gradient.
    Raises AssertionError naming what differs.
    """
    arrays = [np.asarray(a) for a in args]
    with np.errstate(all="ignore"):
        found = op.kernel(*arrays, **attrs)
    values = [np.asarray(v) for v in found] if op.many else [np.asarray(found)]
    specs = op.spec([Spec(a.shape, a.dtype) for a in arrays], attrs)
    for number, (value, spec) in enumerate(zip(values, specs if op.many else [specs], strict=True)):
        if Spec(value.shape, value.dtype) != spec:
            label = f"result {number} of {op.name}" if op.many else op.name
            raise AssertionError(f"{label}: the kernel gives {Spec(value.shape, value.dtype)}, its spec says {spec}")

    def run(*arrays: Any) -> Any:
        return op(*arrays, **attrs)

    if order and op.vjp:
        check_grads(run, arrays, order=order)
    assert_modes_agree(run, *arrays, rtol=rtol, atol=atol)


def assert_modes_agree(
    fn: Callable[..., Any],
    *args: Any,
    states: Iterable[Any] | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    calls: int = 1,
) -> None:
    """Run ``fn`` eagerly and compiled from the same states; results and final states must agree.

    ``states``: states, modules, optimizers and generators that ``fn`` changes; None means all that can be reached from
    its closure, the globals it names and the object it is bound to. The default generator always counts. ``calls``: run so often
    in a row. Afterwards the states are as before. Raises AssertionError naming the result or state that differs.
    """
    from tapegraph.function import compile  # loads the compiler, which the gradient check does without

    held = states_of([fn if states is None else list(states), default_generator])
    before = [(np.array(s), s.grad) for s in held]

    def run(function: Callable[..., Any]) -> tuple[list[list[Any]], list[Any]]:
        results = [[np.array(y) for y in tree.leaves([function(*args)])] for _ in range(calls)]
        return results, [np.array(s) for s in held]

    def restore() -> None:
        for state, (value, gradient) in zip(held, before, strict=True):
            state.assign(value.copy())
            state.grad = gradient

    with dispatch.interpret(RECORDING):
        try:
            eager_results, eager_states = run(fn)
            restore()
            static_results, static_states = run(compile(fn))
        finally:
            restore()
    for call, (wanted, found) in enumerate(zip(eager_results, static_results, strict=True), 1):
        if len(wanted) != len(found):
            raise AssertionError(f"call {call}: eager mode returns {len(wanted)} arrays, static mode {len(found)}")
        for number, (a, b) in enumerate(zip(wanted, found, strict=True)):
            _assert_same(f"result {number} of call {call}", a, b, rtol, atol)
    for number, (state, a, b) in enumerate(zip(held, eager_states, static_states, strict=True)):
        _assert_same(f"state {state.name or number}", a, b, rtol, atol)


def _assert_same(label: str, eager: Any, static: Any, rtol: float, atol: float) -> None:
    if eager.dtype != static.dtype or eager.shape != static.shape:
        raise AssertionError(
            f"{label}: eager mode gives {eager.dtype.name}{list(eager.shape)}, "
            f"static mode {static.dtype.name}{list(static.shape)}"
        )
    np.testing.assert_allclose(static, eager, rtol=rtol, atol=atol, err_msg=f"{label}: static mode against eager mode")
