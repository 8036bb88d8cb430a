"""What the command line accepts as the value of an option."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def whole(least: int) -> Callable[[str], int]:
    """A whole number that is ``least`` or more."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {number}")
        return number

    return parse


def listed(one: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Several with commas between, each once."""

    def parse(text: str) -> list[Any]:
        return list(dict.fromkeys(one(part) for part in text.split(",") if part))

    return parse


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    return name, value
