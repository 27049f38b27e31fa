"""Codes by the clock: what an app shows, and which step a typed code belongs to."""

from __future__ import annotations

import pytest

from watchword.core import totp

SECRET = b"12345678901234567890"
NOON = 1_795_435_200_000
HERE = NOON // 30_000


@pytest.mark.parametrize(("now", "step"), [(0, 0), (29_999, 0), (30_000, 1), (NOON, HERE), (NOON + 29_999, HERE)])
def test_a_step_lasts_thirty_seconds(now: int, step: int) -> None:
    assert step == totp.step_at(now)


@pytest.mark.parametrize(("now", "left"), [(0, 30), (1, 30), (999, 30), (1_000, 29), (29_999, 1), (30_000, 30)])
def test_the_countdown_is_never_zero(now: int, left: int) -> None:
    assert left == totp.seconds_left(now)


@pytest.mark.parametrize("skew", [0, 1, 2])
@pytest.mark.parametrize("off", range(-3, 4))
def test_a_code_is_right_within_the_skew_and_names_its_step(skew: int, off: int) -> None:
    typed = totp.totp(SECRET, NOON + off * 30_000)

    found = totp.matching_step(SECRET, typed, NOON, skew=skew)

    assert found == (HERE + off if abs(off) <= skew else None)


def test_step_zero_is_a_step() -> None:
    assert 0 == totp.matching_step(SECRET, "755224", 0)


def test_the_newest_step_is_named_when_a_code_is_right_for_two() -> None:
    secret = b"collide       246995"  # found by search: its codes of steps 0 and 1 are the same

    assert totp.hotp(secret, 0) == totp.hotp(secret, 1)
    assert 1 == totp.matching_step(secret, totp.hotp(secret, 0), 0)
    assert 1 == totp.matching_step(secret, totp.hotp(secret, 0), 30_000)
    assert 0 == totp.matching_step(secret, totp.hotp(secret, 0), 0, skew=0)


@pytest.mark.parametrize("typed", ["", "75522", "7552244", "000000", "75522\uff14", "755224 "])
def test_anything_else_matches_no_step(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, 0) is None


@pytest.mark.parametrize(
    "wrong",
    [{"digits": 5}, {"digits": 9}, {"algorithm": "MD5"}, {"algorithm": "sha1"}, {"period": 0}, {"period": 601}],
)
def test_a_key_outside_the_format_has_no_codes(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"(is|has) "):
        totp.totp(SECRET, NOON, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("skew", [-1, 11])
def test_a_skew_has_bounds(skew: int) -> None:
    with pytest.raises(ValueError, match="skew"):
        totp.matching_step(SECRET, "755224", NOON, skew=skew)


def test_kept_states_tell_nothing_of_their_key() -> None:
    assert "Codes()" == repr(totp.Codes(SECRET))
