"""Kinds of faults: what is changed in an expression, where that fits, and what a message about it speaks of.

A change uses operators and indexing only, so that it means the same to arrays of any library, and reads as a slip of the
pen would: a column too few, a division that makes floats of class numbers, the root of a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tapegraph.injection.sites import INDEXING, Facts, Operand, Scouted, Site
from tapegraph.injection.text import Edit, Source, span_of

# What takes operands only where they fit: operators, and ops behind calls such as that of a layer.
OPERATORS = {"Add", "Sub", "Mult", "Div", "Pow"}
FITTING = {
    "linear",
    "matmul",
    "mse_loss",
    "l1_loss",
    "huber_loss",
    "smooth_l1_loss",
    "concat",
    "where",
    "recurrent_layer",
}


@dataclass(frozen=True)
class Change:
    """A fault that could be made: where, and what a good message about it names (patterns, shapes in brackets).

    ``names``: the arrays in the marked expression. ``slip``: the new text, with {x} in it for the old and
    « » around what is wrong by itself, where that is not the whole op.
    """

    kind: Kind
    edit: Edit
    site: Site
    names: tuple[str, ...]
    facts: tuple[str, ...]
    slip: str
    operand: Operand | None = None


@dataclass(frozen=True)
class Kind:
    """``template``: the case of ``tapegraph bugs`` that is like it, whose words tell whether a message is about it.

    ``fits``: the edits that a site allows. ``reason``: why there may be none.
    """

    name: str
    title: str
    template: str
    reason: str
    facts: tuple[str, ...]
    fits: Callable[[Site], Iterator[tuple[Operand, str]]]
    stage: int = 0  # the call in which it can be known
    backward: bool = False  # it shows in gradients only
    numeric: bool = False  # where it shows, something is not finite
    fitting: bool = False  # it is a slip in what the program itself computes there

    def changes(self, scouted: Scouted) -> list[Change]:
        """Every change of the kind, in the order of the program."""
        if self.backward and not scouted.differentiates:
            return []
        found = []
        for site in scouted.sites:
            for operand, slip in self.fits(site):
                edit = Edit(site.file, operand.span, operand.written(slip), site.span)
                names = ((operand.name,) if operand.name else ()) if "«" in slip else site.names
                words = {"SHAPE": _told(operand.facts.shape), "REACH": str(site.reach)}
                words["SHORT"] = _told(_short(operand.facts.shape))
                facts = tuple(words.get(fact, fact) for fact in self.facts)
                found.append(Change(self, edit, site, names, facts, slip, operand))
        return found


def _told(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _short(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that has lost its last column."""
    return (*shape[:-1], shape[-1] - 1) if shape else shape


def _floats(site: Site) -> Iterator[Operand]:
    return (o for o in site.operands if o.facts.kind == "f" and o.facts.shape and 0 not in o.facts.shape)


def _values(site: Site) -> Iterator[Operand]:
    return (o for o in _floats(site) if not o.facts.parameter)


def _shape(site: Site) -> Iterator[tuple[Operand, str]]:
    found = [o for o in _floats(site) if o.facts.shape[-1] > 2]
    if site.form in OPERATORS:
        found = found if len({o.facts.shape[-1] for o in found}) == 1 and len(found) == 2 else []
    elif site.form == "MatMult":
        found = [o for o in found if o is site.operands[0]]
    elif not FITTING & set(site.ops):
        found = []
    yield from ((o, "{x}[..., :-1]") for o in found)


def _dtype(site: Site) -> Iterator[tuple[Operand, str]]:
    yield from ((o, "{x} / 2") for o in _indices(site))


def _index(site: Site) -> Iterator[tuple[Operand, str]]:
    yield from ((o, f"{{x}} + {site.reach}") for o in _indices(site))


def _indices(site: Site) -> Iterator[Operand]:
    if INDEXING & set(site.ops):
        yield from (o for o in site.operands if o.facts.kind in "iu" and o.facts.shape)


def _root(site: Site) -> Iterator[tuple[Operand, str]]:
    for o in _values(site):
        yield o, "«{x} ** 0.5»" if o.facts.low < 0 else f"«({{x}} - {_above(o.facts)}) ** 0.5»"


def _negative(site: Site) -> Iterator[tuple[Operand, str]]:
    if site.form in ("log", "sqrt", "log2", "log10", "rsqrt"):
        yield from ((o, "-{x}") for o in _values(site) if o.facts.high > 0)


def _zero(site: Site) -> Iterator[tuple[Operand, str]]:
    if site.form == "Div":
        yield from ((o, "{x} - {x}") for o in _values(site) if o is site.operands[-1])


def _above(facts: Facts) -> str:
    """A round number above all of it."""
    number = 1.0
    while number <= facts.high:
        number *= 10
    return str(number)


def _nan_backward(site: Site) -> Iterator[tuple[Operand, str]]:
    yield from ((o, "{x} + «({x} - {x}) ** 0.5»") for o in _values(site))


def _overflow(site: Site) -> Iterator[tuple[Operand, str]]:
    for o in _values(site):
        if site.form == "exp" and o.facts.high > 0.1:
            yield o, "{x} * 10000.0"
        elif o.facts.high > 0.1:
            yield o, "«2.0 ** ({x} * 100000.0)»"


def _branch(site: Site) -> Iterator[tuple[Operand, str]]:
    yield from ((o, "{x} if «{x}.max() > 0» else -{x}") for o in _values(site) if o.facts.high > 0)


def _broadcast(site: Site) -> Iterator[tuple[Operand, str]]:
    if not {"subtract", "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"} & set(site.ops):
        return
    shapes = [o.facts.shape for o in site.operands]
    if len(shapes) >= 2 and shapes[0] == shapes[1] and shapes[0] and shapes[0][0] > 1:
        o = site.operands[1]
        if len(o.facts.shape) == 1:
            yield o, "{x}[:, None]"
        elif o.facts.shape[-1] == 1:
            yield o, "{x}[..., 0]"


def _detached(site: Site) -> Iterator[tuple[Operand, str]]:
    yield from ((o, "«{x}.detach()»") for o in _values(site) if o.facts.tracked)


KINDS = (
    Kind("shape", "an operand has lost its last column", "deep_shape", "no op takes two arrays that must fit",
         ("matmul|linear|add|subtract|multiply|divide|loss|concat|conv|maximum|minimum|where", "SHORT"), _shape),
    Kind("nan", "the logarithm or root of a negative number", "nan_log", "", (r"\blog|sqrt", "nan", "SHAPE"), _negative,
         numeric=True, fitting=True),
    Kind("nan", "a division by zero", "zero_over_zero", "", (r"\bdiv|divide", "nan|zero|inf", "SHAPE"), _zero,
         numeric=True, fitting=True),
    Kind("nan", "the root of a negative number", "nan_log", "no floats are computed", (r"sqrt|pow|\*\*", "nan", "SHAPE"),
         _root, numeric=True),
    Kind("index", "indices go beyond the end", "index_range", "nothing is looked up by whole numbers",
         ("index|indices|getitem|take|gather|entropy|class", "REACH", "SHAPE"), _index),
    Kind("slope", "finite forward, NaN in the backward pass: the slope of a root at zero", "nan_sqrt_backward",
         "no gradient is taken", ("sqrt|pow", "backward|grad|slope", "nan|inf"), _nan_backward, backward=True, numeric=True),
    Kind("branch", "an if on a value that depends on the data", "branch_on_data", "no floats are computed",
         (r"bool|truth|\bif\b|branch", "cond|where|switch|select", "concrete|symbol|value|trac"), _branch),
    Kind("dtype", "a division makes floats of whole numbers", "float_index", "nothing is looked up by whole numbers",
         ("index|indices|getitem|take|gather|entropy|class", "float", "integer|int64|int32|long"), _dtype),
    Kind("overflow", "an exponential grows beyond the largest float", "overflow_exp", "no floats are computed",
         (r"\bexp|pow", "inf|overflow|nan", "SHAPE"), _overflow, numeric=True),
    Kind("broadcast", "a column meets a row: every value is compared with every other", "silent_broadcast",
         "no loss takes the difference of two equal shapes of one axis or one column",
         ("sub|broadcast|loss", "SHAPE"), _broadcast),
    Kind("detached", "a value is cut off from the gradient on its way", "detached", "no gradient is taken",
         ("gradient|grad", "detach|disconnect|cut"), _detached, backward=True),
)  # fmt: skip
FORGOTTEN = {
    "zero_grad": ("gradients are never cleared: the call lacks its brackets", "missing_zero_grad",
                  ("zero_grad|clear|reset", "grad")),
    "step": ("the optimizer never steps: the call lacks its brackets", "zero_rate",
             ("step|optimizer|update", "never|unchanged|without|no ")),
    "backward": ("no gradients are computed: the call lacks its brackets", "detached",
                 ("gradient|grad", "backward|none|no ")),
}  # fmt: skip


def forgotten(scouted: Scouted, sources: dict[str, Source]) -> Iterator[Change]:
    """``optimizer.zero_grad`` for ``optimizer.zero_grad()``, and the like, in the functions that ran."""
    for name, (title, template, facts) in FORGOTTEN.items():
        kind = Kind(name, title, template, f"no function calls {name}() on a line of its own", facts, _nowhere, stage=1)
        for key in scouted.codes:
            for call, text in sources[key[0]].bare_calls(key, name):
                edit = Edit(key[0], span_of(call), text, span_of(call))
                yield Change(kind, edit, Site(key, span_of(call), key[1], name, 1, 0), (), facts, text)


def _nowhere(site: Site) -> Iterator[tuple[Operand, str]]:
    return iter(())
