"""A relay that refuses us, or cannot prove who it is, is left alone for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.support.hostile_relays import OK, Deed, Script, scripted_relay
from tests.support.relays import Relay, recording_relay
from tests.support.sending import LETTER, PASSWORD, Run, mailer
from tests.support.tls import Authority, self_signed
from watchword.adapters.smtp import SmtpRelay
from watchword.adapters.smtp_circuit import FIRST_PAUSE, LONGEST_PAUSE, TRUST, Circuit
from watchword.core.delivery import next_try
from watchword.core.instant import MINUTE, SECOND
from watchword.errors import DeliveryError

WRONG_PASSWORD = b"535 5.7.8 no\r\n"
WELCOME = b"235 2.7.0 welcome\r\n"


class Stopwatch:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        self.seconds += seconds


async def reason(smtp: SmtpRelay) -> str:
    """Why a message is not taken, '' where it is. No refusal of this kind is about the message."""
    try:
        await smtp.send(LETTER)
    except DeliveryError as error:
        return error.reason if not (error.permanent or error.uncertain) else f"{error.reason}, for good or perhaps not"
    return ""


WRONG: dict[str, Callable[[Authority], AbstractAsyncContextManager[Relay]]] = {
    "auth_refused": lambda authority: recording_relay(authority.valid(), login=("ada", "another")),
    "tls_certificate": lambda _: scripted_relay(self_signed()),
    "tls_handshake": lambda authority: scripted_relay(authority.tls_1_1_only()),
    "tls_unavailable": lambda authority: scripted_relay(authority.valid(), Script(offers=())),
    "starttls_injection": lambda authority: scripted_relay(
        authority.valid(), Script({"STARTTLS": b"220 go ahead\r\n250 injected\r\n"})
    ),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_relay_that_is_wrong_is_left_alone_and_every_sender_is_told_why(
    authority: Authority, run: Run, why: str
) -> None:
    async def scenario() -> None:
        async with WRONG[why](authority) as relay, mailer(authority, relay, login=True, now=Stopwatch()) as smtp:
            assert [why] * 3 == [await reason(smtp) for _ in range(3)]
            assert 1 == relay.opened

    run(scenario())


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (Script({"MAIL": b"451 4.3.0 later\r\n"}), "relay_deferred"),
        (Script({"": b"421 4.3.0 later\r\n"}), "relay_deferred"),
        (Script({"": Deed.CUT}), "connection_lost"),
        (Script({"EHLO": b"what\r\n"}), "relay_garbled"),
    ],
)
def test_a_relay_that_is_busy_or_away_is_tried_for_each_message(
    authority: Authority, run: Run, script: Script, why: str
) -> None:
    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script, implicit=True)
        async with running as relay, mailer(authority, relay, now=Stopwatch()) as smtp:
            assert [why] * 2 == [await reason(smtp) for _ in range(2)]
            assert 2 == max(relay.opened, relay.verbs.count("MAIL"))

    run(scenario())


def test_a_wrong_password_is_tried_once_for_all_who_send_at_the_same_time(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        running = recording_relay(authority.valid(), login=("ada", "another"))
        async with running as relay, mailer(authority, relay, login=True, now=Stopwatch()) as smtp:
            assert ["auth_refused"] * 20 == await asyncio.gather(*(reason(smtp) for _ in range(20)))
            assert 1 == relay.verbs.count("AUTH")

    run(scenario())


def test_the_pause_doubles_up_to_a_minute(authority: Authority, run: Run) -> None:
    watch = Stopwatch()
    pauses: list[float] = []

    async def scenario() -> None:
        running = recording_relay(authority.valid(), login=("ada", "another"))
        async with running as relay, mailer(authority, relay, login=True, now=watch) as smtp:
            tried_at = 0.0
            for seconds in range(200):
                watch.seconds = float(seconds)
                before = relay.opened
                assert "auth_refused" == await reason(smtp)
                if relay.opened > before:
                    pauses.append(watch.seconds - tried_at)
                    tried_at = watch.seconds

    run(scenario())
    assert [0.0, FIRST_PAUSE, 10.0, 20.0, 40.0, LONGEST_PAUSE, LONGEST_PAUSE] == pauses


def test_after_a_pause_one_connection_is_tried_for_all(authority: Authority, run: Run) -> None:
    watch = Stopwatch()

    async def scenario() -> None:
        running = recording_relay(authority.valid(), login=("ada", "another"))
        async with running as relay, mailer(authority, relay, login=True, now=watch) as smtp:
            await reason(smtp)
            watch.move(FIRST_PAUSE)
            assert ["auth_refused"] * 8 == await asyncio.gather(*(reason(smtp) for _ in range(8)))
            assert 2 == relay.verbs.count("AUTH")

    run(scenario())


def test_a_message_that_is_taken_ends_the_pauses(authority: Authority, run: Run) -> None:
    watch = Stopwatch()
    script = Script({"AUTH": (WRONG_PASSWORD, WRONG_PASSWORD, WELCOME, WRONG_PASSWORD, WELCOME)})
    script.offers_over_tls = ("AUTH PLAIN",)

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, login=True, now=watch, recheck_after=0.0) as smtp:
            assert "auth_refused" == await reason(smtp)
            watch.move(FIRST_PAUSE)
            assert "auth_refused" == await reason(smtp)
            watch.move(2 * FIRST_PAUSE)
            assert "" == await reason(smtp)
            script.answers = {**script.answers, "NOOP": Deed.CUT}  # so that the next message needs a new connection
            assert "auth_refused" == await reason(smtp)
            watch.move(FIRST_PAUSE)
            assert "" == await reason(smtp)
            assert 5 == relay.opened

    run(scenario())


def test_a_password_that_was_changed_meanwhile_is_tried_once(authority: Authority, run: Run) -> None:
    watch = Stopwatch()
    script = Script({"AUTH": (WELCOME, WRONG_PASSWORD), "NOOP": Deed.CUT}, offers_over_tls=("AUTH PLAIN",))

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, login=True, now=watch, recheck_after=0.0) as smtp:
            assert "" == await reason(smtp)
            watch.move(TRUST)
            assert ["auth_refused"] * 8 == await asyncio.gather(*(reason(smtp) for _ in range(8)))
            assert 2 == relay.verbs.count("AUTH")

    run(scenario())


def test_a_relay_that_wants_a_login_we_do_not_have_is_left_alone(authority: Authority, run: Run) -> None:
    script = Script({"MAIL": (b"530 5.7.0 authentication required\r\n", OK)})

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, now=Stopwatch()) as smtp:
            assert ["auth_refused"] * 2 == [await reason(smtp) for _ in range(2)]
            assert (1, 1) == (relay.opened, relay.verbs.count("MAIL"))

    run(scenario())


def test_a_recipient_for_whom_the_relay_wants_a_login_keeps_no_mail_from_others(authority: Authority, run: Run) -> None:
    script = Script({"RCPT": (b"530 5.7.0 authentication required\r\n", OK)})

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, now=Stopwatch()) as smtp:
            assert ["auth_refused", ""] == [await reason(smtp) for _ in range(2)]

    run(scenario())


def test_a_ping_asks_a_relay_that_is_left_alone(authority: Authority, run: Run) -> None:
    script = Script({"AUTH": (WRONG_PASSWORD, WELCOME)}, offers_over_tls=("AUTH PLAIN",))

    async def scenario() -> None:
        running = scripted_relay(authority.valid(), script)
        async with running as relay, mailer(authority, relay, login=True, now=Stopwatch()) as smtp:
            assert "auth_refused" == await reason(smtp)
            assert "T1" == (await smtp.ping()).transport
            assert "auth_refused" == await reason(smtp)
            assert 2 == relay.opened

    run(scenario())


def test_a_refusal_told_again_does_not_show_the_password(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        running = recording_relay(authority.valid(), login=("ada", "another"))
        async with running as relay, mailer(authority, relay, login=True, now=Stopwatch()) as smtp:
            await reason(smtp)
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
        assert "The relay answered 535. It is left alone for a while." == caught.value.detail
        assert PASSWORD not in repr(caught.value)

    run(scenario())


def test_who_waits_for_a_first_connection_that_is_canceled_tries_in_turn(authority: Authority, run: Run) -> None:
    script = Script({"": (Deed.HANG, b"220 relay.test\r\n")})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay) as smtp:
            first = asyncio.create_task(smtp.send(LETTER))
            await relay.until(lambda: relay.opened == 1)
            second = asyncio.create_task(smtp.send(LETTER))
            first.cancel()
            assert "T1" == (await second).transport

    run(scenario())


def test_senders_do_not_queue_for_a_relay_that_hangs(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with scripted_relay(authority.valid(), Script({"": Deed.HANG})) as relay:
            async with mailer(authority, relay, timeout=1.0) as smtp:
                assert ["timeout"] * 4 == await asyncio.gather(*(reason(smtp) for _ in range(4)))
            await relay.until(lambda: relay.opened == 4)
            assert (4, 3) == (relay.opened, relay.most_live)  # one found out, the others went together

    run(scenario())


def failure() -> DeliveryError:
    return DeliveryError(reason="auth_refused")


def test_a_connection_from_before_the_pause_does_not_end_it() -> None:
    circuit = Circuit(Stopwatch())
    circuit.failed(failure())
    circuit.succeeded()
    with pytest.raises(DeliveryError):
        circuit.demand()


def test_failures_of_connections_that_were_under_way_do_not_lengthen_the_pause() -> None:
    watch = Stopwatch()
    circuit = Circuit(watch)
    for _ in range(8):
        circuit.failed(failure())
    watch.move(FIRST_PAUSE)
    circuit.demand()


@pytest.mark.parametrize("repaired_after", [0, 3, 30, 60, 180, 360])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_a_message_of_ten_minutes_outlives_the_pauses(repaired_after: int, jitter: float) -> None:
    watch = Stopwatch()
    circuit = Circuit(watch)
    tries = 0
    while True:
        try:
            circuit.demand()
            if watch.seconds >= repaired_after:
                break
            circuit.failed(failure())
        except DeliveryError:
            pass
        tries += 1
        again_at = next_try(tries, 10 * MINUTE, int(watch.seconds * SECOND), jitter)
        assert again_at is not None
        watch.seconds = again_at / SECOND
    assert watch.seconds <= repaired_after + 2 * LONGEST_PAUSE
