"""torch.distributions: the distributions that policies and variational models are written with.

Categorical, Bernoulli, Normal, Uniform, MultivariateNormal with a diagonal as Independent(Normal); ``kl_divergence`` between two of a kind.
"""

from __future__ import annotations

import math
from typing import Any

from engine.errors import ArgumentError, UnsupportedError
from tapegraph.torch import creation, random
from tapegraph.torch.cell import Cell
from tapegraph.torch.dtypes import Size, float32
from tapegraph.torch.methods import SPELLINGS
from tapegraph.torch.modes import no_grad
from tapegraph.torch.nn.functional import FUNCTIONS as F
from tapegraph.torch.views import broadcast_tensors

__path__: list[str] = []  # has modules of its own; see elsewhere


def _tensor(value: Any) -> Any:
    return value if isinstance(value, Cell) else creation.tensor(value, dtype=float32)


class Distribution:
    """A distribution over tensors: ``batch_shape`` of them, each over values of ``event_shape``."""

    has_rsample = False
    batch_shape: Any = Size(())
    event_shape: Any = Size(())

    def _shape(self, sample_shape: Any) -> Any:
        return Size(tuple(sample_shape) + tuple(self.batch_shape) + tuple(self.event_shape))

    def sample(self, sample_shape: Any = ()) -> Any:
        """Draws, through which no gradient flows."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Draws as a function of the parameters, so that gradients flow."""
        raise UnsupportedError(f"{type(self).__name__} has no reparameterised draw", op="rsample", fix="use sample()")

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or probability, of a value."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The expectation of -log_prob."""
        raise NotImplementedError


class Normal(Distribution):
    """The normal distribution with mean ``loc`` and deviation ``scale``."""

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = broadcast_tensors(_tensor(loc), _tensor(scale))
        self.batch_shape = self.loc.shape

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.loc

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.scale

    @property
    def variance(self) -> Any:
        """The square of the deviation."""
        return self.scale * self.scale

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.loc + self.scale * random.randn(self._shape(sample_shape), dtype=self.loc.dtype)

    def log_prob(self, value: Any) -> Any:
        z = (value - self.loc) / self.scale
        return -0.5 * z * z - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def entropy(self) -> Any:
        return self.scale.log() + 0.5 * (1 + math.log(2 * math.pi))

    def cdf(self, value: Any) -> Any:
        """The probability of a smaller value."""
        return ((value - self.loc) / (self.scale * math.sqrt(2))).erf() * 0.5 + 0.5


class Uniform(Distribution):
    """Every value of [low, high) equally likely."""

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: Any = None) -> None:
        self.low, self.high = broadcast_tensors(_tensor(low), _tensor(high))
        self.batch_shape = self.low.shape

    @property
    def mean(self) -> Any:
        """The mean."""
        return (self.low + self.high) / 2

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.low + (self.high - self.low) * random.rand(self._shape(sample_shape), dtype=self.low.dtype)

    def log_prob(self, value: Any) -> Any:
        inside = (value >= self.low) & (value < self.high)
        return SPELLINGS["where"].function(inside, -(self.high - self.low).log(), -math.inf)

    def entropy(self) -> Any:
        return (self.high - self.low).log()


class Bernoulli(Distribution):
    """1 with probability ``probs`` (or the sigmoid of ``logits``), else 0."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise ArgumentError("give either probs or logits, not both", op="Bernoulli")
        self.probs = _tensor(probs) if logits is None else _tensor(logits).sigmoid()
        self.logits = _tensor(logits) if probs is None else SPELLINGS["logit"].function(self.probs, 1.2e-7)
        self.batch_shape = self.probs.shape

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.probs

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return random.bernoulli(self.probs.expand(self._shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        return -F["binary_cross_entropy_with_logits"](self.logits, value, reduction="none")

    def entropy(self) -> Any:
        return F["binary_cross_entropy_with_logits"](self.logits, self.probs, reduction="none")


class Categorical(Distribution):
    """One of n classes with probabilities ``probs`` [..., n] (normalised here), or the softmax of ``logits``."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise ArgumentError("give either probs or logits, not both", op="Categorical")
        if logits is None:
            given = _tensor(probs)
            self.probs = given / given.sum(-1, keepdim=True)
            self.logits = self.probs.clamp(1.2e-7, 1 - 1.2e-7).log()
        else:
            given = _tensor(logits)
            self.logits = given - given.logsumexp(-1, keepdim=True)
            self.probs = self.logits.softmax(-1)
        self.batch_shape = self.probs.shape[:-1]

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            count = Size(tuple(sample_shape)).numel()
            rows = self.probs.reshape(-1, self.probs.shape[-1])
            drawn = random.multinomial(rows, count, replacement=True).t()
            return drawn.reshape(self._shape(sample_shape))

    def log_prob(self, value: Any) -> Any:
        value, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        return -(self.logits * self.probs).sum(-1)


class Independent(Distribution):
    """A distribution whose last batch axes are one event: log-probabilities are summed over them."""

    def __init__(self, base_distribution: Any, reinterpreted_batch_ndims: int, validate_args: Any = None) -> None:
        self.base_dist = base_distribution
        self.count = reinterpreted_batch_ndims
        shape = base_distribution.batch_shape
        cut = len(shape) - self.count
        self.batch_shape, self.event_shape = shape[:cut], shape[cut:]

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.base_dist.mean

    def sample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Any:
        return self._summed(self.base_dist.entropy())

    def _summed(self, x: Any) -> Any:
        return x.sum(tuple(range(-self.count, 0))) if self.count else x


def kl_divergence(p: Any, q: Any) -> Any:
    """KL(p || q) of two distributions of one kind."""
    match p, q:
        case Normal(), Normal():
            ratio = (p.scale / q.scale) ** 2
            shift = ((p.loc - q.loc) / q.scale) ** 2
            return 0.5 * (ratio + shift - 1 - ratio.log())
        case Categorical(), Categorical():
            return (p.probs * (p.logits - q.logits)).sum(-1)
        case Bernoulli(), Bernoulli():
            return -p.entropy() + F["binary_cross_entropy_with_logits"](q.logits, p.probs, reduction="none")
        case Independent(), Independent():
            return p._summed(kl_divergence(p.base_dist, q.base_dist))
    raise UnsupportedError(f"no formula for {type(p).__name__} and {type(q).__name__}", op="kl_divergence")
