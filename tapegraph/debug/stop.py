"""A stop: where a program has stopped and with which values; the debugger opens at the user's expression."""

from __future__ import annotations

import builtins
import os
import pdb
import sys
from bdb import BdbQuit
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from engine import dispatch, origin
from engine.landing import call_at, shown
from tapegraph.debug.summary import summary
from tapegraph.mode import mode

OURS = ("tapegraph", "engine", "eager", "graph", "compiler")


@dataclass
class Stop:
    """Where a program has stopped.

    ``part``: "forward", "backward" (``gradient`` has arrived at the op, ``gradients`` go on to its operands), or "here"
    (``breakpoint_here``). ``op``: its name; ``operands``, ``result``: arrays. ``names``: what the user's variables stand for.
    ``turns``: the number of the step in each loop around it, outermost first.
    """

    part: str
    where: origin.Origin
    op: str = ""
    operands: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    names: dict[str, Any] = field(default_factory=dict)
    gradient: Any = None
    gradients: dict[str, Any] = field(default_factory=dict)
    turns: tuple[int, ...] = ()

    @property
    def place(self) -> origin.Place | None:
        """File, line and columns of the user's expression; None where there is no user's frame."""
        frames = origin.user_frames(self.where)
        return origin.resolve(frames[0]) if frames else None

    @property
    def locals(self) -> dict[str, Any]:
        """The names of the frame that the debugger opens in."""
        extra: dict[str, Any] = {}
        if self.part != "here":
            extra = {"operands": self.operands, "result": self.result}
            extra |= {name: x for name, x in self.operands.items() if name.isidentifier()}
        if self.part == "backward":
            extra |= {"gradient": self.gradient, "gradients": self.gradients}
        return {name: _as_seen(x) for name, x in {**extra, **self.names}.items()}

    def __str__(self) -> str:
        step = f", step {'.'.join(map(str, self.turns))}" if self.turns else ""
        if self.part == "here":
            return f"breakpoint{step}"
        lines = [f"{'backward of ' if self.part == 'backward' else ''}{self.op}{step}"]
        shown_values = [*self.operands.items(), ("result", self.result), ("gradient", self.gradient)]
        shown_values += [(f"gradient of {name}", x) for name, x in self.gradients.items()]
        lines += [f"  {name}: {summary(np.asarray(x))}" for name, x in shown_values if x is not None]
        return "\n".join(lines)


def _as_seen(value: Any) -> Any:
    """Arrays as tensors, in dicts too."""
    if type(value) is dict:
        return {k: _as_seen(v) for k, v in value.items()}
    return shown(value) if type(value) is np.ndarray else value


def halt(stop: Stop, on_stop: Callable[[Stop], Any] | None) -> None:
    """Give the stop to ``on_stop``, or open the debugger at its place; return when the program is to go on.

    What is called meanwhile runs line by line. Raises BdbQuit where the debugger is told to quit.
    """
    frames = origin.user_frames(stop.where)
    with mode("inline"), dispatch.interpret(dispatch.default), origin.inherit(()):
        if on_stop is not None:
            on_stop(stop)
        elif frames and os.environ.get("PYTHONBREAKPOINT") != "0":
            call_at(frames[0], stop.locals, _debugger(stop))


def _debugger(stop: Stop) -> Callable[[], Any]:
    """What opens a debugger in the frame that calls it: the hook that the user has set, IPython's, or Python's."""
    if sys.breakpointhook is not sys.__breakpointhook__ or os.environ.get("PYTHONBREAKPOINT"):
        return sys.breakpointhook
    if hasattr(builtins, "get_ipython"):
        from IPython.core.debugger import set_trace  # it is running

        found: Callable[[], Any] = set_trace
        return found
    return lambda: Debugger().open(sys._getframe(1), stop)


class Debugger(pdb.Pdb):
    """pdb, without the library's frames: ``up`` goes to the user's caller, ``n`` to their next line that runs."""

    def __init__(self) -> None:
        super().__init__(skip=[f"{name}{rest}" for name in OURS for rest in ("", ".*")] + ["contextlib", "ctypes*"])
        self.made: FrameType | None = None  # the frame it was opened in, which stands for a line that does not run
        self.stepping = ""

    def open(self, frame: FrameType, stop: Stop) -> None:
        """Talk to the user; then either go on or, for a step, stop again at the next line of theirs."""
        if stop.part != "here":
            self.message(str(stop))
        self.made = frame
        self.reset()
        self.interaction(frame, None)
        if self.quitting:
            raise BdbQuit
        caller = frame.f_back
        while caller is not None and not _users(caller):
            caller = caller.f_back
        if not self.stepping or caller is None:
            return
        self.made = None
        outer: FrameType | None = caller
        while outer is not None:
            outer.f_trace = self.trace_dispatch
            self.botframe = outer
            outer = outer.f_back
        if self.stepping == "s":
            self.set_step()
        else:
            self.set_next(caller)
        sys.settrace(self.trace_dispatch)

    def get_stack(self, f: Any, t: Any) -> Any:
        """Those of the frames that are the user's, and the chosen one among them."""
        stack, index = super().get_stack(f, t)
        chosen = stack[index][0]
        kept = [e for e in stack if e[0] is chosen or (_users(e[0]) and not self._stood_for(e[0]))]
        return kept, [e[0] for e in kept].index(chosen)

    def _stood_for(self, frame: FrameType) -> bool:
        """Whether the frame that was made stands for this one, which waits at the same line."""
        made = self.made
        if made is None or frame is made:
            return False
        code = frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno
        return code == (made.f_code.co_filename, made.f_code.co_qualname, made.f_lineno)

    def do_next(self, arg: str) -> Any:
        return self._step("n") if self.made else super().do_next(arg)

    def do_step(self, arg: str) -> Any:
        return self._step("s") if self.made else super().do_step(arg)

    def do_return(self, arg: str) -> Any:
        return self._step("n") if self.made else super().do_return(arg)

    do_n, do_s, do_r = do_next, do_step, do_return

    def _step(self, how: str) -> int:
        self.stepping = how
        return 1


def _users(frame: FrameType) -> bool:
    return origin.is_user_file(frame.f_code.co_filename)
