"""What the reference models reach on their data, trained in static mode."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data, nn, optim
from tapegraph.models import PINN, REFERENCE, VAE, LSTMLanguageModel, burgers_solution, negative_elbo, poisson_residual
from tapegraph.models.reference import VISCOSITY

# In float64, whose kernels the other tests of these models compile too.
DTYPE = "float64"


def trained(name, batches):
    training = REFERENCE[name].start(DTYPE)
    with tg.mode("static"):
        losses = [training.step(*batch).item() for batch in batches]
    return training.model.eval(), losses


def drawn(name, count, **how):
    return (REFERENCE[name].data(seed, dtype=DTYPE, **how) for seed in range(count))


def accuracy(model, *batch):
    *inputs, labels = batch
    return (np.asarray(model(*inputs)).argmax(axis=-1) == labels).mean()


def digits_accuracy(name, epochs, *shape):
    """Accuracy on 297 digits, after training with the others."""
    pixels, labels = data.digits()
    order = np.random.default_rng(0).permutation(len(labels))
    pixels, labels = pixels[order].reshape(-1, *shape).astype(DTYPE), labels[order]
    rng = np.random.default_rng(1)
    parts = [p for _ in range(epochs) for p in np.array_split(rng.permutation(1500), 24)]
    model, _ = trained(name, ((pixels[p], labels[p]) for p in parts))
    return accuracy(model, pixels[1500:], labels[1500:])


@pytest.mark.parametrize(
    ("name", "epochs", "shape", "least"),
    [
        ("logistic regression", 15, (64,), 0.93),
        ("mlp", 15, (64,), 0.95),
        ("lenet", 15, (1, 8, 8), 0.95),
        pytest.param("resnet", 10, (1, 8, 8), 0.95, marks=pytest.mark.slow),
    ],
)
def test_digits_are_told_apart(name, epochs, shape, least):
    assert digits_accuracy(name, epochs, *shape) > least


def test_moons_are_told_apart():
    model, _ = trained("neural ode", drawn("neural ode", 400, size=64))
    assert accuracy(model, *REFERENCE["neural ode"].data(10**6, size=1000, dtype=DTYPE)) > 0.92


def test_vae_needs_fewer_nats_than_independent_pixels():
    model, losses = trained("vae", drawn("vae", 500, size=64))
    pixels, _ = data.digits()
    mean = np.clip(pixels.mean(axis=0), 1e-6, 1 - 1e-6)
    independent = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean)).sum()
    assert np.mean(losses[-20:]) < independent - 1.0
    sampled = np.asarray(model.sample(200))
    assert sampled.shape == (200, 64) and (sampled >= 0).all() and (sampled <= 1).all()
    assert np.abs(sampled.mean(axis=0) - mean).mean() < 0.1


def test_pinn_solves_burgers_equation():
    model, _ = trained("pinn", drawn("pinn", 1500, size=64))
    t, x = np.meshgrid(np.linspace(0.05, 1, 20), np.linspace(-1, 1, 41), indexing="ij")
    points = np.stack([t.ravel(), x.ravel()], axis=1)
    error = np.asarray(model(points)) - burgers_solution(points, VISCOSITY)
    assert np.sqrt(np.mean(error**2)) < 0.08


def test_pinn_solves_poissons_equation():
    tg.manual_seed(0)
    model = PINN(1, 16).to(DTYPE)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    points = np.linspace(0, 1, 33)[:, None]
    source, edge = np.pi**2 * np.sin(np.pi * points[:, 0]), np.array([[0.0], [1.0]])

    @tg.function
    def step():
        loss = tg.mean(tg.square(poisson_residual(model, points, source))) + 100.0 * tg.sum(tg.square(model(edge)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with tg.mode("static"):
        for _ in range(1000):
            step()
    assert np.abs(np.asarray(model(points)) - np.sin(np.pi * points[:, 0])).max() < 0.02


def test_the_solution_of_burgers_equation_is_one():
    """By finite differences."""
    points, h = np.array([[0.3, 0.2], [0.5, -0.4], [0.9, 0.05]]), 1e-4
    u, before, after, below, above = (
        burgers_solution(points + step, VISCOSITY) for step in ((0, 0), (-h, 0), (h, 0), (0, -h), (0, h))
    )
    residual = (after - before) / (2 * h) + u * (above - below) / (2 * h) - VISCOSITY * (above - 2 * u + below) / h**2
    np.testing.assert_allclose(residual, 0, atol=1e-5)
    np.testing.assert_allclose(burgers_solution(np.array([[1e-9, 0.3]]), VISCOSITY), -np.sin(0.3 * np.pi), rtol=1e-6)


def test_elbo_is_the_one_of_torchs_distributions():
    torch = pytest.importorskip("torch")
    tg.manual_seed(0)
    model, x = VAE(6, 2, 5).double(), np.random.default_rng(0).uniform(size=(4, 6))
    logits, mean, log_variance = (np.asarray(v) for v in model(x))
    law = torch.distributions.Normal(torch.tensor(mean), torch.tensor(np.exp(log_variance / 2)))
    prior = torch.distributions.Normal(torch.zeros(2, dtype=torch.float64), 1.0)
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(logits), torch.tensor(x), reduction="sum"
    )
    wanted = (pixels + torch.distributions.kl_divergence(law, prior).sum()) / 4
    np.testing.assert_allclose(negative_elbo(x, logits, mean, log_variance).item(), wanted.item(), rtol=1e-12)


def test_symbols_are_remembered_and_copied():
    """Without memory the best cross-entropy is log(8) * 2 / 8."""
    tg.manual_seed(0)
    model = LSTMLanguageModel(10, 32, embedding=8)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)

    @tg.function
    def step(tokens, targets):
        loss = nn.functional.cross_entropy(tg.reshape(model(tokens)[0], (-1, 10)), tg.reshape(targets, (-1,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    with tg.mode("static"):
        losses = [step(*data.copy_task(32, 2, 4, seed=seed)).item() for seed in range(400)]
    assert np.mean(losses[-20:]) < 0.5 * np.log(8) * 2 / 8


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("gru classifier", 500), ("transformer classifier", 800)])
def test_balanced_words_are_told_apart(name, steps):
    model, _ = trained(name, drawn(name, steps, size=64))
    assert accuracy(model, *REFERENCE[name].data(10**6, size=1000, dtype=DTYPE)) > 0.85


@pytest.mark.slow
def test_gpt_learns_the_corpus():
    """Single characters without what stands before them have an entropy of 2.8 nats."""
    _, losses = trained("gpt", drawn("gpt", 800, size=32, length=32))
    assert np.mean(losses[-20:]) < 0.9


@pytest.mark.slow
def test_values_of_trees_are_learned():
    """Guessing costs log(10) = 2.3 nats."""
    _, losses = trained("tree lstm", drawn("tree lstm", 500, size=64, length=4))
    assert np.mean(losses[-20:]) < 1.6
