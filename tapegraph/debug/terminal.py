"""The terminal's side of a replay: one-letter commands."""

from __future__ import annotations

import cmd
from typing import Any

import numpy as np

import tapegraph
from engine.errors import ArgumentError
from tapegraph.debug.replaying import Replay


class Terminal(cmd.Cmd):
    """A command loop over a replay."""

    prompt = "(replay) "

    def __init__(self, replay: Replay) -> None:
        super().__init__()
        self.replay = replay
        self.intro = str(replay)

    def _say(self, text: Any) -> None:
        print(text, file=self.stdout)

    def onecmd(self, line: str) -> Any:
        try:
            return super().onecmd(line)
        except ArgumentError as mistake:
            self._say(mistake.problem)
            return False

    def do_n(self, arg: str) -> None:
        """n [count]: the next op"""
        moved = [self.replay.step() for _ in range(int(arg or 1))]
        self._say(self.replay.where() if moved[-1] else "the last op")

    def do_b(self, arg: str) -> None:
        """b [count]: the op before"""
        moved = [self.replay.back() for _ in range(int(arg or 1))]
        self._say(self.replay.where() if moved[-1] else "the first op")

    def do_g(self, arg: str) -> None:
        """g NUMBER | FILE:LINE | OP: go there"""
        self.replay.goto(int(arg) if arg.lstrip("-").isdigit() else arg)
        self._say(self.replay.where())

    def do_u(self, arg: str) -> None:
        """u CONDITION: run until an op's result is "nan", "nonfinite", "norm > 10", or to the end"""
        found = self.replay.run(arg or None)
        self._say(self.replay.where() if found else f"no further op with {arg}")

    def do_i(self, arg: str) -> None:
        """i [turn]: into the loop or branch"""
        self.replay = self.replay.into(int(arg or 0))
        self._say(self.replay)

    def do_o(self, arg: str) -> None:
        """o: out of the loop or branch"""
        self.replay = self.replay.out()
        self._say(self.replay)

    def do_p(self, arg: str) -> None:
        """p EXPRESSION: its value; variables, operands and result are at hand, and np and tg"""
        try:
            self._say(eval(arg, {"np": np, "tg": tapegraph, "replay": self.replay}, self.replay.locals))
        except Exception as mistake:
            self._say(f"*** {type(mistake).__name__}: {mistake}")

    def do_l(self, arg: str) -> None:
        """l: list the ops around"""
        self._say(self.replay)

    def do_w(self, arg: str) -> None:
        """w: where, with operands and result"""
        self._say(self.replay.where())

    def do_q(self, arg: str) -> bool:
        """q: quit"""
        return True

    do_EOF = do_q

    def emptyline(self) -> bool:
        return False

    def default(self, line: str) -> None:
        self._say(f"there is no command {line.split()[0]!r}; help lists them")
