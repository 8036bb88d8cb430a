"""PyTorch's functions and methods as ``tapegraph.torch`` spells them, from the table that it is made of."""

from __future__ import annotations

from generate.pages import cell, write
from tapegraph.torch.table import TABLE


def pages() -> None:
    """Write ``reference/torch.md``."""
    lines = [
        "# torch, spelt here",
        "",
        "`import tapegraph.torch as torch` has these functions and methods, each made of one line: PyTorch's name and signature, and the same in operations of `tg`. "
        "Several names of one function stand in one row. *Also*: a function, a method of tensors, in place (`x.abs_()`).",
        "",
    ]
    for line in TABLE.strip().splitlines():
        if line.startswith("#"):
            lines += [
                "",
                f"## {line.removeprefix('# ').capitalize()}",
                "",
                "| PyTorch | here | also |",
                "|---|---|---|",
            ]
        elif "->" in line:
            left, right = (part.strip() for part in line.split("->", 1))
            meaning, _, flags = right.partition("  ;")
            kinds = flags or "fm"
            also = ["function"] * ("f" in kinds) + ["method"] * ("m" in kinds) + ["in place"] * ("_" in kinds)
            lines.append(f"| `{cell(left)}` | `{cell(meaning.strip())}` | {', '.join(also)} |")
    write("reference/torch.md", "\n".join(lines) + "\n")
