"""This machine as LLVM sees it, and what object code for it may ask from outside."""

import struct
import sys
from functools import cache

import llvmlite.binding as llvm

from compiler.kernel import Kernel, KernelError

LIBM = "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs floor"
LIBM += (
    " fma fmax fmin fmod frexp hypot ldexp lgamma log log10 log1p log2 nextafter pow rint round sin sincos sinh sqrt"
)
LIBM += " tan tanh tgamma trunc"
ALLOWED = {name + suffix for name in LIBM.split() for suffix in ("", "f")} | {
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
}


@cache
def initialise() -> None:
    """Make LLVM ready to emit and load native code; libm's functions become known by name."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if sys.platform == "linux":  # elsewhere the C library that is loaded anyway has these functions
        try:
            llvm.load_library_permanently("libm.so.6")
        except RuntimeError:
            llvm.load_library_permanently("libm.so")


@cache
def processor() -> tuple[str, str, str]:
    """(triple, CPU name, features): what object code depends on, besides its source."""
    initialise()
    features = llvm.get_host_cpu_features()
    if features.get("avx512vbmi2"):
        # LLVM stops at 256 bits for the sake of the first AVX-512 cores, which lowered their clock; cores since Ice Lake
        # and Zen 4 do not. Measured: exp on 4096 float32 in 2.1 instead of 2.9 us, sums in 0.17 instead of 0.22.
        features["prefer-256-bit"] = False
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), features.flatten()


@cache
def vector_bytes() -> int:
    """How wide a vector LLVM takes when it vectorises a loop."""
    _, _, features = processor()
    if "+avx512f" in features and "+prefer-256-bit" not in features:
        return 64
    return 32 if "+avx2" in features else 16


@cache
def target_machine() -> llvm.TargetMachine:
    """Code generation for this very CPU."""
    triple, cpu, features = processor()
    return llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=2, jit=True)


@cache
def data_layout() -> str:
    """Sizes and alignments of this machine, as modules state them."""
    return str(target_machine().target_data)


def undefined_symbols(code: bytes) -> list[str]:
    """Names an ELF64 object leaves to the linker; [] for other formats (see check_symbols)."""
    if code[:6] != b"\x7fELF\x02\x01":
        return []
    sections, entry_size, count = struct.unpack_from("<Q", code, 40)[0], *struct.unpack_from("<HH", code, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", code, sections + i * entry_size) for i in range(count)]
    found = []
    for header in headers:
        if header[1] != 2:  # SHT_SYMTAB
            continue
        names = headers[header[6]][4]
        for at in range(header[4], header[4] + header[5], 24):
            name, _, _, section = struct.unpack_from("<IBBH", code, at)
            if name and section == 0:
                found.append(code[names + name : code.index(b"\0", names + name)].decode())
    return found


def check_symbols(code: bytes, kernel: Kernel) -> None:
    """Raise KernelError where code needs more than libm: loading it would end the process."""
    foreign = [name for name in undefined_symbols(code) if name not in ALLOWED]
    if foreign:
        raise KernelError(f"native code may call only libm, this kernel needs {', '.join(foreign)}:\n{kernel.text}")
