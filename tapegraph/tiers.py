"""Tiered start: the first calls of a kind run line by line, while another process compiles the native code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from eager.tensor import Tensor
from engine import tree
from engine.state import State
from tapegraph.making import Making
from tapegraph.mode import mode
from tapegraph.version import Version

if TYPE_CHECKING:
    from compiler.ahead import Ahead


class Start:
    """The first calls of one kind. The first only runs, the second is traced, later ones ask for the native code."""

    def __init__(self) -> None:
        self._begun = False
        self._making: Making | None = None
        self._ahead: Ahead | None = None

    def version(self, make: Callable[[], Making]) -> Version | None:
        """The compiled version, or None while calls are to run line by line. Raises what tracing or compiling raises."""
        if not self._begun:
            self._begun = True
            return None
        if self._making is None:
            from compiler.ahead import Ahead

            self._making = make()
            self._ahead = Ahead(self._making.plan.kernels)
        assert self._ahead is not None
        return self._making.version() if self._ahead.ready() else None

    def wait(self) -> None:
        """Return when the native code is there, if it is being made."""
        if self._ahead is not None:
            self._ahead.wait()


def line_by_line(body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call as eager mode makes it, functions it calls included; its results as a compiled call returns them."""
    with mode("inline"):
        return tree.map_tree(_result, body(*args, **kwargs))


def _result(leaf: Any) -> Any:
    if isinstance(leaf, State):
        return Tensor(leaf._value.copy())
    if type(leaf) is Tensor:
        return Tensor(leaf._value)
    return Tensor(leaf) if type(leaf) is np.ndarray else leaf
