"""einsum and its relatives against NumPy and PyTorch, in both modes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegraph as tg
from tapegraph.testing import check_grads
from tests.support.both_modes import both

SIZES = dict(zip("abcdef", [2, 3, 4, 1, 2, 3], strict=True))


@st.composite
def equations(draw):
    """A random equation and operands: repeated letters, an ellipsis, sizes of 1, a result or none."""
    count = draw(st.integers(1, 4))
    letters = st.sampled_from("abcdef")
    terms, shapes, dots = [], [], []
    for _ in range(count):
        axes = draw(st.lists(letters, max_size=3))
        # NumPy reads a size of 1 beside a longer one as one that is broadcast; not for a letter that an operand repeats.
        shape = [1 if axes.count(c) == 1 and draw(st.integers(0, 5)) == 0 else SIZES[c] for c in axes]
        hidden = draw(st.sampled_from([(), (), (), (3,), (2, 3), (1, 3)]))
        at = draw(st.integers(0, len(axes)))
        spread = bool(hidden) or draw(st.integers(0, 9)) == 0
        terms.append("".join(axes[:at]) + "..." * spread + "".join(axes[at:]))
        shapes.append([*shape[:at], *hidden, *shape[at:]])
        dots.append(spread)
    equation = ",".join(terms)
    known = sorted({c for c in equation if c.isalpha()})
    if draw(st.booleans()):
        kept = draw(st.permutations(known))[: draw(st.integers(0, len(known)))]
        at = draw(st.integers(0, len(kept)))
        equation += "->" + "".join(kept[:at]) + "..." * any(dots) + "".join(kept[at:])
    return equation, shapes


@settings(max_examples=300, deadline=None)
@given(equations(), st.integers(0, 2**31))
def test_against_numpy(drawn, seed):
    equation, shapes = drawn
    rng = np.random.default_rng(seed)
    operands = [rng.normal(size=s) for s in shapes]
    try:
        wanted = np.einsum(equation, *operands)
    except ValueError:  # a letter that is 1 in one operand and repeated in another
        return
    found = tg.einsum(equation, *operands).numpy()
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10 * max(1, np.abs(wanted).max(initial=0)))


EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("...i,...i->...", (2, 3, 4), (3, 4)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("i,j,k->kij", (2,), (3,), (4,)),
    ("ij,jk,kl,lm->im", (2, 6), (6, 3), (3, 7), (7, 2)),
    ("ijk,ilm,njm,nlk,abc->", (2, 3, 2), (2, 2, 3), (2, 3, 3), (2, 2, 2), (1, 2, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("b...,b...->...", (4, 2, 3), (4, 1, 3)),
]


@pytest.mark.parametrize("equation, shapes", [(e, s) for e, *s in EQUATIONS])
def test_modes_and_gradients(equation, shapes):
    rng = np.random.default_rng(1)
    operands = [rng.normal(size=s) for s in shapes]
    found = both(lambda *xs: tg.einsum(equation, *xs), *operands, rtol=1e-12)
    np.testing.assert_allclose(found, np.einsum(equation, *operands), atol=1e-12)
    check_grads(lambda *xs: tg.einsum(equation, *xs), operands, order=2)


def test_lists_of_axes():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    np.testing.assert_allclose(tg.einsum(x, [0, 1], y, [2, 1], [2, 0]).numpy(), np.einsum("ab,cb->ca", x, y))
    np.testing.assert_allclose(tg.einsum(x, [0, 1], y, [2, 1]).numpy(), np.einsum("ab,cb", x, y))
    np.testing.assert_allclose(tg.einsum(x, [..., 0]).numpy(), np.einsum("...a", x))


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "float32"])
def test_dtypes_stay(dtype):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    found = both(lambda x: tg.einsum("ij,kj->ik", x, x), x)
    assert found.dtype == dtype and np.array_equal(found, np.einsum("ij,kj->ik", x, x))
    assert both(lambda x: tg.einsum("ij->i", x), x).dtype == dtype


def test_contractions_are_matrix_products():
    function = tg.compile(lambda x, y: tg.einsum("bhqd,bhkd->bhqk", x, y))
    function(np.ones((2, 2, 3, 4), "f4"), np.ones((2, 2, 5, 4), "f4"))
    assert "blas_gemm" in function.source()


def test_the_cheap_pair_comes_first():
    shapes = []

    def watched(event):
        shapes.append(event.result.shape)

    x, y, z = (np.ones(s, "f4") for s in ((100, 2), (2, 100), (100, 3)))
    with tg.hooks(after=watched):
        tg.einsum("ij,jk,kl->il", x, y, z)
    assert (2, 3) in shapes and (100, 100) not in shapes


def test_one_compile_serves_every_size():
    function = tg.compile(lambda x, w: tg.einsum("btd,de->bte", x, w))
    w = np.ones((4, 5))
    for b, t in [(2, 3), (7, 6), (3, 11)]:
        x = np.random.default_rng(b).normal(size=(b, t, 4))
        np.testing.assert_allclose(np.asarray(function(x, w)), x @ w)
    assert sum(map(len, function.versions.values())) == 1


def test_mistakes_have_names():
    x = tg.ones((2, 3))
    for equation, operands, kind, words in [
        ("ij,jk->ik", (x, x), tg.errors.ShapeError, "'j' has size 3 and size 2"),
        ("ijk->i", (x,), tg.errors.ShapeError, "names 3 axes of an operand that has 2"),
        ("ij->ik", (x,), tg.errors.ArgumentError, "'k' stands in no operand"),
        ("ij->ii", (x,), tg.errors.ArgumentError, "'i' stands twice"),
        ("ij,ij", (x,), tg.errors.ArgumentError, "names 2 operands"),
        ("i*->i", (x,), tg.errors.ArgumentError, "not made of letters"),
    ]:
        with pytest.raises(kind, match=words):
            tg.einsum(equation, *operands)


# ---------------------------------------------------------------------------------------- relatives


def test_tensordot():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(4, 5, 2, 3))
    for axes in (0, 2, ((2,), (0,)), ((3, 2), (1, 0)), ((0, 1), (2, 3)), ((-1, 0), (1, -2))):
        found = both(lambda x, y, a=axes: tg.tensordot(x, y, axes=a), x, y, rtol=1e-12)
        np.testing.assert_allclose(found, np.tensordot(x, y, axes=axes), atol=1e-12)


def test_products_of_vectors():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    u, v, m, n = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))
    for name, args in [
        ("outer", (u, v[:3])),
        ("inner", (u, v)),
        ("inner", (m, n)),
        ("inner", (n, u)),
        ("dot", (u, v)),
        ("dot", (n, m.T)),
        ("dot", (m, n.swapaxes(1, 2))),
        ("kron", (m, n)),
        ("kron", (u, m)),
        ("kron", (n, n)),
    ]:
        found = both(getattr(tg, name), *args, rtol=1e-12)
        np.testing.assert_allclose(found, getattr(np, name)(*args), atol=1e-12)
    np.testing.assert_allclose(both(tg.vecdot, n, m, rtol=1e-12), np.sum(n * m, -1), atol=1e-12)
    np.testing.assert_allclose(both(lambda a, b: tg.vecdot(a, b, axis=-2), n, m, rtol=1e-12), np.sum(n * m, -2))
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(2, 1, 3))
    np.testing.assert_allclose(both(tg.cross, a, b, rtol=1e-12), np.cross(a, b), atol=1e-12)
    np.testing.assert_allclose(
        both(lambda a, b: tg.cross(a, b, axis=0), a.T, a.T[:, :1]), np.cross(a, a[:1]).T, atol=1e-12
    )
    for p in (1.0, 2.0, 3.0, np.inf):
        found = both(lambda a, b, p=p: tg.cdist(a, b, p), a, a[:2] + 0.1, rtol=1e-6)
        wanted = torch.cdist(torch.from_numpy(a), torch.from_numpy(a[:2] + 0.1), p)
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-6)


def test_diagonals():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for shape in ((3, 3), (2, 5), (5, 2), (2, 3, 4), (1, 1), (0, 3)):
        x = rng.normal(size=shape)
        for offset in (0, 1, -1, 3, -4, 9):
            found = both(lambda x, o=offset: (tg.diagonal(x, offset=o), tg.trace(x, offset=o)), x)
            np.testing.assert_array_equal(found[0], np.diagonal(x, offset, -2, -1))
            np.testing.assert_allclose(found[1], np.trace(x, offset, -2, -1), atol=1e-15)
            v = x[0] if len(x) else x
            found = both(lambda v, o=offset: tg.diag_embed(v, offset=o), v)
            np.testing.assert_array_equal(found, torch.diag_embed(torch.from_numpy(v), offset).numpy())
    x = rng.normal(size=(2, 3, 4))
    found = both(lambda x: tg.diagonal(x, offset=1, axis1=2, axis2=0), x)
    np.testing.assert_array_equal(found, np.diagonal(x, 1, 2, 0))
    found = both(lambda x: tg.diag_embed(x, offset=-1, axis1=3, axis2=0), x)
    np.testing.assert_array_equal(found, torch.diag_embed(torch.from_numpy(x), -1, 3, 0).numpy())
    check_grads(lambda x: tg.diagonal(x, offset=1) ** 2, [x], order=2)
    function = tg.compile(lambda x: tg.trace(x))
    for n in (3, 8):
        y = rng.normal(size=(n, n))
        np.testing.assert_allclose(np.asarray(function(y)), np.trace(y))
