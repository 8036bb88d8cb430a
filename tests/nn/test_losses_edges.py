"""Losses at the edge of their definitions: large scores, certain probabilities, odd weights; distances; mistakes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F
from tapegraph.testing import assert_modes_agree

REDUCTIONS = ("mean", "sum", "none")

# ---------------------------------------------------------------------------------------- extremes


def test_scores_of_a_thousand():
    x = np.array([-1000.0, 1000.0, 0.0], np.float32)
    for target in (np.zeros(3, np.float32), np.ones(3, np.float32)):
        wanted = np.where(target == 1, np.maximum(-x, 0), np.maximum(x, 0)) + np.log(2) * (x == 0)
        for run in (F.binary_cross_entropy_with_logits, tg.compile(F.binary_cross_entropy_with_logits)):
            np.testing.assert_allclose(np.asarray(run(x, target, None, "none")), wanted, rtol=1e-6)
        g = tg.grad(lambda x, t=target: F.binary_cross_entropy_with_logits(x, t, reduction="sum"))(x)
        np.testing.assert_allclose(g.numpy(), 1 / (1 + np.exp(-np.clip(x, -80, 80))) - target, atol=1e-7)
    assert float(F.soft_margin_loss(x, np.array([-1, -1, 1]), "sum")) == pytest.approx(1000 + np.log(2))
    scores = np.array([[1000.0, 0.0, -1000.0]], np.float32)
    assert float(F.cross_entropy(scores, np.array([2]))) == 2000


def test_certain_probabilities():
    torch = pytest.importorskip("torch")
    p, target = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    t = torch.tensor(p, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy(t, torch.tensor(target), reduction="none")
    loss.sum().backward()
    for run in (F.binary_cross_entropy, tg.compile(F.binary_cross_entropy)):
        np.testing.assert_allclose(np.asarray(run(p, target, None, "none")), loss.detach().numpy())
    g = tg.grad(lambda p: F.binary_cross_entropy(p, target, reduction="sum"))
    np.testing.assert_allclose(g(p).numpy(), t.grad.numpy())
    np.testing.assert_allclose(np.asarray(tg.compile(g)(p)), t.grad.numpy())


def test_divergence_of_impossible_classes():
    input, target = np.log(np.array([[0.2, 0.3, 0.5]])), np.array([[0.5, 0.0, 0.5]])
    assert float(F.kl_div(input, target, "sum")) == pytest.approx(0.5 * np.log(0.5 / 0.2) + 0.5 * np.log(0.5 / 0.5))
    assert np.isfinite(tg.grad(lambda x, t: F.kl_div(x, t, "sum"), (0, 1))(input, target)[1].numpy()).all()


@pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")
def test_all_targets_ignored():
    x, y = np.ones((2, 3), np.float32), np.full(2, -100)
    assert np.isnan(float(F.cross_entropy(x, y))) and float(F.cross_entropy(x, y, reduction="sum")) == 0
    assert np.array_equal(F.cross_entropy(x, y, reduction="none").numpy(), [0, 0])


def test_weights_of_elements():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, t, w = rng.standard_normal((3, 4, 5))
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        for reduction in REDUCTIONS:
            wanted = getattr(torch.nn.functional, name)(
                *map(torch.tensor, (x, t)), reduction=reduction, weight=torch.tensor(w)
            )
            np.testing.assert_allclose(getattr(F, name)(x, t, reduction, weight=w).numpy(), wanted.numpy())


def test_variances_of_other_shapes():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, t, v = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4)), rng.uniform(0.1, 2, (2, 3, 4))
    for var in (v, v[..., :1], v[..., 0], v[:, :1], 0.3):
        theirs = torch.tensor(var) if isinstance(var, np.ndarray) else var
        wanted = torch.nn.functional.gaussian_nll_loss(torch.tensor(x), torch.tensor(t), theirs, full=True)
        np.testing.assert_allclose(float(F.gaussian_nll_loss(x, t, var, full=True)), float(wanted))


# ---------------------------------------------------------------------------------------- distances


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distances_are_pytorchs(dtype):
    torch = pytest.importorskip("torch")
    rtol = 1e-5 if dtype == "float32" else 1e-10
    for draw in range(4):
        rng = np.random.default_rng(draw)
        a, b = rng.standard_normal((2, 5, 3)).astype(dtype)
        b[0] = a[0]
        calls = [("pairwise_distance", {"p": p, "eps": e}, {}) for p in (1.0, 2.0, 3.0) for e in (1e-6, 0.1)]
        calls += [("cosine_similarity", {"axis": d}, {"dim": d}) for d in (0, 1, -1)]
        for name, how, theirs in calls:
            s, t = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
            wanted = getattr(torch.nn.functional, name)(s, t, **(theirs or how))
            (wanted * wanted).sum().backward()
            np.testing.assert_allclose(
                getattr(F, name)(a, b, **how).numpy(), wanted.detach().numpy(), rtol=rtol, atol=1e-6
            )
            ga, gb = tg.grad(lambda a, b, n=name, h=how: tg.sum(tg.square(getattr(F, n)(a, b, **h))), (0, 1))(a, b)
            np.testing.assert_allclose(ga.numpy(), s.grad.numpy(), rtol=10 * rtol, atol=1e-5)
            np.testing.assert_allclose(gb.numpy(), t.grad.numpy(), rtol=10 * rtol, atol=1e-5)
    zero = np.zeros((1, 3), dtype)
    assert float(F.cosine_similarity(zero, zero + 1)[0]) == 0
    assert F.cosine_similarity(a[:, None], b[None], axis=-1).shape == (5, 5)


def test_triplets_with_a_distance_of_ones_own():
    torch = pytest.importorskip("torch")
    arrays = np.random.default_rng(0).standard_normal((3, 6, 4))
    ours = nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: 1.0 - F.cosine_similarity(a, b), margin=0.5, swap=True
    )
    theirs = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: 1.0 - torch.nn.functional.cosine_similarity(a, b), margin=0.5, swap=True
    )
    np.testing.assert_allclose(float(ours(*arrays)), float(theirs(*map(torch.tensor, arrays))))
    assert_modes_agree(lambda *xs: ours(*xs), *arrays.astype(np.float32))
    plain = nn.TripletMarginWithDistanceLoss()(*arrays)
    np.testing.assert_allclose(float(plain), float(nn.TripletMarginLoss()(*arrays)))


# ---------------------------------------------------------------------------------------- mistakes


def test_mistakes():
    x, y = np.ones((2, 3), np.float32), np.array([0, 1])
    E = tg.errors
    for kind, match, call in [
        (E.ShapeError, "same shape", lambda: F.l1_loss(x, x[0])),
        (E.ShapeError, "reshape", lambda: F.binary_cross_entropy_with_logits(x, x[:, :1])),
        (E.ShapeError, "broadcast", lambda: F.binary_cross_entropy(x, x, weight=np.ones(2, np.float32))),
        (E.ShapeError, "one number for each class", lambda: F.cross_entropy(x, y, weight=np.ones(2, np.float32))),
        (E.ShapeError, "class axis", lambda: F.cross_entropy(np.float32(1), 0)),
        (E.DTypeError, r"astype\('int64'\)", lambda: F.cross_entropy(x, y.astype(np.float32))),
        (E.DTypeError, "classes are integers", lambda: F.nll_loss(x, y == 1)),
        (E.IndexRangeError, "axis has size 3", lambda: F.cross_entropy(x, np.array([0, 3]))),
        (E.IndexRangeError, "axis has size 3", lambda: F.nll_loss(x, np.array([0, -1]))),
        (E.ArgumentError, "'mean', 'sum' or 'none'", lambda: F.huber_loss(x, x, "avg")),
        (E.ArgumentError, "batchmean", lambda: F.kl_div(x, x, "avg")),
        (E.ArgumentError, "delta must be positive", lambda: F.huber_loss(x, x, delta=0)),
        (E.ArgumentError, "delta must be positive", lambda: nn.HuberLoss(delta=-1)),
        (E.ArgumentError, "beta", lambda: nn.SmoothL1Loss(beta=-1)),
        (E.ArgumentError, "margin must be positive", lambda: nn.TripletMarginLoss(margin=0)),
        (E.ArgumentError, "reduction must be", lambda: nn.BCELoss(reduction="batchmean")),
        (E.ArgumentError, "p must be 1 or 2", lambda: nn.MultiMarginLoss(p=3)),
        (E.ArgumentError, "must not be negative", lambda: F.gaussian_nll_loss(x, x, -0.5)),
    ]:
        with pytest.raises(kind, match=match):
            call()
