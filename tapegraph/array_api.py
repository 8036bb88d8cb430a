"""The namespace as the Python Array API standard (2025.12) describes itself: its version, and what it is able to do.

Complex dtypes and the ``fft`` extension are left out.
"""

from __future__ import annotations

import sys
from typing import Any

from engine import dispatch, dtypes
from engine.arguments import DEVICE, check_device
from engine.errors import ArgumentError
from engine.handle import install_methods
from engine.ops.promotion import isdtype
from engine.spec import DType

VERSION = "2025.12"
_EARLIER = ("2021.12", "2022.12", "2023.12", "2024.12")
_DIMENSIONS = 64  # NumPy's limit


class NamespaceInfo:
    """What ``__array_namespace_info__`` returns (Array API, inspection)."""

    def capabilities(self) -> dict[str, Any]:
        """Whether, in the current mode, the shape of a result may depend on data; and the largest number of axes."""
        free = dispatch.current().name != "static"
        return {"boolean indexing": free, "data-dependent shapes": free, "max dimensions": _DIMENSIONS}

    def default_device(self) -> str:
        """The device new arrays are on: "cpu"."""
        return DEVICE

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes that Python numbers and indices take; there is none for complex numbers."""
        check_device(device, "default_dtypes")
        whole = dtypes.DEFAULT_INT
        return {"real floating": dtypes.DEFAULT_FLOAT, "integral": whole, "indexing": whole}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """The dtypes of the standard that the engine computes with, by name; those of a kind, as for ``isdtype``."""
        check_device(device, "dtypes")
        held = sorted(dtypes.COMPUTED, key=lambda d: (dtypes.kind_rank(d), d.kind, d.itemsize))
        return {d.name: d for d in held if kind is None or isdtype(d, kind)}

    def devices(self) -> list[str]:
        """The devices there are."""
        return [DEVICE]


def namespace_info() -> NamespaceInfo:
    """An object that tells what this namespace is able to do (Array API: ``__array_namespace_info__``)."""
    return NamespaceInfo()


def _namespace(self: Any, /, *, api_version: str | None = None) -> Any:
    """The module whose functions take this array: tapegraph (Array API). Raises ArgumentError for an unknown version."""
    if api_version is not None and api_version not in (VERSION, *_EARLIER):
        raise ArgumentError(
            f"there is no version {api_version!r} of the standard here",
            op="__array_namespace__",
            fix=f"it is {VERSION}",
        )
    return sys.modules["tapegraph"]


install_methods({"__array_namespace__": _namespace})
