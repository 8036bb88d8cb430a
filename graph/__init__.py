"""Static mode, first half: the interpreter that writes a symbolic graph, and what is done to the graph."""
