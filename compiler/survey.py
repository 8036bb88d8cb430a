"""A survey of arrays in native code: which is the first that holds a NaN or an infinity, copying them on the way if asked."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from compiler import driver
from compiler.objects import address_of

Array = np.ndarray[Any, Any]


def _look(bits: int, infinity: int) -> str:
    """``@look``: whether numbers of so many bits have one from infinity on, its sign aside; copied where ``to`` is set.

    The exponent of a NaN or an infinity is all ones, so that as integers without the sign they are the largest.
    """
    lanes, mask = 512 // bits, (1 << bits - 1) - 1
    kind, masks = f"<{lanes} x i{bits}>", ", ".join([f"i{bits} {mask}"] * lanes)
    short = f"v{lanes}i{bits}"
    return f"""
declare {kind} @llvm.umax.{short}({kind}, {kind})
declare i{bits} @llvm.vector.reduce.umax.{short}({kind})
define internal i1 @look{bits}(ptr %from, ptr %to, i64 %n) nounwind {{
entry:
  %copies = icmp ne ptr %to, null
  %whole = and i64 %n, -{lanes}
  br label %vector
vector:
  %i = phi i64 [0, %entry], [%i1, %vector.end]
  %most = phi {kind} [zeroinitializer, %entry], [%most1, %vector.end]
  %more = icmp slt i64 %i, %whole
  br i1 %more, label %vector.do, label %rest.begin
vector.do:
  %p = getelementptr i{bits}, ptr %from, i64 %i
  %v = load {kind}, ptr %p, align {bits // 8}
  %size = and {kind} %v, <{masks}>
  %most1 = call {kind} @llvm.umax.{short}({kind} %most, {kind} %size)
  br i1 %copies, label %vector.copy, label %vector.end
vector.copy:
  %q = getelementptr i{bits}, ptr %to, i64 %i
  store {kind} %v, ptr %q, align {bits // 8}
  br label %vector.end
vector.end:
  %i1 = add i64 %i, {lanes}
  br label %vector
rest.begin:
  %top = call i{bits} @llvm.vector.reduce.umax.{short}({kind} %most)
  br label %rest
rest:
  %j = phi i64 [%whole, %rest.begin], [%j1, %rest.end]
  %high = phi i{bits} [%top, %rest.begin], [%high1, %rest.end]
  %left = icmp slt i64 %j, %n
  br i1 %left, label %rest.do, label %done
rest.do:
  %rp = getelementptr i{bits}, ptr %from, i64 %j
  %rv = load i{bits}, ptr %rp
  %rsize = and i{bits} %rv, {mask}
  %larger = icmp ugt i{bits} %rsize, %high
  %high1 = select i1 %larger, i{bits} %rsize, i{bits} %high
  br i1 %copies, label %rest.copy, label %rest.end
rest.copy:
  %rq = getelementptr i{bits}, ptr %to, i64 %j
  store i{bits} %rv, ptr %rq
  br label %rest.end
rest.end:
  %j1 = add i64 %j, 1
  br label %rest
done:
  %bad = icmp uge i{bits} %high, {infinity}
  ret i1 %bad
}}
"""


# Kinds: 4 and 8, floats of so many bytes; 1, bytes that are only copied.
LOOK = (
    _look(32, 0x7F800000)
    + _look(64, 0x7FF0000000000000)
    + _look(8, 0x7F)
    + """
define internal i1 @look(ptr %from, ptr %to, i64 %n, i64 %kind) nounwind {
entry:
  switch i64 %kind, label %bytes [i64 4, label %single i64 8, label %double]
single:
  %bad4 = call i1 @look32(ptr %from, ptr %to, i64 %n)
  ret i1 %bad4
double:
  %bad8 = call i1 @look64(ptr %from, ptr %to, i64 %n)
  ret i1 %bad8
bytes:
  %ignored = call i1 @look8(ptr %from, ptr %to, i64 %n)
  ret i1 0
}
"""
)

# Rows of (address, address of the copy or 0, count, kind); the number of the first with a NaN or an infinity, else of rows.
TEXT = (
    LOOK
    + """
define i64 @tg_KEY(ptr %rows, i64 %count) nounwind {
entry:
  br label %row
row:
  %i = phi i64 [0, %entry], [%i1, %next]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %do, label %done
do:
  %far = shl i64 %i, 2
  %from.p = getelementptr i64, ptr %rows, i64 %far
  %to.p = getelementptr i64, ptr %from.p, i64 1
  %n.p = getelementptr i64, ptr %from.p, i64 2
  %kind.p = getelementptr i64, ptr %from.p, i64 3
  %from = load ptr, ptr %from.p
  %to = load ptr, ptr %to.p
  %n = load i64, ptr %n.p
  %kind = load i64, ptr %kind.p
  %bad = call i1 @look(ptr %from, ptr %to, i64 %n, i64 %kind)
  br i1 %bad, label %done, label %next
next:
  %i1 = add i64 %i, 1
  br label %row
done:
  ret i64 %i
}
"""
)


@cache
def _native() -> Any:
    word = ctypes.c_int64
    return ctypes.CFUNCTYPE(word, word, word)(driver.compiled(TEXT))


def kind(array: Array, watched: bool = True) -> tuple[int, int]:
    """The count and the kind of a contiguous array in a survey; unless ``watched``, only to be copied."""
    if watched and array.dtype.kind == "f":
        return array.size, array.itemsize
    return array.nbytes, 1


def rows(arrays: Iterable[tuple[Array, Array | None]], watched: Iterable[bool]) -> Array:
    """The table for ``first_bad``: contiguous arrays, and where each is to be copied."""
    found = [
        (address_of(a), 0 if to is None else address_of(to), *kind(a, w))
        for (a, to), w in zip(arrays, watched, strict=True)
    ]
    return np.array(found, np.int64).reshape(-1, 4)


def first_bad(table: Array) -> int | None:
    """The number of the first array with a NaN or an infinity, None where there is none; those before it are copied."""
    found: int = _native()(address_of(table), len(table))
    return None if found == len(table) else found
