"""A fused group becomes the text of one kernel: loops over its space, folds in registers, one store for each output."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from compiler.buffers import Buffer, Place
from compiler.cutting import Cutter
from compiler.fuse import Unit
from compiler.kernel import Kernel
from compiler.nest import Access, Nest
from compiler.parameters import INT64, Parameters, cast, type_name
from compiler.reuse import in_place
from compiler.stages import Stages
from compiler.step import Step
from engine.lowering import Fold, Scalar, View
from engine.record import Record
from engine.sizes import product
from engine.spec import DType


class Emitter:
    """Writes one kernel. ``outputs``: members to be stored, and where; ``locate`` gives places outside the group.

    ``dying``: buffers that nobody reads afterwards; ``moved`` then says which outputs were put there instead.

    Names in the text: ``p`` pointers, ``n`` sizes and strides, ``c`` numbers, ``i`` counters, ``x`` values read, ``v``
    values computed in the innermost part, ``r`` values computed once for each outer index, ``f`` folds, ``t`` traps.
    """

    def __init__(
        self,
        unit: Unit,
        outputs: dict[Record, Place],
        locate: Callable[[Record], Place],
        dying: Collection[Buffer] = (),
    ) -> None:
        self.unit = unit
        self.stages = Stages(unit)
        self.number = self.stages.order
        self.parameters = Parameters()
        self.nest = Nest(unit, outputs, locate, self.parameters)
        self.moved = in_place(self.nest, self.stages, outputs, dying)
        self.nest.move(self.moved)
        self.outputs = {**outputs, **self.moved}
        self.traps: dict[int, str] = {}
        self.starts: dict[Record, str] = {}  # for each sum, the number of elements it begins with
        self.lines: list[str] = []
        self.depth = 1
        self.rows: dict[Record, str] = {}  # values known for the current outer index
        self.values: dict[object, str] = {}  # values known inside the current pass
        self.load_names: dict[Access, str] = {}  # one name in all passes, so that its type is one
        self.stored: set[Record] = set()  # members that an earlier pass has written to memory

    def emit(self) -> Step:
        """The kernel and what its parameters stand for."""
        self._body()
        params, binds = self.parameters.finish()
        flags = [f"    {flag} = False" for flag in self.traps.values()]
        ends = [line for status, flag in self.traps.items() for line in (f"    if {flag}:", f"        return {status}")]
        head = f"def kernel({', '.join(p.name for p in params)}):"
        text = "\n".join([head, *flags, *self.lines, *ends, "    return 0", ""])
        reads = {x.buffer for x in self.nest.loads.values() if x.buffer is not None}
        writes = {place.buffer for place in self.outputs.values()}
        pieces = Cutter(self.unit, self.nest, params, self.starts).pieces()
        writes.update(place.buffer for _, _, place in (pieces.partials if pieces else ()))
        return Step(Kernel(text, tuple(params)), binds, list(self.number), self.outputs, reads, writes, pieces)

    def _put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def _body(self) -> None:
        for record in self.number:
            if record in self.unit.sums:  # they grow in memory, so they begin there
                place = self.outputs[record]
                pointer = self.parameters.pointer(place.buffer, place.layout.offset)
                self.starts[record] = self.parameters.integer(product(record.shape))
                self._put(f"for z in range({self.starts[record]}):")
                self._put(f"    {pointer}[z] = {self._start(record)}")
        for loop in self.nest.outer:
            self._put(f"for {loop.counter} in range({loop.size}):")
            self.depth += 1
        for stage in range(max(self.stages.stage.values()) + 1):
            if self.unit.inner is not None:
                self._row_section(stage)
            self._pass(stage)
        if not self.lines or self.lines[-1].endswith(":"):
            self._put("pass")

    # ------------------------------------------------------------------------------------ once for each outer index

    def _row_section(self, stage: int) -> None:
        self.values = {}
        for record in self.number:
            if self.stages.inside[record] or self.stages.stage[record] != stage:
                continue
            if record in self.unit.sums:
                if not self._sums_inside(record):
                    self._grow(record, self._operand(record, record.args[0]))
                continue
            if not isinstance(record.op.lower, Fold):  # a fold's name was set by the pass that computed it
                self.rows[record] = f"r{self.number[record]}"
                self._put(f"{self.rows[record]} = {self._expression(record)}")
            if record in self.outputs:
                self._put(f"{self._target(record)} = {self.rows[record]}")

    def _sums_inside(self, record: Record) -> bool:
        """Whether a sum adds up something that varies in the innermost part."""
        a = record.args[0]
        if a in self.unit.members:
            return self.stages.inside[a]
        access = self.nest.loads.get((record, a))
        return self.unit.inner is None or (access is not None and self.nest.varies_inside(access))

    # ------------------------------------------------------------------------------------ one pass over the innermost part

    def _pass(self, stage: int) -> None:
        due = [r for r in self.number if stage in self.stages.passes(r, self.outputs)]
        folds = [r for r in due if self.stages.is_row_fold(r)]
        sums = [r for r in due if r in self.unit.sums and self._sums_inside(r)]
        stores = [r for r in due if r in self.outputs and self.stages.inside[r]]
        if not (folds or sums or stores):
            return
        # A sum that the innermost loop adds up is kept in a register there.
        innermost = self.nest.inside[-1] if self.nest.inside else None
        local = [r for r in sums if innermost and not self.nest.varies(self.nest.stores[r], innermost)]
        depth, self.values = self.depth, {}
        self._begin(folds)
        for loop in self.nest.inside:
            if loop is innermost:
                self._begin(local)
            self._put(f"for {loop.counter} in range({loop.size}):")
            self.depth += 1
        for record in (*folds, *sums):
            value = self._operand(record, record.args[0])
            if record in folds or record in local:
                name = f"f{self.number[record]}"
                self._put(f"{name} = {self._step(record, name, value)}")
            else:
                self._grow(record, value)
        held = [self._value(record) for record in stores]  # all is read before anything is written over
        for record, value in zip(stores, held, strict=True):
            self._put(f"{self._target(record)} = {value}")
        self.stored.update(stores)
        self.depth -= 1
        for record in local:
            self._put(f"{self._target(record)} = {self._combined(record, f'f{self.number[record]}')}")
        self.depth = depth
        self.rows.update({r: f"f{self.number[r]}" for r in folds})

    def _begin(self, folds: list[Record]) -> None:
        for record in folds:
            self._put(f"f{self.number[record]} = {self._start(record)}")

    # ------------------------------------------------------------------------------------ folds

    def _target(self, record: Record) -> str:
        return self.nest.element(self.nest.stores[record])

    def _start(self, record: Record) -> str:
        lower = record.op.lower
        assert isinstance(lower, Fold)
        if lower.start in ("0", "1"):
            return f"{type_name(record.dtype)}({lower.start})"
        return self._filled(lower.start, record, [])

    def _step(self, record: Record, acc: str, value: str) -> str:
        """A fold's next value from its last one and an element."""
        if record.args[0].dtype != record.dtype:
            value = f"{type_name(record.dtype)}({value})"
        return folded(record, acc, value)

    def _grow(self, record: Record, value: str) -> None:
        target = self._target(record)
        self._put(f"{target} = {self._step(record, target, value)}")

    def _combined(self, record: Record, part: str) -> str:
        return folded(record, self._target(record), part)

    # ------------------------------------------------------------------------------------ values

    def _value(self, record: Record) -> str:
        """The name of a member's value at this point, computing it and what it needs first."""
        held = self.rows.get(record) or self.values.get(record)
        if held is None:
            known = record in self.stored
            text = self._target(record) if known else self._expression(record)
            held = self.values[record] = f"v{self.number[record]}"
            self._put(f"{held} = {text}")
        return held

    def _operand(self, record: Record, a: Record) -> str:
        if a in self.unit.members:
            return self._value(a)
        if a.op.name == "full":
            return self.parameters.constant(a.attrs["value"], a.dtype)
        if a.op.name == "size_of":
            return self.parameters.constant(a.attrs["size"], a.dtype)
        access = self.nest.loads[record, a]
        if access.buffer is None:
            return f"{type_name(a.dtype)}({self.nest.at(access)})"
        if access not in self.values:
            self.values[access] = self.load_names.setdefault(access, f"x{len(self.load_names)}")
            self._put(f"{self.values[access]} = {self.nest.element(access)}")
        return self.values[access]

    def _expression(self, record: Record) -> str:
        lower = record.op.lower
        operands = [self._operand(record, a) for a in record.args]
        if isinstance(lower, View):
            return operands[0]
        assert isinstance(lower, Scalar)
        if record.op.name == "astype":
            return cast(operands[0], record.args[0].dtype, record.dtype)
        if lower.traps and record.dtype.kind in "iu":
            flag = self.traps.setdefault(lower.trap_status, f"t{lower.trap_status}")
            self._put(f"{flag} = {flag} | ({self._filled(lower.traps, record, operands)})")
        kind = record.args[0].dtype.kind if record.args else record.dtype.kind
        template = lower.integer if lower.integer and kind in "iu" else lower.template
        return _wrapped(self._filled(template, record, operands), record.dtype)

    def _filled(self, template: str, record: Record, operands: list[str]) -> str:
        """A template with operands and the words it uses, numbers in the dtype of the operands."""
        dtype = record.args[0].dtype if record.args else record.dtype
        words = {w: self._word(w, record, dtype) for w in WORDS if "{" + w + "}" in template}
        return template.format(*operands, **words)

    def _word(self, word: str, record: Record, dtype: DType) -> str:
        match word:
            case "zero" | "one":
                return f"{type_name(dtype)}({int(word == 'one')})"
            case "inf":
                return self.parameters.constant(float("inf"), dtype)
            case "size":
                return self.parameters.constant(record.attrs["size"], dtype)
        least = word == "lowest"
        if dtype.kind == "f":
            return self.parameters.constant(-float("inf") if least else float("inf"), dtype)
        limits = np.iinfo(dtype)
        return self.parameters.constant(limits.min if least else limits.max, dtype)


WORDS = ("zero", "one", "inf", "size", "lowest", "highest")  # what templates may say besides {0}, {1}, {acc}, {x}


def folded(record: Record, acc: str, value: str) -> str:
    """A fold's next value from its last one and an element of its own dtype."""
    lower = record.op.lower
    assert isinstance(lower, Fold)
    return _wrapped(lower.step.format(acc=acc, x=value), record.dtype)


def _wrapped(text: str, dtype: DType) -> str:
    """An expression in the width of its dtype: plain operators on small integers widen to int64."""
    return f"{dtype.name}({text})" if dtype.kind in "iu" and dtype != INT64 else text
