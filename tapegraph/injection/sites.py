"""Sites: the expressions of the user's own program in which a call computes something, and what their operands were."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from eager.hooks import Event, hooks
from engine import origin, tree
from engine.handle import Handle
from engine.state import Parameter
from tapegraph.debug.naming import derived, held
from tapegraph.injection.text import Key, Source, Span, key_of, marked, span_of

INDEXING = {"gather", "take_along", "put_along", "add_along", "add_at", "index_set", "pick", "entries"}
INDEXING |= {"softmax_cross_entropy", "in_range"}
LARGE = 1 << 22  # elements; of a larger array the range is that of its beginning


@dataclass
class Facts:
    """What an expression stood for: an array of this shape and dtype, and its range where it is finite.

    ``tensor``: whether it was one of the library's, and no array that NumPy computes with. ``tracked``: whether gradients
    flow through it.
    """

    shape: tuple[int, ...]
    dtype: str
    low: float = 0.0
    high: float = 0.0
    zeros: bool = False
    parameter: bool = False
    tensor: bool = False
    tracked: bool = False

    @property
    def kind(self) -> str:
        """ "f", "i", "b", ...: the kind of dtype as NumPy has it."""
        return np.dtype(self.dtype).kind


@dataclass
class Operand:
    """A part of an expression that stood for an array.

    ``text``: in brackets where it needs them. ``apart``: whether it stands between brackets or commas, so that what is
    written there needs none. ``name``: of a variable or attribute, else "".
    """

    span: Span
    text: str
    facts: Facts
    apart: bool
    name: str = ""

    def written(self, slip: str) -> str:
        """A text for the place of this one, which it names {x}."""
        text = marked(slip).replace("{x}", self.text)
        return text if self.apart or slip.startswith(("{x}[", "«{x}.")) else f"({text})"


@dataclass
class Site:
    """An expression of the user's that applied ops. ``depth``: frames of the user's around it; ``order``: when it first ran.

    ``form``: the operator ("Div") or the name of what is called ("log"), "" for others.
    ``names``: the arrays in it, as a debugger's user would ask for them. ``reach``: the size of an axis that is looked up in.
    """

    key: Key
    span: Span
    function: str
    form: str
    depth: int
    order: int
    ops: list[str] = field(default_factory=list)
    operands: list[Operand] = field(default_factory=list)
    names: tuple[str, ...] = ()
    result: Facts | None = None
    reach: int = 0

    @property
    def file(self) -> str:
        return self.key[0]


@dataclass
class Scouted:
    """What a call of the program shows. ``codes``: every function of the user's that ran ops, by key; ``differentiates``:
    whether a gradient was asked for."""

    sites: list[Site] = field(default_factory=list)
    codes: dict[Key, int] = field(default_factory=dict)  # flags of the code
    differentiates: bool = False


def facts_of(value: Any) -> Facts | None:
    """The facts of a handle or array; None for anything else."""
    value = tree.held(value)
    parameter = isinstance(value, Parameter)
    array = held(value) if isinstance(value, Handle) else value
    if parameter:
        array = value._value
    if not isinstance(array, np.ndarray):
        return None
    found = Facts(array.shape, array.dtype.name, parameter=parameter, tensor=isinstance(value, Handle))
    found.tracked = getattr(value, "_record", None) is not None
    if array.size and array.dtype.kind in "biuf":
        part = array.ravel()[:LARGE]
        with np.errstate(all="ignore"):
            low, high = float(part.min()), float(part.max())
        if np.isfinite(low) and np.isfinite(high):
            found.low, found.high, found.zeros = low, high, not part.all()
    return found


def scout(call: Callable[[], Any]) -> Scouted:
    """Make a call in eager mode and write down where it computes what."""
    return _Scout().run(call)


class _Scout:
    def __init__(self) -> None:
        self.found = Scouted()
        self.sites: dict[tuple[Key, Span], Site] = {}
        self.sources: dict[str, Source] = {}
        self.results: dict[tuple[Key, Span], Facts] = {}

    def run(self, call: Callable[[], Any]) -> Scouted:
        self.outer = origin.capture(depth=1 << 10)
        with hooks(after=self.after):
            call()
        self.found.sites = sorted(self.sites.values(), key=lambda s: s.order)
        return self.found

    def after(self, event: Event) -> None:
        """An op has run."""
        if derived(event.origin):
            self.found.differentiates = True
            return
        frames = [f for f in origin.user_frames(event.origin) if f not in self.outer]
        for code, _ in frames:
            self.found.codes.setdefault(key_of(code), code.co_flags)
        frame = origin.living(event.origin)
        if not frames or frame is None:
            return
        code, lasti = frames[0]
        key, span = key_of(code), _span(code, lasti)
        result = facts_of(event.result)
        if result is not None:
            self.results[key, span] = result
        site = self.sites.get((key, span))
        if site is None:
            source = self.sources.setdefault(code.co_filename, Source(code.co_filename))
            node = source.nodes.get(span)
            if node is None or span[0] != span[1]:
                return
            site = Site(key, span, code.co_qualname, _form(node), len(frames), len(self.sites))
            self.sites[key, span] = site
            site.operands = self._operands(node, key, source, frame)
            site.names = tuple(dict.fromkeys(o.text for o in site.operands if o.name))
        site.result = result
        if event.op.name not in site.ops:
            site.ops.append(event.op.name)
        if event.op.name in INDEXING and event.args:
            site.reach = max(site.reach, _reach(event))

    def _operands(self, node: ast.AST, key: Key, source: Source, frame: FrameType) -> list[Operand]:
        found = []
        for part, apart in _parts(node):
            text = source.text(part)
            facts = self._facts(part, key, frame)
            if text is not None and facts is not None:
                name = ast.unparse(part) if isinstance(part, ast.Name | ast.Attribute) else ""
                found.append(Operand(span_of(part), text, facts, apart, name))
        return found

    def _facts(self, part: ast.expr, key: Key, frame: FrameType) -> Facts | None:
        """A variable is looked up in the frame; of what was computed, the op that ran there has told."""
        if isinstance(part, ast.Name | ast.Attribute):
            try:
                value = eval(ast.unparse(part), frame.f_globals, frame.f_locals)
            except Exception:
                return None
            return facts_of(value)
        return self.results.get((key, span_of(part)))


def _span(code: CodeType, lasti: int) -> Span:
    line, last, start, stop = origin.position((code, lasti))
    return line, last, start, stop


def _form(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name
        case ast.BinOp(op=sign):
            return type(sign).__name__
    return ""


def _parts(node: ast.AST) -> list[tuple[ast.expr, bool]]:
    """The expressions that an application takes its operands from; whether each stands between brackets or commas."""
    before: list[ast.expr] = []
    inside: list[ast.expr] = []
    match node:
        case ast.Call(func=func, args=args, keywords=keywords):
            before = [func.value] if isinstance(func, ast.Attribute) else []
            for part in [*args, *(k.value for k in keywords)]:
                inside += part.elts if isinstance(part, ast.List | ast.Tuple) else [part]
        case ast.BinOp(left=left, right=right):
            before = [left, right]
        case ast.Compare(left=left, comparators=others):
            before = [left, *others]
        case ast.UnaryOp(operand=operand):
            before = [operand]
        case ast.Subscript(value=value, slice=index):
            before, inside = [value], index.elts if isinstance(index, ast.Tuple) else [index]
        case ast.AugAssign(value=value):
            inside = [value]
    parts = [(p, False) for p in before] + [(p, True) for p in inside]
    return [(p, apart) for p, apart in parts if not isinstance(p, ast.Starred)]


def _reach(event: Event) -> int:
    """The size of the axis that an op looks up in."""
    facts, axis = facts_of(event.args[0]), event.attrs.get("axis")
    if facts is None or not facts.shape:
        return 0
    if isinstance(axis, int) and -len(facts.shape) <= axis < len(facts.shape):
        return facts.shape[axis]
    return max(facts.shape)
