"""Hypothesis draws the same examples on every run: a failure in CI is a failure here."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "tapegraph", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("tapegraph")
