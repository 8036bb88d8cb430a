"""A table of a network: layers, shapes of their results, parameters, multiplications."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eager.hooks import Event, hooks
from eager.interpreter import SILENT
from engine import dispatch, tree
from engine.errors import ArgumentError
from engine.handle import Handle
from engine.op import as_handle
from engine.work import multiply_adds
from tapegraph.nn.module import Module

if TYPE_CHECKING:
    from rich.table import Table


@dataclass
class Layer:
    """One module: its dotted path, class, shape of its latest result, own parameters, multiply-adds of its own ops."""

    path: str
    kind: str
    shape: Any = None
    parameters: int = 0
    multiply_adds: int = 0
    calls: int = 0


@dataclass
class Summary:
    """The layers of a network, outermost first; ``print`` it. ``bytes``: of parameters and buffers."""

    layers: list[Layer] = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    bytes: int = 0

    @property
    def multiply_adds(self) -> int:
        """Multiplications, each with an addition, in products of matrices and convolutions."""
        return sum(layer.multiply_adds for layer in self.layers)

    def __rich__(self) -> Table:
        from rich.box import SIMPLE_HEAD  # slow to import, and needed only where somebody looks
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, show_footer=True)
        table.add_column("layer", "total", no_wrap=True)
        table.add_column("result", f"{self.bytes / 2**20:,.2f} MiB", no_wrap=True)
        table.add_column("parameters", f"{self.parameters:,} ({self.trainable:,} trained)", justify="right")
        table.add_column("multiply-adds", f"{self.multiply_adds:,}", justify="right")
        for layer in self.layers:
            depth, _, name = layer.path.rpartition(".")
            indent = "  " * (0 if not layer.path else depth.count(".") + 1 + bool(depth))
            label = f"{indent}{name}: {layer.kind}" if layer.path else layer.kind
            figures = (f"{n:,}" if n else "" for n in (layer.parameters, layer.multiply_adds))
            table.add_row(label, _shown(layer.shape) if layer.calls else "not called", *figures)
        return table

    def __str__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=120, color_system=None, force_jupyter=False).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")

    __repr__ = __str__


def _shown(shape: Any) -> str:
    if isinstance(shape, tuple) and all(isinstance(n, int) for n in shape):
        return str(list(shape))
    return ", ".join(_shown(s) for s in shape) if isinstance(shape, list | tuple) else ""


def summary(
    model: Module, input_shape: Sequence[Any] | None = None, *, args: Sequence[Any] = (), dtype: Any = None
) -> Summary:
    """Run ``model`` once, in eval mode and without gradients, and tell what each of its modules does.

    ``input_shape``: the shape of the input, the batch included, or a list of shapes of several; zeros of ``dtype``
    (that of the first parameter, or float32) are fed. Or give the arguments themselves as ``args``: integers, say.
    Raises ArgumentError without either.
    """
    given = [as_handle(a) for a in args]
    if input_shape is not None:
        shapes = input_shape if input_shape and isinstance(input_shape[0], tuple | list) else [input_shape]
        target = dtype or next((p.dtype for p in model.parameters()), np.float32)
        given = [as_handle(np.zeros(tuple(shape), target)) for shape in shapes] + given
    if not given:
        raise ArgumentError("needs input_shape or args", op="summary")
    found = Summary()
    rows: dict[int, Layer] = {}
    for path, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        rows[id(module)] = Layer(path, type(module).__name__, parameters=sum(p.size for p in own))
        found.layers.append(rows[id(module)])
    for parameter in model.parameters():
        found.parameters += parameter.size
        found.trainable += parameter.size * parameter.requires_grad
    found.bytes = sum(s.size * s.dtype.itemsize for s in (*model.parameters(), *model.buffers()))
    _watch(model, given, rows)
    return found


def _watch(model: Module, args: list[Any], rows: dict[int, Layer]) -> None:
    inside: list[Layer] = []

    def enter(module: Module, args: Any) -> None:
        inside.append(rows[id(module)])

    def leave(module: Module, args: Any, output: Any) -> None:
        row = inside.pop()
        row.calls += 1
        shapes = [tuple(y.shape) for y in tree.leaves([output]) if isinstance(y, Handle)]
        row.shape = shapes[0] if len(shapes) == 1 else shapes

    def count(event: Event) -> None:
        if inside:
            shapes = [a.shape if isinstance(a, Handle) else () for a in event.args]
            inside[-1].multiply_adds += multiply_adds(event.op, shapes, getattr(event.result, "shape", ()))

    modes = [(module, module.training) for module in model.modules()]
    handles = []
    try:
        model.eval()
        for module, _ in modes:
            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave))
        with dispatch.interpret(SILENT), hooks(after=count):
            model(*args)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
