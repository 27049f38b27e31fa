"""Messages as data: what is secret in them shows in no repr."""

from __future__ import annotations

from watchword.core.message import Envelope, PasscodeMessage
from watchword.flows.verification import Request


def test_a_message_does_not_show_its_code() -> None:
    message = PasscodeMessage("vf_x.1", "en", "Acme", "login", "271828", "lantern", 0, 60_000)
    assert "271828" not in f"{message!r} {message}"


def test_an_envelope_does_not_show_its_content() -> None:
    assert "271828" not in repr(Envelope("a@example.com", "b@example.com", b"Your code: 271828"))


def test_a_request_does_not_show_its_address() -> None:
    assert "ann@" not in repr(Request("email", "ann@example.com", "login"))
