"""Keys as people have them: what is kept out of sight, and what the vectors do not say."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest

from watchword import totp
from watchword.core import base32, otpauth, pasted
from watchword.core import totp as codes
from watchword.core.otpauth_words import PROBLEMS, WARNINGS, UnusableKeyError
from watchword.errors import AlreadyUsedError, InvalidInputError, MismatchError

SECRET = b"12345678901234567890"
KEY = totp.AuthenticatorKey(SECRET, "ACME", "ann@example.org")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_key_does_not_show_its_secret() -> None:
    shown = repr(KEY) + str(KEY) + repr(pasted.recognise(otpauth.write_key_uri(KEY)))

    assert "ACME" in shown
    assert "12345" not in shown
    assert base32.write(SECRET) not in shown


@pytest.mark.parametrize("text", ["otpauth://totp/x?secret=hunter2!", "otpauth://totp/hunter2%4?x", "hunter2!"])
def test_a_refusal_says_nothing_of_the_text(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        totp.read_key(text)

    error = caught.value
    assert "hunter2" not in f"{error} {error.detail} {error.args} {error.__context__!r}"
    assert isinstance(error, UnusableKeyError)
    assert PROBLEMS[error.reason] == error.detail


def test_every_sentence_is_one_for_people() -> None:
    for sentence in (*PROBLEMS.values(), *WARNINGS.values()):
        assert sentence.endswith(".")
        assert len(sentence) < 120


def test_a_bare_text_that_is_too_long_is_no_key() -> None:
    with pytest.raises(UnusableKeyError, match="longer"):
        totp.read_key("A2" * 300)


def test_a_key_is_grouped_for_reading() -> None:
    assert ["", "ABC", "ABCD EFGH IJ"] == [base32.groups_of_four(text) for text in ("", "ABC", "ABCDEFGHIJ")]


def test_codes_are_those_of_oathtool() -> None:
    for algorithm in codes.ALGORITHMS:
        for digits in (6, 7, 8):
            for period in (30, 45):
                key = totp.AuthenticatorKey(SECRET * 2, algorithm=algorithm, digits=digits, period=period)
                command = [
                    *("oathtool", f"--totp={algorithm}", f"--digits={digits}", f"--time-step-size={period}s"),
                    *("--now=2026-11-23 12:00:07 UTC", "--base32", "-"),
                ]
                told = subprocess.run(
                    command, input=base32.write(key.secret), capture_output=True, text=True, check=True
                )
                assert told.stdout.strip() == totp.code_at(key, NOON + timedelta(seconds=7))


def test_a_code_counts_once() -> None:
    code = totp.code_at(KEY, NOON)

    step = totp.verify(KEY, f" {code[:3]} {code[3:]}", NOON)

    assert int(NOON.timestamp()) // 30 == step
    with pytest.raises(AlreadyUsedError):
        totp.verify(KEY, code, NOON + timedelta(seconds=29), after=step)
    assert step + 1 == totp.verify(KEY, totp.code_at(KEY, NOON + timedelta(seconds=30)), NOON, after=step)


def test_a_wrong_code_and_a_late_one_are_refused() -> None:
    for typed, at in (("000000", NOON), (totp.code_at(KEY, NOON), NOON + timedelta(seconds=60))):
        with pytest.raises(MismatchError):
            totp.verify(KEY, typed, at)


def test_the_skew_can_be_closed() -> None:
    with pytest.raises(MismatchError):
        totp.verify(KEY, totp.code_at(KEY, NOON), NOON + timedelta(seconds=30), skew=0)


def test_letters_are_no_code() -> None:
    with pytest.raises(InvalidInputError):
        totp.verify(KEY, "12345a", NOON)


def test_a_time_is_the_same_in_every_zone() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))

    assert totp.code_at(KEY, NOON) == totp.code_at(KEY, there)


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        totp.code_at(KEY, NOON.replace(tzinfo=None))


def test_a_link_and_a_bare_key_are_read_alike() -> None:
    bare = totp.read_key("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")

    assert totp.AuthenticatorKey(SECRET) == bare
    assert KEY == totp.read_key(totp.write_key_uri(KEY))
