"""Who answers what is not known of a named size while a graph is built: its value, whether two are equal, what it must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from engine.sizes import Dim, Size


class SizePolicy(Protocol):
    """What to do when a program asks for a fact about a named size that only a call will bring."""

    def value(self, dim: Dim) -> int:
        """The number behind ``dim``, or an error."""

    def equate(self, left: Size, right: Size) -> bool:
        """Whether the two sizes may be taken as equal from here on."""

    def hint(self, dim: Dim) -> int | None:
        """A number to show in messages, where one is known."""

    def require(self, requirement: Any) -> None:
        """Take note of what must hold of a size (an ``engine.requirements.Requirement``)."""


class Undecided:
    """The default policy: a named size has no value while the graph is built."""

    def value(self, dim: Dim) -> int:
        raise TypeError(
            f"the size {dim} is a name, not a number, while the graph is built; "
            "give a number in the input's shape, or compile with specialize={...}"
        )

    def equate(self, left: Size, right: Size) -> bool:
        return False

    def hint(self, dim: Dim) -> int | None:
        return None

    def require(self, requirement: Any) -> None:
        pass


_UNDECIDED = Undecided()
_policy: ContextVar[SizePolicy] = ContextVar("size_policy", default=_UNDECIDED)


size_policy_now = _policy.get


@contextmanager
def size_policy(policy: SizePolicy) -> Iterator[None]:
    """Answer questions about named sizes by ``policy`` inside the block."""
    token = _policy.set(policy)
    try:
        yield
    finally:
        _policy.reset(token)
