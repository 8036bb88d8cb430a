"""tapegraph itself: one program, run in the mode that the contender is named after."""

from __future__ import annotations

from typing import Any


class Contender:
    """``static`` or ``eager``: the name is that of the mode."""

    def __init__(self, name: str, threads: int, cold: bool) -> None:
        import tapegraph as tg
        from tapegraph import nn, optim

        if name == "static":
            import compiler.pipeline
        if name == "static" and cold:
            import compiler.toolchain  # noqa: F401 - numba, which a process with cached kernels does without
        if hasattr(tg, "set_num_threads"):
            tg.set_num_threads(threads)
        self.tg, self.nn, self.optim = tg, nn, optim
        self.version = tg.__version__
        self._mode = tg.mode(name)  # kept: the block ends where its manager is collected
        self._mode.__enter__()

    def array(self, value: Any) -> Any:
        return self.tg.asarray(value)

    def train(self, case: Any, params: Any, model: Any, loss: Any) -> Any:
        """The step of a module that begins with ``params``: loss(module, *batch), gradients, update."""
        tg, optim = self.tg, self.optim
        model.load_state_dict(params)
        kinds = {"sgd": optim.SGD, "adamw": optim.AdamW}
        optimizer = kinds[case["optimizer"]](model.parameters(), lr=case["lr"])

        @tg.function
        def step(*batch: Any) -> Any:
            value = loss(model, *batch)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        return step, lambda: dict(model.named_parameters())
