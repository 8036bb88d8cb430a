"""The reference of the op library: a page for each file of it, a section for each function, read from the table of ops."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from engine.lowering import Loop
from engine.makers import COMPOSITES, PUBLIC
from engine.op import OPS, Op
from generate import examples
from generate.api import signature
from generate.pages import ROOT, cell, code, folded, toctree, write
from generate.sources import text_of
from generate.text import docstring, inline
from tapegraph.opcard import Card, card_of, native
from tapegraph.optable import Row, rows

LONG = 60  # lines of a source that are still shown on the page itself


def pages() -> None:
    """Write ``reference/ops/``: an index of all functions by name, and a page for each file."""
    families: dict[str, list[Row]] = defaultdict(list)
    table = rows()
    for row in table:
        families[row.place.split(":")[0]].append(row)
    with ProcessPoolExecutor() as pool:  # they run examples
        for file, text in zip(families, pool.map(_page, families, families.values()), strict=True):
            write(f"reference/ops/{slug(file)}.md", text)
    write("reference/ops.md", _index(table, families))


def slug(file: str) -> str:
    """The name of the page of a file of ops."""
    return file.removeprefix("engine/").removeprefix("ops/").removesuffix(".py").replace("/", "_")


def caption(file: str) -> str:
    """The first line of a module, which says what it holds."""
    return (ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))) or file).split("\n")[0]


def _title(file: str) -> str:
    """A title that the navigation has room for: how the caption begins, or the name of the file."""
    short = caption(file).split(":")[0].split(" (")[0].rstrip(".")
    name = slug(file).replace("_", " ")
    return short if len(short) <= 32 else name.upper() if len(name) <= 3 else name.capitalize()


def _index(table: list[Row], families: dict[str, list[Row]]) -> str:
    lines = [
        "# The op library",
        "",
        f"{len(table)} functions in `tg`, read from the table of ops at build time. `tapegraph ops NAME` prints the same in a terminal. "
        "*Gradient*: a rule of its own, or through the ops that it is written in. *Native code*: how the compiler makes code of it.",
        "",
        "## By subject",
        "",
        toctree(*(f"ops/{slug(f)}" for f in sorted(families, key=_title))),
        "## By name",
        "",
        "| function | what it is | dtypes | gradient | native code | ONNX |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        link = f"[`{row.name}`](ops/{slug(row.place.split(':')[0])}.md#op-{anchor(row.name)})"
        lines.append(f"| {link} | {inline(cell(row.text))} | {row.dtypes} | {row.gradient} | {row.code} | {row.onnx} |")
    return "\n".join(lines) + "\n"


def anchor(name: str) -> str:
    """The name of a function as part of an address."""
    return name.replace("_", "-").strip("-")


def _page(file: str, members: list[Row]) -> str:
    parts = [f"# {_title(file)}\n", f"{inline(caption(file))} Defined in {{source}}`{file}`.\n"]
    parts += [_section(row) for row in sorted(members, key=lambda r: r.name)]
    return "\n".join(parts)


def _section(row: Row) -> str:
    op = OPS.get(row.name) if row.kind == "op" else None
    face = (
        op.public if op is not None else COMPOSITES[row.name].function if row.name in COMPOSITES else PUBLIC[row.name]
    )
    parts = [
        f"(op-{anchor(row.name)})=\n## {row.name}\n",
        f"```{{py:function}} tapegraph.{row.name}{signature(face)}\n```\n",
        docstring(face.__doc__, examples=False),
        _facts(card_of(row)),
    ]
    parts += _shown(row.name, face)
    if op is not None:
        parts += [*_gradient(op), *_lowering(op)]
    elif row.name in COMPOSITES:
        parts += _written_in_ops(face)
    return "\n".join(parts)


def _facts(found: Card) -> str:
    apart = {"gradient", "native code"} if found.row.kind == "op" else set()  # these follow below, in full
    facts = [
        (name.capitalize() if name != "ONNX" else name, f"{{source}}`{text}`" if name == "defined in" else text)
        for name, text in found.facts
        if name not in apart
    ]
    return "{.facts}\n" + "\n".join(f"{name}\n: {text}\n" for name, text in facts)


def _shown(name: str, face: Any) -> list[str]:
    example = examples.of_docstring(face.__doc__) or examples.of_record(name, face)
    if example is None:
        return []
    parts = [code(str(example))]
    if example.static in (example.eager, ""):
        told = "prints, in both modes:" if example.static else "gives:"
        return [*parts, f"{told}\n", code(example.eager, "text")]
    return [
        *parts,
        "prints in eager mode:\n",
        code(example.eager, "text"),
        "in static mode:\n",
        code(example.static, "text"),
    ]


def _gradient(op: Op) -> list[str]:
    if not any(op.vjp):
        return ["It has no gradient.\n"]
    texts = [text_of(rule) if rule is not None else "None" for rule in op.vjp]
    same = list(dict.fromkeys(texts))
    said = (
        "the gradients of all operands"
        if op.vjp_together
        else "the gradient of each operand"
        if len(op.vjp) > 1
        else "its gradient"
    )
    body = code("\n".join(same) if len(same) < len(texts) == 1 else "\n".join(texts))
    told = f"The rule for {said}, `g` being the gradient of the result `y`:\n"
    return [told, body] if body.count("\n") <= LONG else [folded("The gradient rule", f"{told}\n{body}")]


def _lowering(op: Op) -> list[str]:
    first, *rest = native(op).split("\n")
    if isinstance(op.lower, Loop):
        first += f", written by {_place(op.lower.text)}"
    elif op.lower is None and op.expand is not None:
        first = f"through ops: a graph holds {_place(op.expand)} instead"
    return [f"Native code: {first}{'' if rest else '.'}\n", *([code("\n".join(rest), "text")] if rest else [])]


def _place(function: Any) -> str:
    try:
        written = inspect.unwrap(function)
        file, line = inspect.getsourcefile(written), inspect.getsourcelines(written)[1]
    except TypeError:  # a partial, or an op
        inner = getattr(function, "func", None)
        return _place(inner) if inner is not None else f"`{getattr(function, 'name', function)}`"
    return f"{{source}}`{str(file).removeprefix(str(ROOT)).lstrip('/')}:{line}`"


def _written_in_ops(face: Any) -> list[str]:
    text = inspect.getsource(inspect.unwrap(face))
    body = code(text)
    return [folded("Written in ops", body)] if text.count("\n") <= LONG else []
