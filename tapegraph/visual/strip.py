"""Several stages of a picture on one sheet, each with its caption, for what cannot move: paper, and pages without scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from tapegraph.visual.picture import Picture

GAP = 14  # between two drawings, and around the sheet
WIDEST = 900  # pixels of a sheet, as wide as the outputs of notebooks
CAPTION = 16  # a line of it
CHARACTER = 6.2  # about as wide as one of a caption's is
_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"')


class Strip:
    """A sheet of drawings, row by row; shown by notebooks, ``svg()`` is its text."""

    def __init__(self, text: str, told: str) -> None:
        self._text = text
        self._told = told

    def __repr__(self) -> str:
        return self._told

    def svg(self) -> str:
        """The text of an SVG file."""
        return self._text

    def _repr_svg_(self) -> str:
        return self._text


def strip(picture: Picture, *, stages: Sequence[int] | None = None, columns: int = 3, **options: Any) -> Strip:
    """The stages of a picture (or those named by position) side by side, numbered, with their captions.

    ``options``: as of ``tg.visualize``. Raises ImportError, with the command that helps, where SVG cannot be drawn.
    """
    every = picture.scene.stages
    chosen = range(len(every)) if stages is None else [range(len(every))[i] for i in stages]
    drawings = [picture.svg(stage=i, **options) for i in chosen]
    sizes = [(float(w), float(h)) for w, h in (_SIZE.search(d).groups() for d in drawings)]  # type: ignore[union-attr]
    width = max(w for w, _ in sizes)
    captions = [_lines(f"{i}. {every[i].caption}", int(width / CHARACTER)) for i in chosen]
    head = CAPTION * max(map(len, captions)) + 6
    height = max(h for _, h in sizes) + head
    columns = min(columns, len(drawings))
    rows = -(-len(drawings) // columns)
    parts = []
    for number, (drawing, (w, _), lines) in enumerate(zip(drawings, sizes, captions, strict=True)):
        x = GAP + (number % columns) * (width + GAP)
        y = GAP + (number // columns) * (height + GAP)
        for k, line in enumerate(lines):
            parts.append(
                f'<text x="{x:.0f}" y="{y + 12 + CAPTION * k:.0f}" font-size="12" fill="#333">{escape(line)}</text>'
            )
        parts.append(drawing.replace("<svg ", f'<svg x="{x + (width - w) / 2:.1f}" y="{y + head:.0f}" ', 1))
    shown = min(1.0, WIDEST / (GAP + columns * (width + GAP)))
    whole = GAP + columns * (width + GAP), GAP + rows * (height + GAP)
    return Strip(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole[0]:.0f} {whole[1]:.0f}" width="{whole[0] * shown:.0f}" '
        f'height="{whole[1] * shown:.0f}" font-family="Arial, Helvetica, sans-serif" role="img" aria-label="{escape(picture.scene.title)}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>',
        "\n".join(f"{i}. {every[i].caption}" for i in chosen),
    )


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
