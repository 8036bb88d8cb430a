"""What lies in the disk cache, file by file, and taking it out again."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compiler import cache
from compiler.gist import gist

WRITING = 3600.0  # seconds after which a file that was never finished has no writer any more


@dataclass(frozen=True)
class Item:
    """A file of the cache: its size in bytes, when it was made (seconds since 1970), what of, and for which machine.

    ``stamps``: as of ``cache.stamps``; empty for a file of an older format or a damaged one.
    """

    path: Path
    bytes: int
    made: float
    key: str
    text: str
    stamps: dict[str, str]

    @property
    def usable(self) -> bool:
        """Whether this interpreter, on this machine, would load it."""
        return self.stamps.get("environment") == cache.environment()

    @cached_property
    def about(self) -> str:
        """What it computes, in a line."""
        if self.text:
            return gist(self.text)
        if self.key.startswith("driver_"):
            return "walks the rows of a plan"
        return "what threads cost on this machine" if self.key else "of another version, or damaged"


def items() -> Iterator[Item]:
    """All files of kernels, in no order."""
    for path, stat in cache.files():
        if path.suffix == ".o":
            note = _note(path)
            key, text = note.pop("key", ""), note.pop("text", "")
            yield Item(path, stat.st_size, stat.st_mtime, key, text, note)


def _note(path: Path) -> dict[str, str]:
    """What was written behind the code."""
    try:
        with path.open("rb") as file:
            if file.read(len(cache.MAGIC)) != cache.MAGIC:
                return {}
            length, _, _ = cache.HEADER.unpack(file.read(cache.HEADER.size))
            file.seek(length, 1)
            found: dict[str, str] = json.loads(zlib.decompress(file.read()))
            return found
    except (OSError, ValueError, zlib.error, struct.error):
        return {}


@dataclass
class Cleared:
    """What was taken out, and what could not be, with the reason."""

    files: int = 0
    bytes: int = 0
    kept: int = 0
    reason: str = ""


def clear(older_than: float = 0.0) -> Cleared:
    """Delete the cache's files that are older than so many seconds.

    Other processes may be using it: they have read what they need, and compile again what they do not find. Folders
    stay, as another process may be about to write into one, and so does whatever else lies in them.
    """
    done, now = Cleared(), time.time()
    for path, stat in cache.files():
        age = now - stat.st_mtime
        if age < older_than or (path.suffix == ".tmp" and age < WRITING):
            continue
        try:
            path.unlink()
        except FileNotFoundError:  # another process was quicker
            continue
        except OSError as error:
            done.kept, done.reason = done.kept + 1, error.strerror or str(error)
            continue
        done.files, done.bytes = done.files + 1, done.bytes + stat.st_size
    return done
