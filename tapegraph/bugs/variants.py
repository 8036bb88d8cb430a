"""Cases from templates: names, sizes, depth of nesting, place on the line and the step at which it fires vary with a seed."""

from __future__ import annotations

import ast
import random
import re
from dataclasses import asdict, dataclass
from typing import Any

from tapegraph.bugs.contenders import HEADERS, Contender
from tapegraph.bugs.template import Template

# Words for the names that a variant changes; none of them is a name in any framework that programs use.
WORDS = (
    "acts alpha batch_in blob chunk coded current delta emb feats field_a frame_a got grid heads hid inner item_a kept "
    "latent level_a mapped mix mu_a node_a obs outcome patch piece post pre proj q_a raw_a ref_a rows_a s_a sample_a "
    "sel sig_a slab spread src stage_a tail_a theta tok unit_a val_a vec wide zed"
)
AROUND = (("", ""), ("0.5 * ", ""), ("", " * 2.0"), ("1.0 + ", ""), ("0.25 + 0.5 * ", ""), ("", " - 0.125"))
# Names that methods are called on and that are no operands.
NOT_VALUES = frozenset(("tg", "nn", "optim", "torch", "jnp", "jax", "tf", "pt", "pytensor", "np", "self", "optimizer"))
FROZEN = ("first", "second")  # two thirds of the corpus; the last third is drawn from a seed at run time


@dataclass(frozen=True)
class Case:
    """A buggy program and its twin for one contender's idiom, with the marks that a score needs.

    ``line``, ``start``, ``stop``: of the guilty expression, columns in characters from 0. ``operands``: the values in it.
    """

    name: str
    template: str
    tier: str
    idiom: str
    stage: str
    about: str
    facts: tuple[str, ...]
    program: str
    twin: str
    plant: str
    line: int
    start: int
    stop: int
    operands: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def case(template: Template, contender: Contender, variant: str) -> Case:
    """The case that a variant's name stands for, as users of the contender write it; the same name makes the same case."""
    idiom = contender.idiom
    draw = random.Random(f"{template.name}/{variant}")
    sizes = dict(zip("NMK", draw.sample(range(3, 10), 3), strict=True))
    step = draw.randint(1, 4)
    numbers = {**sizes, "STEP": step, "STEPS": step + 3}
    around = draw.choice(AROUND) if template.movable else ("", "")
    depth = draw.randint(0, 3)
    taken = {word for text in (template.data, *template.programs.values()) for word in re.findall(r"\w+", text)}
    free = [word for word in WORDS.split() if word not in taken]
    names = dict(zip(template.names, draw.sample(free, len(template.names)), strict=True))
    if variant == FROZEN[0]:  # as the template has it
        around, depth, names = ("", ""), 0, {}

    def filled(text: str) -> str:
        text = re.sub(r"\b(N|M|K|STEP|STEPS)\b", lambda found: str(numbers[found[0]]), text)
        return re.sub(r"\b\w+\b", lambda found: names.get(found[0], found[0]), text)

    written = _nested(filled(contender.written(template.programs[idiom])), depth)
    before = HEADERS[idiom] + filled(template.data)
    buggy, twin = (before + _version(written, sign, around) for sign in "-+")
    lines = buggy.splitlines()
    (line,) = (number for number, text in enumerate(lines) if "«" in text)
    start = lines[line].index("«")
    stop = lines[line].index("»") - 1
    expression = lines[line][start + 1 : stop + 1]
    return Case(
        f"{template.name}-{variant}",
        template.name,
        template.tier,
        idiom,
        str(numbers.get(template.stage, template.stage)),
        template.about,
        tuple(filled(fact) for fact in template.facts),
        _bare(buggy),
        _bare(twin),
        filled(template.plants.get(idiom, "")),
        line + 1,
        start,
        stop,
        operands(expression),
    )


def _version(text: str, sign: str, around: tuple[str, str]) -> str:
    """The program with the lines of ``sign`` and those that both versions have."""
    other = "+" if sign == "-" else "-"
    lines = []
    for line in text.splitlines():
        if line.startswith(other):
            continue
        if line.startswith(sign):
            code = line[1:].lstrip()
            line = " " * ((len(line) - len(code)) // 4 * 4) + code
        lines.append(_placed(line, around))
    return "\n".join(lines) + "\n"


def _placed(line: str, around: tuple[str, str]) -> str:
    """The line with something beside the marked expression, where that is all of what is assigned or returned."""
    found = re.fullmatch(r"(\s*(?:\w+ = |return ))«(.*)»", line)
    if found is None or around == ("", ""):
        return line
    before, expression = found.groups()
    call = isinstance(ast.parse(expression, mode="eval").body, ast.Call | ast.Subscript | ast.Name)
    inside = f"«{expression}»" if call else f"(«{expression}»)"
    return f"{before}{around[0]}{inside}{around[1]}"


def _nested(text: str, depth: int) -> str:
    """``NEST f(x)`` becomes functions that call f through one another; ``f_(x)`` calls the outermost."""
    for found in re.findall(r"^NEST (\w+)\((.*)\)$", text, flags=re.MULTILINE):
        name, arguments = found
        layers, inner = [], name
        for number in range(1, depth + 1):
            layers.append(f"def {name}_{number}({arguments}):\n    return {inner}({arguments})\n\n")
            inner = f"{name}_{number}"
        text = text.replace(f"NEST {name}({arguments})\n", "\n".join(layers))
        text = re.sub(rf"\b{name}_\b", inner, text)
    return text


def _bare(text: str) -> str:
    return text.replace("«", "").replace("»", "")


def operands(expression: str) -> tuple[str, ...]:
    """The values that an expression is made of: names and attributes that are not called; constants left out.

    Keyword arguments count as others do. What cannot be parsed by itself (part of a statement) has none.
    """
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        return ()
    found: dict[str, None] = {}

    def visit(node: ast.AST, called: bool = False) -> None:
        match node:
            case ast.Call(func=func, args=args, keywords=keywords):
                if isinstance(func, ast.Attribute):
                    visit(func.value, called=isinstance(func.value, ast.Name | ast.Attribute) and _module(func.value))
                for part in (*args, *(k.value for k in keywords)):
                    visit(part)
            case ast.Name() | ast.Attribute() | ast.Subscript(slice=ast.Constant()):
                if not called:
                    found.setdefault(ast.unparse(node))
            case _:
                for part in ast.iter_child_nodes(node):
                    visit(part)

    visit(tree)
    return tuple(found)


def _module(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[0] in NOT_VALUES
