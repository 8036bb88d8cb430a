"""Embedding and EmbeddingBag give PyTorch's results, gradients and renewed rows, in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F
from tests.support.torch_twin import agree, twins

RNG = np.random.default_rng(0)
IDS = np.array([[0, 2, 1], [1, 4, 4]])
LINE, STARTS = np.array([4, 0, 3, 1, 1, 2]), np.array([0, 2, 2, 5])


@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 1}, {"padding_idx": -1, "scale_grad_by_freq": True}, {"scale_grad_by_freq": True}]
)
def test_embedding(options):
    torch = pytest.importorskip("torch")
    agree(
        lambda dtype: nn.Embedding(5, 3, **options, dtype=dtype),
        lambda: torch.nn.Embedding(5, 3, **options),
        IDS,
        dtypes=("float64",),
    )


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("norm_type", [2.0, 1.0])
def test_max_norm_renews_the_rows_that_are_looked_up(mode, norm_type):
    torch = pytest.importorskip("torch")
    options = {"max_norm": 0.5, "norm_type": norm_type}
    ours, theirs = twins(
        lambda dtype: nn.Embedding(5, 3, **options, dtype=dtype), lambda: torch.nn.Embedding(5, 3, **options), "float64"
    )
    run = tg.compile(lambda ids: ours(ids)) if mode == "static" else ours
    np.testing.assert_allclose(run(IDS[:1]).numpy(), theirs(torch.tensor(IDS[:1])).detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.weight.numpy(), theirs.weight.detach().numpy(), rtol=1e-6)
    with pytest.raises(tg.errors.ArgumentError, match="must be a Parameter or a State"):
        F.embedding(IDS, tg.ones((5, 3)), max_norm=1.0)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 4])
@pytest.mark.parametrize("bags", ["rows", "line", "with end"])
def test_embedding_bag(mode, padding, bags):
    torch = pytest.importorskip("torch")
    options = {"mode": mode, "padding_idx": padding, "include_last_offset": bags == "with end"}
    more = {"rows": {}, "line": {"offsets": STARTS}, "with end": {"offsets": np.append(STARTS, 6)}}[bags]
    agree(
        lambda dtype: nn.EmbeddingBag(5, 3, **options, dtype=dtype),
        lambda: torch.nn.EmbeddingBag(5, 3, **options),
        IDS if bags == "rows" else LINE,
        dtypes=("float64",),
        **more,
    )


def test_weights_and_frequencies_of_bags():
    torch = pytest.importorskip("torch")
    agree(
        lambda dtype: nn.EmbeddingBag(5, 3, mode="sum", dtype=dtype),
        lambda: torch.nn.EmbeddingBag(5, 3, mode="sum"),
        IDS,
        per_sample_weights=RNG.standard_normal((2, 3)),
        dtypes=("float64",),
    )
    # PyTorch's own EmbeddingBag divides by the counts of other rows; its Embedding does not.
    ours, theirs = twins(
        lambda dtype: nn.EmbeddingBag(5, 3, mode="sum", scale_grad_by_freq=True, dtype=dtype),
        lambda: torch.nn.Embedding(5, 3, scale_grad_by_freq=True),
        "float64",
    )
    rows, seed = theirs(torch.tensor(LINE)), RNG.standard_normal((4, 3))
    wanted = torch.stack([rows[:2].sum(0), rows[2:2].sum(0), rows[2:5].sum(0), rows[5:].sum(0)])
    found = ours(LINE, STARTS)
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), rtol=1e-12)
    found.backward(seed)
    wanted.backward(torch.tensor(seed))
    np.testing.assert_allclose(np.asarray(ours.weight.grad), theirs.weight.grad.numpy(), rtol=1e-12)


def test_one_compile_serves_every_number_of_bags():
    bag = nn.EmbeddingBag(9, 3, mode="mean")
    run = tg.compile(lambda ids, starts: bag(ids, starts))
    for ids, starts in ((LINE, STARTS), (LINE[:4], STARTS[:2]), (np.tile(LINE, 2), np.arange(5) * 2)):
        np.testing.assert_allclose(run(ids, starts).numpy(), bag(ids, starts).numpy(), rtol=1e-6)
    assert sum(map(len, run.versions.values())) == 1, run.explain()
    empty = bag(np.zeros((2, 0), np.int64)).numpy()
    assert empty.shape == (2, 3) and not empty.any()


def test_from_pretrained():
    rows = RNG.standard_normal((4, 2))
    table = nn.Embedding.from_pretrained(rows)
    assert np.array_equal(table(np.array(3)).numpy(), rows[3]) and not table.weight.requires_grad
    assert nn.EmbeddingBag.from_pretrained(rows, freeze=False, mode="sum").weight.requires_grad


def test_mistakes():
    for make in (
        lambda: nn.Embedding(3, 2, padding_idx=3),
        lambda: nn.Embedding(3, 2, sparse=True),
        lambda: nn.EmbeddingBag(3, 2, mode="min"),
        lambda: nn.EmbeddingBag(3, 2)(LINE % 3),
        lambda: nn.EmbeddingBag(3, 2)(IDS % 3, STARTS),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            make()
    with pytest.raises(tg.errors.IndexRangeError):
        nn.EmbeddingBag(5, 2)(LINE, STARTS + 1)
    with pytest.raises(tg.errors.DTypeError, match="chosen by integers"):
        nn.Embedding(5, 2)(np.ones(2))
