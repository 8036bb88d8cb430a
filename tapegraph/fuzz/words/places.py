"""Words that read and write parts of arrays, and that make one name stand for what another does."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapegraph.fuzz.draft import Scope


def index(s: Scope, value: Any, *, arrays: bool = True) -> str:
    """An index of a value: integers, slices, None, ellipsis, arrays of integers."""
    parts: list[str] = []
    for axis in range(s.rng.randint(1, max(value.ndim, 1)) if value.ndim else 0):
        n = max(int(value.shape[axis]), 1)
        i = s.rng.randrange(-n, n)
        slices = ("1:", ":-1", "::2", "::-1", ":", f"{i}:", ":2", "-2:", "1:3", "::-2", f"{n - 1}:0:-1")
        options = [str(i), s.rng.choice(slices), s.rng.choice(slices)]
        if arrays and s.draft.chance(0.2):
            options = [repr([s.rng.randrange(-n, n) for _ in range(s.rng.randint(1, 3))])]
        whole = s.pick(lambda v: v.dtype.kind == "i" and v.ndim < 2)
        if arrays and whole is not None and s.draft.chance(0.2):
            options = [f"{whole} % {n}"]
        parts.append(s.rng.choice(options))
        if s.draft.chance(0.08):
            parts.append("None")
    if s.draft.chance(0.08) or not parts:
        parts.insert(s.rng.randrange(len(parts) + 1), "...")
    return ", ".join(parts)


def read(s: Scope) -> None:
    """A part of an array."""
    name = s.pick(lambda v: v.ndim >= 1) or s.pick()
    if name is not None:
        s.say(f"{name}[{index(s, s.value(name))}]")


def write(s: Scope) -> None:
    """Assign to a part of an array, or change all of it in place; other names of it change with it."""
    name = _changeable(s)
    if name is None:
        return
    v = s.value(name)
    other = s.pick(lambda w: w.dtype == v.dtype and w.ndim <= v.ndim)
    right = other if other and s.draft.chance(0.5) else s.rng.choice(("0", "1", "2", "0.5", "True", "-1"))
    place = index(s, v)
    sign = s.rng.choice(("", "", "+", "*", "-"))
    if s.draft.chance(0.3):
        s.add(f"{name} {sign or '+'}= {right}")
    elif s.draft.chance(0.15) and v.ndim:
        s.add(f"{name}[{name} > 0] = {right}")
    else:
        s.add(f"{name}[{place}] {sign}= {right}")


def _changeable(s: Scope) -> str | None:
    """A local name, mostly of a copy made for the purpose."""
    local = [n for n in s.known if n in s.own]
    if local and s.draft.chance(0.6):
        return s.rng.choice(local)
    name = s.pick()
    if name is None:
        return None
    v = s.value(name)
    return s.say(f"{name} | False" if v.dtype.kind == "b" else f"{name} + 0")


def alias(s: Scope) -> None:
    """A second name for an array, which is then changed through one of them."""
    name = s.pick(lambda v: v.ndim >= 1)
    if name is None:
        return
    copy = s.say(f"{name} * 1") if s.value(name).dtype.kind != "b" else None
    if copy is None:
        return
    other = s.draft.fresh("v")
    if s.add(f"{other} = {copy}", other):
        changed = s.rng.choice((copy, other))
        s.add(
            s.rng.choice(
                (f"{changed} += 1", f"{changed}[0] = 2", f"{changed}[..., -1] *= 3", f"{changed} *= {changed}")
            )
        )


def at_index(s: Scope) -> None:
    """Elements chosen by an array of integers: take, gather, scatter, segments, one-hot."""
    name = s.pick(lambda v: v.ndim >= 1)
    if name is None:
        return
    v = s.value(name)
    axis = s.rng.randrange(v.ndim)
    n = max(int(v.shape[axis]), 1)
    whole = s.pick(lambda w: w.dtype.kind == "i" and w.ndim == 1) if s.draft.chance(0.6) else None
    places = f"{whole} % {n}" if whole else f"np.array({[s.rng.randrange(-n, n) for _ in range(3)]})"
    options = [f"tg.take({name}, {places}, axis={axis})"]
    if v.ndim == 1:
        options.append(f"tg.bincount(abs({places}), length={n + 3})")
    options.append(f"tg.one_hot({places}, {n + 1})")
    options.append(f"tg.take_along_axis({name}, tg.argsort({name}, axis={axis}), axis={axis})")
    if whole and s.value(whole).shape[0] == v.shape[0]:
        options.append(f"tg.segment_sum({name}, {whole} % 3, 3)")
    s.say(s.rng.choice(options))


def masked(s: Scope) -> None:
    """A choice by a condition."""
    name = s.floats()
    if name is None:
        return
    v = s.value(name)
    mask = s.pick(lambda m: m.dtype == np.bool_ and m.shape == v.shape) or f"({name} > 0)"
    other = s.pick(lambda w: w.shape == v.shape and w.dtype == v.dtype) or name
    s.say(
        s.rng.choice(
            (
                f"tg.where({mask}, {name}, {other})",
                f"tg.masked_fill({name}, {mask}, 0.5)",
                f"tg.where({mask}, {name}, 0)",
                f"tg.sum({name} * {mask})",
                f"tg.any({mask})",
                f"tg.astype({mask}, 'int32') + 1",
                f"tg.where({mask}, tg.sqrt(abs({name})), {other} * 2)",
            )
        )
    )
