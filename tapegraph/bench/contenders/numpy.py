"""NumPy, gradients by hand: the floor that a framework should stand above."""

from __future__ import annotations

import numpy as np


class Contender:
    """``numpy``."""

    def __init__(self, name: str, threads: int, cold: bool) -> None:
        self.version = np.__version__
