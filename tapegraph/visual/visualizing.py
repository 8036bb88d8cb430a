"""tg.visualize: the picture of a function's call in both modes, of a tape, of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from tapegraph.visual.making import scene_of
from tapegraph.visual.picture import Options, Picture
from tapegraph.visual.scene import MEASURES


def visualize(
    what: Any,
    *args: Any,
    kwargs: Mapping[str, Any] | None = None,
    modes: Literal["both", "eager", "static"] = "both",
    measures: Sequence[str] = (),
    **options: Unpack[Options],
) -> Picture:
    """The picture of something: a notebook shows it, ``.save("graph.svg")`` (.png, .html) writes it.

    ``what`` is a function with the arguments of a call (keyword arguments as ``kwargs``), which is made once in each of
    ``modes``, with states and gradients afterwards as they were; a ``tg.function`` that was called in static mode; an
    eager tensor: the tape behind it; a graph; a compiled graph; a ``Definition`` with the outputs asked for; a scene; a
    comparison. ``measures`` of a call: "seconds", "bytes", "flops", "error", "divergence"; they cost further calls, and the
    one that ``colour`` names is measured in any case. ``options`` say how it is drawn: see ``Options``; in a notebook or page all of them can be changed there.
    Raises ArgumentError for anything else, ValueError or TypeError for wrong options, and what the call raises.
    """
    wanted = {*measures, *({options.get("colour")} & set(MEASURES) if args else ())}
    return Picture(scene_of(what, *args, modes=modes, measures=sorted(wanted), **(kwargs or {})), **options)
