"""State dicts: a module's tensors by dotted path, taken out and put back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.errors import ArgumentError
from tapegraph.torch.modes import no_grad


class Keys(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Saving:
    """What a module saves and loads."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _transient: set[str]

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Every parameter and persistent buffer by dotted path; detached tensors that see later changes, as in PyTorch."""
        found = OrderedDict() if destination is None else destination
        for tensors, transient in ((self._parameters, ()), (self._buffers, self._transient)):
            for name, tensor in tensors.items():
                if tensor is not None and name not in transient:
                    found[prefix + name] = tensor if keep_vars else tensor.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Keys:
        """Copy the values of a state dict into this module. Raises ArgumentError (a RuntimeError) where they do not fit."""
        held = self.state_dict(keep_vars=True)
        missing = [name for name in held if name not in state_dict]
        unexpected = [name for name in state_dict if name not in held]
        problems = [
            f"size mismatch for {name}: copying a param with shape {tuple(state_dict[name].shape)} from checkpoint, "
            f"the shape in current model is {tuple(tensor.shape)}."
            for name, tensor in held.items()
            if name in state_dict and tuple(state_dict[name].shape) != tuple(tensor.shape)
        ]
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {', '.join(map(repr, missing))}.")
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {', '.join(map(repr, unexpected))}.")
        if problems:
            raise ArgumentError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n    " + "\n    ".join(problems),
                op="load_state_dict",
                fix="strict=False takes over the keys that fit",
            )
        with no_grad():
            for name, tensor in held.items():
                if name in state_dict:
                    tensor.copy_(state_dict[name])
        return Keys(missing, unexpected)
