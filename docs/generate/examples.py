"""Examples of the op library: small calls made of the samples that records declare, run in both modes."""

from __future__ import annotations

import ast
import inspect
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tapegraph as tg
from engine import dtypes, tree
from engine.makers import COMPOSITES, Composite
from engine.op import OPS, Op, Sample

LINE = 100  # columns an example may have


@dataclass(frozen=True)
class Example:
    """Lines that prepare operands, an expression, and what each mode prints for it."""

    setup: str
    expression: str
    eager: str
    static: str

    def __str__(self) -> str:
        return f"{self.setup}\n{self.expression}".strip()


class DifferentModes(Exception):
    """The two modes print values that are not equal to the digits shown."""


def of_record(name: str, face: Callable[..., Any]) -> Example | None:
    """An example from the smallest sample of an op or composite; None where it has none."""
    record = COMPOSITES.get(name) or OPS.get(name)
    if record is None:
        return None
    dtype = min(record.accepts, key=_preference)
    for sample in sorted(_samples(record, dtype), key=_weight):
        for digits in (1, 2, 9):
            try:
                return run(*_written(name, face, sample, digits))
            except (tg.errors.TapegraphError, np.linalg.LinAlgError):
                continue  # rounding took the sample out of its domain
    return None


def of_docstring(text: str | None) -> Example | None:
    """The first example (``>>>``) of a docstring, run in both modes as well."""
    lines = re.findall(r"^\s*(?:>>>|\.\.\.) ?(.*)$", (text or ""), re.MULTILINE)
    if not lines:
        return None
    body = "\n".join(lines)
    cut = ast.parse(body).body[-1].lineno - 1
    return run("\n".join(lines[:cut]), "\n".join(lines[cut:]))


def run(setup: str, expression: str) -> Example:
    """Run an example in both modes. Raises DifferentModes where they show different values."""
    names: dict[str, Any] = {"tg": tg, "np": np}
    exec(setup, names)
    value = compile(expression, "example", "eval")
    tg.manual_seed(0)
    eager = eval(value, names)
    if not any(isinstance(leaf, tg.Tensor) for leaf in tree.leaves([eager])):
        return Example(setup, expression, _shown(eager), "")
    tg.manual_seed(0)
    try:
        static = tg.compile(lambda: eval(value, names))()
    except tg.errors.UnsupportedError as error:
        return Example(setup, expression, _shown(eager), f"UnsupportedError: {error.problem}")
    shown = _shown(eager), _shown(static)
    if not _equal(eager, static):
        raise DifferentModes(f"{setup}\n{expression}\neager  {shown[0]}\nstatic {shown[1]}")
    return Example(setup, expression, *shown)


def _equal(eager: Any, static: Any) -> bool:
    pairs = zip(tree.leaves([eager]), tree.leaves([static]), strict=True)
    return all(np.allclose(np.asarray(a), np.asarray(b), 1e-4, 1e-5, equal_nan=True) for a, b in pairs)


def _shown(value: Any) -> str:
    with np.printoptions(precision=4, suppress=True, linewidth=LINE, threshold=60, edgeitems=2):
        return repr(value)


def _preference(dtype: Any) -> int:
    order = [dtypes.float32, dtypes.int64, dtypes.bool_, dtypes.float64]
    return order.index(dtype) if dtype in order else len(order)


def _samples(record: Op | Composite, dtype: Any) -> Iterator[Sample]:
    rng = np.random.default_rng(zlib.crc32(record.name.encode()))
    if record.samples is not None:
        yield from (s for s in record.samples(rng, dtype) if s.error is None)
    elif isinstance(record, Op) and record.arity is not None:
        yield Sample(tuple(_drawn(record, i, rng, dtype) for i in range(record.arity)))


def _drawn(op: Op, operand: int, rng: np.random.Generator, dtype: Any) -> Any:
    low, high = op.domain[operand] if operand < len(op.domain) else (-3.0, 3.0)
    if dtype == dtypes.bool_ or (op.casts == slice(1, None) and operand == 0):  # the condition of ``where``
        return np.array([True, False, True])
    if dtype.kind in "iu":
        return rng.integers(max(low, 1), high + 1, 3).astype(dtype)
    return np.sort(rng.uniform(low, high, 3)).astype(dtype)


def _weight(sample: Sample) -> tuple[bool, int]:
    """Small samples first, but those with nothing or a single number in them last."""
    sizes = [leaf.size for leaf in tree.leaves([list(sample.args)]) if isinstance(leaf, np.ndarray)]
    return not sizes or min(sizes) == 0 or max(sizes) < 2, sum(sizes)


def _written(name: str, face: Callable[..., Any], sample: Sample, digits: int) -> tuple[str, str]:
    """The sample as lines of a program, and the call."""
    lines: list[str] = []
    parameters = list(inspect.signature(face).parameters.values())

    def operand(value: Any, wanted: str) -> str:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, np.ndarray):
            label = wanted if wanted not in {line.split(" = ")[0] for line in lines} else f"{wanted}{len(lines)}"
            lines.append(f"{label} = {_array(value, digits)}")
            return label
        if isinstance(value, list | tuple):
            inner = ", ".join(operand(v, f"{wanted}{i}") for i, v in enumerate(value))
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
        return f"tg.{value.name}" if isinstance(value, np.dtype) else repr(value)

    words = []
    for number, value in enumerate(sample.args):
        known = parameters[min(number, len(parameters) - 1)] if parameters else None
        several = known is None or known.kind is known.VAR_POSITIONAL
        words.append(operand(value, f"x{number + 1}" if several else known.name))
    words += [f"{key}={operand(value, key)}" for key, value in sample.attrs.items()]
    return "\n".join(lines), f"tg.{name}({', '.join(words)})"


def _array(value: Any, digits: int) -> str:
    plain = [round(v, digits) for v in value.ravel().tolist()] if value.dtype.kind == "f" else value.ravel().tolist()
    text = repr(np.array(plain, dtype=object).reshape(value.shape).tolist())
    natural = value.dtype in (dtypes.float32, dtypes.int64, dtypes.bool_)
    return f"tg.tensor({text}{'' if natural else f', dtype=tg.{value.dtype.name}'})"
