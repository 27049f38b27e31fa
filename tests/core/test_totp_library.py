"""``watchword.totp`` without a service, and its how-to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from watchword import totp
from watchword.errors import AlreadyUsedError, InvalidInputError, MismatchError

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "check-codes-yourself.md"
AT = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


def test_new_keys_are_random_and_usual() -> None:
    key, other = totp.new_key(issuer="ACME", account="ann"), totp.new_key()
    assert (20, "SHA1", 6, 30, "ACME", "ann") == (
        *(len(key.secret), key.algorithm, key.digits, key.period),
        *(key.issuer, key.account),
    )
    assert key.secret != other.secret
    assert key.secret.hex() not in repr(key)


def test_pyotp_reads_the_uri_and_shows_the_same_code() -> None:
    key = totp.new_key(issuer="ACME", account="ann@example.com")
    theirs = pyotp.parse_uri(totp.write_key_uri(key))
    assert isinstance(theirs, pyotp.TOTP)
    assert theirs.at(AT) == totp.code_at(key, AT)


def test_a_qr_code_is_an_svg_without_the_text_in_clear() -> None:
    key = totp.new_key(issuer="ACME", account="ann")
    drawn = totp.qr_svg(key)
    assert drawn.startswith("<svg")
    assert "otpauth" not in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(InvalidInputError):
        totp.qr_svg(totp.AuthenticatorKey(key.secret, "i" * 2_000, "a" * 2_000))


@pytest.mark.parametrize("off", range(-3, 4))
def test_a_window_is_one_step_either_way_and_names_the_step(off: int) -> None:
    key = totp.new_key()
    then = AT + timedelta(seconds=30 * off)
    if abs(off) > 1:
        with pytest.raises(MismatchError):
            totp.verify(key, totp.code_at(key, then), AT)
        return
    step = totp.verify(key, totp.code_at(key, then), AT)
    assert int(then.timestamp()) // 30 == step
    with pytest.raises(AlreadyUsedError):
        totp.verify(key, totp.code_at(key, then), AT, after=step)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        totp.code_at(totp.new_key(), AT.replace(tzinfo=None))


def test_a_key_that_was_used_equals_one_that_was_not() -> None:
    key = totp.new_key()
    totp.code_at(key, AT)
    again = totp.AuthenticatorKey(key.secret)
    assert (key, hash(key), repr(key)) == (again, hash(again), repr(again))


def test_the_examples_of_the_how_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    page: dict[str, Any] = {}
    examples = re.findall(r"^```python\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert 2 == len(examples)
    for example in examples:
        exec(example, page)  # noqa: S102 - the page is ours
    assert "That code was used. Wait for the next one.\n" == capsys.readouterr().out
