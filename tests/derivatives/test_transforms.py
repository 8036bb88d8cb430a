"""Derivatives and vmap against JAX, in both modes and nested in each other."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from engine import tree

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(0)
A, X, V, B = RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.normal(size=4), RNG.normal(size=(5, 4))


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def agree(ours, theirs, *args, tolerance=1e-9):
    wanted = [np.asarray(t) for t in jax.tree.leaves(theirs(*map(jnp.asarray, args)))]
    for run in (lambda *a: ours(*map(tg.asarray, a)), tg.compile(ours)):
        found = [np.asarray(t) for t in tree.leaves([run(*args)])]
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def f(a, x):
    return tg.sin(tg.matmul(a, x)) * tg.sum(x**2)


def jf(a, x):
    return jnp.sin(a @ x) * jnp.sum(x**2)


def g(x):
    return tg.sum(tg.exp(x) * tg.cumulative_sum(x * x))


def jg(x):
    return jnp.sum(jnp.exp(x) * jnp.cumsum(x * x))


def scanned(x):
    c, y = tg.scan(lambda c, e: (tg.sin(c) * e + c, c * e), x[0], x)
    return c + tg.sum(y)


def jscanned(x):
    c, y = jax.lax.scan(lambda c, e: (jnp.sin(c) * e + c, c * e), x[0], x)
    return c + jnp.sum(y)


def chosen(x):
    return tg.cond(x[0] > 0, lambda x: tg.sum(tg.sin(x)), lambda x: tg.sum(x * x), x)


def jchosen(x):
    return jax.lax.cond(x[0] > 0, lambda x: jnp.sum(jnp.sin(x)), lambda x: jnp.sum(x * x), x)


def grown(x):
    return tg.while_loop(lambda v: tg.sum(v * v) < 50.0, lambda v: v * 1.3, x)


def jgrown(x):
    return jax.lax.while_loop(lambda v: jnp.sum(v * v) < 50.0, lambda v: v * 1.3, x)


PAIRS = {
    "jvp": (lambda a, x, v: tg.jvp(f, (a, x), (a, v)), lambda a, x, v: jax.jvp(jf, (a, x), (a, v)), (A, X, V)),
    "vjp": (
        lambda a, x: tg.vjp(f, a, x)[1](tg.ones(3, dtype="float64")),
        lambda a, x: jax.vjp(jf, a, x)[1](jnp.ones(3)),
        (A, X),
    ),
    "jacobian": (lambda a, x: tg.jacobian(f, (0, 1))(a, x), lambda a, x: jax.jacrev(jf, (0, 1))(a, x), (A, X)),
    "jacobian forward": (
        lambda a, x: tg.jacobian(f, (0, 1), mode="forward")(a, x),
        lambda a, x: jax.jacfwd(jf, (0, 1))(a, x),
        (A, X),
    ),
    "hessian": (tg.hessian(g), jax.hessian(jg), (X,)),
    "hvp": (lambda x, v: tg.hvp(g, (x,), (v,))[1][0], lambda x, v: jax.hessian(jg)(x) @ v, (X, V)),
    "third": (
        tg.grad(lambda x: tg.sum(tg.hessian(g)(x) ** 2)),
        jax.grad(lambda x: jnp.sum(jax.hessian(jg)(x) ** 2)),
        (X,),
    ),
    "vmap of grad": (tg.vmap(tg.grad(g)), jax.vmap(jax.grad(jg)), (B,)),
    "vmap with axes": (
        tg.vmap(f, in_axes=(None, 0), out_axes=1),
        jax.vmap(jf, in_axes=(None, 0), out_axes=1),
        (A, B),
    ),
    "vmap in vmap": (
        tg.vmap(tg.vmap(lambda a, b: tg.sum(a * b), (None, 0)), (0, None)),
        jax.vmap(jax.vmap(lambda a, b: jnp.sum(a * b), (None, 0)), (0, None)),
        (B, B),
    ),
    "grad of vmap": (
        tg.grad(lambda b: tg.sum(tg.vmap(g)(b) ** 2)),
        jax.grad(lambda b: jnp.sum(jax.vmap(jg)(b) ** 2)),
        (B,),
    ),
    "vmap of hessian": (tg.vmap(tg.hessian(g)), jax.vmap(jax.hessian(jg)), (B,)),
    "vmap of cond": (tg.vmap(tg.grad(chosen)), jax.vmap(jax.grad(jchosen)), (B,)),
    "vmap of while": (tg.vmap(grown), jax.vmap(jgrown), (B,)),
    "jvp of while": (lambda x, v: tg.jvp(grown, (x,), (v,)), lambda x, v: jax.jvp(jgrown, (x,), (v,)), (X, V)),
    "jvp of cond": (lambda x, v: tg.jvp(chosen, (x,), (v,)), lambda x, v: jax.jvp(jchosen, (x,), (v,)), (X, V)),
    "vmap of scan": (tg.vmap(tg.grad(scanned)), jax.vmap(jax.grad(jscanned)), (B,)),
    "hessian of scan": (tg.hessian(scanned), jax.hessian(jscanned), (X,)),
    "jvp of scan": (lambda x, v: tg.jvp(scanned, (x,), (v,)), lambda x, v: jax.jvp(jscanned, (x,), (v,)), (X, V)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_as_jax(name):
    ours, theirs, args = PAIRS[name]
    agree(ours, theirs, *args)


def custom_pair():
    @tg.custom_vjp
    def ours(x):
        return tg.sin(x)

    ours.defvjp(lambda x: (tg.sin(x), x), lambda x, g: (g * 2 * tg.cos(x),))

    @jax.custom_vjp
    def theirs(x):
        return jnp.sin(x)

    theirs.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * 2 * jnp.cos(x),))
    return ours, theirs


def test_a_gradient_of_ones_own():
    ours, theirs = custom_pair()
    agree(tg.grad(lambda x: tg.sum(ours(x * x))), jax.grad(lambda x: jnp.sum(theirs(x * x))), X)
    agree(tg.vmap(tg.grad(lambda x: tg.sum(ours(x * x)))), jax.vmap(jax.grad(lambda x: jnp.sum(theirs(x * x)))), B)
    agree(
        tg.grad(lambda x: tg.sum(tg.grad(lambda x: tg.sum(ours(x * x)))(x) ** 2)),
        jax.grad(lambda x: jnp.sum(jax.grad(lambda x: jnp.sum(theirs(x * x)))(x) ** 2)),
        X,
    )


def test_checkpoint_changes_nothing_but_memory():
    agree(
        tg.hessian(lambda x: tg.sum(tg.checkpoint(lambda x: tg.sin(x) * tg.exp(x))(x * x))),
        jax.hessian(lambda x: jnp.sum(jnp.sin(x * x) * jnp.exp(x * x))),
        X,
    )


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_checkpoint_reaches_parameters_and_repeats_dropout(mode):
    p = tg.Parameter(RNG.normal(size=4))

    def slope(x, wrap):
        p.grad = None
        tg.sum(wrap(lambda x: tg.dropout(tg.sin(x * p), 0.5, training=True))(x)).backward()
        return p.grad

    found = []
    for wrap in (lambda f: f, tg.checkpoint):
        tg.manual_seed(3)
        with tg.mode(mode):
            found.append(np.asarray(tg.function(lambda x, wrap=wrap: slope(x, wrap))(X)))
    assert found[0].any()
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_mistakes_of_vmap_are_told():
    with pytest.raises(tg.errors.ShapeError, match="batch sizes"):
        tg.vmap(lambda a, b: a)(tg.ones(3), tg.ones(4))
    with pytest.raises(tg.errors.ShapeError, match="no axis"):
        tg.vmap(lambda a: a, in_axes=2)(tg.ones(3))
    with pytest.raises(tg.errors.SymbolError, match="whole batch"):
        tg.vmap(lambda a: a if a > 0 else -a)(tg.ones(3))
    with pytest.raises(tg.errors.UnsupportedError, match="randomness"):
        tg.vmap(lambda a: a + tg.uniform((2,)))(tg.ones(3))
    same = tg.vmap(lambda a: a + tg.uniform((2,)), randomness="same")(tg.zeros(3))
    assert len({tuple(row) for row in np.asarray(same).tolist()}) == 1
    with pytest.raises(tg.errors.ShapeError, match=r"\[4\]"):  # the shape of one entry, not of the batch
        tg.vmap(lambda a: tg.matmul(a, tg.ones((3, 2))))(tg.ones((5, 4)))
