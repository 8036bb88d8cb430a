"""What is looked at beside speed: notices, where modes part, profiles, graphs, faults. What fails leaves a note instead."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.notices import TapegraphWarning
from tapegraph.comparison.figures import Comparison, Said
from tapegraph.comparison.lane import Batch, copied
from tapegraph.comparison.subject import said, shown
from tapegraph.function import Function


@contextlib.contextmanager
def _noted(found: Comparison, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        text = str(error).strip().splitlines() or [""]
        found.notes.append(f"{what}: {type(error).__name__}: {text[0]}")


def notices(told: Sequence[TapegraphWarning]) -> list[Said]:
    """Each notice once for its line, with how often it was told."""
    found: dict[Any, Said] = {}
    for notice in told:
        one = said(notice)
        key = (one.error, one.place)
        if key in found:
            found[key].count += 1
        else:
            found[key] = one
    return list(found.values())


def bisect(found: Comparison, compiled: Function, batch: Batch) -> None:
    """The user's line of the first value that differs, and what is to blame, for the largest of the gaps."""
    from tapegraph.debug.bisection import bisect
    from tapegraph.mode import mode

    assert found.agreement is not None
    gap = found.agreement.differs[0]
    with _noted(found, "Where the modes part could not be told"), mode("static"):
        difference = bisect(compiled, *copied(batch)).difference
        if difference is None:
            gap.blame = (
                "its values agree op by op in a single call from the start, so the function does something else in each "
                "mode, or the difference grows over several calls"
            )
        else:
            gap.blame = difference.blamed
            gap.place = shown(difference.place)


def profiles(found: Comparison, fn: Callable[..., Any], batch: Batch) -> None:
    """Where the time goes in both modes, by op and by line."""
    with _noted(found, "No profile"):
        from tapegraph.comparison.profiles import side_by_side

        found.profiles = side_by_side(fn, *copied(batch))


def scene(found: Comparison, fn: Callable[..., Any], batch: Batch) -> None:
    """The eager tape and the static graph."""
    with _noted(found, "No graphs"):
        from tapegraph.visual.making import scene_of

        found.scene = scene_of(fn, *copied(batch))


def faults(
    found: Comparison,
    fn: Callable[..., Any],
    batch: Batch,
    peers: Mapping[str, Callable[..., Any]],
    arguments: Mapping[str, Callable[[], tuple[Any, ...]]],
    seconds: float,
) -> None:
    """Faults injected into the function, one at a time, and what each mode said."""
    with _noted(found, "No faults were injected"):
        from tapegraph.injection import inject

        injected = inject(
            fn,
            *copied(batch),
            peers=dict(peers),
            peer_args=dict(arguments),
            seconds=seconds,
            done=found.faults.append,  # so that what is interrupted has those that were tried
        )
        found.faults = injected.found
        for name, points in found.debuggability.items():
            if name in found.peers:
                found.peers[name].debuggability = points
        if injected.left_out:
            reasons: dict[str, list[str]] = {}
            for kind, why in injected.left_out.items():
                reasons.setdefault(why, []).append(kind)
            left_out = "; ".join(f"{', '.join(kinds)} ({why})" for why, kinds in reasons.items())
            found.notes.append(f"Faults that were not injected: {left_out}.")
