"""The renderer's files: as text that pages carry, run in V8 for files, with the fonts that PNGs need."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tapegraph.visual import palette

_HERE = Path(__file__).parent
_DRAWING = ("dagre.min.js", "model.js", "boxes.js", "colours.js", "layout.js", "routes.js", "draw.js")
_SHOWING = ("panel.js", "view.js", "motion.js", "actions.js", "start.js")
# V8 alone does not have this function of browsers, with which dagre copies plain data.
_CLONE = (
    "globalThis.structuredClone ??= (value) => (value === undefined ? value : JSON.parse(JSON.stringify(value)));\n"
)
FONT = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"  # boxes are made to the measure of Arial


@functools.cache
def _code(files: tuple[str, ...]) -> str:
    modes = {"light": palette.INK, "dark": palette.DARK}
    return "\n".join(
        [f"const MODES = {json.dumps(modes)}, FONT = {json.dumps(FONT)};", *(_text(name) for name in files)]
    )


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def digest() -> str:
    """Tells pictures of one version of the renderer from those of another on the same page."""
    return hashlib.sha256((_code(_DRAWING + _SHOWING) + _text("picture.css")).encode()).hexdigest()[:12]


@functools.cache
def renderer() -> str:
    """The script that makes all pictures before it in a page interactive."""
    style = json.dumps(_text("picture.css"))
    text = f'(() => {{\n{_code(_DRAWING + _SHOWING)}\nmountAll("{digest()}", {style});\n}})();'
    return f"<script>{_text('boot.js').replace('PACKED', packed(text))}</script>"


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def needed(module: str, what: str) -> Any:
    try:
        return __import__(module)
    except ImportError as error:
        raise ImportError(f"{what} of pictures need {module}: pip install 'tapegraph[report]'") from error


def can_draw() -> bool:
    try:
        needed("py_mini_racer", "SVG files")
    except ImportError:
        return False
    return True


@functools.cache
def fonts() -> dict[str, Any]:
    """Where resvg finds fonts: those of the system and, where matplotlib is installed, the ones that come with it.

    Raises RuntimeError where there are none: words would be left out without a sign.
    """
    resvg = needed("resvg_py", "PNG files")
    plots = importlib.util.find_spec("matplotlib")
    more = {"font_dirs": [str(Path(plots.origin).parent / "mpl-data/fonts/ttf")]} if plots and plots.origin else {}
    empty, word = (
        resvg.svg_to_bytes(
            svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16" font-family="{FONT}">{text}</text></svg>',
            **more,
        )
        for text in ("", "M")
    )
    if bytes(empty) == bytes(word):
        raise RuntimeError(
            "no font was found for the words of a PNG: install one (apt-get install fonts-dejavu-core), or save an SVG"
        )
    return more


def drawn(expression: str) -> str:
    """The text that an expression of JavaScript gives, with the part of the renderer that needs no page.

    V8 is made, used and closed in a thread of its own, which takes 15 ms: mini-racer ties itself to the event loop that runs
    where it is made (in a notebook that of the kernel), and closing it elsewhere, or never, ends in a crash or hangs at exit.
    """
    racer = needed("py_mini_racer", "SVG files")

    def draw() -> str:
        with racer.MiniRacer() as engine:
            engine.eval(_CLONE + _code(_DRAWING))
            return str(engine.eval(expression))

    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(draw).result()
