"""torch.nn.init: our initialisers on tensors; each fills its tensor in place and returns it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from engine.state import State
from tapegraph.nn import init as ours
from tapegraph.nn.init import calculate_gain
from tapegraph.torch.cell import of, write
from tapegraph.torch.modes import no_grad


def _on_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def fill(tensor: Any, *args: Any, **named: Any) -> Any:
        held = of(tensor)
        with no_grad():
            if isinstance(held, State):
                function(held, *args, **named)
            else:
                state = State(held)
                function(state, *args, **named)
                write(tensor, state.value)
        return tensor

    return fill


FUNCTIONS = {
    name: _on_tensors(value) for name, value in vars(ours).items() if name.endswith("_") and not name.startswith("_")
}
globals().update(FUNCTIONS)
# The names of PyTorch before 0.4, without the underscore.
globals().update(
    {name: FUNCTIONS[f"{name}_"] for name in ("xavier_uniform", "xavier_normal", "kaiming_normal", "kaiming_uniform")}
)
__all__ = ["calculate_gain", *FUNCTIONS]
