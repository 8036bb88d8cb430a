"""The native loop over a plan: call row after row of (kernel, argument block), stop at the first bad status."""

import ctypes
import hashlib
import re
from collections.abc import Callable
from functools import cache

import llvmlite.binding as llvm
import numpy as np

from compiler import loader
from compiler.driver_text import CONTROL
from compiler.kernel import Kernel, pack
from compiler.machine import processor, target_machine
from compiler.words import translate

# Written in LLVM's language, so that it needs no numba even with an empty cache.
TEXT = """
define i64 @tg_KEY(ptr %table, i64 %first, i64 %last) nounwind {
entry:
  %any = icmp slt i64 %first, %last
  br i1 %any, label %row, label %clean
row:
  %i = phi i64 [%first, %entry], [%next, %advance]
  %column = shl i64 %i, 1
  %place = getelementptr i64, ptr %table, i64 %column
  %kernel = load ptr, ptr %place
  %second = getelementptr i8, ptr %place, i64 8
  %block = load ptr, ptr %second
  %empty = icmp eq ptr %kernel, null
  br i1 %empty, label %advance, label %call
call:
  %status = call i64 %kernel(ptr %block)
  %bad = icmp ne i64 %status, 0
  br i1 %bad, label %stop, label %advance
advance:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %last
  br i1 %more, label %row, label %clean
stop:
  %high = shl i64 %i, 32
  %low = and i64 %status, 4294967295
  %both = or i64 %high, %low
  ret i64 %both
clean:
  ret i64 0
}
"""


# The same inside another module.
WALK = TEXT.replace("@tg_KEY", "@walk").replace("define i64", "define internal i64")


# The same as a function object of CPython: METH_FASTCALL, with the GIL released around the walk.
BUILTIN = (
    WALK
    + """
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyErr_Occurred()
declare i32 @PyErr_BadArgument()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
define ptr @tg_KEY(ptr %self, ptr %args, i64 %count) nounwind {
entry:
  %three = icmp eq i64 %count, 3
  br i1 %three, label %convert, label %wrong
wrong:
  %ignored = call i32 @PyErr_BadArgument()
  ret ptr null
convert:
  %place1 = getelementptr ptr, ptr %args, i64 1
  %place2 = getelementptr ptr, ptr %args, i64 2
  %object0 = load ptr, ptr %args
  %object1 = load ptr, ptr %place1
  %object2 = load ptr, ptr %place2
  %address = call i64 @PyLong_AsLongLong(ptr %object0)
  %first = call i64 @PyLong_AsLongLong(ptr %object1)
  %last = call i64 @PyLong_AsLongLong(ptr %object2)
  %error = call ptr @PyErr_Occurred()
  %good = icmp eq ptr %error, null
  br i1 %good, label %run, label %failed
failed:
  ret ptr null
run:
  %table = inttoptr i64 %address to ptr
  %thread = call ptr @PyEval_SaveThread()
  %result = call i64 @walk(ptr %table, i64 %first, i64 %last)
  call void @PyEval_RestoreThread(ptr %thread)
  %object = call ptr @PyLong_FromLongLong(i64 %result)
  ret ptr %object
}
"""
)
PYTHON_API = re.findall(r"^declare .* @(\w+)\(", BUILTIN, re.MULTILINE)


def _make(text: str, key: str) -> bytes:
    return target_machine().emit_object(llvm.parse_assembly(text.replace("KEY", key)))


def _key(text: str) -> str:
    return "driver_" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def compiled(text: str) -> int:
    """Address of the function `tg_KEY` that a text in LLVM's language defines."""
    key = _key(text)
    return loader.obtain({key: lambda: _make(text, key)})[key]


@cache
def control(kind: str) -> int:
    """Address of the driver of control rows, `int64 kernel(int64* block)`: "loop" or "switch"."""
    return compiled(WALK + CONTROL[kind])


@cache
def spoken(text: str) -> int:
    """Address of `int64 kernel(int64* block)`, written in the language of compiler/words.py."""

    def make() -> bytes:
        module = llvm.parse_assembly(translate(text, processor()[0]).replace("KEY", key))
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.run(module, llvm.create_pass_builder(target_machine(), llvm.create_pipeline_tuning_options()))
        return target_machine().emit_object(module)

    key = _key(text)
    return loader.obtain({key: make})[key]


@cache
def address() -> int:
    """Address of `int64 run(int64* table, int64 first, int64 last)`."""
    return compiled(TEXT)


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


FASTCALL = 0x0080
_methods: dict[str, _Method] = {}  # CPython keeps pointers to them


def builtin(name: str, text: str, owner: object = None) -> Callable:
    """A built-in function made of our own machine code: `ptr tg_KEY(ptr owner, ptr args, i64 count)`."""
    key = _key(text)
    if key not in _methods:
        _methods[key] = _Method(name.encode(), compiled(text), FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(_methods[key]), owner, None)


@cache
def runner() -> Callable[[int, int, int], int]:
    """`run(table_address, first, last) -> int`, see decode(). Other Python threads run during the call.

    A built-in function is 5x cheaper to call than one through ctypes.
    """
    if not all(hasattr(ctypes.pythonapi, name) for name in PYTHON_API):
        # an interpreter that hides its C API from the linker
        return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address())
    return builtin("run", BUILTIN)


def table(kernels: list[int], blocks: list[int]) -> np.ndarray:
    """Rows (kernel address, block address) as an int64 array; the caller keeps it and the blocks alive."""
    return np.array([kernels, blocks], np.int64).T.copy()


def call(kernel: Kernel, *args) -> int:
    """Run one kernel natively on flat arrays and numbers (as Kernel.run_python does in Python); its status."""
    block = pack(kernel, [arg.ctypes.data if isinstance(arg, np.ndarray) else arg for arg in args])
    rows = table(loader.load([kernel]), [block.ctypes.data])
    failure = decode(runner()(rows.ctypes.data, 0, 1))
    return failure[1] if failure else 0


def decode(result: int) -> tuple[int, int] | None:
    """None when every row was clean, else (row, status) of the first that was not."""
    if result == 0:
        return None
    status = result & 0xFFFFFFFF
    return result >> 32, status - (1 << 32) if status >= 1 << 31 else status
