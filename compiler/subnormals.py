"""Subnormal numbers on this processor: computed as IEEE 754 says, or taken for zero, which is quicker."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from compiler import driver, pool
from compiler.machine import processor

# Bits 15 and 6 of x86's MXCSR: results flushed to zero, operands taken for zero.
TEXT = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define i64 @tg_KEY(i64 %on) nounwind {
entry:
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %before = load i32, ptr %place
  %cleared = and i32 %before, -32833
  %set = or i32 %before, 32832
  %wanted = icmp ne i64 %on, 0
  %after = select i1 %wanted, i32 %set, i32 %cleared
  store i32 %after, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret i64 0
}
"""


@cache
def _switch() -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(driver.compiled(TEXT))


def flush(on: bool) -> bool:
    """Take subnormals for zero in this thread and in the pool, or no longer; False where the processor is not x86."""
    if not processor()[0].startswith(("x86_64", "i686")):
        return False
    helpers = pool.dismiss()
    _switch()(int(on))
    pool.welcome(helpers)  # a new thread has the setting of the one that starts it
    return True
