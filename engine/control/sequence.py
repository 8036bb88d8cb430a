"""A recurrent layer over a whole sequence: one step in eager mode, in graphs and gradients of gradients a scan of its cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.autodiff import pull, zero
from engine.control.cells import CELLS
from engine.control.scan import scan
from engine.control.sequence_kernels import LAYERS
from engine.op import Op, apply, as_handle
from engine.ops.compare import less
from engine.ops.ranges import arange
from engine.ops.shape import expand_dims
from engine.spec import Spec


def _names(cell: str, bias: bool, projected: bool, bounded: bool) -> list[str]:
    """What the operands are: lengths of the sequences, what the input gives the gates, first states, weights."""
    names = ["lengths"] * bounded + ["gx", "h"] + ["c"] * (cell == "lstm")
    return [*names, "w_hh", *["b_hh"] * bias, *["w_hr"] * projected]


def _taken(operands: Any, how: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The operands by name, and the states among them."""
    found = dict(zip(_names(how["cell"], how["bias"], how["projected"], how["bounded"]), operands, strict=True))
    return found, [found[name] for name in ("h", "c") if name in found]


def _in_ops(*operands: Any, **how: Any) -> tuple[Any, ...]:
    given, states = _taken(operands, how)
    cell = CELLS[how["cell"]](given["w_hh"], given.get("b_hh"), given.get("w_hr"))
    mask = None
    if "lengths" in given:
        steps = arange(given["gx"].shape[0], dtype=dtypes.int64)
        mask = less(expand_dims(steps, axis=1), expand_dims(given["lengths"], axis=0))

    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        new = cell(x, carry)
        return new, new[0]

    last, ys = scan(step, tuple(states), given["gx"], reverse=how["reverse"], mask=mask)
    return (ys, *last)


def _in_order(array: Any, how: dict[str, Any]) -> Any:
    return array[::-1] if how["reverse"] else array


def _mask(given: dict[str, Any], time: int, how: dict[str, Any]) -> Any:
    if "lengths" not in given:
        return None
    return _in_order(np.arange(time)[:, None] < given["lengths"], how)[..., None]


def _kernel(*operands: Any, **how: Any) -> list[Any]:
    given, states = _taken(operands, how)
    gx = _in_order(given["gx"], how)
    mask = _mask(given, len(gx), how)
    layer = LAYERS[how["cell"]]
    last, kept = layer.forward(gx, states, given["w_hh"], given.get("b_hh"), given.get("w_hr"), mask)
    ys = kept[-1] if mask is None else kept[-1] * mask
    return [_in_order(ys, how), *last, *kept]


def _spec(*operands: Any, **how: Any) -> list[Spec]:
    given, states = _taken(operands, how)
    like = given["gx"]
    ys, *along = [Spec((like.shape[0], *s.shape), like.dtype) for s in states]
    first = [] if how["cell"] in ("tanh", "relu") else [Spec(like.shape, like.dtype), *(along or [ys])]
    return [ys, *(Spec(s.shape, s.dtype) for s in states), *first, ys]


def _vjp(gs: list[Any], ys: tuple[Any, ...], *operands: Any, **how: Any) -> list[Any]:
    results = 2 + (how["cell"] == "lstm")
    cotangents = [zero(y) if g is None else g for g, y in zip(gs[:results], ys)]
    if dispatch.current().grad_enabled:
        return _through_ops(operands, cotangents, how)
    return list(apply(_SLOPES[how["bounded"]], *operands, *cotangents, *ys[results:], **how))


def _through_ops(operands: Any, cotangents: list[Any], how: dict[str, Any]) -> list[Any]:
    """The gradients by those of small ops, which can be differentiated in their turn."""
    interpreter = dispatch.current()
    marked = [interpreter.leaf(x) if x.dtype.kind == "f" else x for x in operands]
    roots = [interpreter.record(y) for y in _in_ops(*marked, **how)]
    return pull(interpreter, roots, cotangents, [interpreter.record(m) for m in marked])


def _slope_kernel(*operands: Any, **how: Any) -> list[Any]:
    names = _names(how["cell"], how["bias"], how["projected"], how["bounded"])
    given, states = _taken(operands[: len(names)], how)
    gy, *rest = operands[len(names) :]
    ends, kept = rest[: len(states)], rest[len(states) :]
    gy, mask = _in_order(gy, how), _mask(given, len(gy), how)
    if mask is not None:
        gy = gy * mask
    layer = LAYERS[how["cell"]]
    of_gx, of_gh, of_states, of_w, of_projection = layer.backward(
        gy, ends, kept, states, given["w_hh"], given.get("w_hr"), mask
    )
    found = {"gx": _in_order(of_gx, how), "w_hh": of_w, "w_hr": of_projection}
    found |= dict(zip(("h", "c"), of_states))
    if how["bias"]:
        found["b_hh"] = np.add.reduce(of_gh, axis=(0, 1))
    return [found.get(name, np.zeros_like(given[name])) for name in names]


def _slope_spec(*operands: Any, **how: Any) -> list[Spec]:
    names = _names(how["cell"], how["bias"], how["projected"], how["bounded"])
    return [Spec(x.shape, x.dtype) for x in operands[: len(names)]]


def _ops(bounded: bool) -> tuple[Op, Op]:
    name = "recurrent_layer_of_lengths" if bounded else "recurrent_layer"
    shared: dict[str, Any] = {
        "accepts": dtypes.FLOATS, "casts": slice(int(bounded), None), "many": True, "hidden": True, "order": 77
    }  # fmt: skip
    forward = Op(
        name,
        _kernel,
        _spec,
        vjp=_vjp,
        expand=_in_ops,
        keeps="xy",
        doc="A recurrent layer in one direction: all outputs, the last states, and what its gradient needs.",
        **shared,
    )
    slope = Op(f"{name}_slope", _slope_kernel, _slope_spec, doc=f"The gradients of {name}.", **shared)
    return forward, slope


_FORWARD, _SLOPES = zip(_ops(False), _ops(True), strict=True)


def run(cell: str, gx: Any, states: Any, w_hh: Any, b_hh: Any, w_hr: Any, lengths: Any, reverse: bool) -> Any:
    """``(outputs, last states)`` of a layer; steps beyond a sequence's length leave its states and give zeros."""
    how = {"cell": cell, "bias": b_hh is not None, "projected": w_hr is not None, "bounded": lengths is not None}
    given = [as_handle(lengths)] if lengths is not None else []
    weights = [w for w in (w_hh, b_hh, w_hr) if w is not None]
    ys, *rest = apply(_FORWARD[lengths is not None], *given, gx, *states, *weights, reverse=reverse, **how)
    return ys, rest[: len(states)]
