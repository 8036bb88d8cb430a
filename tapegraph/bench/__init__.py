"""``tapegraph bench``: both modes beside other frameworks on the same work, each in a process of its own, by turns."""
