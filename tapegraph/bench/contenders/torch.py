"""PyTorch, line by line or with ``torch.compile`` over the whole step, optimizer included."""

from __future__ import annotations

from typing import Any

import numpy as np


class Contender:
    """``torch`` or ``torch.compile``."""

    def __init__(self, name: str, threads: int, cold: bool) -> None:
        import torch
        import torch._dynamo  # which optimizers import at their first use

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = torch.__version__
        self.compiled = name == "torch.compile"

    def array(self, value: Any) -> Any:
        return self.torch.from_numpy(np.array(value))

    def host(self, value: Any) -> Any:
        return value.detach().numpy().copy()

    def finish(self, step: Any) -> Any:
        return self.torch.compile(step) if self.compiled else step

    def train(self, case: Any, params: Any, model: Any, loss: Any) -> Any:
        """The step of a module that begins with ``params``: loss(module, *batch), gradients, update."""
        optim = self.torch.optim
        model.load_state_dict({name: self.array(value) for name, value in params.items()})
        kinds = {"sgd": optim.SGD, "adamw": optim.AdamW}
        # The fused update is one native call; torch.compile makes one of the update written in tensors.
        fused = {} if self.compiled else {"fused": True}
        optimizer = kinds[case["optimizer"]](model.parameters(), lr=case["lr"], **fused)

        def step(*batch: Any) -> Any:
            value = loss(model, *batch)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        return step, lambda: dict(model.named_parameters())
