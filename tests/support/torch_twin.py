"""A module of ours and PyTorch's of the same parameters: the same results and gradients, in both modes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tapegraph as tg
from engine import tree

TOLERANCE = {"float64": (1e-9, 1e-11), "float32": (2e-4, 2e-5)}


def twins(make: Callable[..., Any], make_torch: Callable[..., Any], dtype: str) -> tuple[Any, Any]:
    """Both modules, with PyTorch's weights, drawn anew so that none is a plain one or zero, loaded into ours by name."""
    import torch

    torch.manual_seed(0)
    theirs = make_torch().to(getattr(torch, dtype))
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn_like(p) * 0.3 + 0.1)
    ours = make(dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def agree(
    make: Callable[..., Any],
    make_torch: Callable[..., Any],
    *inputs: Any,
    dtypes: Sequence[str] = ("float64", "float32"),
    modes: Sequence[str] = ("eager", "static"),
    training: bool = True,
    calls: int = 1,
    **kwargs: Any,
) -> None:
    """Results, gradients of inputs and parameters, and buffers agree after ``calls`` calls in each mode and dtype.

    ``make(dtype=...)`` makes ours. Float inputs are cast and differentiated; arrays in ``kwargs`` are held fixed.
    """
    import torch

    for dtype in dtypes:
        rtol, atol = TOLERANCE[dtype]
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in map(np.asarray, inputs)]
        for mode in modes:
            ours, theirs = twins(make, make_torch, dtype)
            ours.train(training)
            theirs.train(training)
            tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
            more = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
            rng = np.random.default_rng(3)
            seeds: list[Any] = []
            wanted: list[Any] = []
            for _ in range(calls):
                wanted = [y for y in _leaves(theirs(*tensors, **more)) if y is not None]
                seeds = [rng.standard_normal(tuple(y.shape)).astype(dtype) for y in wanted]
                sum((y * torch.tensor(s)).sum() for y, s in zip(wanted, seeds, strict=True)).backward()
            given = [tg.Parameter(a) if a.dtype.kind == "f" else tg.asarray(a) for a in arrays]

            def step(*seeds: Any, ours: Any = ours, given: Any = given) -> Any:
                ys = tree.leaves([ours(*given, **kwargs)])
                sum(tg.sum(y * s) for y, s in zip(ys, seeds, strict=True)).backward()
                return ys

            run = tg.compile(step) if mode == "static" else step
            rng = np.random.default_rng(3)
            for _ in range(calls):
                found = run(*[rng.standard_normal(s.shape).astype(dtype) for s in seeds])
            label = f"{type(ours).__name__} {mode} {dtype}"
            for y, z in zip(found, wanted, strict=True):
                np.testing.assert_allclose(np.asarray(y), z.detach().numpy(), rtol=rtol, atol=atol, err_msg=label)
            scale = 10 if dtype == "float32" else 1
            for x, t in zip(given, tensors, strict=True):
                if t.requires_grad:
                    _same(x.grad, t.grad, rtol * scale, atol * scale, f"{label}: input")
            its = dict(theirs.named_parameters())
            for name, p in ours.named_parameters():
                _same(p.grad, its[name].grad, rtol * scale, atol * scale, f"{label}: {name}")
            for name, buffer in theirs.named_buffers():
                _same(ours.get_buffer(name), buffer, rtol, atol, f"{label}: {name}")


def _leaves(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def _same(found: Any, wanted: Any, rtol: float, atol: float, label: str) -> None:
    if wanted is None:
        assert found is None or not np.asarray(found).any(), label
        return
    assert found is not None, label
    np.testing.assert_allclose(np.asarray(found), wanted.numpy(), rtol=rtol, atol=atol, err_msg=label)
