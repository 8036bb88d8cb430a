"""What a worker process and its parent say to each other: pickles whose arrays cross beside them, and errors.

Arrays are sent as raw buffers (pickle protocol 5, PEP 574) and arrive writable.
"""

from __future__ import annotations

import pickle
import traceback
from multiprocessing.connection import Connection
from typing import Any

from engine.errors import TapegraphError


class WorkerError(RuntimeError):
    """A worker process died, or raised what cannot be sent to the parent."""


class RemoteTraceback(Exception):
    """The traceback of an error as it was printed in the worker process."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def packed(message: Any) -> list[Any]:
    """A message as buffers to send."""
    beside: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=beside.append)
    raw = [buffer.raw() for buffer in beside]
    return [pickle.dumps([len(part) for part in raw]), body, *(part for part in raw if len(part))]


def send(to: Connection, parts: list[Any]) -> None:
    """Send what ``packed`` made."""
    for part in parts:
        to.send_bytes(part)


def receive(source: Connection) -> Any:
    """The next message. Raises EOFError or OSError where the other end is gone."""
    sizes = pickle.loads(source.recv_bytes())
    body = source.recv_bytes()
    buffers = []
    for size in sizes:
        buffer = bytearray(size)
        if size:
            source.recv_bytes_into(buffer)
        buffers.append(buffer)
    return pickle.loads(body, buffers=buffers)


def packed_error(error: BaseException) -> tuple[Any, str]:
    """An error as something that can be pickled and raised elsewhere, and its traceback as text."""
    text = "".join(traceback.format_exception(error))
    notes = list(getattr(error, "__notes__", ()))
    if isinstance(error, TapegraphError):
        return (type(error), {**vars(error), "origin": ()}, error.args, notes), text
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        said = f"{type(error).__name__}: {error}"
        return (WorkerError, {}, (said,), notes), text
    return (error, notes), text


def unpacked_error(sent: Any, text: str) -> Any:
    """The error that ``packed_error`` packed, caused by the traceback of the worker."""
    if len(sent) == 2:
        error, notes = sent
    else:
        kind, attributes, args, notes = sent
        error = kind.__new__(kind, *args)
        error.args = args
        vars(error).update(attributes)
    error.__notes__ = list(notes)
    error.__cause__ = RemoteTraceback(text)
    return error
