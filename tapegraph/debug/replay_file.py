"""Replays in a file: a zip of arrays (npz) with one JSON text; no code, nothing pickled."""

from __future__ import annotations

import ast
import json
import linecache
import os
from types import CodeType
from typing import Any

import numpy as np

from engine import origin
from engine.errors import ArgumentError
from tapegraph.debug.entries import Entry
from tapegraph.debug.replaying import Replay

FORMAT = 1
_TEXT = "replay"


def write(replay: Replay, path: str | os.PathLike[str]) -> None:
    """Write a replay with every value, those inside loops too; each array once."""
    arrays: dict[int, np.ndarray[Any, Any]] = {}
    told = {
        "format": FORMAT,
        "title": replay.title,
        "at": replay.at,
        "path": list(replay.path),
        "leaves": _value(replay.leaves, arrays),
        "entries": [_entry(e, arrays) for e in replay.entries],
    }
    numbers = {key: f"a{n}" for n, key in enumerate(arrays)}
    text = json.dumps(_numbered(told, numbers)).encode()
    held: dict[str, Any] = {numbers[key]: a for key, a in arrays.items()}
    with open(path, "wb") as file:
        np.savez_compressed(file, **{_TEXT: np.frombuffer(text, np.uint8)}, **held)


def load_replay(path: str | os.PathLike[str]) -> Replay:
    """The replay that ``Replay.save`` wrote. Lines are shown as they were, where the user's files are not at hand.

    Raises ArgumentError where the file is no replay.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            told = json.loads(bytes(held[_TEXT]))
            arrays = {name: held[name] for name in held.files if name != _TEXT}
    except (KeyError, ValueError) as mistake:
        raise ArgumentError(f"{os.fspath(path)} is no replay: {mistake}", op="load_replay") from None
    if told.get("format") != FORMAT:
        raise ArgumentError(f"{os.fspath(path)} has format {told.get('format')}, this is {FORMAT}", op="load_replay")
    entries = [_entry_of(e, arrays) for e in told["entries"]]
    replay = Replay(told["title"], entries, _value_of(told["leaves"], arrays), tuple(told["path"]))
    replay.at = told["at"]
    return replay


# -------------------------------------------------------------------------------------------- writing


class _Held:
    """A reference to an array, numbered in the end."""

    def __init__(self, key: int) -> None:
        self.key = key


def _value(value: Any, arrays: dict[int, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.setdefault(id(value), value)
        return _Held(id(value))
    if isinstance(value, list | tuple):
        return {"list": [_value(v, arrays) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[str(k), _value(v, arrays)] for k, v in value.items()]}
    if value is None or isinstance(value, bool | int | str):
        return {"plain": value}
    if isinstance(value, float | np.generic):
        return _value(np.asarray(value), arrays)
    return {"plain": repr(value)}


def _numbered(value: Any, numbers: dict[int, str]) -> Any:
    if isinstance(value, _Held):
        return {"array": numbers[value.key]}
    if isinstance(value, dict):
        return {k: _numbered(v, numbers) for k, v in value.items()}
    return [_numbered(v, numbers) for v in value] if isinstance(value, list) else value


def _entry(entry: Entry, arrays: dict[int, np.ndarray[Any, Any]]) -> dict[str, Any]:
    return {
        "op": entry.op,
        "where": [f if type(f) is str else _frame(f) for f in entry.where],  # type: ignore[arg-type]
        "operands": _value(entry.operands, arrays),
        "result": _value(entry.result, arrays),
        "names": _value(entry.names, arrays),
        "made_by": entry.made_by,
        "error": entry.error,
        "turns": [[_entry(e, arrays) for e in turn] for turn in entry.turns],
    }


def _frame(frame: origin.Frame) -> dict[str, Any]:
    code, (line, end_line, column, end_column) = frame[0], origin.position(frame)
    text = [linecache.getline(code.co_filename, n) for n in range(line, end_line + 1)]
    span = [line, end_line, column, end_column]
    return {"file": code.co_filename, "span": span, "function": code.co_qualname, "text": text}


# -------------------------------------------------------------------------------------------- reading


def _value_of(told: dict[str, Any], arrays: dict[str, Any]) -> Any:
    match told:
        case {"array": name}:
            return arrays[name]
        case {"list": values}:
            return [_value_of(v, arrays) for v in values]
        case {"dict": pairs}:
            return {k: _value_of(v, arrays) for k, v in pairs}
    return told["plain"]


def _entry_of(told: dict[str, Any], arrays: dict[str, Any]) -> Entry:
    where = tuple(f if type(f) is str else _frame_of(f) for f in told["where"])
    operands, result, names = (_value_of(told[k], arrays) for k in ("operands", "result", "names"))
    entry = Entry(told["op"], where, operands, result, names, told["made_by"], told["error"])
    entry._turns = [[_entry_of(e, arrays) for e in turn] for turn in told["turns"]]
    return entry


def _frame_of(told: dict[str, Any]) -> origin.Frame:
    """A frame that stands where the saved one did."""
    line, end_line, column, end_column = told["span"]
    place = {"lineno": line, "end_lineno": end_line, "col_offset": column, "end_col_offset": end_column}
    body = ast.Module([ast.Expr(ast.Name("x", ast.Load(), **place), **place)], [])
    code: CodeType = compile(body, told["file"], "exec")
    code = code.replace(co_name=told["function"].rpartition(".")[2], co_qualname=told["function"])
    index = list(code.co_positions()).index((line, end_line, column, end_column))
    if not os.path.exists(told["file"]):
        _, _, known, _ = linecache.cache.get(told["file"], (0, None, [], ""))  # type: ignore[misc]
        lines = [*known, *[""] * (end_line - len(known))]
        lines[line - 1 : end_line] = told["text"]
        linecache.cache[told["file"]] = (0, None, lines, told["file"])
    return code, 2 * index
