"""The variational autoencoder: a network that learns to draw samples like its data from plain noise."""

from __future__ import annotations

from typing import Any

import tapegraph as tg
from tapegraph import nn
from tapegraph.models.mlp import MLP

F = nn.functional


class VAE(nn.Module):
    """A probabilistic encoder and decoder of values in [0, 1], joined by a normal ``latent`` variable.

    ``forward``: x [n, features] to ``(logits [n, features], mean [n, latent], log_variance [n, latent])``. The latent
    variable is mean + exp(log_variance / 2) * noise, through which gradients flow to mean and variance
    (reparameterisation).

    Source: Kingma and Welling 2014, "Auto-encoding variational Bayes".
    """

    def __init__(self, features: int, latent: int = 8, hidden: int = 128) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = MLP((features, hidden, 2 * latent))
        self.decoder = MLP((latent, hidden, features))

    def forward(self, x: Any, noise: Any = None) -> tuple[Any, Any, Any]:
        """``noise``: [n, latent], drawn from the standard normal distribution unless given."""
        found = self.encoder(x)
        mean, log_variance = found[:, : self.latent], found[:, self.latent :]
        if noise is None:
            noise = tg.normal(mean.shape, dtype=mean.dtype)
        return self.decoder(mean + tg.exp(log_variance * 0.5) * noise), mean, log_variance

    def sample(self, n: int) -> Any:
        """Means of the pixels [n, features] of ``n`` new samples."""
        dtype = next(self.parameters()).dtype
        return tg.sigmoid(self.decoder(tg.normal((n, self.latent), dtype=dtype)))


def negative_elbo(x: Any, logits: Any, mean: Any, log_variance: Any) -> Any:
    """How many nats the model needs for a sample at most, the mean over n: the negative evidence lower bound.

    Cross-entropy of the pixels x [n, features], plus the Kullback-Leibler divergence of the latent variable from the
    standard normal distribution (appendix B of the paper).
    """
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = 0.5 * tg.sum(tg.exp(log_variance) + tg.square(mean) - 1.0 - log_variance)
    return (pixels + divergence) / x.shape[0]
