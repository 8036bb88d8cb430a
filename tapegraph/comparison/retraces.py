"""Why each version was compiled, and which line of the user's made the difference."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine import origin
from tapegraph.comparison.figures import Retrace
from tapegraph.comparison.subject import shown
from tapegraph.version import Version
from tapegraph.visual.scene import Place

_SIZE = re.compile(r"argument '(?P<name>.+)': size of axis (?P<axis>\d+) is")


def retraces(versions: Sequence[Version]) -> list[Retrace]:
    """One of each version, in order; the first is the first call's."""
    found = []
    for number, version in enumerate(versions):
        place = _line(version.cause, versions[:number])
        found.append(Retrace(version.cause, place, sum(version.seconds.values()), _inputs(version)))
    return found


def _inputs(version: Version) -> str:
    return ", ".join(f"{r.attrs['name']}: {r.dtype.name}[{', '.join(map(str, r.shape))}]" for r in version.graph.inputs)


def _line(cause: str, before: Sequence[Version]) -> Place | None:
    """Where a version before needed the number of the size that the cause names."""
    size = _SIZE.match(cause)
    if size is None:
        return None
    name = f"{size['name']}.{size['axis']} ="
    for version in reversed(before):
        for fact, where in version.learned:
            if fact.startswith(name) and (frames := origin.user_frames(where)):
                return shown(origin.resolve(frames[0]))
    return None
