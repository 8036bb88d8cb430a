"""Words that differentiate and map: gradients of nested functions in all their forms, backward, vmap, checkpoint, custom_vjp."""

from __future__ import annotations

from collections.abc import Callable

from tapegraph.fuzz.draft import Scope

Writer = Callable[[Scope, int], None]


class Slopes:
    """The words that take a nested function; ``fill`` adds so many statements to a scope."""

    def __init__(self, fill: Writer) -> None:
        self.fill = fill

    def gradient(self, s: Scope) -> None:
        """A derivative of a function of a value."""
        name = s.floats(lambda v: v.size > 0)
        if name is None:
            return
        other = s.floats(lambda v: v.shape == s.value(name).shape and v.dtype == s.value(name).dtype) or name
        f = s.function({"a": s.value(name)}, self._scalar, pure=s.draft.chance(0.8))
        if f is None:
            return
        small = s.value(name).size <= 6
        options = [
            f"tg.grad({f})({name})",
            f"tg.grad({f})({name})",
            f"tg.value_and_grad({f})({name})",
            f"tg.jvp({f}, ({name},), ({other},))",
            f"tg.hvp({f}, ({name},), ({other},))",
            f"tg.vjp({f}, {name})[1](tg.ones((), dtype={name}.dtype))[0]",
            f"tg.grad(lambda a: tg.sum(tg.grad({f})(a) * {other}))({name})",
            f"tg.grad(tg.checkpoint({f}))({name})",
            f"tg.checkpoint({f})({name})",
        ]
        if small:
            options += [f"tg.hessian({f})({name})", f"tg.jacobian(tg.grad({f}))({name})"]
        chosen = s.rng.choice(options)
        if chosen.startswith(("tg.value_and_grad", "tg.jvp", "tg.hvp")):
            a, b = s.draft.fresh("v"), s.draft.fresh("v")
            s.add(f"{a}, {b} = {chosen}", a, b)
        else:
            s.say(chosen)

    def _scalar(self, inner: Scope) -> str | None:
        self.fill(inner, inner.rng.randint(1, 4))
        found = inner.floats(lambda v: v.requires_grad) or inner.floats() or "a"
        total = f"tg.sum({found})" if inner.draft.chance(0.6) else f"tg.sum(tg.sin({found}) * {found})"
        return f"{total} + tg.sum(a * a)" if inner.draft.chance(0.5) else total

    def mapped(self, s: Scope) -> None:
        """A function of one entry applied to a batch."""
        name = s.floats(lambda v: v.ndim >= 1 and v.shape[0] > 0)
        if name is None:
            return
        part = s.value(name)[0]

        def write(inner: Scope) -> str:
            self.fill(inner, inner.rng.randint(1, 3))
            return inner.pick(lambda v: v.dtype.kind == "f") or "a"

        f = s.function({"a": part}, write, pure=True)
        if f is None:
            return
        options = [f"tg.vmap({f})({name})"] * 3
        options.append(f"tg.vmap(tg.grad(lambda a: tg.sum({f}(a))))({name})")
        s.say(s.rng.choice(options))

    def backward(self, s: Scope) -> None:
        """backward() through a leaf made inside the function, whose gradient is looked at."""
        name = s.floats()
        if name is None or s.depth:
            return
        leaf = s.draft.fresh("v")
        if not s.add(f"{leaf} = {name}.detach()\n{leaf}.requires_grad_()", leaf):
            return
        new = s.say(
            s.rng.choice((f"tg.sum({leaf} * {leaf})", f"tg.mean(tg.exp(-{leaf} * {leaf}))", f"tg.sum(tg.relu({leaf}))"))
        )
        if new is not None and s.add(f"{new}.backward()"):
            s.say(f"{leaf}.grad")

    def custom(self, s: Scope) -> None:
        """A function whose gradient rule the program writes."""
        name = s.floats()
        if name is None or s.depth:
            return
        f = s.draft.fresh("f")
        text = (
            f"@tg.custom_vjp\ndef {f}(a):\n    return tg.tanh(a) * 2\n"
            f"{f}.defvjp(lambda a: (tg.tanh(a) * 2, a), lambda a, g: (g * {s.rng.choice(('2', 'a', 'tg.cos(a)'))},))"
        )
        if s.add(text, f):
            s.say(s.rng.choice((f"{f}({name})", f"tg.grad(lambda a: tg.sum({f}(a) * a))({name})")))
