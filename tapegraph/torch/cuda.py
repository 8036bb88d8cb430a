"""torch.cuda: the answers of a machine without a GPU."""

from __future__ import annotations

from typing import Any

from engine.errors import UnsupportedError

__path__: list[str] = []  # has modules of its own; see elsewhere


def is_available() -> bool:
    """False."""
    return False


is_initialized = is_bf16_supported = is_available


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing to empty."""


synchronize = reset_peak_memory_stats = ipc_collect = lambda *_: None


def memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def _absent(*_: Any, **__: Any) -> Any:
    raise UnsupportedError(
        "there is no GPU: tapegraph computes on the CPU", op="torch.cuda", fix="ask cuda.is_available() first"
    )


current_device = get_device_name = get_device_properties = set_device = Event = Stream = _absent


def __getattr__(name: str) -> Any:
    if name == "amp":
        from tapegraph.torch import amp

        return amp
    raise AttributeError(f"tapegraph.torch.cuda has no {name!r}")
