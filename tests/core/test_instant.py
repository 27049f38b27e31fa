"""Instants: milliseconds inside, RFC 3339 outside."""

from __future__ import annotations

import pytest

from watchword.core.instant import DAY, SECOND, _whole, rfc3339, seconds_until


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (DAY - 1, "1970-01-01T23:59:59.999Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(instant: int, text: str) -> None:
    assert text == rfc3339(instant)


@pytest.mark.parametrize(("span", "seconds"), [(1, 1), (1000, 1), (1001, 2), (0, 0), (-1, 0), (-5000, 0)])
def test_seconds_are_rounded_up_and_never_negative(span: int, seconds: int) -> None:
    assert seconds == seconds_until(span, 0)


def test_texts_of_seconds_that_are_over_are_not_kept_for_long() -> None:
    for second in range(10_000):
        rfc3339(second * SECOND)
    assert 512 >= _whole.cache_info().currsize
