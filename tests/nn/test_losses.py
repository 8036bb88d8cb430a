"""Losses give PyTorch's values and gradients of both orders, in both modes and for any batch size."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F
from tapegraph.testing import check_grads

# ---------------------------------------------------------------------------------------- arguments


def pair(rng, n):
    return rng.standard_normal((n, 4)) * 2, rng.standard_normal((n, 4))


def chances(rng, n):
    return rng.uniform(0.02, 0.98, (n, 4)), rng.uniform(0, 1, (n, 4))


def logits(rng, n):
    return rng.standard_normal((n, 4)) * 3, rng.uniform(0, 1, (n, 4))


def counts(rng, n):
    return rng.uniform(0.2, 3, (n, 4)), rng.integers(0, 6, (n, 4)).astype(float)


def normals(rng, n):
    return *pair(rng, n), rng.uniform(0.2, 2, (n, 4))


def distributions(rng, n):
    return np.log(rng.dirichlet(np.ones(4), n)), rng.dirichlet(np.ones(4), n)


def log_distributions(rng, n):
    return tuple(np.log(rng.dirichlet(np.ones(4), n)) for _ in range(2))


def signs(rng, n):
    return rng.standard_normal((n, 4)) * 2, rng.choice([-1, 1], (n, 4))


def ranked(rng, n):
    return *pair(rng, n), rng.choice([-1, 1], (n, 4))


def labelled(rng, n):
    return rng.standard_normal((n, 4)) * 2, rng.integers(0, 4, n)


def pixels(rng, n):
    return rng.standard_normal((n, 4, 2, 3)) * 2, rng.integers(0, 4, (n, 2, 3))


def ignoring(rng, n):
    x, y = labelled(rng, n)
    return x, np.where(np.arange(n) % 3 == 1, -100, y)


def soft(rng, n):
    return rng.standard_normal((n, 4)) * 2, rng.dirichlet(np.ones(4), n)


def several(rng, n):
    return rng.standard_normal((n, 4)) * 2, np.stack([np.r_[rng.permutation(4)[:2], -1, 0] for _ in range(n)])


def vectors(rng, n):
    return *pair(rng, n), rng.choice([-1, 1], n)


def triples(rng, n):
    return *pair(rng, n), rng.standard_normal((n, 4))


PER_CLASS = np.array([0.5, 1.0, 2.0, 1.5])
ALL = ("mean", "sum", "none")
# function, arguments, reductions, other attributes
CASES = [
    ("mse_loss", pair, ALL, {}),
    ("l1_loss", pair, ALL, {}),
    ("smooth_l1_loss", pair, ALL, {}),
    ("smooth_l1_loss", pair, ALL, {"beta": 0.3}),
    ("smooth_l1_loss", pair, ALL, {"beta": 0.0}),
    ("huber_loss", pair, ALL, {"delta": 1.5}),
    ("poisson_nll_loss", counts, ALL, {}),
    ("poisson_nll_loss", counts, ALL, {"log_input": False, "full": True, "eps": 1e-6}),
    ("gaussian_nll_loss", normals, ALL, {}),
    ("gaussian_nll_loss", normals, ALL, {"full": True, "eps": 0.5}),
    ("kl_div", distributions, (*ALL, "batchmean"), {}),
    ("kl_div", log_distributions, (*ALL, "batchmean"), {"log_target": True}),
    ("binary_cross_entropy", chances, ALL, {}),
    ("binary_cross_entropy", chances, ALL, {"weight": PER_CLASS}),
    ("binary_cross_entropy_with_logits", logits, ALL, {}),
    ("binary_cross_entropy_with_logits", logits, ALL, {"weight": PER_CLASS, "pos_weight": PER_CLASS[::-1].copy()}),
    ("multilabel_soft_margin_loss", logits, ALL, {}),
    ("multilabel_soft_margin_loss", logits, ALL, {"weight": PER_CLASS}),
    ("soft_margin_loss", signs, ALL, {}),
    ("hinge_embedding_loss", signs, ALL, {"margin": 0.7}),
    ("margin_ranking_loss", ranked, ALL, {"margin": 0.3}),
    ("multi_margin_loss", labelled, ALL, {}),
    ("multi_margin_loss", labelled, ALL, {"p": 2, "margin": 0.5, "weight": PER_CLASS}),
    ("multilabel_margin_loss", several, ALL, {}),
    ("cosine_embedding_loss", vectors, ALL, {"margin": -0.2}),
    ("triplet_margin_loss", triples, ALL, {}),
    ("triplet_margin_loss", triples, ALL, {"p": 1.0, "margin": 3.0, "swap": True}),
    ("nll_loss", labelled, ALL, {}),
    ("nll_loss", ignoring, ALL, {"weight": PER_CLASS}),
    ("nll_loss", pixels, ALL, {"ignore_index": 2}),
    ("cross_entropy", labelled, ALL, {}),
    ("cross_entropy", ignoring, ALL, {"weight": PER_CLASS, "label_smoothing": 0.2}),
    ("cross_entropy", pixels, ALL, {"ignore_index": 1}),
    ("cross_entropy", pixels, ALL, {"label_smoothing": 0.1, "weight": PER_CLASS}),
    ("cross_entropy", soft, ALL, {}),
    ("cross_entropy", soft, ALL, {"label_smoothing": 0.2, "weight": PER_CLASS}),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]
# Functions that PyTorch differentiates once only.
ONCE = {"multi_margin_loss", "multilabel_margin_loss"}
# Whose target gets no gradient in PyTorch.
FIXED_TARGET = {"binary_cross_entropy_with_logits", "soft_margin_loss"}


def typed(arrays, dtype):
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in map(np.asarray, arrays)]


def attributes(how, dtype):
    return {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in how.items()}


def assert_close(ours, theirs, rtol, atol):
    """Near each other in units of the largest; PyTorch's Poisson loss has NaN gradients for targets 0 and 1."""
    ours, known = np.asarray(ours), ~np.isnan(theirs)
    assert np.isfinite(ours).all()
    room = max(1.0, np.abs(theirs[known]).max(initial=0))
    np.testing.assert_allclose(ours[known], theirs[known], rtol=rtol, atol=atol * room)


def seeded(run, count):
    """A scalar from a loss of any shape, for gradients."""

    def scalar(*floats):
        y = run(*floats)
        return tg.sum(y * np.linspace(0.5, 2, y.size).reshape(y.shape).astype(y.dtype)) if y.ndim else y * 1.5

    return tuple(range(count)), scalar


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, make, reductions, how", CASES, ids=IDS)
def test_values_and_gradients_are_pytorchs(name, make, reductions, how, dtype):
    torch = pytest.importorskip("torch")
    how, compared = attributes(how, dtype), 0
    rtol, atol = (1e-4, 2e-5) if dtype == "float32" else (1e-9, 1e-11)
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in how.items()}
    for draw in range(4):
        arrays = typed(make(np.random.default_rng(draw), draw + 2), dtype)
        floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
        if name in FIXED_TARGET:
            floats = floats[:1]
        for reduction in reductions:

            def ours(*now, arrays=arrays, floats=floats, reduction=reduction):
                call = list(arrays)
                for i, x in zip(floats, now, strict=True):
                    call[i] = x
                return getattr(F, name)(*call, reduction=reduction, **how)

            inputs = [arrays[i] for i in floats]
            tensors = [torch.tensor(a, requires_grad=i in floats) for i, a in enumerate(arrays)]
            wrt = [tensors[i] for i in floats]
            wanted = getattr(torch.nn.functional, name)(*tensors, reduction=reduction, **theirs)
            found = ours(*inputs)
            assert found.dtype == dtype
            np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), rtol=rtol, atol=atol)
            where, scalar = seeded(ours, len(inputs))
            seed = np.linspace(0.5, 2, found.size).reshape(found.shape) if found.ndim else np.array(1.5)
            seed = torch.tensor(seed.astype(dtype))
            first = torch.autograd.grad((wanted * seed).sum(), wrt, create_graph=name not in ONCE)
            for a, b in zip(tg.grad(scalar, where)(*inputs), first, strict=True):
                assert_close(a, b.detach().numpy(), rtol, atol)
            squares = sum(g.square().sum() for g in first)
            if name not in ONCE and squares.requires_grad:
                second = torch.autograd.grad(squares, wrt, allow_unused=True)
                twice = tg.grad(lambda *xs: sum(tg.sum(g * g) for g in tg.grad(scalar, where)(*xs)), where)
                for a, b in zip(twice(*inputs), second, strict=True):
                    assert_close(a, np.zeros(a.shape) if b is None else b.numpy(force=True), rtol, 10 * atol)
            compared += 1
    assert compared >= 10


@pytest.mark.parametrize("name, make", [("multi_margin_loss", labelled), ("multilabel_margin_loss", several)])
def test_second_order_where_pytorch_has_none(name, make):
    x, target = make(np.random.default_rng(0), 3)
    how = {"p": 2} if name == "multi_margin_loss" else {}
    check_grads(lambda x: getattr(F, name)(x, target, **how), [x], order=2)


# ---------------------------------------------------------------------------------------- both modes


@pytest.mark.parametrize("group", range(4))
def test_one_compile_serves_every_batch_size(group):
    """Values and gradients of many losses in one compiled function, for two batch sizes."""
    chosen = CASES[group::4]

    def run(arguments):
        found = []
        for (name, _, reductions, how), arrays in zip(chosen, arguments, strict=True):
            how = attributes(how, "float64")
            for reduction in reductions[::2]:
                call = getattr(F, name)
                y = call(*arrays, reduction=reduction, **how)
                g = tg.grad(lambda x, a=arrays, f=call, r=reduction, h=how: tg.sum(f(x, *a[1:], reduction=r, **h)))
                found += [y, g(arrays[0])]
        return found

    compiled = tg.compile(run)
    for n in (3, 7):
        rng = np.random.default_rng(n)
        arguments = [typed(make(rng, n), "float64") for _, make, *_ in chosen]
        wanted = run([[tg.asarray(a) for a in arrays] for arrays in arguments])
        for a, b in zip(compiled(arguments), wanted, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-12)
    assert sum(map(len, compiled.versions.values())) == 1


# ---------------------------------------------------------------------------------------- modules


MODULES = [
    ("L1Loss", pair, {}),
    ("SmoothL1Loss", pair, {"beta": 0.5}),
    ("HuberLoss", pair, {"delta": 0.5}),
    ("PoissonNLLLoss", counts, {"full": True}),
    ("GaussianNLLLoss", normals, {"full": True}),
    ("KLDivLoss", distributions, {"reduction": "batchmean"}),
    ("BCELoss", chances, {"weight": PER_CLASS}),
    ("BCEWithLogitsLoss", logits, {"pos_weight": PER_CLASS}),
    ("MultiLabelSoftMarginLoss", logits, {"weight": PER_CLASS}),
    ("SoftMarginLoss", signs, {}),
    ("HingeEmbeddingLoss", signs, {"margin": 0.5}),
    ("MarginRankingLoss", ranked, {"margin": 0.5}),
    ("MultiMarginLoss", labelled, {"p": 2, "weight": PER_CLASS}),
    ("MultiLabelMarginLoss", several, {}),
    ("CosineEmbeddingLoss", vectors, {"margin": 0.1}),
    ("TripletMarginLoss", triples, {"swap": True, "margin": 2.0}),
    ("NLLLoss", ignoring, {"weight": PER_CLASS}),
    ("CrossEntropyLoss", ignoring, {"weight": PER_CLASS, "label_smoothing": 0.1}),
    ("PairwiseDistance", pair, {"p": 1.0}),
    ("CosineSimilarity", pair, {}),
]


@pytest.mark.parametrize("name, make, how", MODULES, ids=[m[0] for m in MODULES])
def test_modules_are_pytorchs(name, make, how):
    torch = pytest.importorskip("torch")
    arrays = make(np.random.default_rng(0), 5)
    loss = getattr(nn, name)(**how)
    theirs = getattr(torch.nn, name)(**{k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in how.items()})
    np.testing.assert_allclose(loss(*arrays).numpy(), theirs(*map(torch.tensor, arrays)).numpy(), rtol=1e-7)
    assert repr(loss).startswith(name + "(")
    assert list(loss.state_dict()) == [k for k, v in how.items() if isinstance(v, np.ndarray)]
    assert not list(loss.parameters())
