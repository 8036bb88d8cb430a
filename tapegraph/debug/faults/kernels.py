"""Faults in kernels that are written: bounds, strides, accumulation, the order of stores, the tail of a vector loop."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from compiler import blas, cutting, emit, parameters, plan, products, reuse
from compiler.kernel import Kernel
from tapegraph.debug.faults import fault, replaced


def _rewritten(change: Callable[[str], str]) -> AbstractContextManager[None]:
    """The text of each fused kernel changed."""
    written = emit.Emitter.emit

    def emitted(self: emit.Emitter) -> Any:
        step = written(self)
        step.kernel = Kernel(change(step.kernel.text), step.kernel.params)
        return step

    return replaced(emit.Emitter, "emit", emitted)


def _last_loop(text: str, bound: str) -> str:
    """The text with another number of iterations of its last loop: ``{0}`` stands for the right one."""
    found = list(re.finditer(r"in range\((n\d+)\)", text))
    if not found:
        return text
    start, end = found[-1].span(1)
    return text[:start] + bound.format(found[-1].group(1)) + text[end:]


@fault("kernel", "kernel")
def one_too_few() -> Iterator[None]:
    """the innermost loop leaves the last element out"""
    with _rewritten(lambda text: _last_loop(text, "maximum({0} - 1, 0)")):
        yield


@fault("kernel", "kernel")
def tail_left_out() -> Iterator[None]:
    """the innermost loop leaves out what does not fill a vector of eight"""
    with _rewritten(lambda text: _last_loop(text, "{0} // 8 * 8")):
        yield


@fault("kernel", "kernel")
def not_accumulated() -> Iterator[None]:
    """a sum keeps only the last element of each row"""
    with _rewritten(lambda text: re.sub(r"(f\d+) = radd\(\1, (\w+)\)", r"\1 = \2", text)):
        yield


@fault("kernel", "kernel")
def stores_crossed() -> Iterator[None]:
    """of two results stored behind each other, each is written to the place of the other"""
    store = re.compile(r"( *p\d+\[[^\n]*\] = )(v\d+)\n( *p\d+\[[^\n]*\] = )(v\d+)\n")
    with _rewritten(lambda text: store.sub(r"\1\4\n\3\2\n", text, count=1)):
        yield


@fault("kernel", "kernel")
def rows_and_columns() -> Iterator[None]:
    """an operand that is read through a stride is read along the other axis"""

    def change(text: str) -> str:
        return re.sub(r"(x\d+ = p\d+)\[i0 \* (n\d+) \+ i1\]", r"\1[i1 * \2 + i0]", text)

    with _rewritten(change):
        yield


@fault("kernel", "kernel")
def first_element_repeated() -> Iterator[None]:
    """an operand that moves with the loop is read at its first element only"""
    with _rewritten(lambda text: re.sub(r"(x\d+ = p\d+)\[i\d+\]", r"\1[0]", text, count=1)):
        yield


@fault("kernel", "kernel")
def number_one_higher() -> Iterator[None]:
    """a number of the program is handed to its kernel with 1 added"""
    number = parameters.Parameters._float

    def higher(self: parameters.Parameters, value: float, dtype: str) -> str:
        return number(self, value + 1, dtype)

    with replaced(parameters.Parameters, "_float", higher):
        yield


@fault("kernel", "matmul")
def depth_one_less() -> Iterator[None]:
    """a matrix product leaves out the last of the products that it adds up"""
    right = blas.gemm_kernel

    def wrong(dtype: str) -> Kernel:
        kernel = right(dtype)
        head, body = kernel.text.split("):\n", 1)
        return replace(kernel, text=f"{head}):\n    k = maximum(k - 1, minimum(k, 1))\n{body}")

    with replaced(blas, "gemm_kernel", wrong), replaced(products.blas, "gemm_kernel", wrong):
        yield


@fault("kernel", "kernel")
def overwritten_too_early() -> Iterator[None]:
    """a result is written over an operand that is read at another index"""
    with replaced(reuse, "_together", lambda load, store: True):
        yield


@fault("kernel", "sum")
def piece_lost() -> Iterator[None]:
    """where threads sum up pieces, that of the last is not added"""
    joined = cutting.combined

    def wrong(*given: Any) -> Any:
        steps = joined(*given)
        for step in steps:
            step.kernel = replace(step.kernel, text=step.kernel.text.replace("range(p2[0])", "range(p2[0] - 1)"))
        return steps

    with replaced(plan, "combined", wrong):
        yield
