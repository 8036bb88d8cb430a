"""Eager mode: the interpreter that computes each op when it is reached and remembers it on a tape."""

from eager.detective import detect_nonfinite
from eager.hooks import hooks
from eager.interpreter import Eager
from eager.tensor import Tensor

__all__ = ["Eager", "Tensor", "detect_nonfinite", "hooks"]
