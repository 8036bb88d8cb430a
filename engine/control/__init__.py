"""Control flow as ops: in eager mode plain Python, in a graph one node whose parts are subprograms."""

from engine.control.branch import cond, switch
from engine.control.loop import while_loop
from engine.control.scan import scan

__all__ = ["cond", "scan", "switch", "while_loop"]
