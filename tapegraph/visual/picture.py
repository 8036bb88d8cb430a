"""A picture of a scene: interactive in notebooks and pages, SVG and PNG for papers, text for terminals."""

from __future__ import annotations

import base64
import difflib
import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from tapegraph.visual.assets import can_draw, digest, drawn, fonts, needed, packed, renderer
from tapegraph.visual.scene import MEASURES, Scene, Stage
from tapegraph.visual.text import text_of

_SUFFIXES = (".svg", ".png", ".html")


class Options(TypedDict, total=False):
    """How a scene is drawn.

    stage      the name or position of a stage; the last one by default
    beside     a second stage, drawn to the left of it
    group      "module", "kernel" (fused kernels) or "flat"
    expand     "all", "none" or the names of groups to open, as "blocks.0"; by default outer groups, up to 60 boxes in all
    colour     "kind", "line", "seconds", "bytes", "flops", "error" or "divergence"
    part       "both", "forward" or "backward"
    shapes     whether shapes stand at the edges
    parameters whether parameters and constants have boxes of their own; otherwise they stand in the boxes of their users
    changes    whether what is gone since the stage before is shown too, in red; what is new is green
    steady     whether nodes keep their places over all stages, as if all were drawn at once
    direction  "down" or "right"
    theme      "light" or "dark"; by default files are light, and a page's pictures follow the page
    """

    stage: str | int
    beside: str | int | None
    group: Literal["module", "kernel", "flat"]
    expand: Literal["all", "none"] | Sequence[str]
    colour: Literal["kind", "line", "seconds", "bytes", "flops", "error", "divergence"]
    part: Literal["both", "forward", "backward"]
    shapes: bool
    parameters: bool
    changes: bool
    steady: bool
    direction: Literal["down", "right"]
    theme: Literal["light", "dark"]


_CHOICES: dict[str, tuple[str, ...]] = {
    "group": ("module", "kernel", "flat"),
    "colour": ("kind", "line", *MEASURES),
    "part": ("both", "forward", "backward"),
    "direction": ("down", "right"),
    "theme": ("light", "dark"),
}


class Picture:
    """A scene and how it is drawn. Shown by notebooks, saved as .svg, .png or .html, printed as text.

    ``picture.svg(colour="seconds")`` and ``picture.save("graph.png", width=1200)`` take the options of ``tg.visualize``
    again, for this one drawing. SVG and PNG need ``pip install 'tapegraph[report]'``; HTML and text need nothing.
    """

    def __init__(self, scene: Scene, **options: Unpack[Options]) -> None:
        self.scene = scene
        self.options = options
        self._drawn: dict[str, str] = {}  # SVG by state: a notebook asks twice
        self._state(options)

    def __repr__(self) -> str:
        return f"<Picture of {self.scene.title}: {_plural(len(self.scene.stages), 'stage')}; print() it, .save('graph.svg')>"

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The chosen stage as text for a terminal, of at most 100 columns."""
        return text_of(self.scene, self.scene.stages[self._state(self.options)["stage"]])

    def svg(self, *, width: float | None = None, **options: Unpack[Options]) -> str:
        """The picture as the text of an SVG file, ``width`` pixels wide (by default as large as it is).

        Raises ImportError, naming the command that installs it, where V8 for Python (mini-racer) is missing.
        """
        state = json.dumps({**self._state({**self.options, **options}), "width": width})
        if state not in self._drawn:
            self._drawn[state] = drawn(f"drawPicture({self._json}, {state})")
        return self._drawn[state]

    def png(self, *, width: float | None = None, **options: Unpack[Options]) -> bytes:
        """The picture as a PNG file of twice as many pixels as its SVG has units, or ``width`` pixels wide."""
        resvg = needed("resvg_py", "PNG files")
        size = {"zoom": 2.0} if width is None else {"width": round(width)}
        return bytes(resvg.svg_to_bytes(svg_string=self.svg(**options), **size, **fonts()))

    def html(self, *, code: bool = True, **options: Unpack[Options]) -> str:
        """The interactive picture as a fragment of HTML that needs nothing from the network.

        Styles and ids stay inside it. Several fragments of a page can share the renderer: write ``renderer()`` once,
        after them, and make them with ``code=False``. Where scripts do not run, a static picture is shown (if it can be drawn).
        """
        merged: Options = {**self.options, **options}
        state = self._state(merged)
        if "theme" not in merged:
            del state["theme"]
        data = json.dumps({"scene": self.scene.to_json(), "options": state}, separators=(",", ":"))
        return (
            f'<div class="tapegraph-picture" data-code="{digest()}">{self._still(merged)}'
            f'<script type="application/x-gzip-base64">{packed(data)}</script></div>' + (renderer() if code else "")
        )

    def page(self, **options: Unpack[Options]) -> str:
        """A whole HTML page with the interactive picture in it."""
        title = _escaped(self.scene.title)
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><style>:root { color-scheme: light dark } '
            "body { margin: 16px; font-family: system-ui, sans-serif } h1 { font-size: 18px } "
            ".tapegraph-picture { --picture-height: max(360px, calc(100vh - 210px)) }</style></head>"
            f"<body><main><h1>{title}</h1>{self.html(**options)}</main></body></html>\n"
        )

    def save(self, path: str | os.PathLike[str], *, width: float | None = None, **options: Unpack[Options]) -> None:
        """Write the picture into a file; the suffix says what it is: .svg, .png or .html. Raises ValueError for others."""
        file = Path(path)
        match file.suffix.lower():
            case ".svg":
                file.write_text(self.svg(width=width, **options), encoding="utf-8")
            case ".png":
                file.write_bytes(self.png(width=width, **options))
            case ".html":
                file.write_text(self.page(**options), encoding="utf-8")
            case other:
                raise ValueError(f"a picture is saved as {', '.join(_SUFFIXES)}, not as {other or file.name!r}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/html": self.html(), "text/plain": self.text()}
        if can_draw():
            bundle["image/svg+xml"] = self.svg()
        return bundle

    @functools.cached_property
    def _json(self) -> str:
        return json.dumps(self.scene.to_json(), separators=(",", ":"))

    def _still(self, options: Options) -> str:
        """The static picture that stands in the fragment until its script has run, and where scripts never run."""
        if not can_draw():
            return ""
        data = base64.b64encode(self.svg(**options).encode()).decode()
        return f'<img alt="{_escaped(self.scene.title)}" src="data:image/svg+xml;base64,{data}">'

    def _state(self, options: Options) -> dict[str, Any]:
        """The options as the renderer reads them; raises ValueError for what the scene does not have."""
        for name, choices in _CHOICES.items():
            if name in options and options[name] not in choices:  # type: ignore[literal-required]
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {options[name]!r}")  # type: ignore[literal-required]
        if unknown := options.keys() - Options.__annotations__.keys():
            raise TypeError(
                f"a picture has no option {', '.join(sorted(unknown))}; it has {', '.join(Options.__annotations__)}"
            )
        beside = options.get("beside")
        self._check_measure(options.get("colour", "kind"))
        return {
            "stage": _position(self.scene.stages, options.get("stage", -1)),
            "beside": None if beside is None else _position(self.scene.stages, beside),
            "group": options.get("group", "module"),
            "expand": self._groups(options.get("expand")),
            "colour": options.get("colour", "kind"),
            "part": options.get("part", "both"),
            "shapes": options.get("shapes", False),
            "leaves": options.get("parameters", False),
            "changes": options.get("changes", False),
            "steady": options.get("steady", False),
            "direction": options.get("direction", "down"),
            "theme": options.get("theme", "light"),
        }

    def _check_measure(self, colour: str) -> None:
        nodes = [node for stage in self.scene.stages for node in stage.nodes]
        if colour in MEASURES and not any(colour in node.measures for node in nodes):
            raise ValueError(
                f"nothing in this picture has {colour!r}: measure it with "
                f"tg.visualize(function, arguments, measures=({colour!r},), colour={colour!r})"
            )

    def _groups(self, expand: str | Sequence[str] | None) -> str | list[str] | None:
        """The names of groups to open; raises ValueError for one that nothing belongs to."""
        if expand is None or expand in ("all", "none"):
            return expand  # type: ignore[return-value]
        wanted = [expand] if isinstance(expand, str) else list(expand)
        paths = {
            ".".join(n.module[:depth])
            for s in self.scene.stages
            for n in s.nodes
            for depth in range(1, len(n.module) + 1)
        }
        paths |= {n.kernel for s in self.scene.stages for n in s.nodes} | {
            n.label for s in self.scene.stages for n in s.nodes
        }
        for name in wanted:
            if not any(f".{name}." in f".{path}." for path in paths):
                near = difflib.get_close_matches(name, sorted(paths - {""}), 3)
                hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
                raise ValueError(f"no group is called {name!r}{hint}")
        return wanted


def _position(stages: Sequence[Stage], wanted: str | int) -> int:
    if isinstance(wanted, str):
        found = [i for i, stage in enumerate(stages) if stage.name == wanted]
        if not found:
            raise ValueError(f"no stage is called {wanted!r}; there are {', '.join(repr(s.name) for s in stages)}")
        return found[0]
    if not -len(stages) <= wanted < len(stages):
        raise ValueError(f"there are {len(stages)} stages, so that none has the position {wanted}")
    return wanted % len(stages)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
