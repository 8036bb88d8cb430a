"""A kernel is the text of one small Python function plus typed parameters; it runs natively or as plain Python."""

import hashlib
import linecache
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compiler.twins import PYTHON
from compiler.vocabulary import MEANINGS

POINTER, INTEGER, FLOAT = "ptr", "int", "float"
DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES += ("float16", "float32", "float64")


class KernelError(Exception):
    """A kernel's text cannot become native code; the message shows the text and the reason."""


@dataclass(frozen=True)
class Param:
    """One parameter: `kind` is "ptr", "int" (int64) or "float" (float32 or float64, as `dtype` says).

    float16 pointers see raw uint16 storage. Distinct pointer parameters of a kernel must never overlap,
    unless both say `alias=True`: the optimiser relies on it.
    """

    name: str
    kind: str
    dtype: str = "int64"
    alias: bool = False

    def __post_init__(self):
        allowed = {POINTER: DTYPES, INTEGER: ("int64",), FLOAT: ("float32", "float64")}
        if self.dtype not in allowed.get(self.kind, ()):
            raise ValueError(f"parameter {self.name!r}: no {self.kind!r} of dtype {self.dtype!r}")

    @property
    def format(self) -> str:
        """The struct code of this parameter's 8-byte slot (a float32 fills the low half)."""
        return {"float64": "d", "float32": "f4x"}[self.dtype] if self.kind == FLOAT else "q"


@dataclass(frozen=True)
class Kernel:
    """`text` defines one function called `kernel` over `params`, in order; it returns a status, 0 when clean."""

    text: str
    params: tuple[Param, ...]

    @cached_property
    def key(self) -> str:
        """Hash of what the kernel says (text and parameters), the same in every process."""
        described = repr([(p.name, p.kind, p.dtype, p.alias) for p in self.params])
        return hashlib.blake2b(f"{described}\n{self.text}".encode(), digest_size=16).hexdigest()

    @cached_property
    def layout(self) -> struct.Struct:
        """Packs one argument block: `kernel.layout.pack_into(blocks, byte_offset, *values)`."""
        return struct.Struct("=" + "".join(p.format for p in self.params))

    @cached_property
    def function(self) -> Callable:
        """The text as a plain Python function; tracebacks and debuggers show its lines."""
        filename = f"<kernel {self.key[:12]}>"
        linecache.cache[filename] = (len(self.text), None, self.text.splitlines(True), filename)
        namespace = {**PYTHON, **MEANINGS}
        exec(compile(self.text, filename, "exec"), namespace)
        return namespace["kernel"]

    def run_python(self, *args) -> int:
        """Run without numba: pointers are flat 1-D arrays, integers ints, floats numbers of the declared dtype."""
        values = []
        for param, value in zip(self.params, args, strict=True):
            if param.kind == POINTER:
                assert value.ndim == 1, f"{param.name}: a pointer is a flat array, got shape {value.shape}"
                values.append(value.view(np.uint16) if value.dtype == np.float16 else value)
            else:
                values.append(int(value) if param.kind == INTEGER else np.dtype(param.dtype).type(value))
        with np.errstate(all="ignore"):
            return int(self.function(*values))


def pack(kernel: Kernel, values: Sequence, block: np.ndarray | None = None) -> np.ndarray:
    """Fill `block` (int64, one slot per parameter; a new one by default) with addresses, integers and floats."""
    block = np.empty(len(kernel.params), np.int64) if block is None else block
    kernel.layout.pack_into(block, 0, *values)
    return block
