"""Spellings: a line "PyTorch's signature -> ours, written in the engine's functions" becomes a function on tensors.

The table is text so that it reads as a dictionary between two languages. Each line is compiled once, at import, into a
plain Python function: nothing is translated at call time but tensors into values and back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from eager.interpreter import RECORDING
from engine import dispatch
from engine.handle import Handle
from engine.landing import MISTAKES, clear, entrance
from engine.ops.shape import reshape
from tapegraph.torch.cell import Cell, of, replace, wrap
from tapegraph.torch.dtypes import kind

# Parameters that are no tensors and are handed on as they are; so are those whose default is a number, a string or a bool.
_WHOLE = ("dim", "dims", "dim0", "dim1", "k", "n", "p", "size", "shape", "shifts", "normalized_shape", "kernel_size")
_PLAIN = frozenset({*_WHOLE, "stride", "padding", "equation"})


# Their own meaning says what they make of a 0-d tensor.
_OF_NUMBERS = frozenset({"gather", "quantile", "nanquantile"})


class Spelling(NamedTuple):
    """One line of a table: a name, the function on tensors, and where it is offered: "f", "m" or "fm", with "_" in place too."""

    name: str
    function: Callable[..., Any]
    where: str


def read(table: str, ours: Mapping[str, Any], place: str) -> tuple[dict[str, Spelling], dict[str, list[str]]]:
    """The spellings of a table, and for each name that needs a function the engine has not got: which."""
    found: dict[str, Spelling] = {}
    missing: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, table.splitlines())):
        if line.startswith("#"):
            continue
        left, _, right = line.partition(" -> ")
        right, _, where = right.partition("  ;")
        names, _, signature = left.partition("(")
        lacking = sorted(_free(right, signature) - set(ours))
        for name in names.split("/"):
            if lacking:
                missing[name] = lacking
            else:
                found[name] = Spelling(
                    name, _compiled(name, "(" + signature, right, ours, place), where.strip() or "fm"
                )
    return found, missing


def _parameters(signature: str) -> list[str]:
    arguments = ast.parse(f"def f{signature}: pass").body[0].args  # type: ignore[attr-defined]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [a.arg for a in every] + [a.arg for a in (arguments.vararg, arguments.kwarg) if a]


def _constants(signature: str) -> set[str]:
    """The parameters with a number, a string or a bool as default."""
    arguments = ast.parse(f"def f{signature}: pass").body[0].args  # type: ignore[attr-defined]
    ordered = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(ordered[len(ordered) - len(arguments.defaults) :], arguments.defaults),
        *zip(arguments.kwonlyargs, arguments.kw_defaults),
    ]
    return {
        a.arg for a, d in pairs if isinstance(d, ast.UnaryOp) or (isinstance(d, ast.Constant) and d.value is not None)
    }


def _free(expression: str, signature: str) -> set[str]:
    """The names an expression needs beyond the parameters, its own variables and Python's own functions."""
    nodes = list(ast.walk(ast.parse(expression, mode="eval")))
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.arg for n in nodes if isinstance(n, ast.arg)}
    bound |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return names - set(_parameters("(" + signature)) - bound - {"len", "tuple", "list", "int", "float", "isinstance"}


def _compiled(name: str, signature: str, right: str, ours: Mapping[str, Any], place: str) -> Callable[..., Any]:
    parameters = _parameters(signature)
    lines = []
    if "dim" in parameters and "axis" not in parameters:
        lines.append("    if axis is not _absent: dim = axis")
        if "keepdim" in parameters:
            lines.append("    if keepdims is not _absent: keepdim = keepdims")
    plain = _PLAIN | _constants(signature)
    for p in parameters:
        if p == "dtype":
            lines.append("    dtype = _kind(dtype)")
        elif p == "input":
            lines.append(
                "    input = input._handle if type(input) is _Tensor and input._view is None and _by() is _eager else _of(input)"
            )
        elif p not in plain:
            lines.append(f"    {p} = _of({p})")
    if "dim" in parameters and parameters[0] not in ("tensors", "y") and name not in _OF_NUMBERS:
        # PyTorch takes a 0-d tensor along its axis 0 as if it had one.
        lines.append(f"    if dim is not None and not {parameters[0]}.shape and _is_first(dim):")
        lines.extend(f"        {p} = _as_vector({p})" for p in parameters if p not in {*plain, "dtype"})
        lines.append(f"        dim = 0; return _wrap(_as_number({right}))")
    lines.append(f"    return _wrap({right})")
    head = [f"def _spelled{_with_axis(signature, parameters)}:", "  try:"]
    lines = [*head, *lines, "  except _MISTAKES as error:", "    _clear(error)", "    raise"]
    space = {
        **ours,
        "_of": of,
        "_wrap": wrap,
        "_kind": kind,
        "_MISTAKES": MISTAKES,
        "_clear": clear,
        "_absent": _ABSENT,
        "_Tensor": _tensor_class(),
        "_by": dispatch.current,
        "_eager": RECORDING,
        "_is_first": _is_first,
        "_as_vector": _as_vector,
        "_as_number": _as_number,
    }
    # The file name is one of the package's, so that errors point at the user's line and not at this one.
    exec(compile("\n".join(lines), f"{place} {name}", "exec"), space)
    function: Callable[..., Any] = space["_spelled"]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"PyTorch's ``{name}{signature}``; here ``{right}``."
    function.__module__ = "tapegraph.torch"
    return function


def _is_first(dim: Any) -> bool:
    """Whether it names the axis 0 that a 0-d tensor has in PyTorch."""
    if isinstance(dim, list | tuple):
        return len(dim) == 1 and _is_first(dim[0])
    return type(dim) is int and dim in (0, -1)


def _as_vector(x: Any) -> Any:
    return reshape(x, (1,)) if isinstance(x, Handle) and not x.shape else x


def _as_number(found: Any) -> Any:
    """Results that are vectors of one element as 0-d ones."""
    if isinstance(found, tuple):
        parts = [_as_number(y) for y in found]
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)
    return reshape(found, ()) if isinstance(found, Handle) and found.shape == (1,) else found


def _with_axis(signature: str, parameters: list[str]) -> str:
    """The signature with NumPy's ``axis`` and ``keepdims`` as other names of ``dim`` and ``keepdim``, as PyTorch has it."""
    if "dim" not in parameters or "axis" in parameters:
        return signature
    others = "axis=_absent" + (", keepdims=_absent" if "keepdim" in parameters else "")
    inner = signature.rstrip()[:-1]
    return f"{inner}{'' if '*' in inner else ', *'}, {others})"


class _Absent:
    def __repr__(self) -> str:
        return "dim"


_ABSENT = _Absent()


def _tensor_class() -> Any:
    from tapegraph.torch import cell

    return cell.TENSOR


def in_place(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The form of a function on tensors that writes its result into the first operand."""

    @entrance
    def method(self: Any, *args: Any, **named: Any) -> Any:
        return replace(self, of(function(self, *args, **named)))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``{name.rstrip('_')}``, with the result written into this tensor."
    return method


def spelled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the engine on tensors, with PyTorch's words for its keywords; for what no table mentions."""

    @entrance
    def call(*args: Any, **named: Any) -> Any:
        given = {_WORDS.get(k, k): kind(v) if k == "dtype" else of(v) for k, v in named.items() if k not in _IGNORED}
        return wrap(function(*map(of, args), **given))

    call.__name__ = call.__qualname__ = getattr(function, "__name__", "function")
    call.__doc__ = function.__doc__
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call


_WORDS = {"dim": "axis", "keepdim": "keepdims", "dims": "axes", "start_dim": "start_axis", "end_dim": "end_axis"}
_IGNORED = frozenset({"device", "pin_memory", "non_blocking", "memory_format", "layout"})
__all__ = ["Cell", "Spelling", "in_place", "read", "spelled"]
