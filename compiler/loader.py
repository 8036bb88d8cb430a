"""Kernels become addresses: found in this process, else on disk, else compiled; loaded in batches."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
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


def _compile(kernel: Kernel) -> bytes:
    from compiler.toolchain import compile_object  # imports numba: only where something must be compiled

    return compile_object(kernel)


def load(kernels: Sequence[Kernel]) -> list[int]:
    """Addresses of `int64 kernel(int64* block)`, in order; callable for the life of the process.

    Raises KernelError for a kernel that cannot be compiled. `loader.last` tells where each came from.
    """
    keys = [kernel.key for kernel in kernels]
    obtain({key: lambda kernel=kernel: _compile(kernel) for key, kernel in zip(keys, kernels, strict=True)})
    return [_addresses[key] for key in keys]


def obtain(makers: dict[str, Callable[[], bytes]]) -> dict[str, int]:
    """{key: address} for each {key: function that makes the object code exporting tg_<key>}."""
    global last
    with _lock:
        report, blobs = Report(), {}
        for key, make in makers.items():
            if key in _addresses:
                report.registry += 1
                continue
            started = time.perf_counter()
            if (code := cache.fetch(key)) is not None:
                report.disk += 1
                report.load_seconds += time.perf_counter() - started
            else:
                code = make()
                cache.store(key, code)
                report.compiled += 1
                report.compile_seconds += time.perf_counter() - started
            blobs[key] = code
        started = time.perf_counter()
        if blobs:
            _addresses.update(_link(blobs.items()))
        report.load_seconds += time.perf_counter() - started
        last = report
        total.add(report)
        return {key: _addresses[key] for key in makers}


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
