"""The CTC loss: PyTorch's values and gradients, every alignment counted, both modes, awkward lengths."""

import itertools

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F
from tapegraph.testing import check_grads

# times, classes, labels of each row, input lengths, blank
BATCHES = [
    (10, 5, [[1, 2, 3, 4], [2, 1], [4, 4, 1]], [10, 8, 9], 0),
    (10, 5, [[1, 1, 1, 1], [2, 2], [3, 1, 3]], [10, 10, 10], 0),  # repeats need a blank between
    (8, 4, [[], [0, 1], [2]], [8, 3, 1], 3),  # an empty target
    (8, 4, [[0, 2, 2], [3]], [4, 8], 1),
    (7, 3, [[1], [2], [1], [2]], [7, 1, 2, 3], 0),
    (1, 3, [[1], []], [1, 1], 0),
    (20, 6, [[5, 4, 3, 2, 1, 5, 5, 4]], [15], 0),
    (6, 4, [[1, 2, 3], [1, 1, 2]], [3, 4], 0),  # as short as can be
    (5, 4, [[], []], [5, 2], 0),
    (9, 8, [[7, 6], [5, 5, 5]], [9, 5], 2),
    (30, 3, [[1, 2] * 6, [1] * 5], [30, 22], 0),
]
IMPOSSIBLE = (6, 4, [[1, 2, 3, 1], [1, 1, 1], [2]], [3, 4, 6], 0)


def arranged(batch, seed, dtype, joined):
    """Scores before log_softmax, targets padded or one after the other, and the lengths."""
    times, classes, rows, lengths, blank = batch
    x = 2 * np.random.default_rng(seed).standard_normal((times, len(rows), classes)).astype(dtype)
    if joined:
        targets = np.array([c for row in rows for c in row], np.int64)
    else:
        targets = np.full((len(rows), max(map(len, rows))), -7)  # padding may be anything
        for i, row in enumerate(rows):
            targets[i, : len(row)] = row
    return x, targets, np.array(lengths), np.array([len(row) for row in rows]), blank


def ours(x, targets, taken, counts, blank, **how):
    return F.ctc_loss(F.log_softmax(x, axis=-1), targets, taken, counts, blank, **how)


def pytorchs(torch, x, targets, taken, counts, blank, **how):
    t = torch.tensor(x, requires_grad=True)
    arrays = [torch.tensor(np.maximum(a, 0)) for a in (targets, taken, counts)]
    loss = torch.nn.functional.ctc_loss(torch.log_softmax(t, -1), *arrays, blank, **how)
    loss.sum().backward()
    return loss.detach().numpy(), t.grad.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_values_and_gradients_are_pytorchs(number, dtype):
    torch = pytest.importorskip("torch")
    rtol, atol = (2e-5, 2e-5) if dtype == "float32" else (1e-9, 1e-11)
    for joined, reduction in itertools.product((False, True), ("mean", "sum", "none")):
        x, *rest = arranged(BATCHES[number], number, dtype, joined)
        if joined and not rest[0].size:
            continue  # PyTorch refuses a batch of empty targets in this form
        wanted, slope = pytorchs(torch, x, *rest, reduction=reduction)
        found = ours(x, *rest, reduction=reduction)
        assert found.dtype == dtype and found.shape == wanted.shape
        np.testing.assert_allclose(found.numpy(), wanted, rtol=rtol, atol=atol)
        g = tg.grad(lambda x, r=rest, how=reduction: tg.sum(ours(x, *r, reduction=how)))(x)
        np.testing.assert_allclose(g.numpy(), slope, rtol=rtol, atol=atol)


def test_targets_that_do_not_fit():
    torch = pytest.importorskip("torch")
    x, *rest = arranged(IMPOSSIBLE, 0, "float64", False)
    wanted, _ = pytorchs(torch, x, *rest, reduction="none")
    assert list(np.isinf(wanted)) == [True, True, False]
    np.testing.assert_allclose(ours(x, *rest, reduction="none").numpy(), wanted)
    assert np.isposinf(float(ours(x, *rest)))
    for reduction in ("mean", "sum", "none"):
        wanted, slope = pytorchs(torch, x, *rest, reduction=reduction, zero_infinity=True)
        np.testing.assert_allclose(ours(x, *rest, reduction=reduction, zero_infinity=True).numpy(), wanted)
        for zero in (True, False):  # the gradient of an infinite loss is 0 in any case
            g = tg.grad(lambda x, r=reduction, z=zero: tg.sum(ours(x, *rest, reduction=r, zero_infinity=z)))(x)
            np.testing.assert_allclose(g.numpy(), slope, atol=1e-12)


def test_counts_every_alignment():
    """The definition: the probabilities of all label sequences that collapse to the target, added up."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 5)

    def collapsed(path):
        return [c for c, _ in itertools.groupby(path) if c != 0]

    for target in ([], [1], [1, 2], [2, 2], [1, 2, 1]):
        paths = [path for path in itertools.product(range(3), repeat=5) if collapsed(path) == target]
        total = sum(np.prod([p[t, c] for t, c in enumerate(path)]) for path in paths)
        loss = F.ctc_loss(np.log(p), np.array(target, np.int64), 5, len(target), reduction="sum")
        assert loss.shape == () and float(loss) == pytest.approx(-np.log(total))


def test_no_input_at_all():
    x = np.log(np.full((3, 2, 4), 0.25))
    loss = F.ctc_loss(x, np.array([[1], [1]]), np.array([0, 0]), np.array([0, 1]), reduction="none")
    assert list(loss.numpy()) == [0, np.inf]


def test_impossible_labels():
    """Logarithms of probability 0 make no NaN, in value or gradient."""
    p = np.array([[[0.5, 0.5, 0.0]], [[0.5, 0.25, 0.25]], [[0.2, 0.0, 0.8]]])
    with np.errstate(divide="ignore"):
        x = np.log(p)
    value, g = tg.value_and_grad(lambda x: F.ctc_loss(x, np.array([[1, 2]]), [3], [2], reduction="sum"))(x)
    alignments = [(1, 0, 2), (0, 1, 2), (1, 1, 2), (1, 2, 0), (1, 2, 2)]
    paths = sum(p[0, 0, a] * p[1, 0, b] * p[2, 0, c] for a, b, c in alignments)
    assert float(value) == pytest.approx(-np.log(paths))
    assert np.isfinite(g.numpy()).all() and g.numpy()[0, 0, 2] == 0
    np.testing.assert_allclose(g.numpy().sum(axis=(1, 2)), -1)  # one label at each time


def test_long_sequences_in_single_precision():
    """800 steps of unlikely labels: probabilities far below the smallest float32."""
    torch = pytest.importorskip("torch")
    batch = (800, 50, [list(np.random.default_rng(1).integers(1, 50, 60)), [3] * 40], [800, 700], 0)
    x, *rest = arranged(batch, 0, "float32", False)
    wanted, slope = pytorchs(torch, x, *rest, reduction="none")
    assert wanted.min() > 1000
    np.testing.assert_allclose(ours(x, *rest, reduction="none").numpy(), wanted, rtol=1e-5)
    g = tg.grad(lambda x: tg.sum(ours(x, *rest, reduction="sum")))(x)
    np.testing.assert_allclose(g.numpy(), slope, atol=5e-3)


@pytest.mark.parametrize("joined", [False, True])
def test_one_compile_serves_every_size(joined):
    """Times, rows, classes and target lengths are all named sizes."""

    def run(x, targets, taken, counts):
        def loss(x):
            return F.ctc_loss(F.log_softmax(x, axis=-1), targets, taken, counts, reduction="none")

        return loss(x), tg.grad(lambda x: tg.sum(loss(x)))(x)

    compiled = tg.compile(run)
    for batch in (BATCHES[0], BATCHES[7], BATCHES[10], IMPOSSIBLE):
        arrays = arranged(batch, 0, "float64", joined)[:-1]
        for a, b in zip(compiled(*arrays), run(*map(tg.asarray, arrays)), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-12)
    assert sum(map(len, compiled.versions.values())) == 1


def test_gradients_of_both_orders():
    x, *rest = arranged(BATCHES[0], 0, "float64", False)
    check_grads(lambda x: ours(x, *rest), [x], order=2)
    check_grads(lambda x: ours(x, *rest, reduction="none"), [x], order=1)


def test_module_and_forms_of_lengths():
    x, targets, taken, counts, _ = arranged(BATCHES[0], 0, "float64", True)
    logp = F.log_softmax(x, axis=-1)
    wanted = float(F.ctc_loss(logp, targets, taken, counts))
    loss = nn.CTCLoss()
    assert float(loss(logp, targets, list(taken), tuple(int(n) for n in counts))) == wanted
    assert float(loss(logp, targets, taken.astype(np.int32), tg.asarray(counts))) == wanted
    assert "blank=0" in repr(loss)
    one = F.ctc_loss(logp[:, 0], targets[:4], 10, 4, reduction="none")
    assert float(one) == pytest.approx(float(F.ctc_loss(logp, targets, taken, counts, reduction="none")[0]))
    assert float(F.ctc_loss(logp[:, 0], targets[:4], 10, 4)) == pytest.approx(float(one) / 4)


def test_lengths_of_a_batch_inside_vmap():
    x, targets, taken, counts, _ = arranged(BATCHES[0], 0, "float64", False)
    wanted = ours(x, targets, taken, counts, 0, reduction="none")
    rows = tg.vmap(lambda x, t, i, n: F.ctc_loss(F.log_softmax(x, axis=-1), t, i, n, reduction="none"))
    found = rows(x.transpose(1, 0, 2), np.maximum(targets, 0), taken, counts)
    np.testing.assert_allclose(found.numpy(), wanted.numpy())


def test_mistakes():
    x, targets = np.zeros((5, 2, 4), np.float32), np.ones((2, 3), np.int64)
    taken, counts = np.array([5, 5]), np.array([3, 2])
    E = tg.errors
    for kind, match, call in [
        (E.ShapeError, "times, n, classes", lambda: F.ctc_loss(x[None], targets, taken, counts)),
        (E.ShapeError, "one row", lambda: F.ctc_loss(x, targets[:1], taken, counts)),
        (E.ShapeError, "one length", lambda: F.ctc_loss(x, targets, taken, counts[:1])),
        (E.ShapeError, "one after the other", lambda: F.ctc_loss(x, targets[None], taken, counts)),
        (E.DTypeError, "int64", lambda: F.ctc_loss(x, targets * 1.0, taken, counts)),
        (E.DTypeError, "input_lengths must be integers", lambda: F.ctc_loss(x, targets, taken * 1.0, counts)),
        (E.IndexRangeError, "4", lambda: F.ctc_loss(x, targets + 3, taken, counts)),
        (E.IndexRangeError, "6", lambda: F.ctc_loss(x, targets, taken + 1, counts)),
        (E.IndexRangeError, "4", lambda: F.ctc_loss(x, targets, taken, counts + 1)),
        (E.ArgumentError, "counted from 0", lambda: F.ctc_loss(x, targets, taken, counts, blank=-1)),
    ]:
        with pytest.raises(kind, match=match):
            call()
