"""Small programs with one planted mistake each. The comment before the guilty line quotes the guilty expression.

They are copied to a temporary folder and imported from there, because files of the engine's own packages are not
reported as the user's.
"""
