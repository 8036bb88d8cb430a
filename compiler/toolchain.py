"""From a kernel to position-independent object code: numba lowers it, one LLVM pipeline optimises it."""

import llvmlite.binding as llvm

from compiler.frontend import entry, lower
from compiler.intrinsics import NATIVE
from compiler.kernel import Kernel, KernelError
from compiler.machine import check_symbols, target_machine
from compiler.tiles import TILES
from compiler.vectormath import NATIVE as ELEMENTARY

OPTIMISE = 3
WORDS = {**NATIVE, **ELEMENTARY, **TILES}


def compile_object(kernel: Kernel) -> bytes:
    """Object code with one exported function, `int64 tg_<key>(int64* block)`.

    Raises KernelError where numba refuses the text or the code would need anything but libm at run time.
    """
    module = link(kernel)
    optimise(module)
    code = target_machine().emit_object(module)
    check_symbols(code, kernel)
    return code


def link(kernel: Kernel) -> llvm.ModuleRef:
    """The kernel, its entry point and all it calls, in one module where only the entry is visible."""
    name = f"tg_{kernel.key}"
    lowered, libraries = lower(kernel, WORDS)
    entry(kernel, lowered, name)
    module = llvm.parse_assembly(str(lowered))
    for library in libraries:
        module.link_in(library, preserve=True)
    for function in module.functions:
        if not function.is_declaration and function.name != name:
            function.linkage = llvm.Linkage.internal
    for variable in module.global_variables:
        if variable.linkage is llvm.Linkage.common or variable.name.startswith("_ZN08NumbaEnv"):
            variable.linkage = llvm.Linkage.internal
    module.verify()
    return module


def optimise(module: llvm.ModuleRef) -> None:
    """LLVM's standard pipeline with the loop vectoriser, for this machine.

    Without SLP and unrolling of what is not vectorised: a third of LLVM's time, and fused loops run as fast.
    """
    options = llvm.create_pipeline_tuning_options(speed_level=OPTIMISE)
    options.loop_vectorization = options.loop_interleaving = True
    options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(target_machine(), options)
    builder.getModulePassManager().run(module, builder)


def assembly(kernel: Kernel) -> str:
    """The machine code of a kernel as text, for people."""
    module = link(kernel)
    optimise(module)
    return target_machine().emit_assembly(module)


def llvm_text(kernel: Kernel) -> str:
    """The optimised LLVM IR of a kernel, for people."""
    module = link(kernel)
    optimise(module)
    return str(module)


__all__ = ["KernelError", "assembly", "compile_object", "link", "llvm_text", "optimise"]
