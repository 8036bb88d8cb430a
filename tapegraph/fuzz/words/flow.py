"""Words of control flow: Python's own over sizes and ranges, and cond, switch, while_loop and scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tapegraph as tg
from tapegraph.fuzz.draft import Scope

Writer = Callable[[Scope, int], None]


class Flow:
    """The words that hold statements of their own; ``fill`` adds so many to a scope."""

    def __init__(self, fill: Writer) -> None:
        self.fill = fill

    def python(self, s: Scope) -> None:
        """An unrolled loop, a branch on a size, a loop over rows, a comprehension."""
        name = s.floats(lambda v: v.ndim >= 1)
        if name is None:
            return
        new = s.draft.fresh("v")
        other = s.floats() or name
        s.add(
            s.rng.choice(
                (
                    f"{new} = {name}\nfor i in range(3):\n    {new} = {new} * 0.5 + i",
                    f"if {name}.shape[0] > 2:\n    {new} = tg.sum({name}, axis=0)\nelse:\n    {new} = {name}[0] * 2",
                    f"{new} = 0\nfor row in {name}:\n    {new} = tg.tanh({new} + row)",
                    f"{new} = tg.stack([row * i for i, row in enumerate({name})])",
                    f"{new} = {name} if {name}.ndim == 2 else {other}",
                    f"{new} = tg.zeros(({name}.shape[0], 2))\nfor i in range(2):\n    {new}[:, i] = {name}.shape[0] + i",
                    f"{new} = sum({name}[i] for i in range({name}.shape[0]))",
                    f"{new} = {name} / {name}.shape[0]",
                    f"with tg.no_grad():\n    {new} = {name} * 2",
                    f"{new} = {name}\nwhile {new}.ndim > 1:\n    {new} = tg.mean({new}, axis=0)",
                )
            ),
            new,
        )

    def cond(self, s: Scope) -> None:
        """cond or switch, on a value, with branches that agree about what they return."""
        name = s.floats()
        if name is None:
            return
        like = s.value(name)
        count = s.rng.choice((2, 2, 3))
        branches = []
        for _ in range(count):
            branch = s.function({"a": like}, lambda inner: self._like(inner, "a", like), branch=True)
            if branch is None:
                return
            branches.append(branch)
        bound = s.rng.choice(("0", "1", "-1", "0.5"))
        if count == 2:
            s.say(f"tg.cond(tg.sum({name}) > {bound}, {branches[0]}, {branches[1]}, {name})")
        else:
            whole = s.pick(lambda v: v.dtype.kind in "iu" and v.size == 1)
            chosen = whole or f"tg.astype(tg.sum({name}) > {bound}, 'int64') * 2"
            s.say(f"tg.switch({chosen}, [{', '.join(branches)}], {name})")

    def _like(self, inner: Scope, name: str, like: Any) -> str:
        """An expression of the shape and dtype of ``like``, of what the scope computes."""
        self.fill(inner, inner.rng.randint(1, 3))
        found = [
            n
            for n in inner.known
            if inner.value(n).shape == like.shape and inner.value(n).dtype == like.dtype and n != name
        ]
        other = inner.floats(lambda v: v.ndim == 0 or v.shape == like.shape)
        if found and inner.draft.chance(0.7):
            return found[-1] if like.dtype.kind != "f" else f"tg.tanh({found[-1]}) + {name} * 0.5"
        if other is not None and inner.value(other).dtype == like.dtype:
            return f"{name} * 0.5 + tg.sum({other}) * 0.125"
        return f"{name} * 0.5"

    def scan(self, s: Scope) -> None:
        """A scan over the first axis, its carry an array or a pair, states carried along where it assigns them."""
        xs = s.floats(lambda v: v.ndim >= 1 and v.shape[0] > 0)
        init = s.floats(lambda v: v.ndim < 3)
        if xs is None or init is None:
            return
        part, carry = s.value(xs)[0], s.value(init)
        pair = s.draft.chance(0.3)

        def write(inner: Scope) -> str:
            new = self._like(inner, "h", carry)
            out = inner.pick() or "x"
            return f"({new}, k + 1), {out}" if pair else f"{new}, {out}"

        if pair:
            body = self._pair(s, carry, part, write)
        else:
            body = s.function({"h": carry, "x": part}, write)
        if body is None:
            return
        options = ", reverse=True" if s.draft.chance(0.25) else ""
        if s.draft.chance(0.15):
            options += f", mask=tg.arange({xs}.shape[0]) > 0"
        last, ys = s.draft.fresh("v"), s.draft.fresh("v")
        if pair:
            steps = s.draft.fresh("v")
            s.add(f"({last}, {steps}), {ys} = tg.scan({body}, ({init}, tg.asarray(0)), {xs}{options})", last, steps, ys)
        else:
            s.add(f"{last}, {ys} = tg.scan({body}, {init}, {xs}{options})", last, ys)

    def _pair(self, s: Scope, carry: Any, part: Any, write: Callable[[Scope], str]) -> str | None:
        """The body of a scan whose carry is a pair of an array and a count of steps."""

        def inner(scope: Scope) -> str:
            scope.lines.append("h, k = carry")
            scope.names |= {"h": carry, "k": tg.asarray(0)}
            scope.known += ["h", "k"]
            return write(scope)

        return s.function({"carry": (carry, tg.asarray(0)), "x": part}, inner)

    def loop(self, s: Scope) -> None:
        """A while_loop that counts, so that it ends."""
        name = s.floats()
        if name is None:
            return
        like = s.value(name)

        def write(inner: Scope) -> str:
            inner.lines.append("k, h = value")
            inner.names |= {"h": like, "k": tg.asarray(0)}
            inner.known += ["h", "k"]
            return f"k + 1, {self._like(inner, 'h', like)}"

        body = s.function({"value": (tg.asarray(0), like)}, write)
        if body is None:
            return
        steps = s.rng.choice(("3", "5", "0", "1"))
        more = s.rng.choice(("", "", f" & (tg.sum(value[1] * value[1]) < {s.rng.choice(('1', '30'))})"))
        bound = ", max_steps=6" if s.draft.chance(0.6) else ""
        k, last = s.draft.fresh("v"), s.draft.fresh("v")
        condition = f"lambda value: (value[0] < {steps}){more}"
        s.add(f"{k}, {last} = tg.while_loop({condition}, {body}, (tg.asarray(0), {name}){bound})", k, last)
