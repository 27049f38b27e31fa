"""A relay that says anything at all: every way out of ``send`` is a receipt or a DeliveryError."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import aiosmtplib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.hostile_relays import Answer, Deed, Script, scripted_relay
from tests.support.sending import LETTER, PASSWORD, Run, mailer
from tests.support.tls import Authority
from watchword.adapters.smtp import SmtpRelay
from watchword.errors import DeliveryError

CODE = "123456"
VERBS = ["", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "RSET", "NOOP"]
REASONS = {
    *("tls_unavailable", "tls_handshake", "starttls_injection", "auth_refused", "timeout", "connection_lost"),
    *("relay_garbled", "relay_deferred", "refused", ""),
}

noise = st.binary(max_size=40)
lines = st.builds(
    lambda code, mark, text: code + mark + text + b"\r\n",
    st.sampled_from([b"220", b"235", b"250", b"334", b"354", b"421", b"535", b"550", b"-25", b"+25", b" 2 ", b"2_0"]),
    st.sampled_from([b" ", b"-", b"", b"\t"]),
    st.sampled_from([b"ok", b"STARTTLS", b"AUTH PLAIN LOGIN", b"AUTH=PLAIN", b"AUTH", b"SIZE x", b"\xff\xfe", b"\x00"]),
)
said = st.one_of(noise, lines, st.lists(lines, max_size=4).map(b"".join), noise.map(lambda text: text + b"\r\n"))
answers = st.one_of(said, st.lists(st.one_of(said, st.just(Deed.CUT)), min_size=1, max_size=3))
scripts = st.dictionaries(st.sampled_from(VERBS), answers, max_size=4)


async def end(smtp: SmtpRelay) -> str:
    """How sending ends: '' where the message was taken. Anything but these two is raised."""
    try:
        receipt = await smtp.send(LETTER)
    except DeliveryError as error:
        return error.reason if PASSWORD not in error.detail else "the password was shown"
    return "" if receipt.transport == "T1" else "no proof"


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "starttls"])
@given(answers=scripts, methods=st.sampled_from([(), ("AUTH PLAIN",), ("AUTH LOGIN",)]))
@example(answers={"EHLO": b"250-\xff\xff\r\n250 AUTH \xff\r\n"}, methods=())
@example(answers={"": b"220 " + b"x" * 9_000 + b"\r\n"}, methods=())
@example(answers={".": b"250-" * 9_000}, methods=())
@example(answers={"AUTH": b"334 \xff\r\n"}, methods=("AUTH LOGIN",))
@settings(max_examples=40)
def test_whatever_a_relay_says_sending_ends_in_a_receipt_or_a_delivery_error(
    authority: Authority, implicit: bool, answers: dict[str, Answer | Sequence[Answer]], methods: tuple[str, ...]
) -> None:
    unforeseen: list[dict[str, Any]] = []

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # What the relay of the test stumbles over when it is cut off is its own affair.
        if not isinstance(context.get("exception"), asyncio.CancelledError | OSError):
            unforeseen.append(context)

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(note)
        script = Script(answers, offers_over_tls=methods)
        dials: dict[str, Any] = {"timeout": 0.15, "now": count(step=1_000).__next__}  # no pause outlasts one look
        running = scripted_relay(authority.valid(), script, implicit=implicit)
        async with running as relay, mailer(authority, relay, login=bool(methods), **dials) as smtp:
            ends = [await end(smtp) for _ in range(2)]
        assert {*ends} <= REASONS

    asyncio.run(scenario())
    assert [] == unforeseen


@pytest.mark.parametrize("error", [ValueError(CODE), UnicodeError(CODE), RuntimeError(CODE)])
@pytest.mark.parametrize("verb", [b"EHLO", b"AUTH", b"MAIL", b"DATA", b"RSET"])
def test_what_the_library_did_not_foresee_is_a_delivery_error_too(
    authority: Authority, run: Run, monkeypatch: pytest.MonkeyPatch, verb: bytes, error: Exception
) -> None:
    execute = aiosmtplib.SMTP.execute_command

    async def stumble(client: aiosmtplib.SMTP, *words: bytes, **options: Any) -> Any:
        if words[0] == verb:
            raise error
        return await execute(client, *words, **options)

    monkeypatch.setattr(aiosmtplib.SMTP, "execute_command", stumble)
    script = Script({"RCPT": b"451 later\r\n"} if verb == b"RSET" else {}, offers_over_tls=("AUTH PLAIN",))

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script, implicit=True)
        async with running as relay, mailer(authority, relay, login=True) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
        assert ("relay_deferred" if verb == b"RSET" else "relay_garbled") == caught.value.reason
        assert CODE not in caught.value.detail

    run(scenario())
