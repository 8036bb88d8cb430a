"""A fused group becomes the text of one kernel: loops over its space, folds in registers, one store for each output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.buffers import Buffer, Place
from compiler.fuse import INLINE, AxisMap, Unit
from compiler.kernel import Kernel, Param
from engine.lowering import Fold, Layout, Scalar, View
from engine.record import Record
from engine.sizes import Dim, Size, product, same
from engine.spec import DType


@dataclass(frozen=True)
class Bind:
    """What a parameter of a kernel is at run time: an address in a buffer, a size or a number."""

    kind: str  # "ptr", "int", "float"
    buffer: Buffer | None = None
    value: Any = 0  # offset in elements, size or number


@dataclass
class Step:
    """One row of the plan: a kernel with its parameters bound, and the records it computes."""

    kernel: Kernel
    binds: list[Bind]
    records: list[Record]
    reads: set[Buffer] = field(default_factory=set)
    writes: set[Buffer] = field(default_factory=set)
    traps: bool = False


@dataclass(frozen=True)
class Access:
    """How a value is read or written inside the loops: a buffer, an offset and a stride for each axis of the space."""

    buffer: Buffer | None  # None: the loop index itself, for iota
    offset: Size
    strides: tuple[Size, ...]


def strides_over(unit: Unit, axes: AxisMap, layout: Layout, shape: Any) -> tuple[Size, ...]:
    """The stride of a value along each axis of the group's space, 0 where it does not vary."""
    strides: list[Size] = [0] * len(unit.space)
    for n, m, s in zip(shape, axes, layout.strides, strict=True):
        if m is not None and not same(n, 1):
            strides[m] = s
    return tuple(strides)


def type_name(dtype: DType) -> str:
    """The word that casts to a dtype in kernel text; float16 is carried as its raw bits."""
    return "bool_" if dtype.kind == "b" else "uint16" if dtype == np.float16 else dtype.name


class Emitter:
    """Writes one kernel. ``locate`` gives the place of a record from outside the group."""

    def __init__(self, unit: Unit, outputs: dict[Record, Place], locate: Callable[[Record], Place]) -> None:
        self.unit = unit
        self.outputs = dict(outputs)
        self.locate = locate
        self.cut = 0 if unit.inner is None else unit.inner
        self.order = {r: i for i, r in enumerate(sorted(unit.members, key=lambda r: r.serial))}
        self.pointers: dict[tuple[int, str], tuple[str, Bind, str]] = {}
        self.ints: list[Size] = []
        self.floats: list[tuple[float, str]] = []
        self.known_floats: dict[tuple[str, str], str] = {}
        self.known_ints: dict[Any, str] = {}
        self.loads: dict[tuple[Record, Record], Access] = {}
        self.stores: dict[Record, Access] = {}
        self.traps: dict[int, str] = {}
        self.lines: list[str] = []
        self.reads: set[Buffer] = set()
        self.writes: set[Buffer] = set()

    # ------------------------------------------------------------------------------------ levels and stages

    def varies_inside(self, record: Record) -> bool:
        """Whether a member's value changes within the innermost part, as opposed to once for each outer index."""
        axes = self.unit.members[record]
        if record in self.unit.sums or (isinstance(record.op.lower, Fold)):
            return False
        if self.unit.inner is None:
            return True
        return any(
            m is not None and m >= self.cut and not same(n, 1) for n, m in zip(record.shape, axes, strict=True)
        ) or not self._reads_outer_only(record)

    def _reads_outer_only(self, record: Record) -> bool:
        return all(not (a in self.unit.members and self.varies_inside(a)) for a in record.args)

    def stage(self, record: Record) -> int:
        """The number of the pass over the innermost part in which a member is (first) known."""
        found = self._stages.get(record)
        if found is None:
            found = max((self.stage(a) for a in record.args if a in self.unit.members), default=0)
            if isinstance(record.op.lower, Fold) and record not in self.unit.sums:
                found += 1
            self._stages[record] = found
        return found

    def spilled(self) -> list[Record]:
        """Members worth storing although nobody outside needs them: costly, and used in more than one pass."""
        self._stages: dict[Record, int] = {}
        uses: dict[Record, set[int]] = {}
        for record in reversed(self.order):
            own = self._passes(record)
            uses.setdefault(record, set()).update(own)
            for a in record.args:
                if a in self.unit.members and self.varies_inside(a):
                    uses.setdefault(a, set()).update(uses[record] if self.varies_inside(record) else own)
        return [
            r
            for r in self.order
            if isinstance(r.op.lower, Scalar)
            and r.op.lower.expensive
            and r not in self.outputs
            and self.varies_inside(r)
            and len(uses[r]) > 1
        ]

    def _passes(self, record: Record) -> set[int]:
        if isinstance(record.op.lower, Fold):
            return {self.stage(record) - (record not in self.unit.sums)}
        return {self.stage(record)} if record in self.outputs else set()

    # ------------------------------------------------------------------------------------ parameters

    def pointer(self, buffer: Buffer, offset: Size) -> str:
        key = (id(buffer), repr(offset))
        held = self.pointers.get(key)
        if held is None:
            name = f"p{len(self.pointers)}"
            held = self.pointers[key] = (name, Bind("ptr", buffer, offset), buffer.dtype.name)
        return held[0]

    def integer(self, value: Any) -> str:
        self.ints.append(value)
        return f"n{len(self.ints) - 1}"

    def constant(self, value: Any, dtype: DType) -> str:
        """A number as an expression of its dtype; numbers are parameters, so that the text can be shared."""
        if dtype.kind == "b":
            return "True" if value else "False"
        if dtype.kind == "f" and isinstance(value, Dim):  # a named size, known at the call
            return _cast(self.constant(value, np.dtype(np.int64)), np.dtype(np.int64), dtype)
        if dtype.kind == "f" and dtype != np.float16:
            key = (dtype.name, float(value).hex())
            if key not in self.known_floats:
                self.floats.append((float(value), dtype.name))
                self.known_floats[key] = f"c{len(self.floats) - 1}"
            return self.known_floats[key]
        if dtype == np.float16:
            value = int(np.float16(value).view(np.uint16))
        elif not hasattr(value, "evaluate"):
            value = int(np.asarray(int(value)).astype(np.int64)) if int(value) < 2**63 else int(value) - 2**64
        key = (dtype.name, repr(value))
        if key not in self.known_ints:
            self.known_ints[key] = self.integer(value)
        name = self.known_ints[key]
        return name if dtype == np.int64 else f"{type_name(dtype)}({name})"

    # ------------------------------------------------------------------------------------ the text

    def emit(self) -> Step:
        """The kernel and what its parameters stand for."""
        self._stages = {}
        self._collect()
        self._loops()
        body = self._body()
        names = [p[0] for p in self.pointers.values()]
        params = [Param(name, "ptr", dtype) for name, _, dtype in self.pointers.values()]
        binds = [bind for _, bind, _ in self.pointers.values()]
        for i, value in enumerate(self.ints):
            names.append(f"n{i}")
            params.append(Param(f"n{i}", "int"))
            binds.append(Bind("int", None, value))
        for i, (number, dtype) in enumerate(self.floats):
            names.append(f"c{i}")
            params.append(Param(f"c{i}", "float", dtype))
            binds.append(Bind("float", None, number))
        flags = [f"    t{s} = False" for s in self.traps]
        ends = [line for s in self.traps for line in (f"    if t{s}:", f"        return {s}")]
        text = "\n".join([f"def kernel({', '.join(names)}):", *flags, *body, *ends, "    return 0", ""])
        return Step(Kernel(text, tuple(params)), binds, list(self.order), self.reads, self.writes, bool(self.traps))

    def _collect(self) -> None:
        """Every access to memory, before the loops are laid out: their strides decide which axes become one."""
        for record in self.order:
            axes = self.unit.members[record]
            if isinstance(record.op.lower, View):
                continue
            for a in record.args:
                if a in self.unit.members:
                    continue
                own = axes[len(axes) - len(a.shape) :] if len(a.shape) else ()
                if a.op.name == "iota":
                    steps: list[Size] = [0] * len(self.unit.space)
                    m = own[a.attrs["axis"]]
                    if m is not None and not same(a.shape[a.attrs["axis"]], 1):
                        steps[m] = 1
                    self.loads[record, a] = Access(None, 0, tuple(steps))
                elif a.op.name not in INLINE:
                    place = self.locate(a)
                    self.reads.add(place.buffer)
                    strides = strides_over(self.unit, own, place.layout, a.shape)
                    self.loads[record, a] = Access(place.buffer, place.layout.offset, strides)
        for record, place in self.outputs.items():
            axes = self.unit.members[record]
            self.writes.add(place.buffer)
            strides = strides_over(self.unit, axes, place.layout, record.shape)
            self.stores[record] = Access(place.buffer, place.layout.offset, strides)

    def _loops(self) -> None:
        """Axes of size 1 dropped, neighbouring axes joined where every access walks them as one."""
        accesses = [*self.loads.values(), *self.stores.values()]
        axes = [k for k, n in enumerate(self.unit.space) if not same(n, 1)]
        joined: list[list[int]] = []
        for k in axes:
            if joined:
                before = joined[-1][-1]
                n = self.unit.space[k]
                if (before < self.cut) == (k < self.cut) and all(
                    same(x.strides[before], x.strides[k] * n) for x in accesses
                ):
                    joined[-1].append(k)
                    continue
            joined.append([k])
        self.outer = [g for g in joined if g[0] < self.cut]
        self.inside = [g for g in joined if g[0] >= self.cut]
        self.counters = {g[-1]: f"i{d}" for d, g in enumerate(joined)}
        self.sizes = {g[-1]: self.integer(product(self.unit.space[k] for k in g)) for g in joined}
        # One name for each stride parameter, by where it is used: (access, axis)
        self.stride_names: dict[tuple[Access, int], str] = {}
        last = joined[-1][-1] if joined else None
        for access in dict.fromkeys(accesses):
            for g in joined:
                s = access.strides[g[-1]]
                if same(s, 0):
                    continue
                if g[-1] == last and same(s, 1):
                    self.stride_names[access, g[-1]] = ""
                else:
                    self.stride_names[access, g[-1]] = self.integer(s)

    def _index(self, access: Access, groups: list[list[int]]) -> list[str]:
        """The terms of an access's index that these loops contribute."""
        terms = []
        for g in groups:
            name = self.stride_names.get((access, g[-1]))
            if name is not None:
                terms.append(self.counters[g[-1]] + (f" * {name}" if name else ""))
        return terms

    def _at(self, access: Access) -> str:
        """The index expression of an access inside all loops (or the outer ones alone, where it varies no further)."""
        return " + ".join(self._index(access, self.outer) + self._index(access, self.inside)) or "0"

    def _body(self) -> list[str]:
        self.lines = []
        for record in self.order:
            if record in self.unit.sums:
                self._clear(record)
        depth = 1
        for g in self.outer:
            self._put(depth, f"for {self.counters[g[-1]]} in range({self.sizes[g[-1]]}):")
            depth += 1
        rows: dict[Record, str] = {}
        stored: set[Record] = set()
        last = max((s for r in self.order for s in self._passes(r)), default=0)
        last = max(last, max(self.stage(r) for r in self.order))
        for stage in range(last + 1):
            self._row_section(stage, depth, rows)
            self._pass(stage, depth, rows, stored)
        if not self.lines or self.lines[-1].endswith(":"):
            self._put(depth, "pass")
        return self.lines

    def _put(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def _clear(self, record: Record) -> None:
        place = self.outputs[record]
        pointer = self.pointer(place.buffer, place.layout.offset)
        self._put(1, f"for z in range({self.integer(product(record.shape))}):")
        self._put(2, f"{pointer}[z] = {self._start(record)}")

    def _start(self, record: Record) -> str:
        lower = record.op.lower
        assert isinstance(lower, Fold)
        return self._format(lower.start, record, [], "")

    # ------------------------------------------------------------------------------------ once for each outer index

    def _row_section(self, stage: int, depth: int, rows: dict[Record, str]) -> None:
        if self.unit.inner is None:
            return
        for record in self.order:
            if self.varies_inside(record) or self.stage(record) != stage:
                continue
            lower = record.op.lower
            if record in self.unit.sums:
                a = record.args[0]
                if a in self.unit.members and self.varies_inside(a):
                    continue
                value = self._operand(record, a, rows, {}, depth)
                self._accumulate(record, value, depth)
            elif isinstance(lower, Scalar | View):
                rows[record] = f"r{self.order[record]}"
                self._put(depth, f"{rows[record]} = {self._expression(record, rows, {}, depth)}")
            # a fold's name was set by the pass that computed it
            if record in self.stores and record not in self.unit.sums:
                access = self.stores[record]
                self._put(depth, f"{self._pointer(access)}[{self._at(access)}] = {rows[record]}")

    def _accumulate(self, record: Record, value: str, depth: int) -> None:
        access = self.stores[record]
        target = f"{self._pointer(access)}[{self._at(access)}]"
        self._put(depth, f"{target} = {self._step(record, target, value)}")

    def _step(self, record: Record, acc: str, value: str) -> str:
        lower = record.op.lower
        assert isinstance(lower, Fold)
        if record.args[0].dtype != record.dtype:
            value = f"{type_name(record.dtype)}({value})"
        text = lower.step.format(acc=acc, x=value)
        return text if record.dtype.kind in "fb" or record.dtype == np.int64 else f"{record.dtype.name}({text})"

    # ------------------------------------------------------------------------------------ one pass over the innermost part

    def _pass(self, stage: int, depth: int, rows: dict[Record, str], stored: set[Record]) -> None:
        folds, sums, stores = [], [], []
        for r in self.order:
            lower = r.op.lower
            if r in self.unit.sums:
                a = r.args[0]
                inside = a not in self.unit.members or self.varies_inside(a)
                if (
                    inside
                    and self.stage(r) == stage
                    and not (self.unit.inner is not None and a not in self.unit.members and not self._varies_load(r, a))
                ):
                    sums.append(r)
            elif isinstance(lower, Fold):
                if self.stage(r) - 1 == stage:
                    folds.append(r)
            elif r in self.stores and self.varies_inside(r) and self.stage(r) == stage:
                stores.append(r)
        if not (folds or sums or stores):
            return
        for r in folds:
            self._put(depth, f"f{self.order[r]} = {self._start(r)}")
        inner = self.inside
        local = [r for r in sums if inner and (self.stores[r], inner[-1][-1]) not in self.stride_names]
        start = depth
        for number, g in enumerate(inner):
            if number == len(inner) - 1:
                for r in local:
                    self._put(depth, f"f{self.order[r]} = {self._start(r)}")
            self._put(depth, f"for {self.counters[g[-1]]} in range({self.sizes[g[-1]]}):")
            depth += 1
        values: dict[Record, str] = {}
        for r in [*folds, *sums, *stores]:
            if r in stores:
                access = self.stores[r]
                value = self._value(r, rows, values, depth, stored)
                self._put(depth, f"{self._pointer(access)}[{self._at(access)}] = {value}")
                continue
            value = self._operand(r, r.args[0], rows, values, depth, stored)
            if r in folds or r in local:
                name = f"f{self.order[r]}"
                self._put(depth, f"{name} = {self._step(r, name, value)}")
            else:
                self._accumulate(r, value, depth)
        stored.update(stores)
        if local:
            for r in local:
                self._accumulate_local(r, depth - 1)
        for r in folds:
            rows[r] = f"f{self.order[r]}"
        assert start <= depth

    def _varies_load(self, record: Record, a: Record) -> bool:
        access = self.loads.get((record, a))
        return access is not None and any(not same(s, 0) for k, s in enumerate(access.strides) if k >= self.cut)

    def _accumulate_local(self, record: Record, depth: int) -> None:
        access = self.stores[record]
        target = f"{self._pointer(access)}[{self._at(access)}]"
        lower = record.op.lower
        assert isinstance(lower, Fold)
        text = lower.step.format(acc=target, x=f"f{self.order[record]}")
        if not (record.dtype.kind in "fb" or record.dtype == np.int64):
            text = f"{record.dtype.name}({text})"
        self._put(depth, f"{target} = {text}")

    # ------------------------------------------------------------------------------------ values

    def _value(
        self,
        record: Record,
        rows: dict[Record, str],
        values: dict[Record, str],
        depth: int,
        stored: set[Record],
    ) -> str:
        """The name of a member's value at this point, computing it and what it needs first."""
        held = rows.get(record) or values.get(record)
        if held is not None:
            return held
        name = f"v{self.order[record]}"
        if record in stored:
            access = self.stores[record]
            expression = f"{self._pointer(access)}[{self._at(access)}]"
        else:
            expression = self._expression(record, rows, values, depth, stored)
        self._put(depth, f"{name} = {expression}")
        values[record] = name
        return name

    def _operand(
        self,
        record: Record,
        a: Record,
        rows: dict[Record, str],
        values: dict[Record, str],
        depth: int,
        stored: set[Record] | None = None,
    ) -> str:
        if a in self.unit.members:
            return self._value(a, rows, values, depth, stored or set())
        if a.op.name == "full":
            return self.constant(a.attrs["value"], a.dtype)
        if a.op.name == "size_of":
            return self.constant(a.attrs["size"], a.dtype)
        access = self.loads[record, a]
        if access.buffer is None:
            return f"{type_name(a.dtype)}({self._at(access)})"
        name = f"x{list(self.loads.values()).index(access)}"
        if name not in values.values():
            self._put(depth, f"{name} = {self._pointer(access)}[{self._at(access)}]")
            values[a, access] = name  # type: ignore[index]
        return name

    def _pointer(self, access: Access) -> str:
        assert access.buffer is not None
        return self.pointer(access.buffer, access.offset)

    def _expression(
        self,
        record: Record,
        rows: dict[Record, str],
        values: dict[Record, str],
        depth: int,
        stored: set[Record] | None = None,
    ) -> str:
        lower = record.op.lower
        operands = [self._operand(record, a, rows, values, depth, stored) for a in record.args]
        if isinstance(lower, View):
            return operands[0]
        assert isinstance(lower, Scalar)
        whole = record.dtype.kind in "iu"
        if lower.traps and whole:
            flag = self.traps.setdefault(lower.trap_status, f"t{lower.trap_status}")
            self._put(depth, f"{flag} = {flag} | ({self._format(lower.traps, record, operands, '')})")
        kind = record.args[0].dtype.kind if record.args else record.dtype.kind
        if record.op.name == "astype":
            return _cast(operands[0], record.args[0].dtype, record.dtype)
        template = lower.integer if lower.integer and kind in "iu" else lower.template
        text = self._format(template, record, operands, operands[0] if operands else "")
        return f"{record.dtype.name}({text})" if whole and record.dtype != np.int64 else text

    def _format(self, template: str, record: Record, operands: list[str], first: str) -> str:
        dtype = record.args[0].dtype if record.args else record.dtype
        words: dict[str, Any] = {}
        for word in ("zero", "one", "inf", "lowest", "highest"):
            if "{" + word + "}" in template:
                words[word] = self._word(word, dtype)
        if "{size}" in template:
            words["size"] = self.constant(record.attrs["size"], dtype)
        if template in ("0", "1"):
            return f"{type_name(record.dtype)}({template})"
        return template.format(*operands, **words)

    def _word(self, word: str, dtype: DType) -> str:
        if word in ("zero", "one"):
            return f"{type_name(dtype)}({int(word == 'one')})"
        floating = dtype.kind == "f"
        if word == "inf":
            return self.constant(float("inf"), dtype)
        if word == "lowest":
            return self.constant(-float("inf") if floating else np.iinfo(dtype).min, dtype)
        return self.constant(float("inf") if floating else np.iinfo(dtype).max, dtype)


def _cast(value: str, source: DType, target: DType) -> str:
    if source == np.float16:
        value, source = f"half_to_float({value})", np.dtype(np.float32)
    if target == np.float16:
        return f"float_to_half({value if source.kind == 'f' else f'float64({value})'})"
    if target.kind == "b":
        return f"{value} != {type_name(source)}(0)" if source.kind != "b" else value
    return f"{type_name(target)}({value})"
