"""The comparison of the two modes: measuring, agreement, the cost of compiling, peers, verdict, tables, history."""
