"""Switching gradients off and on: ``no_grad`` and its like, as blocks and as decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from engine import dispatch


class _Switch:
    """A block, or a decorator of functions, in which gradients are recorded or not."""

    enabled = False
    _entered: list[Any]
    _before: Any

    def __new__(cls, function: Any = None, **_: Any) -> Any:
        made = object.__new__(cls)
        made._entered = []
        return made(function) if callable(function) else made

    def __enter__(self) -> None:
        block = dispatch.interpret(dispatch.current().with_grad(self.enabled))
        block.__enter__()
        self._entered.append(block)

    def __exit__(self, *trouble: Any) -> None:
        self._entered.pop().__exit__(*trouble)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        enabled = self.enabled

        @functools.wraps(function)
        def switched(*args: Any, **named: Any) -> Any:
            with dispatch.interpret(dispatch.current().with_grad(enabled)):
                return function(*args, **named)

        return switched


class no_grad(_Switch):
    """Record no gradients inside the block or function."""


class inference_mode(_Switch):
    """The same as ``no_grad``; ``inference_mode(False)`` changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls, mode if callable(mode) else None)
        if not callable(mode):
            made.enabled = False if mode else dispatch.current().grad_enabled
        return made


class enable_grad(_Switch):
    """Record gradients inside the block or function, also within ``no_grad``."""

    enabled = True


class set_grad_enabled(_Switch):
    """Record gradients or not: from here on, and until the end of the block where it is used as one."""

    def __new__(cls, mode: bool) -> Any:
        made = object.__new__(cls)
        made._entered = []
        made.enabled = bool(mode)
        made._before = dispatch.current()
        dispatch.enter(made._before.with_grad(made.enabled))
        return made

    def __enter__(self) -> None:
        return None

    def __exit__(self, *trouble: Any) -> None:
        dispatch.enter(self._before)


def is_grad_enabled() -> bool:
    """Whether gradients are recorded here."""
    return bool(dispatch.current().grad_enabled)


def is_inference_mode_enabled() -> bool:
    """Whether gradients are switched off here."""
    return not is_grad_enabled()
