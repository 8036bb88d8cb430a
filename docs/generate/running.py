"""The blocks of Python on a page run as one program, and what each block prints is put behind it."""

from __future__ import annotations

import re
from typing import Any

from generate import programs
from generate.pages import code

BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
RUN = "index", "tour", "guides/", "coming_from/", "architecture/"  # pages whose blocks are run when the site is built
_BETWEEN = "\x1e"


class PageError(Exception):
    """A program on a page of the documentation that fails."""


def with_outputs(text: str, name: str) -> str:
    """The page with what its blocks print. Raises PageError where its program fails."""
    blocks = BLOCK.findall(text)
    if not blocks:
        return text
    outputs = iter(printed(blocks, name))

    def told(block: re.Match[str]) -> str:
        out = next(outputs)
        return block[0] + (f"\n{code(out, 'text')}" if out.strip() else "")

    return BLOCK.sub(told, text)


def printed(blocks: list[str], name: str) -> list[str]:
    """What each block of a program writes."""
    source = f"print({_BETWEEN!r}, end='', flush=True)\n".join(blocks)
    found = programs.run(source, f"{name.rsplit('/', 1)[-1]}.py", "eager")
    if found.status:
        raise PageError(f"{name}: the program on this page fails:\n{found.text}")
    return found.text.split(_BETWEEN)


def read(app: Any, name: str, source: list[str]) -> None:
    """Sphinx has read a page: put the outputs in."""
    if name.startswith(RUN):
        source[0] = with_outputs(source[0], name)
