"""Saving and loading: nested dicts and lists of arrays and numbers as one safetensors file."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from engine.handle import Handle

_STRUCTURE = "tapegraph"  # the metadata key under which all but the arrays stands, as JSON
_ARRAY = "__array__"  # the JSON object {"__array__": name} stands for an array


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write a state dict, or any nesting of dicts (with string keys), lists, arrays, numbers and strings.

    The file appears whole or not at all: an older one of that name stays until the new one is on the disk. Tuples come
    back as lists, NumPy scalars as 0-d arrays. Raises ArgumentError for anything else, FileNotFoundError where the
    folder is missing, ImportError without safetensors.
    """
    library = _safetensors()
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    structure = json.dumps(_described(obj, (), arrays))
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(target.parent)!r}")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        library.numpy.save_file(arrays, temporary, metadata={_STRUCTURE: structure})
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Any:
    """Read what ``save`` wrote; a safetensors file from elsewhere gives a dict of its arrays.

    Raises ArgumentError for a file that is truncated or of another kind, FileNotFoundError where there is none.
    """
    library = _safetensors()
    target = Path(path)
    if not target.is_file():
        raise FileNotFoundError(f"no file {str(target)!r}")
    try:
        with library.safe_open(target, framework="numpy") as stored:
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a dict
            structure = (stored.metadata() or {}).get(_STRUCTURE)
    except library.SafetensorError as trouble:
        raise ArgumentError(
            f"{str(target)!r} is truncated or no safetensors file: {trouble}",
            op="load",
            fix="restore the file from a copy; nothing has been changed",
        ) from None
    return arrays if structure is None else _restored(json.loads(structure), arrays)


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError("saving and loading need safetensors: pip install 'tapegraph[save]'") from None
    return safetensors


def _described(obj: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """``obj`` as JSON, with its arrays moved to ``arrays`` under dotted names."""
    if isinstance(obj, Handle | np.ndarray | np.generic):
        name = ".".join(path) or "value"
        while name in arrays:
            name += "_"
        arrays[name] = np.array(obj, order="C")
        return {_ARRAY: name}
    if isinstance(obj, dict):
        odd = [key for key in obj if not isinstance(key, str) or key == _ARRAY]
        if odd:
            raise ArgumentError(f"keys must be strings, not {odd[0]!r}", op="save", fix="convert it with str()")
        return {key: _described(value, (*path, key), arrays) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_described(value, (*path, str(i)), arrays) for i, value in enumerate(obj)]
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    place = f" at {'.'.join(path)}" if path else ""
    raise ArgumentError(
        f"cannot save a {type(obj).__name__}{place}",
        op="save",
        fix="save model.state_dict() and optimizer.state_dict(), and rebuild the objects from code",
    )


def _restored(described: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(described, dict):
        if _ARRAY in described:
            return arrays[described[_ARRAY]]
        return {key: _restored(value, arrays) for key, value in described.items()}
    if isinstance(described, list):
        return [_restored(value, arrays) for value in described]
    return described
