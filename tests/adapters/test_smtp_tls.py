"""TLS that is missing, broken, injected into or somebody else's: nothing secret is said (standards E1, E2)."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiosmtplib
import pytest

from tests.support.hostile_relays import TO_THE_HANDSHAKE, Script, bare_relay, scripted_relay
from tests.support.sending import LETTER, SECRET_VERBS, Run, failed, mailer
from tests.support.tls import Authority, self_signed
from watchword.adapters.smtp import client_tls
from watchword.adapters.smtp_connection import _Client, _facts
from watchword.errors import DeliveryError


@pytest.mark.parametrize(
    "script",
    [
        Script(offers=()),
        Script(offers=("XXXXXXXX",)),
        Script({"STARTTLS": b"454 4.7.0 TLS not available\r\n"}),
        Script({"STARTTLS": b"502 5.5.1 no\r\n"}),
        Script({"STARTTLS": b"250 2.0.0 sure, but no\r\n"}),
        Script({"STARTTLS": b"\x16\x03\x01 garbage\r\n"}),
        Script({"EHLO": b"502 5.5.1 never heard of it\r\n"}),
    ],
    ids=["no STARTTLS", "stripped", "454", "502", "250", "garbage", "no EHLO"],
)
def test_without_starttls_nothing_secret_is_ever_said(authority: Authority, run: Run, script: Script) -> None:
    script.offers += ("AUTH PLAIN",)

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script), login=True)
        assert ("tls_unavailable", False) == (error.reason, error.permanent)
        assert set() == SECRET_VERBS & set(relay.verbs)

    run(scenario())


@pytest.mark.parametrize("verb", ["EHLO", "STARTTLS"])
def test_a_goodbye_before_the_handshake_is_about_the_moment_and_not_about_tls(
    authority: Authority, run: Run, verb: str
) -> None:
    script = Script({verb: b"421 4.3.2 too busy\r\n"})

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script), login=True)
        assert ("relay_deferred", False) == (error.reason, error.permanent)
        assert set() == SECRET_VERBS & set(relay.verbs)

    run(scenario())


@pytest.mark.parametrize(
    "injected",
    [b"250-relay.test\r\n250-AUTH PLAIN\r\n250 HELP\r\n", b"250 OK\r\n" * 20, b"220 2.0.0 go ahead\r\n", b"2", b"\r\n"],
)
def test_bytes_after_the_answer_to_starttls_end_the_connection(authority: Authority, run: Run, injected: bytes) -> None:
    # The relay goes on with an honest handshake, so if these bytes were kept they would answer the second EHLO.
    script = Script({"STARTTLS": b"220-ready\r\n220 2.0.0 go ahead\r\n" + injected}, offers_over_tls=("AUTH PLAIN",))

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script), login=True)
        assert ("starttls_injection", False) == (error.reason, error.permanent)
        assert ["EHLO", "STARTTLS"] == relay.verbs

    run(scenario())


def test_a_second_answer_to_the_first_ehlo_ends_the_connection(authority: Authority, run: Run) -> None:
    script = Script({"EHLO": b"250-relay.test\r\n250 STARTTLS\r\n220 2.0.0 go ahead\r\n"})

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script))
        assert ("starttls_injection", ["EHLO"]) == (error.reason, relay.verbs)

    run(scenario())


def test_an_answer_that_comes_with_the_greeting_ends_the_connection(authority: Authority, run: Run) -> None:
    script = Script({"": b"220 relay.test\r\n250-relay.test\r\n250 STARTTLS\r\n"})

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script))
        assert ("starttls_injection", []) == (error.reason, relay.verbs)

    run(scenario())


def test_bytes_that_come_a_moment_after_the_answer_break_the_handshake(authority: Authority, run: Run) -> None:
    """By then the client has said its ClientHello, and they meet OpenSSL."""

    async def scenario() -> None:
        running = bare_relay(*TO_THE_HANDSHAKE, b"250-relay.test\r\n250 AUTH PLAIN\r\n" * 9)
        async with running as (relay, heard), mailer(authority, relay, login=True) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
        assert caught.value.reason == "tls_handshake"
        assert [b"EHLO watchword.test\r\n", b"STARTTLS\r\n"] == heard[:2]
        assert heard[2].startswith(b"\x16\x03")

    run(scenario())


def test_aiosmtplib_by_itself_forgets_injected_bytes(authority: Authority, run: Run) -> None:
    """Our second line of defence is not ours: this test tells when an update takes it away."""
    script = Script({"STARTTLS": b"220 go ahead\r\n250-evil\r\n250 EVIL\r\n"})

    async def scenario() -> None:
        async with scripted_relay(authority.valid(), script) as relay:
            context = client_tls(authority.ca_file)
            client = aiosmtplib.SMTP(hostname="localhost", port=relay.port, start_tls=True, tls_context=context)
            async with client:
                await client.ehlo()
                assert (False, True) == (client.supports_extension("EVIL"), client.supports_extension("8BITMIME"))

    run(scenario())


def test_what_was_offered_before_the_handshake_is_forgotten(authority: Authority, run: Run) -> None:
    script = Script(offers=("STARTTLS", "AUTH PLAIN"), offers_over_tls=())

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.valid(), script), login=True)
        assert ("auth_refused", False) == (error.reason, "AUTH" in relay.verbs)

    run(scenario())


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("flaw", ["self-signed", "expired", "wrong name", "unknown authority"])
def test_a_certificate_that_does_not_verify_is_refused(
    authority: Authority,
    run: Run,
    tmp_path: Path,
    flaw: str,
    implicit: bool,
) -> None:
    served = {
        "self-signed": self_signed,
        "expired": authority.expired,
        "wrong name": authority.wrong_name,
        "unknown authority": Authority(tmp_path).valid,
    }[flaw]()
    why = {"expired": "certificate has expired", "wrong name": "not valid for"}.get(flaw, "certificate")

    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(served, implicit=implicit), login=True)
        assert ("tls_certificate", False) == (error.reason, error.permanent)
        assert why in error.detail.partition("does not verify: ")[2]
        assert set() == SECRET_VERBS & set(relay.verbs)

    run(scenario())


@pytest.mark.parametrize("implicit", [True, False])
def test_a_relay_that_stops_at_tls_1_1_is_refused(authority: Authority, run: Run, implicit: bool) -> None:
    async def scenario() -> None:
        error, relay = await failed(authority, scripted_relay(authority.tls_1_1_only(), implicit=implicit))
        assert ("tls_handshake", False) == (error.reason, error.permanent)
        assert set() == SECRET_VERBS & set(relay.verbs)

    run(scenario())


def test_a_plaintext_relay_on_the_implicit_port_is_refused(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with scripted_relay(authority.valid()) as relay:
            relay.implicit = True
            async with mailer(authority, relay) as smtp:
                with pytest.raises(DeliveryError) as caught:
                    await smtp.send(LETTER)
        assert "tls_handshake" == caught.value.reason
        assert set() == SECRET_VERBS & set(relay.verbs)

    run(scenario())


@pytest.mark.parametrize("implicit", [True, False])
def test_a_relay_that_hangs_up_during_the_handshake_is_a_handshake_failure(
    authority: Authority,
    run: Run,
    implicit: bool,
) -> None:
    answers = (b"",) if implicit else TO_THE_HANDSHAKE

    async def scenario() -> None:
        async with bare_relay(*answers, implicit=implicit) as (relay, _), mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await smtp.send(LETTER)
        assert caught.value.reason == "tls_handshake"

    run(scenario())


def test_a_connection_that_is_not_encrypted_goes_no_further(authority: Authority, run: Run) -> None:
    """Whatever way a connection came about, the handshake's facts are read from the connection itself."""

    async def scenario() -> None:
        async with scripted_relay(authority.valid()) as relay:
            client = _Client(hostname="localhost", port=relay.port, start_tls=False, local_hostname="watchword.test")
            await client.connect()
            with pytest.raises(DeliveryError) as caught:
                _facts(client)
            client.close()
        assert "tls_unavailable" == caught.value.reason

    run(scenario())


def test_the_relay_of_these_tests_does_speak_tls_1_1(authority: Authority, run: Run) -> None:
    """So that what refuses it above is our own floor and not a broken relay."""

    async def scenario() -> None:
        context = client_tls(authority.ca_file)
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        async with scripted_relay(authority.tls_1_1_only(), implicit=True) as relay:
            _, writer = await asyncio.open_connection("localhost", relay.port, ssl=context)
            assert "TLSv1.1" == writer.get_extra_info("ssl_object").version()
            writer.transport.abort()

    run(scenario())
