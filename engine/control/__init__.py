"""Control flow as ops: in eager mode plain Python, in a graph one node whose parts are subprograms."""

from engine.control.branch import cond, switch
from engine.control.loop import while_loop
from engine.control.recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from engine.control.scan import scan

__all__ = [
    "cond",
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn",
    "rnn_cell",
    "scan",
    "switch",
    "while_loop",
]
