"""A relay that says anything at all: every way out of ``send`` is a receipt or a DeliveryError."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.hostile_relays import Answer, Deed, Script, scripted_relay
from tests.support.sending import LETTER, PASSWORD, mailer
from tests.support.tls import Authority
from watchword.core.message import Receipt
from watchword.errors import DeliveryError

VERBS = ["", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "RSET", "NOOP"]
REASONS = {
    *("tls_unavailable", "tls_handshake", "starttls_injection", "auth_refused", "timeout", "connection_lost"),
    *("relay_garbled", "relay_deferred", "refused", "8bitmime_unavailable"),
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


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "starttls"])
@given(answers=scripts, methods=st.sampled_from([(), ("AUTH PLAIN",), ("AUTH LOGIN",)]))
@example(answers={"EHLO": b"250-\xff\xff\r\n250 AUTH \xff\r\n"}, methods=())
@example(answers={"": b"220 " + b"x" * 9_000 + b"\r\n"}, methods=())
@example(answers={".": b"250-" * 9_000}, methods=())
@example(answers={"AUTH": b"334 \xff\r\n"}, methods=("AUTH LOGIN",))
@settings(max_examples=500)
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
        running = scripted_relay(authority.valid(), script, implicit=implicit)
        async with running as relay, mailer(authority, relay, login=bool(methods), timeout=0.15) as smtp:
            for _ in range(2):
                try:
                    assert isinstance(await smtp.send(LETTER), Receipt)
                except DeliveryError as error:
                    assert error.reason in REASONS  # noqa: PT017 - either end is right
                    assert PASSWORD not in error.detail

    asyncio.run(scenario())
    assert [] == unforeseen
