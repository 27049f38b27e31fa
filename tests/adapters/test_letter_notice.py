"""Letters of notices, read back as a mail program would."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from tests.adapters.test_letter import HOSTILE_NAMES, RECIPIENT, Visible, locales
from watchword.adapters.catalogue import Catalogues
from watchword.adapters.letter import Letters, MailFrom
from watchword.core.message import NoticeLine, NoticeMessage
from watchword.core.notice import Kind
from watchword.errors import InvalidInputError

CATALOGUES = Catalogues.load()
SENDER = MailFrom.parse("Acme Codes <codes@acme.example>")
LETTERS = Letters(SENDER, CATALOGUES)
URL = "https://acme.example/help/not-me"
AT = 1_795_442_531_250  # 2026-11-23 14:02:11 UTC
MESSAGE = NoticeMessage(
    key="no_AaHuVl4AEBESExQVFhcYGQ.1",
    locale="en",
    app_name="Acme",
    lines=(NoticeLine("authenticator_added", AT),),
    created_at=AT,
)


@locales
@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
def test_every_kind_is_told_with_its_time_and_what_to_do(kind: str, locale: str) -> None:
    letter = LETTERS.compose_notice(RECIPIENT, replace(MESSAGE, locale=locale, lines=(NoticeLine(kind, AT),)))
    sentences = CATALOGUES.choose(locale).plain
    read = message_from_bytes(letter.source, policy=default)
    assert sentences[f"notice_subject.{kind}"].format(app="Acme") == letter.subject == read["Subject"]
    assert (RECIPIENT, locale) == (read["To"], read["Content-Language"])
    assert "<no_AaHuVl4AEBESExQVFhcYGQ.1@acme.example>" == read["Message-ID"]
    for body in (letter.text, "\n".join(Visible(letter.html).nodes).replace("\nAcme\n", "Acme")):
        assert sentences[f"notice_line.{kind}"] in body
        assert "2026-11-23 14:02 UTC" in body
        assert sentences["notice.was_you"] in body
        assert sentences["notice.was_not_you"].format(app="Acme") in body


@locales
def test_a_notice_has_no_link_but_the_operators(locale: str) -> None:
    message = replace(MESSAGE, locale=locale)
    without = LETTERS.compose_notice(RECIPIENT, message)
    assert not re.search(r"https?://|<a\b", without.text + without.html)
    given = Letters(SENDER, CATALOGUES, URL).compose_notice(RECIPIENT, message)
    assert [URL] == re.findall(r"https?://\S+", given.text)
    assert [("href", URL)] == [pair for pair in Visible(given.html).attributes if pair[0] in {"href", "src"}]


def test_several_things_are_told_in_one_letter_with_how_often() -> None:
    lines = (NoticeLine("recovery_codes_renewed", AT, 12), NoticeLine("authenticator_added", AT))
    letter = LETTERS.compose_notice(RECIPIENT, replace(MESSAGE, lines=lines))
    assert "Changes to your account at Acme" == letter.subject
    assert "2026-11-23 14:02 UTC (12\N{MULTIPLICATION SIGN})" in letter.text
    assert 2 == letter.text.count("2026-11-23 14:02 UTC")


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_a_hostile_app_name_changes_nothing_but_the_name(name: str) -> None:
    usual, letter = (LETTERS.compose_notice(RECIPIENT, replace(MESSAGE, app_name=app)) for app in ("Acme", name))
    assert Visible(usual.html).tags == Visible(letter.html).tags
    assert len(usual.text.splitlines()) == len(letter.text.splitlines())
    assert not re.search(r"https?://", letter.text + letter.html + letter.subject)
    assert message_from_bytes(usual.source, policy=default).keys() == (
        message_from_bytes(letter.source, policy=default).keys()
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"lines": ()}, "lines"),
        ({"lines": (NoticeLine("invoice", AT),)}, "lines"),
        ({"key": "a b"}, "key"),
    ],
)
def test_what_is_no_notice_is_not_written(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        LETTERS.compose_notice(RECIPIENT, replace(MESSAGE, **wrong))  # type: ignore[arg-type]
    assert field == refused.value.field


def test_a_recipient_that_is_two_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        LETTERS.compose_notice("a@example.org, b@example.org", MESSAGE)


def test_the_same_notice_is_the_same_bytes() -> None:
    first, again = (LETTERS.compose_notice(RECIPIENT, MESSAGE).source for _ in range(2))
    assert first == again
