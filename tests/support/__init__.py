"""What several generated suites share."""
