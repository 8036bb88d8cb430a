"""Python that asks for a value while a graph is built: the reader's own lines, rewritten so that they mean the same there."""

from engine.advice.advising import Advice, advise, asked

__all__ = ["Advice", "advise", "asked"]
