from __future__ import annotations

import re

import pytest

from mdcache import times


def test_a_time_is_utc_to_the_millisecond_and_sorts_as_text() -> None:
    first, second = times.now(), times.now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first)
    assert first <= second


def test_the_age_of_a_time_is_in_seconds() -> None:
    age_s = times.age_s(times.now())
    assert age_s is not None
    assert 0 <= age_s < 60


@pytest.mark.parametrize("stamp", [None, "", "x", "2026-01-01T00:00:00", "9999-99-99T00:00:00.000+00:00"])
def test_what_is_no_time_of_ours_has_no_age(stamp: str | None) -> None:
    assert times.age_s(stamp) is None
