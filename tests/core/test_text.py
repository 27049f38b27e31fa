"""Texts: what one segment holds, and the line that binds a code to its origin."""

from __future__ import annotations

import re

import pytest

from watchword.core.text import MAX_SEPTETS, bind, fits, is_host, septets

# The grammar of WICG's origin-bound one-time codes: the last line, "@", host, space, "#", code, and no more.
ORIGIN_BOUND = re.compile(r"@(?P<host>[^\s@#]+) #(?P<code>[^\s@#]+)(?: @(?P<embedded>[^\s@#]+))?")


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("a", 1), ("äöüÄÖÜß", 7), ("€", 2), ("[]{}|~^\\", 16), ("@£$¥", 4), ("\n", 1), ("…", None), ("Ж", None)],
)
def test_a_text_takes_as_many_septets_as_gsm_has_for_it(text: str, size: int | None) -> None:
    assert size == septets(text)


def test_a_segment_holds_a_hundred_and_sixty_and_no_more() -> None:
    assert fits("a" * MAX_SEPTETS)
    assert not fits("a" * (MAX_SEPTETS + 1))
    assert not fits("€" * 81)
    assert not fits("☺")


def test_the_last_line_is_what_the_specifications_parser_reads() -> None:
    read = ORIGIN_BOUND.fullmatch(bind("acme.example", "012345"))

    assert read is not None
    assert ("acme.example", "012345", None) == (read["host"], read["code"], read["embedded"])


@pytest.mark.parametrize("host", ["acme.example", "localhost", "a.b-c.example", "127.0.0.1"])
def test_a_host_is_a_name(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", ["", "Acme.example", "acme.example:443", "acme.example #1", "@acme", "-a.de", "ä.de"])
def test_what_is_no_plain_host_cannot_be_bound_to(host: str) -> None:
    assert not is_host(host)
