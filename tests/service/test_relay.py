"""The whole service against relays: one that is right, and each way of being wrong. The delivery says which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_races import app_id
from tests.support.hostile_relays import Deed, Script, scripted_relay
from tests.support.relays import Relay, recording_relay
from tests.support.service import Connection, Service, code_of, running
from tests.support.tls import Authority, self_signed

SECRET_VERBS = {"AUTH", "MAIL", "RCPT", "DATA", "."}

Wrong = Callable[[Authority], AbstractAsyncContextManager[Relay]]

WRONG: dict[str, tuple[str, Wrong]] = {
    "no TLS is offered": ("tls_unavailable", lambda a: scripted_relay(a.valid(), Script(offers=()))),
    "STARTTLS is refused": (
        "tls_unavailable",
        lambda a: scripted_relay(a.valid(), Script({"STARTTLS": b"454 4.7.0 not now\r\n"})),
    ),
    "STARTTLS is answered with garbage": (
        "tls_unavailable",
        lambda a: scripted_relay(a.valid(), Script({"STARTTLS": b"999 ???\r\n"})),
    ),
    "answers are injected before the handshake": (
        "starttls_injection",
        lambda a: scripted_relay(a.valid(), Script({"STARTTLS": b"220 go ahead\r\n250 injected\r\n"})),
    ),
    "the certificate is self-signed": ("tls_certificate", lambda _: scripted_relay(self_signed())),
    "the certificate has expired": ("tls_certificate", lambda a: scripted_relay(a.expired())),
    "the certificate is for another name": ("tls_certificate", lambda a: scripted_relay(a.wrong_name())),
    "TLS 1.1 is all it speaks": ("tls_handshake", lambda a: scripted_relay(a.tls_1_1_only(), implicit=True)),
}


def through(relay: Relay, authority: Authority, *, login: bool = True) -> dict[str, str]:
    """The settings that send through a relay."""
    return {
        "WATCHWORD_SMTP": relay.url("ours", "a-password") if login else relay.url(),
        "WATCHWORD_SMTP_CA": str(authority.ca_file),
        "WATCHWORD_MAIL_FROM": "codes@ours.example",
    }


async def until(connection: Connection, verification: str, holds: Callable[[Any], bool]) -> Any:
    """Ask for a verification until something is true of it."""
    async with asyncio.timeout(60):
        while True:
            _, shown = await connection.ask("GET", f"/v1/verifications/{verification}")
            if holds(shown):
                return shown


def an_app(service: Service) -> tuple[Connection, bytes]:
    key = service.command("app", "create", "Relay").decode().strip()
    return Connection(service, key), app_id(service.command("app", "list", "--json"), "Relay")


@pytest.mark.parametrize("what", WRONG)
def test_a_relay_that_is_wrong_is_told_nothing_and_the_delivery_says_why(what: str, tmp_path: Path) -> None:
    reason, wrong = WRONG[what]

    async def journey() -> None:
        authority = Authority(tmp_path)
        async with wrong(authority) as relay, running(tmp_path, settings=through(relay, authority)) as service:
            connection, _ = an_app(service)
            _, made = await connection.create("ann@example.com")
            shown = await until(connection, made["id"], lambda shown: shown["deliveries"][0].get("reason"))
            connection.close()
            assert shown["deliveries"][0]["reason"] == reason
            assert shown["deliveries"][0]["status"] == "queued"
            assert not SECRET_VERBS & set(relay.verbs)

    asyncio.run(journey())


def test_a_delivery_records_the_tls_that_was_proven(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        async with (
            recording_relay(authority.valid(), implicit=False, login=("ours", "a-password")) as relay,
            running(tmp_path, settings=through(relay, authority)) as service,
        ):
            connection, _ = an_app(service)
            _, made = await connection.create("ann@example.com")
            shown = await until(connection, made["id"], lambda shown: shown["deliveries"][0]["status"] == "sent")
            connection.close()
            (delivery,) = shown["deliveries"]
            assert delivery["transport"] == "T1"
            assert delivery["tls"]["version"] in {"TLSv1.2", "TLSv1.3"}
            assert len(delivery["tls"]["certificate_sha256"]) == 64

    asyncio.run(journey())


def test_a_relay_that_comes_back_gets_the_same_code(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        script = Script({"MAIL": (b"451 4.3.0 later\r\n", b"250 2.0.0 OK\r\n")})
        async with (
            scripted_relay(authority.valid(), script, implicit=True) as relay,
            running(tmp_path, settings=through(relay, authority, login=False)) as service,
        ):
            connection, app = an_app(service)
            _, made = await connection.create("ann@example.com")
            await until(connection, made["id"], lambda shown: shown["deliveries"][0]["status"] == "sent")
            code = code_of(service.keyring(), app, made["id"])
            assert any(f"\r\n{code}\r\n".encode() in message.content for message in relay.messages)
            assert (await connection.check(made["id"], code))[0] == 200
            connection.close()

    asyncio.run(journey())


def test_an_address_that_the_relay_refuses_for_good_fails_the_verification(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        script = Script({"RCPT": b"550 5.1.1 no such user\r\n"})
        async with (
            scripted_relay(authority.valid(), script, implicit=True) as relay,
            running(tmp_path, settings=through(relay, authority, login=False)) as service,
        ):
            connection, _ = an_app(service)
            _, made = await connection.create("nobody@example.com")
            shown = await until(connection, made["id"], lambda shown: shown["status"] == "failed")
            assert shown["deliveries"][0]["reason"] == "refused"
            status, answer = await connection.check(made["id"], "123456")
            assert (status, answer["reason"]) == (422, "failed")
            connection.close()

    asyncio.run(journey())


def test_a_message_whose_answer_was_cut_off_is_repeated_and_says_so(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        script = Script({".": (Deed.CUT, b"250 2.0.0 OK\r\n")})
        async with (
            scripted_relay(authority.valid(), script, implicit=True) as relay,
            running(tmp_path, settings=through(relay, authority, login=False)) as service,
        ):
            connection, _ = an_app(service)
            _, made = await connection.create("ann@example.com")
            shown = await until(connection, made["id"], lambda shown: shown["deliveries"][0]["status"] == "sent")
            connection.close()
            assert shown["deliveries"][0]["reason"] == "possible_duplicate"

    asyncio.run(journey())


def test_a_wrong_password_is_not_tried_for_each_mail(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        async with (
            recording_relay(authority.valid(), implicit=False, login=("ours", "another")) as relay,
            running(tmp_path, settings=through(relay, authority)) as service,
        ):
            connection, _ = an_app(service)
            mails = [(await connection.create(f"ann.{number}@example.com"))[1]["id"] for number in range(12)]
            for mail in mails:
                shown = await until(connection, mail, lambda shown: shown["deliveries"][0].get("reason"))
                assert shown["deliveries"][0]["reason"] == "auth_refused"
            connection.close()
            # One, and one more at most where a slow machine takes longer than the first pause.
            assert relay.verbs.count("AUTH") in {1, 2}
            assert "MAIL" not in relay.verbs

    asyncio.run(journey())


def test_a_relay_that_was_put_right_gets_what_waited(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        script = Script(
            {"AUTH": (b"535 5.7.8 no\r\n", b"235 2.7.0 welcome\r\n")}, offers_over_tls=("AUTH PLAIN", "8BITMIME")
        )
        async with (
            scripted_relay(authority.valid(), script, implicit=True) as relay,
            running(tmp_path, settings=through(relay, authority)) as service,
        ):
            connection, _ = an_app(service)
            _, made = await connection.create("ann@example.com")
            await until(connection, made["id"], lambda shown: shown["deliveries"][0]["status"] == "sent")
            connection.close()
            assert (2, 1) == (relay.verbs.count("AUTH"), len(relay.messages))

    asyncio.run(journey())


@pytest.mark.parametrize("to", ["a=?x@example.org", '"ann eve"@example.org', "ann@[192.0.2.1]"])
def test_an_address_that_no_mail_can_go_to_is_refused_when_it_is_given(to: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path) as service:
            connection, _ = an_app(service)
            status, problem = await connection.create(to)
            connection.close()
            assert (status, problem["code"]) == (422, "invalid")

    asyncio.run(journey())
