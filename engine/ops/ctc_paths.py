"""The two recurrences of connectionist temporal classification: paths through states, and values carried along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.lowering import Loop
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import subtract
from engine.ops.compare import isfinite, where
from engine.ops.math import exp
from engine.ops.pad import pad
from engine.ops.pieces import stack
from engine.ops.slices import part
from engine.sizes import Size
from engine.spec import DType, Spec

# ---------------------------------------------------------------------------------------- the two recurrences

# States s of a row are the labels with blanks around and between them. From one time to the next a path stays, moves
# on by one, or (skip) by two.


def _paths_kernel(emitted: Any, skip: Any) -> Any:
    out = np.full_like(emitted, -np.inf, order="C")
    out[:1, :, :2] = emitted[:1, :, :2]
    for t in range(1, len(emitted)):
        total = out[t - 1].copy()
        total[:, 1:] = np.logaddexp(total[:, 1:], out[t - 1, :, :-1])
        jumped = np.where(skip[:, 2:], out[t - 1, :, :-2], -np.inf)
        total[:, 2:] = np.logaddexp(total[:, 2:], jumped)
        out[t] = emitted[t] + total
    return out


_PATHS = """def kernel(a0, a1, o, times, rows, states):
    low = -{real}(1) / {real}(0)
    for t in range(times):
        for n in range(rows):
            for s in range(states):
                here = (t * rows + n) * states + s
                last = here - rows * states
                if t == 0:
                    o[here] = a0[here] if s < 2 else low
                else:
                    stay = o[last]
                    move = o[last - 1] if s > 0 else low
                    jump = low
                    if s > 1 and a1[n * states + s]:
                        jump = o[last - 2]
                    top = maximum(maximum(stay, move), jump)
                    if top == low:
                        o[here] = low
                    else:
                        o[here] = a0[here] + (top + log(exp(stay - top) + exp(move - top) + exp(jump - top)))
    return 0
"""


def _flow_kernel(source: Any, share: Any, backward: bool) -> Any:
    out = np.array(source, order="C")
    for t in range(1, len(out)):
        if backward:
            t = len(out) - t
            moved = share[:, t] * out[t]
            out[t - 1] += moved[0]
            out[t - 1, :, :-1] += moved[1, :, 1:]
            out[t - 1, :, :-2] += moved[2, :, 2:]
        else:
            out[t] += share[0, t] * out[t - 1]
            out[t, :, 1:] += share[1, t, :, 1:] * out[t - 1, :, :-1]
            out[t, :, 2:] += share[2, t, :, 2:] * out[t - 1, :, :-2]
    return out


_FORWARD = """def kernel(a0, a1, o, times, rows, states):
    whole = times * rows * states
    for t in range(times):
        for n in range(rows):
            for s in range(states):
                here = (t * rows + n) * states + s
                value = a0[here]
                if t > 0:
                    for j in range(3):
                        if j <= s:
                            value = value + a1[j * whole + here] * o[here - rows * states - j]
                o[here] = value
    return 0
"""
_BACKWARD = """def kernel(a0, a1, o, times, rows, states):
    whole = times * rows * states
    for back in range(times):
        t = times - 1 - back
        for n in range(rows):
            for s in range(states):
                here = (t * rows + n) * states + s
                value = a0[here]
                if back > 0:
                    for j in range(3):
                        there = here + rows * states + j
                        if s + j < states:
                            value = value + a1[j * whole + there] * o[there]
                o[here] = value
    return 0
"""


def _paths_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    return _PATHS.format(real=out.dtype.name), list(out.shape)


def _flow_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    return (_BACKWARD if attrs["backward"] else _FORWARD), list(out.shape)


def _earlier(table: Any, states: int, fill: float) -> Any:
    """What stood one time earlier and ``states`` states before."""
    moved = pad(table, [(1, 0), (0, 0), (states, 0)], value=fill)
    return part(part(moved, 0, 0, table.shape[0]), 2, 0, table.shape[2])


def _shares(paths: Any, emitted: Any, skip: Any) -> Any:
    """Of the probability of reaching each state, the parts that stayed, moved and skipped: [3, times, rows, states]."""
    total = subtract(paths, emitted)
    total = where(isfinite(total), total, 0.0)
    stay, move, jump = (exp(subtract(_earlier(paths, j, -np.inf), total)) for j in range(3))
    return stack([stay, move, where(skip, jump, 0.0)])


def _flow_vjp(g: Any, y: Any, source: Any, share: Any, backward: bool) -> list[Any]:
    other = apply(ctc_flow, g, share, backward=not backward)
    ahead, behind = (other, y) if backward else (y, other)
    return [other, stack([behind * _earlier(ahead, j, 0.0) for j in range(3)])]


def _flow_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample(
            (rng.uniform(-1, 1, shape).astype(dtype), rng.uniform(0, 1, (3, *shape)).astype(dtype)),
            {"backward": backward},
        )
        for shape, backward in (((3, 2, 5), False), ((3, 2, 5), True), ((2, 1, 1), True), ((0, 2, 3), False))
    ]


def _paths_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    # With more than two states some cannot be reached at first: logarithm -inf. ``ctc_loss`` has samples of those.
    return [
        Sample((rng.uniform(-3, -0.1, shape).astype(dtype), np.ones(shape[1:], bool)), {})
        for shape in ((4, 2, 2), (3, 1, 1), (0, 2, 2))
    ]


ctc_flow: Op = Op(
    "ctc_flow",
    _flow_kernel,
    lambda source, share, backward: Spec(source.shape, source.dtype),
    vjp=_flow_vjp,
    lower=Loop(_flow_text),
    batch="rows",
    accepts=dtypes.FLOATS,
    keeps="xy",
    order=47,
    samples=_flow_samples,
    doc="Values carried along the steps of all paths, forward or backward in time, in given shares.",
    hidden=True,
)
ctc_paths = Op(
    "ctc_paths",
    _paths_kernel,
    lambda emitted, skip: Spec(emitted.shape, emitted.dtype),
    vjp=(
        lambda g, y, emitted, skip: apply(ctc_flow, g, _shares(y, emitted, skip), backward=True),
        None,
    ),
    lower=Loop(_paths_text),
    batch="rows",
    accepts=dtypes.FLOATS,
    casts=slice(0, 1),
    keeps="xy",
    order=48,
    samples=_paths_samples,
    doc="Log-probability of all paths that end in each state at each time: [times, rows, states].",
    hidden=True,
)
