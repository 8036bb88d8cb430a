"""tg.debug: what watches, stops, replays and compares programs, each in both modes."""

from __future__ import annotations

import importlib
from typing import Any

from engine.landing import tracebacks
from engine.last import last
from engine.level import level, set_level

# Loaded on first use: most of these need the compiler.
_LAZY = {
    "audit": "tapegraph.debug.audit:audit",
    "bisect": "tapegraph.debug.bisection:bisect",
    "breakpoint_here": "tapegraph.debug.here:breakpoint_here",
    "breakpoints": "tapegraph.debug.spots:breakpoints",
    "forget": "tapegraph.debug.watching:forget",
    "load_replay": "tapegraph.debug.replay_file:load_replay",
    "pm": "tapegraph.debug.postmortem:pm",
    "print": "tapegraph.debug.printing:print",
    "replay": "tapegraph.debug.replaying:replay",
    "shadow": "tapegraph.debug.shadow:shadow",
    "stale_check": "tapegraph.debug.stale:stale_check",
    "trace_report": "tapegraph.debug.stale:trace_report",
    "profile": "tapegraph.debug.profiling:profile",
    "detect_nonfinite": "tapegraph.debug.nonfinite:detect_nonfinite",
    "watch": "tapegraph.debug.watching:watch",
    "watched": "tapegraph.debug.watching:watched",
}


def __getattr__(name: str) -> Any:
    place = _LAZY.get(name)
    if place is None:
        raise AttributeError(f"module 'tapegraph.debug' has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    value = globals()[name] = getattr(importlib.import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = ["last", "level", "set_level", "tracebacks", *_LAZY]
