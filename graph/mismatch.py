"""Two values of one node that should be equal: where they are not, by how much, and what made the wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine import origin
from engine.record import Record

Array = np.ndarray[Any, Any]
Index = tuple[int, ...]


@dataclass
class Difference:
    """The first node whose value is wrong, and what is to blame for it.

    ``kind``: "rule", "phase", "kernel", "memory", "loop" or "trace". ``blamed``: it in words. ``found`` is the wrong value,
    ``wanted`` the right one from the same ``operands``. ``text``: the kernel's text or the rule's law. ``path``: the
    steps of the loops it happened in, outermost first.
    """

    kind: str
    blamed: str
    record: Record
    found: Array
    wanted: Array
    operands: Sequence[Any] = ()
    text: str = ""
    path: list[str] = field(default_factory=list)

    @property
    def index(self) -> Index | None:
        """Where the values differ most; None where they have not even the same shape."""
        return worst(self.found, self.wanted)

    @property
    def place(self) -> origin.Place | None:
        """The user's expression."""
        frames = origin.user_frames(self.record.origin)
        return origin.resolve(frames[0]) if frames else None

    def values(self) -> str:
        """The wrong value and the right one, where they differ most."""
        index = self.index
        if index is None:
            return f"is {self.found.dtype}{list(self.found.shape)}, not {self.wanted.dtype}{list(self.wanted.shape)}"
        where = f" at index {list(index)}" if index else ""
        return f"is {self.found[index]:.7g}{where}, and should be {self.wanted[index]:.7g}"

    def sentence(self) -> str:
        """What is wrong and what is to blame, without the address."""
        loops = "".join(f", in {step}" for step in self.path)
        return f"the compiled value {self.values()}{loops}; to blame: {self.blamed}"


def worst(found: Array, wanted: Array) -> Index | None:
    """The index of the largest difference; None where shapes differ or there are no elements."""
    if found.shape != wanted.shape or not found.size:
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(gap(found, wanted))), found.shape))


def gap(found: Array, wanted: Array) -> Array:
    """How far apart each two elements are, as float64; NaN and NaN are 0 apart, NaN or an infinity and another infinite."""
    with np.errstate(all="ignore"):
        if found.dtype.kind not in "f" or wanted.dtype.kind not in "f":
            return np.where(found == wanted, 0.0, 1.0)
        a, b = found.astype(np.float64), wanted.astype(np.float64)
        far = np.abs(a - b)
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(far), np.inf, far))


def size(value: Array) -> float:
    """The largest finite absolute value; 0 where there is none."""
    finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
    return float(np.abs(finite.astype(np.float64)).max()) if finite.size else 0.0


def apart(found: Array, wanted: Array, relative: float, scale: float | None = None) -> bool:
    """Whether some element is further from the one wanted than ``relative`` times ``scale``, or itself where that is more.

    ``scale``: by default the largest absolute value wanted. Anything but floats must be equal.
    """
    if found.shape != wanted.shape:
        return True
    if not found.size or (found is wanted):
        return False
    far = gap(found, wanted)
    if found.dtype.kind != "f":
        return bool(far.any())
    scale = size(wanted) if scale is None else scale
    with np.errstate(all="ignore"):
        # An infinite allowance would excuse a number in place of an infinity.
        held = np.abs(np.where(np.isfinite(wanted), wanted, 0).astype(np.float64))
        return bool((far > relative * np.maximum(held, scale)).any())
