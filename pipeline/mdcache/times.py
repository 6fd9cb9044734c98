"""The one form in which mdcache says when something happened."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond: '2026-03-01T09:12:44.031+00:00'."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def age_s(stamp: str | None) -> float | None:
    """Return how many seconds ago a time was that now() has given; None where there is none, or no such time."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(stamp or "")).total_seconds()
    except (ValueError, TypeError):
        return None
