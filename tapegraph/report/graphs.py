"""The graphs of a comparison as the renderer of pictures embeds them."""

from __future__ import annotations

from typing import Any

from tapegraph.comparison.figures import Comparison


def graphs(found: Comparison) -> Any:
    """The interactive picture of the tape beside the static graph, as HTML; None where the comparison has no scene."""
    if found.scene is None or not found.scene.stages:
        return None
    from markupsafe import Markup  # comes with jinja2

    from tapegraph.visual.picture import Picture

    stages = found.scene.stages
    tape = next((i for i, stage in enumerate(stages) if stage.family == "eager"), None)
    beside = tape if len(stages) > 1 and stages[-1].family == "static" else None
    return Markup(Picture(found.scene, beside=beside).html())
