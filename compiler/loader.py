"""Kernels become addresses: found in this process, else on disk, else compiled; loaded in batches."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import llvmlite.binding as llvm

from compiler import cache
from compiler.kernel import Kernel
from compiler.machine import initialise, target_machine


@dataclass
class Report:
    """Where kernels came from and the seconds it took; `loader.total` sums the process."""

    registry: int = 0
    disk: int = 0
    compiled: int = 0
    compile_seconds: float = 0.0
    load_seconds: float = 0.0

    def add(self, other: "Report") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


total = Report()
last = Report()
_addresses: dict[str, int] = {}
_engines: list[llvm.ExecutionEngine] = []  # own the code the addresses point to, for the life of the process
_lock = threading.RLock()


def load(kernels: Sequence[Kernel]) -> list[int]:
    """Addresses of `int64 kernel(int64* block)`, in order; callable for the life of the process.

    Raises KernelError for a kernel that cannot be compiled. `loader.last` tells where each came from.
    """
    wanted = {kernel.key: kernel for kernel in kernels}

    def make(missing: list[str]) -> Iterator[tuple[str, bytes]]:
        from compiler.toolchain import compile_objects  # imports numba: only where something must be compiled

        return ((kernel.key, code) for kernel, code in compile_objects(wanted[key] for key in missing))

    addresses = _obtain(list(wanted), make, {key: kernel.text for key, kernel in wanted.items()})
    return [addresses[kernel.key] for kernel in kernels]


def known(key: str) -> bool:
    """Whether a kernel need not be compiled any more."""
    return key in _addresses or cache.fetch(key) is not None


def obtain(makers: dict[str, Callable[[], bytes]]) -> dict[str, int]:
    """{key: address} for each {key: function that makes the object code exporting tg_<key>}."""
    return _obtain(list(makers), lambda missing: ((key, makers[key]()) for key in missing), {})


def _obtain(
    keys: list[str], make: Callable[[list[str]], Iterable[tuple[str, bytes]]], texts: Mapping[str, str]
) -> dict[str, int]:
    """{key: address}; ``make`` gives the object code of the keys that are neither in this process nor on disk.

    ``texts``: those that kernels were made of, to be kept beside their code.
    """
    global last
    with _lock:
        report = Report()
        started = time.perf_counter()
        found = {key: cache.fetch(key) for key in keys if key not in _addresses}
        blobs = {key: code for key, code in found.items() if code is not None}
        report.registry, report.disk = len(keys) - len(found), len(blobs)
        report.load_seconds = time.perf_counter() - started
        if missing := [key for key, code in found.items() if code is None]:
            started = time.perf_counter()
            for key, code in make(missing):
                cache.store(key, code, texts.get(key, ""))
                blobs[key] = code
            report.compiled = len(missing)
            report.compile_seconds = time.perf_counter() - started
        started = time.perf_counter()
        if blobs:
            _addresses.update(_link(blobs.items()))
        report.load_seconds += time.perf_counter() - started
        last = report
        total.add(report)
        return {key: _addresses[key] for key in keys}


def _link(blobs: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Load object code into one engine of its own; libm is resolved by name."""
    initialise()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    keys = []
    for key, code in blobs:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        keys.append(key)
    engine.finalize_object()
    _engines.append(engine)
    return {key: engine.get_function_address(f"tg_{key}") for key in keys}


@contextmanager
def as_new() -> Iterator[None]:
    """Inside the block this process knows no kernel: each is taken from disk, or compiled, again."""
    global _addresses
    with _lock:
        kept, _addresses = _addresses, {}
    try:
        yield
    finally:
        with _lock:
            _addresses = {**_addresses, **kept}
