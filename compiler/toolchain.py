"""From a kernel to position-independent object code: numba lowers it, one LLVM pipeline optimises it."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import llvmlite.binding as llvm
from llvmlite import ir

from compiler.chains import guide
from compiler.frontend import entry, lower
from compiler.intrinsics import NATIVE
from compiler.kernel import Kernel, KernelError
from compiler.machine import check_symbols, target_machine, vector_bytes
from compiler.product_tiles import PRODUCT_TILES
from compiler.tiles import TILES
from compiler.vectormath import NATIVE as ELEMENTARY
from engine.collector import collecting_rarely

OPTIMISE = 3
OPTIMISE_WORDS = 1  # where the innermost loops are words written for the purpose: half of LLVM's time
WORDS = {**NATIVE, **ELEMENTARY, **TILES}


def compile_objects(kernels: Iterable[Kernel]) -> Iterator[tuple[Kernel, bytes]]:
    """Each kernel with object code of one exported function, `int64 tg_<key>(int64* block)`; the shortest text first.

    numba lowers a kernel while LLVM, which needs no interpreter, works on those before it in a thread. Raises
    KernelError, behind the code of the kernels before, where numba refuses a text or the code would need anything but
    libm at run time.
    """
    refused = None
    with collecting_rarely(), ThreadPoolExecutor(1, thread_name_prefix="tapegraph-llvm") as llvm_thread:
        begun: deque[tuple[Kernel, Future[bytes]]] = deque()
        for kernel in sorted(kernels, key=lambda k: len(k.text)):
            try:
                begun.append((kernel, llvm_thread.submit(finished, kernel, *lowered(kernel))))
            except KernelError as error:
                refused = error
                break
            while begun and begun[0][1].done():
                kernel, code = begun.popleft()
                yield kernel, code.result()
        for kernel, code in begun:
            yield kernel, code.result()
    if refused is not None:
        raise refused


def lowered(kernel: Kernel) -> tuple[str, list[llvm.ModuleRef]]:
    """The first half of compiling, numba's: LLVM's text in which only the entry is visible, and the modules it calls."""
    module, libraries = lower(kernel, WORDS)
    for value in module.global_values:
        defined = value.blocks if isinstance(value, ir.Function) else value.linkage == "common"
        if defined:
            value.linkage = "internal"
    guide(module, vector_bytes() // 4)
    entry(kernel, module, f"tg_{kernel.key}")
    return str(module), libraries


def finished(kernel: Kernel, text: str, libraries: list[llvm.ModuleRef]) -> bytes:
    """The second half of compiling, LLVM's."""
    module = linked(kernel, text, libraries)
    optimise(module, level(kernel))
    code = target_machine().emit_object(module)
    check_symbols(code, kernel)
    return code


def linked(kernel: Kernel, text: str, libraries: list[llvm.ModuleRef]) -> llvm.ModuleRef:
    """A kernel and the modules it calls as one."""
    module = llvm.parse_assembly(text)
    for library in libraries:
        module.link_in(library, preserve=True)
        for function in module.functions:
            if not function.is_declaration and function.name != f"tg_{kernel.key}":
                function.linkage = llvm.Linkage.internal
    module.verify()
    return module


def level(kernel: Kernel) -> int:
    """How much LLVM is to do for a kernel."""
    return OPTIMISE_WORDS if any(f"{word}(" in kernel.text for word in (*TILES, *PRODUCT_TILES)) else OPTIMISE


def optimise(module: llvm.ModuleRef, level: int = OPTIMISE) -> None:
    """LLVM's standard pipeline with the loop vectoriser, for this machine.

    Without SLP and unrolling of what is not vectorised: a third of LLVM's time, and fused loops run as fast.
    """
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.loop_interleaving = True
    options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(target_machine(), options)
    builder.getModulePassManager().run(module, builder)


def assembly(kernel: Kernel) -> str:
    """The machine code of a kernel as text, for people."""
    module = linked(kernel, *lowered(kernel))
    optimise(module, level(kernel))
    return target_machine().emit_assembly(module)


def llvm_text(kernel: Kernel) -> str:
    """The optimised LLVM IR of a kernel, for people."""
    module = linked(kernel, *lowered(kernel))
    optimise(module, level(kernel))
    return str(module)


__all__ = ["KernelError", "assembly", "compile_objects", "llvm_text", "optimise"]
