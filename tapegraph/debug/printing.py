"""tg.print: print as an effect, so that a compiled call prints values where the program says so, in its order."""

from __future__ import annotations

import builtins
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import tree
from engine.effects import perform
from engine.handle import Handle


class _Shown:
    """An array as text: as NumPy prints it; a format applies to each element."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if not self.array.ndim:
            return format(self.array.item(), spec)
        return np.array2string(self.array, formatter={"all": lambda v: format(v, spec)})

    def __str__(self) -> str:
        return str(self.array if self.array.ndim else self.array[()])

    __repr__ = __str__


def print(*values: Any, sep: str = " ", end: str = "\n", file: Any = None, flush: bool = False, **named: Any) -> None:
    """Print values when the program computes them, in both modes; other than Python's print, which sees symbols in a trace.

    ``tg.print("loss", loss)`` prints as Python does. ``tg.print("loss {:.3f}, step {n}", loss, n=n)`` formats as
    ``str.format`` does (and as jax.debug.print): where the first value is a text with braces and others follow. A format
    applies to each element of an array. Nested lists, tuples and dicts of arrays may be given. Prints come in program
    order, in loops and branches too, and before the error of a later op. In vmap, once for the whole batch; what
    ``checkpoint`` computes again is not printed again.
    """
    arrays: list[Any] = []

    def kept(leaf: Any) -> Any:
        if isinstance(tree.held(leaf), Handle):
            arrays.append(tree.held(leaf))
            return _Slot(len(arrays) - 1)
        return _Shown(np.asarray(leaf)) if isinstance(leaf, np.ndarray | np.generic) else leaf

    given = [_mapped(kept, v) for v in values]
    labelled = {k: _mapped(kept, v) for k, v in named.items()}
    template = values[0] if (len(values) > 1 or named) and _is_template(values[0] if values else None) else None

    def action(*found: np.ndarray[Any, Any]) -> None:
        def filled(value: Any) -> Any:
            return _mapped(lambda v: _Shown(found[v.number]) if type(v) is _Slot else v, value)

        shown = [filled(v) for v in given]
        if template is not None:
            text = template.format(*shown[1:], **{k: filled(v) for k, v in labelled.items()})
            builtins.print(text, end=end, file=file, flush=flush)
        else:
            pairs = (f"{k}={filled(v)}" for k, v in labelled.items())
            builtins.print(*shown, *pairs, sep=sep, end=end, file=file, flush=flush)

    perform(action, arrays)


class _Slot:
    """The place of an array among those of the effect."""

    def __init__(self, number: int) -> None:
        self.number = number


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Nested lists, tuples and dicts with each leaf replaced; what holds a handle is a leaf."""
    if isinstance(value, list | tuple | dict):
        return tree.map_tree(function, value)
    return function(value)


def _is_template(text: Any) -> bool:
    if not isinstance(text, str) or "{" not in text:
        return False
    try:
        return any(field is not None for _, field, _, _ in string.Formatter().parse(text))
    except ValueError:
        return False
