"""What an audit makes of what it saw: findings with numbers, a place and a fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine import origin
from tapegraph.debug.audit_seen import Seen
from tapegraph.nn.module import Module
from tapegraph.optim.optimizer import Optimizer

LEAST, MOST = 1e-6, 0.5  # of an update, as a part of the weights; a first step on small weights is large
VANISHING, EXPLODING = 1e-8, 1e4  # rms of a gradient: as a part of the largest one; as a number


@dataclass
class Finding:
    """One thing that looks like a mistake. ``numbers``: what was measured."""

    kind: str
    text: str
    fix: str
    place: origin.Place | None = None
    op: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.text}"]
        if self.place:
            lines.append(f"   at {self.place.address}, in {self.place.function}: {self.place.expression.strip()}")
        return "\n".join([*lines, f"   fix: {self.fix}"])


def _name(p: Any) -> str:
    return p.name or f"a parameter of shape {tuple(p.shape)}"


def _names(parameters: Sequence[Any]) -> str:
    more = f" and {len(parameters) - 3} more" if len(parameters) > 3 else ""
    return ", ".join(_name(p) for p in parameters[:3]) + more


# ---------------------------------------------------------------------------------------- what it means


def findings(seen: Seen, notices: Sequence[Any]) -> list[Finding]:
    """Everything that looks like a mistake, what the notices of the default level say first."""
    found = list(_told(notices))
    kinds = {f.kind for f in found}
    for check in (_gradients, _updates, _membership, _activations, _modes, _drift, _inputs, _constant):
        found += check(seen, kinds)
    return found


KINDS = {
    "BroadcastWarning": "broadcast",
    "GradientWarning": "gradient",
    "NonFiniteError": "not finite",
    "NonFiniteWarning": "not finite",
}


def _told(notices: Sequence[Any]) -> Iterator[Finding]:
    shown = set()
    for notice in notices:
        key = KINDS.get(type(notice).__name__), notice.problem.split(":")[0], notice.place
        if key not in shown:
            shown.add(key)
            kind = KINDS.get(type(notice).__name__, type(notice).__name__)
            yield Finding(kind, notice.problem, notice.fix, notice.place, notice.op or "", dict(notice.values))


def _gradients(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    every = {p: s for p, s in seen.slopes.items() if s.gradients}
    missing = [p for p, s in every.items() if all(g is None for g in s.gradients)]
    used = [p for p in missing if id(p) in seen.used]
    idle = [p for p in missing if id(p) not in seen.used]
    if used and "gradient" not in kinds:
        yield Finding("no gradient", f"{_names(used)}: used, but no gradient came back", "make the loss depend on it")
    if idle and len(idle) < len(every):
        yield Finding(
            "unused", f"{_names(idle)}: in the optimizer, but no op reads it", "leave it out, or use it in forward()"
        )
    slopes = {p: [g for g in s.gradients if g is not None] for p, s in every.items()}
    zero = [p for p, g in slopes.items() if g and not any(g)]
    if zero:
        yield Finding(
            "zero gradient",
            f"{_names(zero)}: the gradient is exactly 0 in all calls",
            "look for a factor of 0, a dead activation or a function without slope between it and the loss",
        )
    rest = {p: float(np.median(g)) for p, g in slopes.items() if g and any(g)}
    largest = max(rest.values(), default=0.0)
    if largest > EXPLODING:
        worst = [p for p, g in rest.items() if g > EXPLODING]
        yield Finding(
            "exploding",
            f"{_names(worst)}: the gradient's rms is {largest:.2g}",
            "scale the inputs or the loss, or clip with nn.utils.clip_grad_norm_",
            numbers={"rms": largest},
        )
    small = [p for p, g in rest.items() if p.ndim >= 2 and g < VANISHING * largest]
    if small:
        least = min(rest[p] for p in small)
        yield Finding(
            "vanishing",
            f"{_names(small)}: the gradient's rms is {least:.2g}, the largest {largest:.2g}",
            "look at the initial weights and at saturated activations behind it; add normalisation or skip connections",
            numbers={"rms": least, "largest": largest},
        )


def _updates(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    still, small, large = [], [], []
    for p, s in seen.slopes.items():
        if not s.changes or not any(s.gradients):
            continue
        if not any(s.changes):
            still.append(p)
            continue
        ratios = [c / w for c, w in zip(s.changes, s.weights, strict=True) if w]
        ratio = float(np.median(ratios)) if ratios and p.ndim >= 2 else None
        if ratio is not None and ratio < LEAST:
            small.append((ratio, p))
        elif ratio is not None and ratio > MOST:
            large.append((ratio, p))
    if still:
        yield Finding(
            "no update",
            f"{_names(still)}: there is a gradient, but no step changes a bit",
            "the learning rate is 0, or too small for the dtype of the weights",
        )
    for pairs, word, fix in ((small, "tiny", "raise the learning rate"), (large, "huge", "lower the learning rate")):
        if pairs:
            ratio = (min if word == "tiny" else max)(pairs, key=lambda pair: pair[0])[0]
            yield Finding(
                f"{word} update",
                f"{_names([p for _, p in pairs])}: a step changes the weights by {ratio:.2g} of their size "
                f"(usual: {LEAST:g} to {MOST:g})",
                fix,
                numbers={"ratio": ratio},
            )


def _membership(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    optimizers = seen.of(Optimizer)
    if not optimizers:
        return
    held = Counter(p for o in optimizers for g in o.param_groups for p in g["params"])
    twice = [p for p, count in held.items() if count > 1]
    if twice:
        yield Finding("in two optimizers", f"{_names(twice)}: each step is made twice", "give it to one of them")
    owned = [p for m in seen.of(Module) for p in m.parameters()]
    alone = [p for p in dict.fromkeys(owned) if p.trainable and p not in held and id(p) in seen.graded]
    if alone:
        yield Finding(
            "in no optimizer",
            f"{_names(alone)}: gets a gradient, and no optimizer changes it",
            "make the optimizer after all layers are there, or add them with add_param_group; else requires_grad = False",
        )
    known = set(owned)
    strangers = [p for p in held if owned and p not in known and id(p) not in seen.used]
    if strangers:
        yield Finding(
            "of no model",
            f"{_names(strangers)}: in the optimizer, but in no model that the step uses",
            "make the optimizer after the model, from model.parameters(), and again where parameters were replaced",
        )


def _activations(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    for frame, events in seen.blocked.items():
        if len(events) >= seen.calls:
            event, _ = events[0]
            ratio = max(r for _, r in events)
            yield Finding(
                "dead activation" if ratio == 0 else "saturated activation",
                f"{event.op.name} lets {'nothing' if ratio == 0 else f'at most {ratio:.1g}'} of the gradient through, in all calls",
                "scale or shift what goes in: smaller initial weights, a bias, normalisation",
                origin.resolve(frame),
                event.op.name,
                {"through": ratio},
            )


def _modes(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    asks = [m for m in seen.of(Module) if "training" in getattr(type(m).forward, "__code__", _modes.__code__).co_names]
    if seen.slopes and asks and not any(m.training for m in asks):
        names = ", ".join(dict.fromkeys(type(m).__name__ for m in asks))
        yield Finding("eval mode", f"training with all of {names} in eval mode", "call model.train() before training")


def _drift(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    for frame, event in seen.drifts.items():
        yield Finding(
            "float64",
            f"{event.op.name} makes float64 of a float32 operand: what follows is computed in float64",
            "cast the other operand with astype('float32')",
            origin.resolve(frame),
            event.op.name,
        )


def _inputs(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    for number, tensor in enumerate(seen.inputs):
        if id(tensor) not in seen.used:
            shape = "x".join(map(str, tensor.shape)) or "0-d"
            yield Finding(
                "unused input", f"input {number} ({shape} {tensor.dtype.name}) is read by no op", "leave it out"
            )


def _constant(seen: Seen, kinds: set[str]) -> Iterator[Finding]:
    moved = any(c for s in seen.slopes.values() for c in s.changes)
    first = seen.results[0] if seen.results else []
    for number, array in enumerate(first):
        same = all(len(r) > number and np.array_equal(r[number], array) for r in seen.results[1:])
        if moved and same and array.dtype.kind == "f":
            yield Finding(
                "constant result",
                f"result {number} is the same in all calls, though weights change",
                "look whether it depends on the parameters that are trained",
            )
