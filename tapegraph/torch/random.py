"""Random tensors, drawn from the engine's counter-based generator: the same numbers in both modes, not PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.errors import ArgumentError
from engine.op import as_handle
from engine.ops import random as ours
from graph.builder import Builder
from tapegraph.torch.cell import of, replace, wrap
from tapegraph.torch.dtypes import kind
from tapegraph.torch.meanings import tg
from tapegraph.torch.views import size_of


class Generator(ours.Generator):
    """A stream of random numbers of its own: ``torch.Generator().manual_seed(0)``."""

    def __init__(self, device: Any = "cpu") -> None:
        super().__init__(0)
        self.device = device

    def seed(self) -> int:
        """Start from a seed taken from the system; returns it."""
        fresh = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        self.manual_seed(fresh)
        return fresh

    def initial_seed(self) -> int:
        """The seed it was started from."""
        return _seed_of(self)

    def get_state(self) -> Any:
        """Key and counter as a tensor."""
        return wrap(super().get_state())

    def set_state(self, state: Any) -> Any:
        """Go on from where ``get_state`` was called."""
        return super().set_state(of(state))


def _seed_of(generator: Any) -> int:
    low, high = generator.key.tolist()
    return int(low + (high << 64))


default_generator = ours.default_generator


def manual_seed(seed: int) -> Any:
    """Seed the default generator. Both modes draw the same numbers from the same seed."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the system; returns the seed."""
    fresh = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
    manual_seed(fresh)
    return fresh


def initial_seed() -> int:
    """The seed of the default generator."""
    return _seed_of(default_generator)


def get_rng_state() -> Any:
    """The state of the default generator as a tensor."""
    return wrap(default_generator.get_state())


def set_rng_state(new_state: Any) -> None:
    """Go on from where ``get_rng_state`` was called."""
    default_generator.set_state(of(new_state))


def _done(value: Any, requires_grad: bool = False) -> Any:
    made = wrap(value)
    return made.requires_grad_() if requires_grad else made


def rand(*size: Any, generator: Any = None, dtype: Any = None, requires_grad: bool = False, **rest: Any) -> Any:
    """Uniform in [0, 1)."""
    shape = size_of(*size) if size else size_of(rest.get("size", ()))
    return _done(ours.uniform(shape, dtype=kind(dtype), generator=generator), requires_grad)


def randn(*size: Any, generator: Any = None, dtype: Any = None, requires_grad: bool = False, **rest: Any) -> Any:
    """Normally distributed with mean 0 and deviation 1."""
    shape = size_of(*size) if size else size_of(rest.get("size", ()))
    return _done(ours.normal(shape, dtype=kind(dtype), generator=generator), requires_grad)


def rand_like(input: Any, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """Uniform in [0, 1), in the shape and dtype of another tensor."""
    held = of(input)
    return _done(ours.uniform(tuple(held.shape), dtype=kind(dtype) or held.dtype), requires_grad)


def randn_like(input: Any, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """Normally distributed, in the shape and dtype of another tensor."""
    held = of(input)
    return _done(ours.normal(tuple(held.shape), dtype=kind(dtype) or held.dtype), requires_grad)


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None, **_: Any
) -> Any:
    """Normally distributed with the given means and deviations, numbers or tensors."""
    mean, std = of(mean), of(std)
    shape = size if size is not None else next(tuple(v.shape) for v in (mean, std) if hasattr(v, "shape"))
    return wrap(ours.normal(tuple(shape), mean, std, dtype=kind(dtype), generator=generator))


def _whole(low: Any, high: Any, shape: Any, dtype: Any, generator: Any) -> Any:
    if not isinstance(low, int) or not isinstance(high, int) or low >= high:
        raise ArgumentError(f"needs integers low < high, not {low} and {high}", op="randint")
    drawn = tg.randint(low, high, tuple(shape), generator=generator or default_generator)
    return drawn if drawn.dtype == dtype else tg.astype(drawn, dtype)


def randint(*args: Any, generator: Any = None, dtype: Any = None, requires_grad: bool = False, **named: Any) -> Any:
    """Integers of [low, high), each equally likely: ``randint(high, size)`` or ``randint(low, high, size)``."""
    given = list(args)
    size = named["size"] if "size" in named else given.pop()
    high = named["high"] if "high" in named else given.pop()
    low = named.get("low", given.pop() if given else 0)
    low, high = (int(v) for v in (low, high))
    return wrap(_whole(low, high, size_of(size), kind(dtype) or dtypes.int64, generator))


def randint_like(input: Any, low: int, high: int | None = None, *, dtype: Any = None, **_: Any) -> Any:
    """Integers of [low, high) (or [0, low)) in the shape and dtype of another tensor."""
    held = of(input)
    low, high = (0, low) if high is None else (low, high)
    return wrap(_whole(low, high, tuple(held.shape), kind(dtype) or held.dtype, None))


def randperm(n: int, *, generator: Any = None, dtype: Any = None, **_: Any) -> Any:
    """The numbers 0 to n-1 in a random order."""
    order = tg.permutation(n, generator=generator or default_generator)
    return wrap(tg.astype(order, kind(dtype) or dtypes.int64))


def bernoulli(input: Any, p: Any = None, *, generator: Any = None, **_: Any) -> Any:
    """1 with the probability that ``input`` gives for each element, else 0."""
    held = of(input)
    return wrap(ours.bernoulli(held if p is None else of(p), held.shape, dtype=held.dtype, generator=generator))


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None, **_: Any) -> Any:
    """Positions drawn from each row with its numbers as weights."""

    return wrap(tg.multinomial(tg.stop_gradient(of(input)), num_samples, replacement, generator=generator))


def poisson(input: Any, generator: Any = None) -> Any:
    """Poisson numbers with the given means; in eager mode only."""
    source = np.random.Generator(np.random.Philox(int(ours.default_generator.bits((), dtypes.uint64).item())))
    held = np.asarray(of(input))
    return wrap(as_handle(source.poisson(held).astype(held.dtype)))


# ------------------------------------------------------------------------------------------ in place


def _filling(name: str, draw: Any) -> Callable[..., Any]:
    def method(self: Any, *args: Any, generator: Any = None, **named: Any) -> Any:
        held = of(self)
        dtype = held.dtype if held.dtype.kind == "f" else dtypes.float64
        return replace(self, tg.astype(draw(tuple(held.shape), dtype, generator, *args, **named), held.dtype))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Filled with draws; see torch.Tensor.{name}."
    return method


def _uniform(shape: Any, dtype: Any, source: Any, a: Any = 0.0, b: Any = 1.0, **named: Any) -> Any:
    low, high = named.get("from", a), named.get("to", b)
    return ours.uniform(shape, low, high, dtype=dtype, generator=source)


def _normal(shape: Any, dtype: Any, source: Any, mean: Any = 0.0, std: Any = 1.0) -> Any:
    return ours.normal(shape, mean, std, dtype=dtype, generator=source)


def _random(shape: Any, dtype: Any, source: Any, low: Any = 0, high: Any = None) -> Any:
    low, high = (0, low) if high is None else (low, high)
    return _whole(int(low), int(high) or 2**24, shape, dtype, source)


def _bernoulli(shape: Any, dtype: Any, source: Any, p: Any = 0.5) -> Any:
    return ours.bernoulli(of(p), shape, dtype=dtype, generator=source)


def _exponential(shape: Any, dtype: Any, source: Any, lambd: float = 1.0) -> Any:
    return tg.divide(tg.log(1.0 - ours.uniform(shape, dtype=dtype, generator=source)), -lambd)


IN_PLACE = {
    name: _filling(name, draw)
    for name, draw in {
        "uniform_": _uniform,
        "normal_": _normal,
        "random_": _random,
        "bernoulli_": _bernoulli,
        "exponential_": _exponential,
    }.items()
}


class fork_rng:
    """A block after which the default generator goes on as if nothing had been drawn."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._kept: Any = None

    def __enter__(self) -> None:
        if isinstance(dispatch.current(), Builder):
            raise ArgumentError("cannot be used inside a traced function", op="fork_rng")
        self._kept = get_rng_state()

    def __exit__(self, *_: Any) -> None:
        set_rng_state(self._kept)
