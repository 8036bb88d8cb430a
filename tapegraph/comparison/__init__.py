"""The comparison of the two modes: measuring, the cost of compiling, planted mistakes, the digits job, the report."""
