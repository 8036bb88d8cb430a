"""Attention and encodings of positions against PyTorch and against their definitions, in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.nn import functional as F

RNG = np.random.default_rng(0)


def draw(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


MASK = RNG.uniform(size=(2, 1, 4, 5)) > 0.4
CASES = [
    ((2, 3, 4, 6), (2, 3, 5, 6), 6, {}),
    ((2, 3, 4, 6), (2, 3, 5, 6), 2, {"is_causal": True}),
    ((2, 3, 4, 6), (2, 3, 5, 6), 6, {"attn_mask": MASK}),
    ((2, 3, 4, 6), (2, 3, 5, 6), 6, {"attn_mask": RNG.standard_normal((4, 5)), "scale": 0.3}),
    ((4, 6), (5, 6), 3, {"attn_mask": np.tril(np.ones((4, 5), bool), -1)}),
    ((2, 4, 3, 6), (2, 2, 5, 6), 6, {"enable_gqa": True, "is_causal": True}),
    ((2, 6, 4, 2), (2, 2, 5, 2), 3, {"enable_gqa": True, "attn_mask": np.repeat(MASK, 6, 1)}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("q, k, ev, options", CASES)
def test_scaled_dot_product_attention(q, k, ev, options, mode, dtype):
    torch = pytest.importorskip("torch")
    arrays = [draw(*q, dtype=dtype), draw(*k, dtype=dtype), draw(*k[:-1], ev, dtype=dtype)]
    mask = options.get("attn_mask")
    if mask is not None and mask.dtype != bool:
        options = {**options, "attn_mask": mask.astype(dtype)}
    theirs = {n: torch.tensor(v) if isinstance(v, np.ndarray) else v for n, v in options.items()}
    seed = draw(*q[:-1], ev, dtype=dtype)

    def loss(q, k, v):
        return tg.sum(F.scaled_dot_product_attention(q, k, v, **options) * seed)

    both = tg.value_and_grad(loss, (0, 1, 2))
    value, grads = (tg.compile(both) if mode == "static" else both)(*map(tg.asarray, arrays))
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    wanted = (torch.nn.functional.scaled_dot_product_attention(*tensors, **theirs) * torch.tensor(seed)).sum()
    wanted.backward()
    rtol, atol = (1e-9, 1e-11) if dtype == "float64" else (1e-3, 1e-5)
    np.testing.assert_allclose(value.item(), wanted.item(), rtol=rtol, atol=atol)
    for g, t in zip(grads, tensors, strict=True):
        np.testing.assert_allclose(np.asarray(g), t.grad.numpy(), rtol=rtol, atol=atol)


def test_one_compile_serves_all_lengths():
    run = tg.compile(lambda q, k: F.scaled_dot_product_attention(q, k, k, is_causal=True))
    for n, length, known in ((2, 4, 5), (3, 6, 2), (5, 3, 3)):
        q, k = draw(n, length, 4), draw(n, known, 4)
        wanted = F.scaled_dot_product_attention(q, k, k, is_causal=True).numpy()
        np.testing.assert_allclose(run(q, k).numpy(), wanted, rtol=1e-10)
    assert sum(map(len, run.versions.values())) == 1, run.explain()


def test_named_sizes():
    with tg.static() as g:
        x = g.input("x", shape=("batch", 2, "time", 8), dtype="float32")
        y = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    assert [str(n) for n in y.shape] == ["batch", "2", "time", "8"]
    run = g.compile(y)
    for shape in ((2, 2, 3, 8), (1, 2, 7, 8)):
        a = draw(*shape, dtype="float32")
        wanted = F.scaled_dot_product_attention(a, a, a, is_causal=True).numpy()
        np.testing.assert_allclose(np.asarray(run(a)), wanted, rtol=1e-4, atol=1e-6)


def test_dropped_weights_are_the_same_in_both_modes():
    q = draw(3, 8, 4)

    def attend(q):
        return F.scaled_dot_product_attention(q, q, q, dropout_p=0.5)

    tg.manual_seed(1)
    eager = attend(q).numpy()
    tg.manual_seed(1)
    np.testing.assert_allclose(tg.compile(attend)(q).numpy(), eager, rtol=1e-10)
    assert not np.allclose(eager, F.scaled_dot_product_attention(q, q, q).numpy())


def test_sinusoidal_encoding():
    found = F.sinusoidal_encoding(6, 4).numpy()
    place, rate = np.arange(6)[:, None], 10000.0 ** -(np.arange(2) / 2)
    wanted = np.stack([np.sin(place * rate), np.cos(place * rate)], -1).reshape(6, 4)
    np.testing.assert_allclose(found, wanted, atol=1e-7)
    assert found.dtype == np.float32
    run = tg.compile(lambda x: x + F.sinusoidal_encoding(x.shape[1], 4))
    for length in (3, 6):
        x = np.zeros((2, length, 4), np.float32)
        np.testing.assert_allclose(run(x).numpy()[1], wanted[:length], atol=1e-6)
    assert sum(map(len, run.versions.values())) == 1
    with pytest.raises(tg.errors.ArgumentError, match="must be even"):
        F.sinusoidal_encoding(6, 3)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotations_depend_on_distances_only(interleaved):
    q, k = draw(6), draw(6)

    def product(i, j):
        a, b = (
            F.rotary_encoding(v[None], np.array([at]), interleaved=interleaved).numpy() for v, at in ((q, i), (k, j))
        )
        return (a * b).sum()

    assert product(7, 3) == pytest.approx(product(104, 100)) and product(7, 3) != pytest.approx(product(7, 4))
    assert product(0, 0) == pytest.approx((q * k).sum())
    x = draw(2, 5, 6)
    turned = F.rotary_encoding(x, interleaved=interleaved).numpy()
    np.testing.assert_allclose((turned**2).sum(-1), (x**2).sum(-1))
    angle = 3 * 10000.0 ** -(np.arange(3) / 3)
    z = x[0, 3, 0::2] + 1j * x[0, 3, 1::2] if interleaved else x[0, 3, :3] + 1j * x[0, 3, 3:]
    z = z * np.exp(1j * angle)
    wanted = np.stack([z.real, z.imag], -1 if interleaved else 0).reshape(-1)
    np.testing.assert_allclose(turned[0, 3], wanted)


def test_bilinear():
    torch = pytest.importorskip("torch")
    arrays = [draw(2, 5, 3), draw(2, 5, 4), draw(6, 3, 4), draw(6)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    wanted = torch.nn.functional.bilinear(*tensors)
    seed = draw(2, 5, 6)
    wanted.backward(torch.tensor(seed))
    grads = tg.grad(lambda *xs: tg.sum(F.bilinear(*xs) * seed), (0, 1, 2, 3))(*map(tg.asarray, arrays))
    np.testing.assert_allclose(F.bilinear(*arrays).numpy(), wanted.detach().numpy(), rtol=1e-12)
    for g, t in zip(grads, tensors, strict=True):
        np.testing.assert_allclose(np.asarray(g), t.grad.numpy(), rtol=1e-11)
