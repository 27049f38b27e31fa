"""SmtpRelay against real relays over real TLS: what arrives, and what a refusal is called."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import traceback

import pytest

from tests.support.hostile_relays import Deed, Script, scripted_relay
from tests.support.relays import recording_relay
from tests.support.sending import LETTER, PASSWORD, Run, failed, mailer
from tests.support.tls import Authority
from watchword.core.message import Envelope
from watchword.errors import DeliveryError

# AUTH LOGIN sends the password in base64 on a line of its own, which the scripted relay takes for a verb.
PASSWORD_LINE = base64.b64encode(PASSWORD.encode()).decode().upper()


@pytest.mark.parametrize("implicit", [True, False])
def test_a_message_arrives_as_it_was_and_only_over_tls(authority: Authority, run: Run, implicit: bool) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid(), implicit=implicit) as relay, mailer(authority, relay) as smtp:
            await smtp.send(LETTER)
        (message,) = relay.messages
        assert (LETTER.sender, LETTER.recipient, LETTER.content, True) == (
            message.sender,
            message.recipient,
            message.content,
            message.encrypted,
        )
        assert set(relay.plaintext_verbs) <= {"EHLO", "STARTTLS"}

    run(scenario())


@pytest.mark.parametrize("implicit", [True, False])
def test_the_receipt_names_the_relay_and_what_the_handshake_proved(
    authority: Authority,
    run: Run,
    implicit: bool,
) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid(), implicit=implicit) as relay, mailer(authority, relay) as smtp:
            receipt = await smtp.send(LETTER)
            facts = receipt.tls
            assert facts is not None
            if implicit:
                pem = await asyncio.to_thread(
                    ssl.get_server_certificate, ("localhost", relay.port), ca_certs=str(authority.ca_file)
                )
                fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
                assert fingerprint == facts.fingerprint
        assert ("T1", "localhost", "TLSv1.3") == (receipt.transport, receipt.relay, facts.version)
        assert (True, 64) == (facts.cipher.startswith("TLS_"), len(facts.fingerprint))

    run(scenario())


def test_the_user_logs_in_after_the_handshake(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        running = recording_relay(authority.valid(), implicit=False, login=("ada", PASSWORD))
        async with running as relay, mailer(authority, relay, login=True) as smtp:
            await smtp.send(LETTER)
        assert ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL"] == relay.verbs[:5]
        assert ["EHLO", "STARTTLS"] == relay.plaintext_verbs

    run(scenario())


def test_auth_login_serves_where_plain_is_not_offered(authority: Authority, run: Run) -> None:
    script = Script(
        {"AUTH": b"334 UGFzc3dvcmQ6\r\n", PASSWORD_LINE: b"235 welcome\r\n"}, offers_over_tls=("AUTH LOGIN",)
    )

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay, mailer(authority, relay, login=True) as smtp:
            await smtp.send(LETTER)
        assert 1 == len(relay.messages)

    run(scenario())


def test_dots_and_bare_line_ends_cannot_end_a_message(authority: Authority, run: Run) -> None:
    content = b"Subject: x\r\n\r\n.one\r\n..two\n.\nMAIL FROM:<eve@evil.test>\r.\r\n.\r\nend"

    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            await smtp.send(Envelope(LETTER.sender, LETTER.recipient, content))
        (message,) = relay.messages
        assert (
            content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n") + b"\r\n" == message.content
        )

    run(scenario())


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("post-1.ours.example", b"post-1.ours.example"),
        ("xn--bcher-kva.example", b"xn--bcher-kva.example"),
        ("localhost", b"[127.0.0.1]"),
        ("3f2a90cc17de", b"[127.0.0.1]"),
        ("", b"[127.0.0.1]"),
        ("post_1.ours.example", b"[127.0.0.1]"),
        ("-post.ours.example", b"[127.0.0.1]"),
        ("post-.ours.example", b"[127.0.0.1]"),
        ("post..example", b"[127.0.0.1]"),
        ("post.ours.example.", b"[127.0.0.1]"),
        ("post.ours.example\n", b"[127.0.0.1]"),
        ("post.ours.example SIZE=1", b"[127.0.0.1]"),
        ("büro.example", b"[127.0.0.1]"),
        ("::1", b"[127.0.0.1]"),
        ("a" * 64 + ".example", b"[127.0.0.1]"),
        (".".join(["a" * 60] * 5), b"[127.0.0.1]"),
    ],
    ids=ascii,
)
def test_a_machine_greets_by_its_full_name_or_by_an_address(
    authority: Authority, run: Run, monkeypatch: pytest.MonkeyPatch, machine: str, said: bytes
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: machine)

    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay, client_name=None) as smtp:
            await smtp.ping()
        assert b"EHLO " + said in relay.lines

    run(scenario())


@pytest.mark.parametrize("error", [OSError("no resolver"), UnicodeError("label too long")])
def test_a_machine_whose_name_cannot_be_looked_up_greets_by_an_address(
    authority: Authority, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(socket, "getfqdn", fail)

    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay, client_name=None) as smtp:
            await smtp.ping()
        assert b"EHLO [127.0.0.1]" in relay.lines

    run(scenario())


def test_the_relay_is_greeted_by_the_name_that_was_set(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with (
            recording_relay(authority.valid()) as relay,
            mailer(authority, relay, client_name="courier.test") as smtp,
        ):
            await smtp.ping()
        assert b"EHLO courier.test" in relay.lines

    run(scenario())


def test_a_ping_proves_the_handshake_and_sends_nothing(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid(), implicit=False) as relay, mailer(authority, relay) as smtp:
            receipt = await smtp.ping()
        facts = receipt.tls
        assert facts is not None
        assert "TLSv1.3" == facts.version
        assert ["EHLO", "STARTTLS", "EHLO", "NOOP", "QUIT"] == relay.verbs

    run(scenario())


def test_a_ping_that_is_not_answered_well_fails(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        running = scripted_relay(authority.valid(), Script({"NOOP": b"550 5.0.0 no\r\n"}))
        async with running as relay, mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.ping()
        assert ("refused", False) == (caught.value.reason, caught.value.permanent)

    run(scenario())


def test_a_local_part_beyond_ascii_goes_to_a_relay_that_offers_smtputf8(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            await smtp.send(Envelope(LETTER.sender, "jörg@theirs.test", LETTER.content))
        assert "jörg@theirs.test" == relay.messages[0].recipient

    run(scenario())


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        (Envelope(LETTER.sender, "jörg@theirs.test", LETTER.content), "smtputf8_unavailable"),
        (Envelope(LETTER.sender, LETTER.recipient, "Größe\r\n".encode()), "8bitmime_unavailable"),
        (Envelope(LETTER.sender, "ada@theirs.test> NOTIFY=NEVER", LETTER.content), "unsendable"),
        (Envelope(LETTER.sender, "ada@theirs.test\r\nDATA", LETTER.content), "unsendable"),
        (Envelope(LETTER.sender, "=?utf-8?q?eve?=@theirs.test", LETTER.content), "unsendable"),
        (Envelope(LETTER.sender, '"ada lovelace"@theirs.test', LETTER.content), "unsendable"),
        (Envelope(LETTER.sender, "ada\ud800@theirs.test", LETTER.content), "unsendable"),
        (Envelope("", LETTER.recipient, LETTER.content), "unsendable"),
    ],
)
def test_what_the_relay_cannot_carry_is_refused_for_good_before_mail(
    authority: Authority,
    run: Run,
    envelope: Envelope,
    reason: str,
) -> None:
    async def scenario() -> None:
        running = scripted_relay(authority.valid(), Script(offers_over_tls=()))
        async with running as relay, mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(envelope)
        assert (reason, True, False) == (caught.value.reason, caught.value.permanent, "MAIL" in relay.verbs)

    run(scenario())


def test_eight_bit_content_is_announced(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            await smtp.send(Envelope(LETTER.sender, LETTER.recipient, "Größe\r\n".encode()))
        assert b"MAIL FROM:<watch@ours.test> BODY=8BITMIME" in relay.lines

    run(scenario())


def test_a_port_where_nobody_listens_is_unreachable(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with scripted_relay(authority.valid()) as relay:
            pass
        async with mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
        assert ("unreachable", False) == (caught.value.reason, caught.value.permanent)
        assert "The relay cannot be reached: Connection refused." == caught.value.detail

    run(scenario())


ECHO = b" <ada@theirs.test> hunter2 123456\r\n"


@pytest.mark.parametrize(
    ("verb", "answer", "expected"),
    [
        ("", b"421", ("relay_deferred", False, False)),
        ("", b"554", ("refused", False, False)),
        ("EHLO", b"451", ("relay_deferred", False, False)),
        ("AUTH", b"535", ("auth_refused", False, False)),
        ("AUTH", b"500", ("auth_refused", False, False)),
        ("AUTH", b"454", ("relay_deferred", False, False)),
        ("MAIL", b"530", ("auth_refused", False, False)),
        ("MAIL", b"451", ("relay_deferred", False, False)),
        ("MAIL", b"421", ("relay_deferred", False, False)),
        ("MAIL", b"550", ("refused", True, False)),
        ("RCPT", b"450", ("relay_deferred", False, False)),
        ("RCPT", b"550", ("refused", True, False)),
        ("DATA", b"451", ("relay_deferred", False, False)),
        ("DATA", b"554", ("refused", True, False)),
        (".", b"452", ("relay_deferred", False, False)),
        (".", b"554", ("refused", True, False)),
        ("MAIL", b"wha", ("relay_garbled", False, False)),
        ("RCPT", b"252", ("relay_garbled", False, False)),
        (".", b"wha", ("relay_garbled", False, True)),
        (".", b"251", ("relay_garbled", False, True)),
    ],
)
def test_a_refusal_is_told_by_its_code_and_nothing_else_the_relay_said(
    authority: Authority,
    run: Run,
    verb: str,
    answer: bytes,
    expected: tuple[str, bool, bool],
) -> None:
    script = Script({verb: answer + ECHO}, offers_over_tls=("AUTH PLAIN",))

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script), login=True)
        shown = "".join(traceback.format_exception(error)) + error.detail + repr(error)
        assert expected == (error.reason, error.permanent, error.uncertain)
        assert [] == [word for word in ("theirs", "hunter2", "123456") if word in shown]
        assert error.reason == "relay_garbled" or answer.decode() in error.detail
        assert [] == relay.messages

    run(scenario())


@pytest.mark.parametrize(
    ("verb", "deed", "expected"),
    [
        ("", Deed.CUT, ("connection_lost", False)),
        ("", Deed.HANG, ("timeout", False)),
        ("EHLO", Deed.HANG, ("timeout", False)),
        ("STARTTLS", Deed.CUT, ("connection_lost", False)),
        ("STARTTLS", Deed.HANG, ("timeout", False)),
        ("AUTH", Deed.CUT, ("connection_lost", False)),
        ("MAIL", Deed.HANG, ("timeout", False)),
        ("RCPT", Deed.CUT, ("connection_lost", False)),
        ("DATA", Deed.CUT, ("connection_lost", False)),
        ("DATA", Deed.HANG, ("timeout", False)),
        (".", Deed.CUT, ("connection_lost", True)),
        (".", Deed.HANG, ("timeout", True)),
    ],
)
def test_silence_is_uncertain_only_after_the_end_of_the_message(
    authority: Authority,
    run: Run,
    verb: str,
    deed: Deed,
    expected: tuple[str, bool],
) -> None:
    script = Script({verb: deed}, offers_over_tls=("AUTH PLAIN",))
    seconds = 2.0 if deed is Deed.HANG else 60.0  # the handshake, too, may take that long
    if verb == ".":
        seconds = max(seconds, 5.0)  # it must have come that far

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script), login=True, timeout=seconds)
        assert (*expected, False) == (error.reason, error.uncertain, error.permanent)
        assert 1 == relay.opened
        await relay.until(lambda: relay.live == 0)

    run(scenario())


def test_an_implicit_tls_relay_that_never_greets_is_given_up(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        script = Script({"": Deed.HANG})
        error, relay = await failed(authority, scripted_relay(authority.valid(), script, implicit=True), timeout=0.3)
        assert "timeout" == error.reason
        await relay.until(lambda: relay.live == 0)

    run(scenario())


def test_a_relay_that_never_shakes_hands_is_given_up(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with scripted_relay(authority.valid(), Script({"": Deed.HANG})) as relay:
            relay.implicit = True
            async with mailer(authority, relay, timeout=0.3) as smtp:
                with pytest.raises(DeliveryError) as caught:
                    await smtp.send(LETTER)
            await relay.until(lambda: relay.live == 0)
        assert "timeout" == caught.value.reason

    run(scenario())


def test_a_wrong_password_is_refused_once(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        running = recording_relay(authority.valid(), login=("ada", "another"))
        error, relay = await failed(authority, running, login=True)
        assert ("auth_refused", 1) == (error.reason, relay.verbs.count("AUTH"))

    run(scenario())
