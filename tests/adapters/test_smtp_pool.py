"""Connections that are kept: shared, bounded, re-checked, replaced, and never trusted half-way."""

from __future__ import annotations

import asyncio
import gc
import ssl

import pytest

from tests.support.hostile_relays import OK, Deed, Script, scripted_relay
from tests.support.relays import recording_relay
from tests.support.sending import LETTER, Run, failed, mailer
from tests.support.tls import Authority
from watchword.adapters.smtp_connection import Connection, _Client
from watchword.core.delivery import NOT_HANDED_OVER
from watchword.core.message import TlsFacts
from watchword.errors import DeliveryError


def test_messages_share_one_connection(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            for _ in range(3):
                await smtp.send(LETTER)
        assert (1, 3, 1) == (relay.opened, len(relay.messages), relay.verbs.count("EHLO"))

    run(scenario())


def test_there_are_never_more_connections_than_allowed(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay, max_connections=3) as smtp:
            await asyncio.gather(*(smtp.send(LETTER) for _ in range(30)))
        assert (30, 3, 3) == (len(relay.messages), relay.most_live, relay.opened)

    run(scenario())


def test_a_ping_makes_room_for_its_own_connection(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay, max_connections=1) as smtp:
            await smtp.send(LETTER)
            await smtp.ping()
        assert (2, ["QUIT", "EHLO", "NOOP", "QUIT"]) == (relay.opened, relay.verbs[5:])

    run(scenario())


def test_closing_while_a_message_is_under_way_closes_its_connection_afterwards(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            sending = asyncio.create_task(smtp.send(LETTER))
            await relay.until(lambda: "MAIL" in relay.verbs)
            await smtp.aclose()
            await sending
            await relay.until(lambda: relay.live == 0)
        assert 1 == len(relay.messages)

    run(scenario())


def test_a_connection_that_is_gone_takes_no_message(run: Run) -> None:
    async def scenario() -> None:
        gone = Connection(_Client(), TlsFacts("", "", ""), seconds=1.0)
        with pytest.raises(DeliveryError) as caught:
            await gone.hand_over(LETTER.content)
        assert ("connection_lost", False) == (caught.value.reason, caught.value.uncertain)

    run(scenario())


def test_a_refused_message_is_reset_and_the_next_one_uses_the_same_connection(authority: Authority, run: Run) -> None:
    script = Script({"RCPT": (b"550 5.1.1 no\r\n", OK)})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError):
                await smtp.send(LETTER)
            await smtp.send(LETTER)
        assert (1, 1, True) == (relay.opened, len(relay.messages), "RSET" in relay.verbs)

    run(scenario())


@pytest.mark.parametrize("more", [OK, b"550 5.1.1 no such user\r\n", b"421 4.4.2 bye\r\n", b"2"])
def test_what_comes_with_the_answer_to_one_message_answers_no_other_and_ends_the_connection(
    authority: Authority, run: Run, more: bytes
) -> None:
    script = Script({".": OK + more})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay) as smtp:
            for _ in range(3):
                await smtp.send(LETTER)
        assert (3, 3) == (relay.opened, len(relay.messages))

    run(scenario())


def test_a_yes_that_comes_before_the_message_does_not_count(authority: Authority, run: Run) -> None:
    script = Script({"DATA": b"354 go on\r\n250 2.0.0 OK\r\n"})

    async def scenario() -> None:
        error, _ = await failed(authority, scripted_relay(authority.valid(), script))
        assert ("relay_garbled", False, False) == (error.reason, error.permanent, error.uncertain)

    run(scenario())


@pytest.mark.parametrize("more", [OK, b"2", b"\r\n"])
def test_what_comes_with_the_greeting_answers_no_command(authority: Authority, run: Run, more: bytes) -> None:
    script = Script({"": b"220 relay.test ESMTP\r\n" + more})

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script, implicit=True))
        assert ("relay_garbled", []) == (error.reason, relay.verbs)

    run(scenario())


@pytest.mark.parametrize("implicit", [True, False])
def test_a_connection_that_was_lost_leaves_no_tls_behind_for_the_collector(
    authority: Authority, run: Run, implicit: bool
) -> None:
    """It is 40 kB each time, and a service collects seldom."""
    script = Script({"MAIL": Deed.CUT})

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script, implicit=implicit)
        async with running as relay, mailer(authority, relay) as smtp:
            gc.collect()
            gc.disable()
            for _ in range(3):
                with pytest.raises(DeliveryError):
                    await smtp.send(LETTER)
            async with asyncio.timeout(60):
                while any(isinstance(each, ssl.SSLObject) for each in gc.get_objects()):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)  # the relay's own end goes in some more rounds of the loop

    try:
        run(scenario())
    finally:
        gc.enable()


def test_a_relay_that_says_goodbye_to_a_message_is_not_waited_for(authority: Authority, run: Run) -> None:
    script = Script({".": b"421 4.3.2 bye\r\n", "RSET": Deed.HANG})

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script))
        assert ("relay_deferred", False) == (error.reason, "RSET" in relay.verbs)

    run(scenario())


@pytest.mark.parametrize("reset", [Deed.CUT, b"500 5.5.1 no\r\n", b"421 4.0.0 bye\r\n"])
def test_a_connection_that_cannot_be_reset_is_not_used_again(
    authority: Authority, run: Run, reset: bytes | Deed
) -> None:
    script = Script({"RCPT": (b"550 5.1.1 no\r\n", OK), "RSET": reset})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
            await smtp.send(LETTER)
        assert ("refused", 2, 1) == (caught.value.reason, relay.opened, len(relay.messages))

    run(scenario())


@pytest.mark.parametrize("deed", [Deed.CUT, b"421 4.4.2 idle too long\r\n"])
def test_a_kept_connection_that_died_is_replaced_before_mail_is_accepted(
    authority: Authority,
    run: Run,
    deed: bytes | Deed,
) -> None:
    script = Script({"MAIL": (OK, deed, OK)})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay) as smtp:
            await smtp.send(LETTER)
            await smtp.send(LETTER)
        assert (2, 2) == (relay.opened, len(relay.messages))

    run(scenario())


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "."])
def test_nothing_is_repeated_once_mail_was_accepted(authority: Authority, run: Run, verb: str) -> None:
    usual = b"354 go on\r\n" if verb == "DATA" else OK
    script = Script({verb: (usual, Deed.CUT, usual)})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay) as smtp:
            await smtp.send(LETTER)
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
        assert ("connection_lost", 1, 2) == (caught.value.reason, relay.opened, relay.verbs.count("MAIL"))

    run(scenario())


def test_a_new_connection_that_dies_at_mail_is_not_tried_again(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), Script({"MAIL": Deed.CUT})))
        assert ("connection_lost", 1) == (error.reason, relay.opened)

    run(scenario())


def test_a_rested_connection_is_asked_before_it_is_used(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay, recheck_after=0.0) as smtp:
            await smtp.send(LETTER)
            await smtp.send(LETTER)
        assert ["NOOP", "MAIL"] == relay.verbs[5:7]

    run(scenario())


@pytest.mark.parametrize("deed", [Deed.CUT, b"450 4.0.0 no\r\n"])
def test_a_rested_connection_that_does_not_answer_is_replaced(
    authority: Authority,
    run: Run,
    deed: bytes | Deed,
) -> None:
    script = Script({"NOOP": deed})

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, recheck_after=0.0) as smtp:
            await smtp.send(LETTER)
            await smtp.send(LETTER)
        assert (2, 2) == (relay.opened, len(relay.messages))

    run(scenario())


def test_where_a_rested_connection_does_not_answer_those_that_rested_longer_are_not_asked(
    authority: Authority, run: Run
) -> None:
    async def scenario() -> None:
        running = scripted_relay(authority.valid(), Script({"NOOP": Deed.CUT}))
        async with running as relay, mailer(authority, relay, max_connections=3, recheck_after=60.0) as smtp:
            await asyncio.gather(*(smtp.send(LETTER) for _ in range(30)))
            smtp._pool._recheck_after = 0.0
            await smtp.send(LETTER)
        assert (4, 1) == (relay.opened, relay.verbs.count("NOOP"))

    run(scenario())


def test_a_connection_that_idles_too_long_says_quit(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay, idle=0.01) as smtp:
            await smtp.send(LETTER)
            await relay.until(lambda: relay.live == 0)
            assert "QUIT" == relay.verbs[-1]

    run(scenario())


def test_closing_says_quit_and_leaves_no_connection(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay:
            async with mailer(authority, relay) as smtp:
                await asyncio.gather(*(smtp.send(LETTER) for _ in range(4)))
            await relay.until(lambda: relay.live == 0)
            assert relay.opened == relay.verbs.count("QUIT")

    run(scenario())


def test_closing_does_not_wait_for_a_relay_that_hangs(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with scripted_relay(authority.valid(), Script({"QUIT": Deed.CUT})) as relay:
            async with mailer(authority, relay) as smtp:
                await smtp.send(LETTER)
            await relay.until(lambda: relay.live == 0)

    run(scenario())


@pytest.mark.parametrize("verb", ["", "STARTTLS", "MAIL", "DATA", "."])
def test_a_canceled_send_closes_its_connection_and_frees_its_place(authority: Authority, run: Run, verb: str) -> None:
    usual = {"": b"220 relay.test\r\n", "STARTTLS": b"220 go\r\n", "DATA": b"354 go on\r\n"}.get(verb, OK)
    script = Script({verb: (Deed.HANG, usual)})

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, max_connections=1) as smtp:
            sending = asyncio.create_task(smtp.send(LETTER))
            await relay.until(lambda: verb in relay.verbs or (not verb and relay.opened == 1))
            sending.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await sending
            await relay.until(lambda: relay.live == 0)
            await smtp.send(LETTER)
        assert caught.value.args == (() if verb == "." else (NOT_HANDED_OVER,))
        assert (2, 1) == (relay.opened, len(relay.messages))

    run(scenario())
