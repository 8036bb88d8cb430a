"""The command line: ``tapegraph COMMAND``, a module for each command, and what they have in common."""
