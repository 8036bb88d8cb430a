"""torch.nn.functional: the functions of tapegraph.nn.functional, with PyTorch's words where they differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from engine.landing import entrance
from tapegraph.nn import functional as ours
from tapegraph.torch.cell import of, replace
from tapegraph.torch.methods import SPELLINGS
from tapegraph.torch.spelling import read, spelled
from tapegraph.torch.vocabulary import WORDS

_RENAMED = {"axis": "dim", "keepdims": "keepdim", "start_axis": "start_dim", "end_axis": "end_dim"}

TABLE = """
triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean") -> triplet_margin_with_distance_loss(anchor, positive, negative, distance_function=on_tensors(distance_function), margin=margin, swap=swap, reduction=reduction)
normalize(input, p=2.0, dim=1, eps=1e-12) -> normalize(input, p, dim, eps)
softmin(input, dim=None, dtype=None) -> softmin(floats(input), -1 if dim is None else dim, dtype)
glu(input, dim=-1) -> glu(input, dim)
one_hot(input, num_classes=-1) -> one_hot(input, num_classes if num_classes != -1 else int(max(input).item()) + 1)
gumbel_softmax(logits, tau=1.0, hard=False, eps=1e-10, dim=-1) -> gumbel_softmax(logits, tau, hard, dim)
cosine_similarity(x1, x2, dim=1, eps=1e-8) -> cosine_similarity(x1, x2, dim, eps)
pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False) -> pairwise_distance(x1, x2, p, eps, keepdim)
hardtanh(input, min_val=-1.0, max_val=1.0) -> hardtanh(input, min_val, max_val)
hardshrink(input, lambd=0.5) -> hard_shrink(input, lambd)
hardsigmoid(input) -> hard_sigmoid(input)
hardswish(input) -> hard_swish(input)
binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None) -> bce_with_logits(input, target, weight, reduction, pos_weight)
sigmoid(input) -> sigmoid(input)
tanh(input) -> tanh(input)
embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False) -> embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
threshold(input, threshold, value) -> cut_below(input, threshold, value)
"""


def _line(name: str, function: Callable[..., Any]) -> str:
    """The spelling of a function that PyTorch has under the same name: its own signature in PyTorch's words."""
    left, right = [], []
    starred = False
    for i, p in enumerate(inspect.signature(function).parameters.values()):
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ValueError(name)
        word = "input" if i == 0 and p.name in ("x", "input") else _RENAMED.get(p.name, p.name)
        if word in ("inplace", "generator"):
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            left.append("*")
            starred = True
        left.append(word if p.default is p.empty else f"{word}={p.default!r}")
        right.append(
            word
            if p.kind is p.POSITIONAL_ONLY or (p.default is p.empty and p.kind is not p.KEYWORD_ONLY)
            else f"{p.name}={word}"
        )
    return f"{name}({', '.join(left)}) -> _ours_{name}({', '.join(right)})"


def _legacy(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """With the keywords that PyTorch still takes: ``inplace``, and ``size_average`` and ``reduce`` of old programs."""
    signature = inspect.signature(function)
    loss = "reduction" in signature.parameters
    rectifier = name in _IN_PLACE

    @entrance
    def call(*args: Any, **named: Any) -> Any:
        if loss and ("size_average" in named or "reduce" in named):
            average, reduce = named.pop("size_average", None), named.pop("reduce", None)
            if average is not None or reduce is not None:
                named["reduction"] = "none" if reduce is False else "sum" if average is False else "mean"
        inplace = named.pop("inplace", False)
        result = function(*args, **named)
        return replace(args[0], of(result)) if inplace else result

    if not loss and not rectifier:
        return function
    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    call.__module__ = "tapegraph.torch"
    return call


_IN_PLACE = frozenset(
    {
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "celu",
        "selu",
        "silu",
        "mish",
        "hardtanh",
        "hardsigmoid",
        "hardswish",
        "threshold",
        "rrelu",
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "alpha_dropout",
        "feature_alpha_dropout",
    }
)


def _published() -> dict[str, Callable[..., Any]]:
    space = WORDS | {n: getattr(ours, n) for n in ours.__all__}
    space["cut_below"] = ours.threshold  # which its own parameter would hide
    found, _ = read(TABLE, space, __file__)
    made = {name: entry.function for name, entry in found.items()}
    for name in ours.__all__:
        function = getattr(ours, name)
        if name in made or not callable(function):
            continue
        try:
            line = _line(name, function)
            made[name] = read(line, {f"_ours_{name}": function}, __file__)[0][name].function
        except (TypeError, ValueError, SyntaxError):
            made[name] = spelled(function)
    for name in ("softmax", "log_softmax", "relu"):
        made[name] = SPELLINGS[name].function
    made |= {f"{name}_": _writing(made[name], f"{name}_") for name in _IN_PLACE if name in made}
    return {name: _legacy(function, name) for name, function in made.items()}


def _writing(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @entrance
    def call(input: Any, *args: Any, **named: Any) -> Any:
        return replace(input, of(function(input, *args, **named)))

    call.__name__ = call.__qualname__ = name
    return call


FUNCTIONS = _published()
globals().update(FUNCTIONS)

__all__ = [*FUNCTIONS]
