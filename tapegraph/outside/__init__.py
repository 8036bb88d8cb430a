"""What a traced program reads from Python and does to Python outside of its graph, and what has become of it since."""
