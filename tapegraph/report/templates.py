"""The templates of pages, the style sheet with the colours of the modes, and the script."""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

from tapegraph import __version__
from tapegraph.comparison import units
from tapegraph.report.reading import voices
from tapegraph.visual import palette

FOLDER = Path(__file__).parent


def render(template: str, **known: Any) -> str:
    """A page or fragment; what comes from programs and messages is escaped. Raises ImportError without jinja2."""
    made = _environment().get_template(template)
    return made.render(style=style(), script=_read("report.js"), version=__version__, **known)


@functools.cache
def _environment() -> Any:
    needed()
    import jinja2  # not among the packages that tapegraph needs

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {name: getattr(units, name) for name in ("duration", "size", "count", "ratio", "span")}
    made.filters |= {"in_script": in_script, "voices": voices}
    made.globals["colours"] = palette.LIGHT
    return made


def needed() -> None:
    """Raises ImportError, which says what to install, where pages cannot be made."""
    if importlib.util.find_spec("jinja2") is None:
        raise ImportError("pages are made with jinja2: pip install 'tapegraph[report]'")


@functools.cache
def style() -> str:
    """The style sheet, safe inside of a style element."""
    from markupsafe import Markup  # comes with jinja2

    colours = "".join(
        f"--{mode}: light-dark({palette.LIGHT[mode]}, {palette.DARK[mode]}); "
        f"--{mode}-ink: light-dark({palette.INK[mode]}, {palette.DARK[mode]}); "
        for mode in palette.LIGHT
    )
    return Markup(f".tapegraph {{ {colours}}}\n{_read('report.css')}")


def in_script(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element or begins a comment."""
    from markupsafe import Markup

    return Markup(json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"))


@functools.cache
def _read(name: str) -> str:
    from markupsafe import Markup

    return Markup((FOLDER / name).read_text(encoding="utf-8"))
