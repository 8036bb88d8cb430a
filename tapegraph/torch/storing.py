"""torch.save and torch.load in a format that cannot run code: one safetensors file, not a pickle."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from engine.op import as_handle
from engine.state import Parameter as _EngineParameter
from tapegraph import io
from tapegraph.torch.cell import Cell, of, wrap
from tapegraph.torch.dtypes import dtype, kind, of_numpy

_TAG = "torch"  # {"torch": what, "of": ...} stands for what JSON has no word for


def save(obj: Any, f: Any, *_: Any, **__: Any) -> None:
    """Write nested dicts, lists and tuples of tensors, numbers and strings: state dicts and checkpoints.

    ``f``: a path, or a file open for writing. Raises ArgumentError for anything else, such as a whole module.
    """
    described = _described(obj)
    if isinstance(f, str | os.PathLike):
        io.save(described, f)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        io.save(described, path)
        f.write(path.read_bytes())


def load(f: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
    """Read what ``save`` wrote; a safetensors file from elsewhere gives a dict of tensors."""
    if isinstance(f, str | os.PathLike):
        return _restored(io.load(f))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        path.write_bytes(f.read())
        return _restored(io.load(path))


def _described(obj: Any) -> Any:
    if isinstance(obj, Cell):
        held = of(obj)
        leaf = isinstance(held, _EngineParameter)
        return {_TAG: "leaf", "of": held} if leaf and obj.requires_grad else held  # type: ignore[attr-defined]
    if isinstance(obj, dict):
        if all(isinstance(key, str) and key != _TAG for key in obj):
            return {key: _described(value) for key, value in obj.items()}
        return {_TAG: "dict", "of": [[_described(k), _described(v)] for k, v in obj.items()]}
    if isinstance(obj, tuple):
        return {_TAG: "tuple", "of": [_described(part) for part in obj]}
    if isinstance(obj, list):
        return [_described(part) for part in obj]
    if isinstance(obj, dtype):
        return {_TAG: "dtype", "of": obj.name}
    return obj


def _restored(obj: Any) -> Any:
    if isinstance(obj, np.ndarray):
        return wrap(as_handle(obj))
    if isinstance(obj, list):
        return [_restored(part) for part in obj]
    if not isinstance(obj, dict):
        return obj
    match obj.get(_TAG):
        case "leaf":
            return _restored(obj["of"]).requires_grad_()
        case "dict":
            return {_restored(k): _restored(v) for k, v in obj["of"]}
        case "tuple":
            return tuple(_restored(part) for part in obj["of"])
        case "dtype":
            return of_numpy(kind(obj["of"]))
    return {key: _restored(value) for key, value in obj.items()}
