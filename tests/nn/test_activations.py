"""Activations give PyTorch's values and gradients of both orders, in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F
from tapegraph.testing import assert_modes_agree

SPREAD = np.array(
    [-1000.0, -90.0, -20.5, -6.0, -3.0, -1.0, -0.5, -0.1, 0.0, 0.2, 0.5, 1.0, 3.0, 6.0, 20.5, 90.0, 1000.0]
)
# name in ours and PyTorch's functional, attributes (ours, theirs where they differ)
CASES = [
    ("relu6", {}),
    ("elu", {}),
    ("elu", {"alpha": 0.3}),
    ("celu", {}),
    ("celu", {"alpha": 2.5}),
    ("selu", {}),
    ("leaky_relu", {"negative_slope": 0.2}),
    ("rrelu", {}),
    ("rrelu", {"lower": 0.2, "upper": 0.3}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("silu", {}),
    ("mish", {}),
    ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 5.0}),
    ("softplus", {"beta": 0.5, "threshold": 1.0}),
    ("softsign", {}),
    ("logsigmoid", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -0.5, "max_val": 2.0}),
    ("hardshrink", {}),
    ("hardshrink", {"lambd": 1.0}),
    ("softshrink", {}),
    ("softshrink", {"lambd": 1.0}),
    ("tanhshrink", {}),
    ("threshold", {"threshold": 0.3, "value": -2.0}),
    ("glu", {"axis": 1}),
    ("softmin", {"axis": 0}),
    ("log_softmax", {"axis": -1}),
    ("softmax", {"axis": 1}),
]
SMOOTH = {
    "gelu",
    "silu",
    "mish",
    "logsigmoid",
    "sigmoid",
    "tanh",
    "tanhshrink",
    "softmin",
    "softmax",
    "log_softmax",
    "glu",
}


def arguments(rng, dtype):
    """Many sets: random ones of several scales and shapes, and the points where the definitions change."""
    draws = [rng.standard_normal(shape) * scale for shape in ((4, 6), (1, 2), (2, 4, 3)) for scale in (0.3, 1, 4, 30)]
    return [x.astype(dtype) for x in [*draws, np.stack([SPREAD[:-1], -SPREAD[:-1]])]]


def both_orders(function, x, weights, torch=None):
    """Value, gradient, and gradient of the gradient's squares; by PyTorch where it is given."""
    if torch is None:
        x = tg.asarray(x)

        def total(x):
            return tg.sum(function(x) * weights)

        return (
            np.asarray(function(x)),
            np.asarray(tg.grad(total)(x)),
            np.asarray(tg.grad(lambda x: tg.sum(tg.square(tg.grad(total)(x))))(x)),
        )
    t, w = torch.tensor(x, requires_grad=True), torch.tensor(weights)
    y = function(t)
    (g,) = torch.autograd.grad((y * w).sum(), t, create_graph=True)
    second = torch.zeros_like(t)
    if g.requires_grad and "Hardsigmoid" not in str(y.grad_fn):  # which PyTorch differentiates once
        (found,) = torch.autograd.grad(g.square().sum(), t, allow_unused=True)
        second = second if found is None else found
    return y.detach().numpy(), g.detach().numpy(), second.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, how", CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_values_and_gradients_are_pytorchs(name, how, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    # PyTorch's gradient of hardsigmoid holds 1/6 as a float32
    rtol, atol = (2e-5, 2e-6) if dtype == "float32" else (1e-7 if name == "hardsigmoid" else 1e-11, 1e-13)
    theirs = {{"axis": "dim"}.get(k, k): v for k, v in how.items()}
    compared = 0
    for x in arguments(rng, dtype):
        if name == "glu" and x.shape[1] % 2:
            continue
        shape = np.asarray(getattr(F, name)(x, **how)).shape
        weights = rng.uniform(0.5, 2, shape).astype(dtype)
        found = both_orders(lambda x: getattr(F, name)(x, **how), x, weights)
        wanted = both_orders(lambda x: getattr(torch.nn.functional, name)(x, **theirs), x, weights, torch)
        for order, (a, b) in enumerate(zip(found, wanted, strict=True)):
            assert a.dtype == dtype
            if order == 2 and name not in SMOOTH:  # at a kink a second derivative is a matter of choice
                smooth = ~np.isin(np.abs(x), SPREAD.astype(dtype))
                a, b = a[smooth], b[smooth]
            assert np.isfinite(a).all() or order < 2
            known = ~np.isnan(b)  # PyTorch has NaN for the second derivative of mish at 1000
            room = 50 * max(1.0, np.abs(b[known]).max(initial=0)) if order == 2 else 1.0
            np.testing.assert_allclose(
                a[known], b[known], rtol=rtol, atol=atol * room, err_msg=f"order {order} of {name}\n{x}"
            )
        compared += 1
    assert compared >= 10


def test_prelu(torch=None):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        for shape, count in [((4, 3), 3), ((2, 3, 5), 3), ((4, 3), 1), ((5,), 1), ((2, 3, 2, 2), 3), ((), 1)] * 2:
            x, weight = rng.standard_normal(shape).astype(dtype), rng.uniform(0.1, 0.5, count).astype(dtype)
            t, w = torch.tensor(x, requires_grad=True), torch.tensor(weight, requires_grad=True)
            y = torch.nn.functional.prelu(t, w)
            (y * y).sum().backward()
            np.testing.assert_allclose(np.asarray(F.prelu(x, weight)), y.detach().numpy(), rtol=1e-6)
            gx, gw = tg.grad(lambda x, w: tg.sum(tg.square(F.prelu(x, w))), (0, 1))(x, weight)
            np.testing.assert_allclose(np.asarray(gx), t.grad.numpy(), rtol=2e-6)
            np.testing.assert_allclose(np.asarray(gw), w.grad.numpy(), rtol=2e-5)


# ---------------------------------------------------------------------------------------- both modes

ALL = [(n, h) for n, h in CASES if n not in ("softmax", "log_softmax", "sigmoid", "tanh")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_static_mode_with_any_batch_size(dtype):
    """All of them, and their gradients, in one compile that serves every batch size."""
    rng = np.random.default_rng(0)

    def run(x):
        ys = [getattr(F, name)(x, **how) for name, how in ALL]
        gs = [tg.grad(lambda x, n=name, h=how: tg.sum(tg.square(getattr(F, n)(x, **h))))(x) for name, how in ALL]
        return ys, gs

    compiled = tg.compile(run)
    for batch in (3, 5):
        x = 3 * rng.standard_normal((batch, 4)).astype(dtype)
        for found, wanted in zip(compiled(x), run(tg.asarray(x)), strict=True):
            for a, b, (name, _) in zip(found, wanted, ALL, strict=True):
                np.testing.assert_allclose(
                    np.asarray(a), np.asarray(b), rtol=2e-6 if dtype == "float32" else 1e-13, atol=1e-6, err_msg=name
                )
    assert sum(map(len, compiled.versions.values())) == 1


def test_random_slopes_are_the_same_bits_in_both_modes():
    x = np.linspace(-3, 3, 1000).reshape(10, 100).astype(np.float32)
    tg.manual_seed(3)
    eager = F.rrelu(x, training=True).numpy()
    tg.manual_seed(3)
    static = np.asarray(tg.compile(lambda x: F.rrelu(x, training=True))(x))
    assert np.array_equal(eager, static)
    slopes = (eager / x)[x < 0]
    assert slopes.min() >= 1 / 8 - 1e-6 and slopes.max() <= 1 / 3 + 1e-6 and np.ptp(slopes) > 0.19
    assert np.array_equal(eager[x >= 0], x[x >= 0])
    layer = nn.RReLU(0.1, 0.4)
    assert not np.array_equal(layer(x).numpy(), layer(x).numpy())
    np.testing.assert_allclose(layer.eval()(x).numpy(), np.where(x > 0, x, x * np.float32(0.25)))


def test_gumbel_softmax():
    logits = np.log(np.array([[0.1, 0.2, 0.7]] * 4000, np.float64))
    tg.manual_seed(0)
    soft = F.gumbel_softmax(logits, tau=0.5).numpy()
    tg.manual_seed(0)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True).numpy()
    np.testing.assert_allclose(soft.sum(1), 1)
    assert np.array_equal(hard, soft == soft.max(1, keepdims=True))
    np.testing.assert_allclose(hard.mean(0), [0.1, 0.2, 0.7], atol=0.03)  # the Gumbel-max trick draws exactly these

    def gradient(hard):
        tg.manual_seed(0)
        return tg.grad(lambda x: tg.sum(F.gumbel_softmax(x, 0.5, hard) * np.array([1.0, 2.0, 3.0])))(logits).numpy()

    np.testing.assert_allclose(gradient(True), gradient(False))
    tg.manual_seed(0)
    assert_modes_agree(lambda x: F.gumbel_softmax(x, 0.7, hard=True), logits[:50].astype(np.float32))


def test_saturation_of_large_numbers():
    x = np.array([-1000.0, 1000.0, -np.inf, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(F.softplus(x).numpy(), [0, 1000, 0, np.inf, np.nan])
    np.testing.assert_array_equal(F.logsigmoid(x).numpy(), [-1000, 0, -np.inf, 0, np.nan])
    np.testing.assert_array_equal(tg.grad(lambda x: tg.sum(F.softplus(x)))(x[:2]).numpy(), [0, 1])
    np.testing.assert_array_equal(tg.grad(lambda x: tg.sum(F.mish(x)))(x[:2]).numpy(), [0, 1])
    for name in (
        "relu6",
        "hardtanh",
        "hardsigmoid",
        "hardshrink",
        "softshrink",
        "threshold",
        "celu",
        "selu",
        "softsign",
    ):
        how = {"threshold": 0.1, "value": 2.0} if name == "threshold" else {}
        assert np.isnan(getattr(F, name)(x, **how).numpy()[-1]), name


def test_second_derivative_of_softplus_at_zero():
    second = tg.grad(lambda x: tg.grad(lambda x: tg.sum(F.softplus(x)))(x))
    assert float(second(np.zeros((), np.float64))) == 0.25


# ---------------------------------------------------------------------------------------- names and mistakes


def test_onnx_parameters_and_names():
    x = np.array([-2.0, -0.3, 0.4, 3.0], np.float32)
    np.testing.assert_allclose(tg.hard_sigmoid(x, 0.2, 0.5).numpy(), np.clip(0.2 * x + 0.5, 0, 1))
    np.testing.assert_allclose(tg.hard_shrink(x, 0.35, 0.1).numpy(), [-1.9, 0, 0.3, 2.9], rtol=1e-6)
    np.testing.assert_array_equal(tg.thresholded_relu(x).numpy(), [0, 0, 0, 3])
    np.testing.assert_array_equal(tg.hardmax(np.array([[1.0, 3, 3], [0, -1, -2]])).numpy(), [[0, 1, 0], [1, 0, 0]])
    assert F.hardswish is tg.hard_swish and F.hardsigmoid is tg.hard_sigmoid and F.hardshrink is tg.hard_shrink


@pytest.mark.parametrize(
    "name, how",
    [
        ("ReLU6", {}),
        ("PReLU", {"num_parameters": 5, "init": 0.1}),
        ("RReLU", {"lower": 0.1}),
        ("Hardtanh", {"min_val": -2.0}),
        ("Hardsigmoid", {}),
        ("Hardswish", {}),
        ("Hardshrink", {"lambd": 0.7}),
        ("Softshrink", {"lambd": 0.7}),
        ("Threshold", {"threshold": 0.1, "value": 20.0}),
        ("LogSigmoid", {}),
        ("Tanhshrink", {}),
        ("Softsign", {}),
        ("Mish", {}),
        ("CELU", {"alpha": 0.4}),
        ("SELU", {}),
        ("Softmin", {"axis": 1}),
        ("GLU", {"axis": 0}),
    ],
)
def test_modules_are_pytorchs(name, how):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32) * 2
    ours = getattr(nn, name)(**how).eval()
    theirs = getattr(torch.nn, name)(**{{"axis": "dim"}.get(k, k): v for k, v in how.items()}).eval()
    np.testing.assert_allclose(ours(x).numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=2e-6, atol=1e-7)
    assert repr(ours).startswith(name + "(") and all(f"{k}={v!r}" in repr(ours) for k, v in how.items() if k != "init")
    assert_modes_agree(lambda x: ours(x), x)


def test_softmax2d():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    for part in (x, x[0]):
        np.testing.assert_allclose(nn.Softmax2d()(part).numpy(), torch.nn.Softmax2d()(torch.tensor(part)).numpy())
    with pytest.raises(tg.errors.ShapeError, match="channels"):
        nn.Softmax2d()(x[0, 0])


def test_mistakes():
    x = np.ones((2, 3), np.float32)
    for call in (
        lambda: F.hardtanh(x, 1.0, -1.0),
        lambda: F.softshrink(x, -1.0),
        lambda: F.celu(x, 0.0),
        lambda: F.rrelu(x, 0.5, 0.1),
        lambda: F.gumbel_softmax(x, tau=0),
        lambda: nn.PReLU(0),
        lambda: nn.Hardtanh(1.0, 0.0),
        lambda: nn.RReLU(0.5, 0.1),
        lambda: nn.CELU(0.0),
        lambda: nn.Softshrink(-1.0),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            call()
    with pytest.raises(tg.errors.ShapeError, match="channel"):
        F.prelu(x, np.ones(2, np.float32))
    with pytest.raises(tg.errors.ShapeError, match="even number"):
        F.glu(x)
    with pytest.raises(tg.errors.AxisError):
        F.softmin(x, axis=2)
