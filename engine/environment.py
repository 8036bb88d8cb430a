"""Words that are chosen by a variable of the environment; one without a meaning is told, and the default stands."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable


def chosen(variable: str, default: str, known: Iterable[str]) -> str:
    """What a variable of the environment says, or ``default`` where it is not set or says no known word."""
    word = os.environ.get(variable) or default
    words = list(known)
    if word in words:
        return word
    warnings.warn(
        f"{variable}={word} has no meaning, {default} is used; the words are {', '.join(words)}",
        RuntimeWarning,
        stacklevel=2,
    )
    return default
