"""What a caller gives by mistake is refused in words, before anything is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.client.answers import KEY
from watchword.client import AuthenticatorClient, SecretClient, given
from watchword.core import ids
from watchword.errors import InvalidInputError, UnknownError

HERE = "http://127.0.0.1:1"
SECRET = "sc_" + "A" * 22


def test_what_is_as_it_should_be_is_given_back() -> None:
    now = datetime.now(UTC)

    assert ("a", "b-_1", now, 90) == (
        given.text("to", "a"),
        given.token("manage_token", "b-_1"),
        given.instant("rotate_by", now),
        given.whole_seconds(timedelta(minutes=1.5)),
    )


@pytest.mark.parametrize("token", [None, "", "two words", "a\r\nX-Other: 1", "ü", "a" * 201])
def test_what_cannot_be_a_token_is_put_into_no_header_and_not_repeated(token: Any) -> None:
    with SecretClient(HERE) as client, pytest.raises(InvalidInputError) as caught:
        client.burn(SECRET, token)

    assert "manage_token" == caught.value.field
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("value", [None, 7])
def test_what_is_no_text_is_named_by_its_field(value: Any) -> None:
    with SecretClient(HERE) as client:
        with pytest.raises(InvalidInputError, match=r"^id: "):
            client.status(value, "token")
        with pytest.raises(InvalidInputError, match=r"^link: "):
            client.reveal(value)


def test_what_is_no_text_is_told_by_its_type_and_not_repeated() -> None:
    with pytest.raises(InvalidInputError, match=r"^code: .* of type int\.$") as caught:
        given.text("code", 271828)

    assert "271828" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["foo", "vf_", "vf_" + "A" * 21, "vf_" + "A" * 23, "sc_" + "A" * 22, "vf_" + "A" * 21 + "B"]
)
def test_what_cannot_be_an_id_is_unknown_and_says_how_one_looks(text: str) -> None:
    with pytest.raises(UnknownError, match="vf_"):
        given.id_text(ids.VERIFICATION, text)


@pytest.mark.parametrize(("value", "why"), [("2027-01-01", "datetime"), (datetime(2027, 1, 1), "zone")])  # noqa: DTZ001 - it is the mistake
def test_a_day_to_change_a_key_by_is_a_time_with_its_zone(value: Any, why: str) -> None:
    with AuthenticatorClient(HERE, KEY) as client, pytest.raises(InvalidInputError, match=f"^rotate_by: .*{why}"):
        client.hand_over("user-1", rotate_by=value)


def test_a_lifetime_of_a_handover_is_not_cut_off_in_silence() -> None:
    with AuthenticatorClient(HERE, KEY) as client, pytest.raises(InvalidInputError, match="whole number"):
        client.hand_over("user-1", expires_in=timedelta(seconds=90.5))
