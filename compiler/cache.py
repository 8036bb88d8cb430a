"""Object code on disk, one checked file per kernel, under a name that changes with anything the code depends on."""

import hashlib
import json
import os
import re
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import llvmlite

from compiler.machine import processor

MAGIC = b"tapegraph object 2\n"
HEADER = struct.Struct("<QQ32s")  # bytes of the code and of the note that follow, and SHA-256 of both
OURS = re.compile(r"[0-9a-f]{40}(\.o|\.\d+\.\d+\.tmp)")  # names of files that are made here
LIMIT = 256 << 20  # bytes kept on disk
PRUNE_EVERY = 200  # stores between two looks at the size
SOURCES = (
    "vectormath",
    "vocabulary.py",
    "twins.py",
    "intrinsics.py",
    "tiles.py",
    "product_tiles.py",
    "panels.py",
    "context.py",
    "library.py",
    "frontend.py",
    "lowering.py",
    "toolchain.py",
    "machine.py",
    "kernel.py",
    "chains.py",
    "words.py",
)


@dataclass
class Stats:
    """What the disk cache did in this process; `rejected` counts damaged files."""

    hits: int = 0
    misses: int = 0
    stores: int = 0
    rejected: int = 0


stats = Stats()
_memory: dict[str, bytes] = {}  # what could not be written
_warned = False


def directory() -> Path:
    """$TAPEGRAPH_CACHE_DIR, else the platform's cache folder."""
    if chosen := os.environ.get("TAPEGRAPH_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "tapegraph"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tapegraph"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tapegraph"


def _numba_version() -> str:
    """numba's version without importing it, nor importlib.metadata (25 ms)."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        return "none"
    version_file = Path(spec.origin).with_name("_version.py")
    return version_file.read_text() if version_file.exists() else f"{spec.origin} {os.stat(spec.origin).st_mtime_ns}"


@cache
def environment() -> str:
    """Hash of all but the kernel: interpreter, numba, llvmlite, LLVM, CPU, and the sources code is made from."""
    parts = [sys.version, _numba_version(), llvmlite.__version__, *processor()]
    sources = []
    for path in _sources():
        with open(path, "rb") as file:
            sources.append(file.read())
    return hashlib.sha256(b"\0".join([*(part.encode() for part in parts), *sources])).hexdigest()


@cache
def stamps() -> dict[str, str]:
    """What ``environment`` is the hash of, for people: versions and processor."""
    numba = re.search(r"""version['"]?\s*[:=]\s*['"]([\w.+]+)""", _numba_version())
    return {
        "python": sys.version.split()[0],
        "numba": numba[1] if numba else "unknown",
        "llvmlite": llvmlite.__version__,
        "cpu": processor()[1],
        "environment": environment(),
    }


def _sources() -> list[str]:
    """The files of SOURCES; pathlib would take longer than reading them."""
    here, found = os.path.dirname(__file__), []
    for name in SOURCES:
        path = os.path.join(here, name)
        inner = [name] if path.endswith(".py") else (os.path.join(name, one) for one in sorted(os.listdir(path)))
        found += [os.path.join(here, one) for one in inner if one.endswith(".py")]
    return found


def _path(key: str) -> Path:
    name = hashlib.blake2b(f"{environment()} {key}".encode(), digest_size=20).hexdigest()
    return directory() / name[:2] / f"{name}.o"


def fetch(key: str) -> bytes | None:
    """The object code stored for a kernel's key; None when there is none or the file is damaged."""
    if (kept := _memory.get(key)) is not None:
        stats.hits += 1
        return kept
    try:
        raw = _path(key).read_bytes()
    except OSError:
        stats.misses += 1
        return None
    rest = raw[len(MAGIC) + HEADER.size :]
    if raw[: len(MAGIC)] == MAGIC and len(raw) >= len(MAGIC) + HEADER.size:
        length, noted, digest = HEADER.unpack_from(raw, len(MAGIC))
        if length + noted == len(rest) and digest == hashlib.sha256(rest).digest():
            stats.hits += 1
            return rest[:length]
    stats.rejected += 1
    stats.misses += 1
    return None


def store(key: str, code: bytes, text: str = "") -> None:
    """Keep object code; readers see the whole file or none. Falls back to memory where nothing can be written.

    ``text``: what it was made of, for people who look at the folder (``compiler.shelf``).
    """
    note = zlib.compress(json.dumps({"key": key, "text": text, **stamps()}).encode())
    digest = hashlib.sha256(code + note).digest()
    path = _path(key)
    try:
        _write(path, MAGIC + HEADER.pack(len(code), len(note), digest) + code + note)
    except OSError as error:
        _memory[key] = code
        _warn(error)
        return
    stats.stores += 1
    if stats.stores % PRUNE_EVERY == 0:
        prune()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _warn(error: OSError) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"compiled kernels are kept in memory only, {directory()} cannot be written: {error}. "
            "Set TAPEGRAPH_CACHE_DIR to a folder you may write to.",
            stacklevel=3,
        )


def files() -> Iterator[tuple[Path, os.stat_result]]:
    """The cache's files, with their sizes and times; whatever else lies in the folder is not looked at."""
    for folder in directory().glob("[0-9a-f][0-9a-f]"):
        for path in folder.glob("*.*"):
            if OURS.fullmatch(path.name):
                try:
                    found = path.stat()
                except OSError:  # gone by now
                    continue
                yield path, found


def prune(limit: int = LIMIT) -> int:
    """Delete the oldest files until `limit` bytes remain; returns the number deleted."""
    found = sorted((stat.st_mtime, stat.st_size, path) for path, stat in files())
    total, deleted = sum(size for _, size, _ in found), 0
    for _, size, path in found:
        if total <= limit:
            break
        try:
            path.unlink()
        except OSError:
            continue
        total, deleted = total - size, deleted + 1
    return deleted
