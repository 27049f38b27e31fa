"""No secret where none belongs: every flow at debug level, in every mode, then everything that is left is searched."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import traceback
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_races import app_id
from tests.service.test_relay import through, until
from tests.service.test_sms import called
from tests.support.hostile_relays import Script, scripted_relay
from tests.support.link import REDIRECT, STATE, VERIFIER, Holder, a_link, b64, handed_off, hkdf, un64
from tests.support.ports import free_ports
from tests.support.relays import Relay, recording_relay
from tests.support.service import Connection, Service, code_of, get, running
from tests.support.sinks import Sinks, without_fractions
from tests.support.sms import ANN, BOB, DUTIES
from tests.support.tls import Authority
from tests.support.twilio import SID, TOKEN, fake_twilio, sign
from tests.support.world import wrong
from watchword.client import Client
from watchword.core import base32, ids, keyring, passcode
from watchword.core.totp import totp
from watchword.errors import MismatchError, UnauthenticatedError, UnavailableError

GATEWAY_PASSWORD = "another-password-4711"
MOBILE = ANN
SMTP_PASSWORD = "a-password"  # the one that test_relay.through gives
KEY_FILE = "keys.json"
DIGITS = 10  # long enough never to appear by chance in a time or an id
PURPOSES = ("login", "step_up", "recovery", "binding", "address_confirmation")
DEBUG = {"WATCHWORD_LOG_LEVEL": "debug"}
SOURCE = "203.0.113.77"
# Limits that are never met, but keep their books.
COUNTING = """
[limits]
recipient_sends = "1000000/h"
source_sends = "1000000/h"
app_sends = "1000000/h"
global_sends = "1000000/h"
wrong_guesses = "1000000/h"
"""
AGENT = "Canary/1.0 (a browser)"


class Canary:
    """Uses one service in every way, and notes everything it is told."""

    def __init__(self, service: Service, app: str = "Canary", key: str = "") -> None:
        self.service = service
        self.sinks = Sinks()
        self.key = key or service.command("app", "create", app).decode().strip()
        self.sinks.secret("API key", self.key)
        self.app = app_id(service.command("app", "list", "--json"), app)
        self.connection = Connection(service, self.key)

    def close(self) -> None:
        self.connection.close()

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None, headers: str = "") -> Any:
        _, answer = await self.connection.ask(method, path, body, headers)
        self.sinks.answer(f"{method} {path.partition('vf_')[0].partition('?')[0]}", self.connection.heard)
        return answer

    async def create(self, address: str, headers: str = "", **more: Any) -> str:
        """Ask for a verification; its address, code and watchword are secrets from now on. Returns its id."""
        self.sinks.secret(f"address {address}", address)
        asked = {"channel": "email", "to": address, "purpose": "login", "digits": DIGITS, **more}
        made = await self.ask("POST", "/v1/verifications", asked, headers)
        assert self.connection.heard.status == 201, made
        self.keep(made["id"], DIGITS)
        assert made["watchword"].encode() in self.sinks.secrets[f"watchword of {made['id']}"]
        return str(made["id"])

    def keep(self, verification: str, digits: int) -> str:
        """Note what belongs to a verification; returns its code."""
        ring = self.service.keyring()
        code = code_of(ring, self.app, verification, digits)
        self.sinks.secret(f"code of {verification}", code)
        words = passcode.derive_watchword(ring, self.app, ids.from_text(ids.VERIFICATION, verification))
        self.sinks.secret(f"watchword of {verification}", " ".join(words))
        return code

    def code(self, verification: str) -> str:
        return code_of(self.service.keyring(), self.app, verification, DIGITS)

    async def misuse(self, verification: str, address: str) -> None:
        """Put secrets where they do not belong; all of it is refused."""
        code, path, new = self.code(verification), f"/v1/verifications/{verification}", "/v1/verifications"
        check = partial(self.refused, "POST", f"{path}/check")
        await check({"code": wrong(code), "to": address, "purpose": "login"})
        await check({"code": code, "to": "someone.else@example.org"})
        await check({"code": code + "²", "to": address})
        await check({"code": [code], "to": address})
        await check({code: address, "code": code})
        await self.refused("POST", f"{path}/check?code={code}&to={address}", {"code": None})
        await self.refused("POST", f"{path}/{code}", {})
        await self.refused("GET", f"{new}?key={self.key}")
        await self.refused("GET", f"{new}/{self.key}")
        await self.refused("GET", f"/{self.key}/{address}/{code}")
        await self.refused("GET", path, headers=f"Authorization: Bearer {self.key}\r\n")
        create = {"channel": "email", "to": address, "purpose": "login"}
        await self.refused("POST", new, create | {"channel": "sms"})
        await self.refused("POST", new, create | {"purpose": code})
        await self.refused("POST", new, create | {"to": f"{address}\r\nBcc: a@b.c"})
        await self.refused("POST", new, create | {"to": 1, address: code})
        await self.refused("POST", new, create | {"requester": {"ip": address}})
        await self.refused("POST", new, create | {"locale": code})

    async def refused(self, method: str, path: str, body: dict[str, Any] | None = None, headers: str = "") -> None:
        await self.ask(method, path, body, headers)
        assert self.connection.heard.status >= 400, self.connection.heard

    def run(self, *arguments: str, lines: tuple[str, ...] = ()) -> str:
        """A command over the API: the key and whatever else is secret come by standard input. Returns its result."""
        stdin = "\n".join((self.key, *lines, "")).encode()
        done = self.service.run(*arguments, "--url", self.service.url, stdin=stdin)
        self.sinks.note("CLI result", done.stdout, done.stderr)
        return f"{done.returncode} {done.stdout.decode().strip()}"

    def look_at_processes(self, *, environment: bool) -> None:
        """What any user of the machine sees of the processes, and what their owner sees."""
        for process in self.service.processes():
            self.sinks.note("command line", " ".join(process.cmdline()).encode())
            if environment:
                self.sinks.note("environment", "\n".join(process.environ().values()).encode())

    async def metrics(self) -> None:
        heard = await get(self.service, "/metrics")
        assert b"watchword_verifications_total" in heard.body
        self.sinks.note("metrics", heard.head, without_fractions(heard.body))

    async def search(self) -> None:
        """Look at every file while it runs, end it, look again: nothing is anywhere."""
        self.connection.close()
        folder = self.service.folder
        self.sinks.files(folder, but={KEY_FILE})
        assert await self.service.finish() == 0
        self.sinks.files(folder, but={KEY_FILE})
        document = json.loads((folder / "data" / KEY_FILE).read_bytes())
        texts = {f"root key {number}": stored["key"] for number, stored in document["keys"].items()}
        for name, text in {**texts, "index key": document["index"]}.items():
            secret = urlsafe_b64decode(text + "=")
            self.sinks.key(name, secret)
            for label in (
                *(keyring.CODE, keyring.WORD, keyring.SEAL, keyring.INDEX_RECIPIENT, keyring.INDEX_SOURCE),
                *(keyring.LINK, keyring.HANDOFF, keyring.INDEX_ACTION),
            ):
                self.sinks.key(f"{name}, {label.decode()}", keyring.derive(secret, label))
        assert {"file service.log", "file data/watchword.db", "metrics"} <= self.sinks.texts.keys()
        assert list(self.sinks.leaks()) == []


def mail_headers(relay: Relay) -> bytes:
    """All headers of all mails, but for the one that holds the address."""
    lines = []
    for message in relay.messages:
        parsed = message_from_bytes(message.content, policy=policy.default)
        lines += [f"{name}: {value}" for name, value in parsed.items() if name.lower() != "to"]
    return "\n".join(lines).encode()


@asynccontextmanager
async def a_canary_with_a_relay(folder: Path, *, workers: int = 1, **more: str) -> AsyncIterator[tuple[Canary, Relay]]:
    authority = Authority(folder)
    async with recording_relay(authority.valid(), login=("ours", SMTP_PASSWORD)) as relay:
        settings = through(relay, authority) | DEBUG | more
        async with running(folder, settings=settings, workers=workers, config=COUNTING) as service:
            with closing(Canary(service)) as canary:
                canary.sinks.secret("relay's password", SMTP_PASSWORD)
                yield canary, relay


def test_no_secret_of_any_flow_is_in_an_answer_a_log_a_table_a_metric_or_a_header(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_canary_with_a_relay(tmp_path) as (canary, relay):
            for number, purpose in enumerate(PURPOSES):
                address = f"canary.person{number}@example.org"
                made = await canary.create(address, purpose=purpose, locale="de")
                await relay.until(partial(_has_taken, relay, number + 1))
                path = f"/v1/verifications/{made}"
                await canary.ask("POST", f"{path}/resend")
                await canary.ask("GET", path)
                right = {"code": canary.code(made), "to": address, "purpose": purpose}
                await canary.ask("POST", f"{path}/check", right | {"code": wrong(right["code"])})
                approved = await canary.ask("POST", f"{path}/check", right)
                assert approved["status"] == "approved"
                await canary.ask("POST", f"{path}/check", right)
                await canary.ask("POST", f"{path}/cancel")
            address = "canary.misused@example.org"
            made = await canary.create(address)
            await canary.misuse(made, address)
            await canary.ask("POST", f"/v1/verifications/{made}/cancel")
            await canary.metrics()
            canary.look_at_processes(environment=False)
            canary.sinks.note("mail headers", mail_headers(relay))
            await canary.search()
            assert len(canary.sinks.secrets) > 30
            assert b"verification.approved" in canary.sinks.texts["file service.log"]

    asyncio.run(journey())


def test_no_code_number_or_password_of_a_provider_is_anywhere_but_where_it_belongs(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        (port,) = free_ports(1)
        config = DUTIES.replace('["gateway"]', '["twilio", "gateway"]')
        async with fake_twilio(authority.valid(), 201, 201, 503) as fake, a_gateway() as (gateway, asked_of):
            settings = DEBUG | {
                "WATCHWORD_SMS_TWILIO": fake.url,
                "WATCHWORD_SMS_CA": str(authority.ca_file),
                "WATCHWORD_SMS_GATEWAY": f"http://ours:{GATEWAY_PASSWORD}@127.0.0.1:{gateway}/sendsms",
            }
            async with running(tmp_path, config=config, settings=settings, port=port) as service:
                with closing(Canary(service)) as canary:
                    canary.sinks.secret("Twilio's token", TOKEN)
                    canary.sinks.secret("Twilio's account", SID)
                    canary.sinks.secret("gateway's password", GATEWAY_PASSWORD)
                    canary.sinks.secret("number", MOBILE)
                    canary.sinks.secret("number without its plus", MOBILE[1:])
                    canary.sinks.secret("national number", MOBILE[3:])
                    asked: dict[str, Any] = {
                        "channel": "sms",
                        "notice_acknowledged": "2026-11",
                        "requester": {"ip": SOURCE},
                    }
                    for number, purpose in enumerate(("binding", "login")):
                        made = await canary.create(MOBILE, purpose=purpose, **asked)
                        await until(canary.connection, made, lambda s: s["deliveries"][0]["status"] == "sent")
                        path = f"/v1/verifications/{made}"
                        url = fake.messages[number]["StatusCallback"]
                        canary.sinks.secret(f"reference of {made}", url.rpartition("/")[2])
                        told = {"MessageSid": "SM0", "MessageStatus": "delivered", "To": MOBILE}
                        assert 200 == await called(service, url, told, sign(url, told))
                        assert 404 == await called(service, url[:-1], told, sign(url, told))
                        right = {"code": canary.code(made), "to": MOBILE, "purpose": purpose}
                        await canary.refused("POST", f"{path}/check", right | {"code": wrong(right["code"])})
                        await canary.refused("POST", f"{path}/check", right | {"to": BOB})
                        await canary.refused("GET", f"{path}/{MOBILE}")
                        assert (await canary.ask("POST", f"{path}/check", right))["status"] == "approved"
                        await canary.ask("GET", path)
                    made = await canary.create(MOBILE, **asked)  # the second provider takes this one
                    await until(canary.connection, made, lambda s: s["deliveries"][0]["status"] == "sent")
                    assert GATEWAY_PASSWORD in asked_of[0]
                    assert canary.code(made) in asked_of[0]
                    await canary.ask("GET", f"/v1/verifications/{made}")
                    for body in ({"to": MOBILE + "²"}, {"to": f"{MOBILE},{BOB}"}, {"locale": MOBILE}):
                        await canary.refused(
                            "POST", "/v1/verifications", {"to": MOBILE, "purpose": "login"} | asked | body
                        )
                    await canary.metrics()
                    canary.look_at_processes(environment=False)
                    await canary.search()
                    assert not fake.faults
                    assert b"delivery.reported" in canary.sinks.texts["file service.log"]
                    assert b'"country":"DE"' in canary.sinks.texts["file service.log"].replace(b": ", b":")

    asyncio.run(journey())


@asynccontextmanager
async def a_gateway() -> AsyncIterator[tuple[int, list[str]]]:
    """A gateway as Kannel is one, which takes everything: what it is asked has password, number and code in it."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        asked.append(head + (await reader.readexactly(length)).decode("latin-1"))
        writer.write(
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 24\r\nConnection: close\r\n\r\n0: Accepted for delivery"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def _has_taken(relay: Relay, mails: int) -> bool:
    return len(relay.messages) >= mails


async def by_link(canary: Canary, relay: Relay, number: int, **more: Any) -> tuple[Holder, Holder]:
    """Ask for a link, and note everything that follows from it: what the mail's holder has, and the page's."""
    address = f"canary.link{number}@example.org"
    made = await canary.create(address, link=a_link(), **more)
    page = Holder(canary.connection.heard.document["page_url"])
    await relay.until(lambda: any(mail.recipient == address for mail in relay.messages))
    mail = next(mail for mail in relay.messages if mail.recipient == address)
    body = message_from_bytes(mail.content, policy=policy.default).get_body(("plain",))
    assert body is not None
    (url,) = re.findall(r"^http\S+/l/\S+", body.get_content(), re.MULTILINE)
    link = Holder(url)
    canary.sinks.key(f"token of {made}", link.key)
    canary.sinks.key(f"context key of {made}", hkdf(link.key, "watchword/v1/link/context"))
    canary.sinks.key(f"link proof of {made}", un64(link.proof))
    canary.sinks.key(f"ticket of {made}", page.key)
    canary.sinks.key(f"page proof of {made}", un64(page.proof))
    return link, page


def test_no_token_proof_ticket_hand_off_or_verifier_is_anywhere_but_where_it_belongs(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_canary_with_a_relay(tmp_path) as (canary, relay):
            canary.service.command("app", "update", "Canary", "--redirect-uri", REDIRECT)
            canary.sinks.secret("verifier", VERIFIER)
            canary.sinks.secret("state", STATE)
            link, page = await by_link(canary, relay, 1)
            exchange = {"code_verifier": VERIFIER, "purpose": "login", "to": "canary.link1@example.org"}
            await canary.ask("POST", f"{link.address}/open", {})
            for holder, verb, more in (
                (link, "continue", {}),
                (link, "confirm", {"word": "amber"}),
                (page, "open", {}),
                (page, "check", {"code": canary.code(link.id)}),
                (page, "resend", {}),
            ):
                answer = await canary.ask("POST", f"{holder.address}/{verb}", {"proof": holder.proof, **more})
                if "redirect_to" in answer:
                    canary.sinks.secrets[f"hand-off {verb}"] = (handed_off(answer.pop("redirect_to")).encode(),)
            code = canary.sinks.secrets["hand-off continue"][0].decode()
            await misuse_links(canary, link, page, code)
            approved = await canary.ask("POST", "/v1/exchange", exchange | {"code": code})
            assert approved["status"] == "approved"
            await canary.refused("POST", "/v1/exchange", exchange | {"code": code})
            await by_link(canary, relay, 2)
            await canary.metrics()
            canary.look_at_processes(environment=False)
            canary.sinks.note("mail headers", mail_headers(relay))
            del canary.sinks.secrets["state"]  # it is made to come back, in the redirect
            await canary.search()
            assert b"verification.exchange_replayed" in canary.sinks.texts["file service.log"]

    asyncio.run(journey())


def test_no_seed_ticket_hand_off_or_recovery_code_of_an_enrolment_page_is_where_it_does_not_belong(
    tmp_path: Path,
) -> None:
    async def journey() -> None:
        async with a_canary_with_a_relay(tmp_path) as (canary, _):
            canary.service.command("app", "update", "Canary", "--redirect-uri", REDIRECT)
            canary.sinks.secret("verifier", VERIFIER)
            canary.sinks.secret("subject", "canary-subject-4711")
            a, subject = "/v1/authenticators", {"subject": "canary-subject-4711"}
            _, made = await canary.connection.ask("POST", a, subject | {"account": "canary", "link": a_link()})
            page, seed = Holder(made["page_url"]), base32.read(made["secret"])
            canary.sinks.secret("seed in base32", made["secret"])
            canary.sinks.key("seed", seed)
            canary.sinks.key("ticket", page.key)
            canary.sinks.key("page proof", un64(page.proof))
            body = {"proof": page.proof}
            await canary.connection.ask("POST", f"{page.address}/open", body)  # the one answer with the key
            await canary.refused("POST", f"{page.address}/confirm", body | {"code": made["secret"]})
            await canary.refused("POST", f"{page.address}/open?ticket={b64(page.key)}", {"proof": b64(page.key)})
            await canary.refused("GET", f"/v1/enrolments/{b64(page.key)}/open", headers=f"Referer: {page.url}\r\n")
            code = totp(seed, round(time.time() * 1000))
            _, proven = await canary.connection.ask("POST", f"{page.address}/confirm", body | {"code": code})
            for number, each in enumerate(proven["recovery_codes"]):
                canary.sinks.secret(f"recovery code {number}", each)
            handoff = handed_off(proven["redirect_to"])
            canary.sinks.secrets["hand-off"] = (handoff.encode(),)
            exchange = subject | {"code": handoff, "code_verifier": VERIFIER}
            await canary.refused("POST", f"{a}/exchange", exchange | {"code_verifier": VERIFIER[::-1]})
            _, active = await canary.connection.ask("POST", f"{a}/exchange", exchange)
            assert "active" == active["status"]
            await canary.refused("POST", f"{a}/exchange", exchange)
            await canary.refused("POST", f"{page.address}/confirm", body | {"code": code})
            await canary.ask("POST", f"{page.address}/open", body)
            await canary.metrics()
            canary.look_at_processes(environment=False)
            await canary.search()
            assert b"authenticator.proven" in canary.sinks.texts["file service.log"]

    asyncio.run(journey())


async def misuse_links(canary: Canary, link: Holder, page: Holder, code: str) -> None:
    """Put what is secret about a link where it does not belong; all of it is refused."""
    key, ticket = b64(link.key), b64(page.key)
    for path in (f"/l/{link.id}/{key}", f"/v1/links/{key}/continue", f"{link.address}/{link.proof}"):
        await canary.refused("GET", path, headers=f"Referer: {link.url}\r\n")
    await canary.refused("POST", f"{link.address}/continue?token={key}", {"proof": link.proof})
    await canary.refused("POST", f"{link.address}/continue", {"proof": key, "token": key})
    await canary.refused("POST", f"{link.address}/continue", {"proof": [link.proof]})
    await canary.refused("POST", f"{link.address}/confirm", {"proof": link.proof, "word": key})
    await canary.refused("POST", f"{page.address}/check", {"proof": page.proof, "code": ticket})
    await canary.refused("POST", f"{page.address}/open", {"proof": link.proof})
    await canary.refused("POST", "/v1/exchange", {"code": key, "code_verifier": VERIFIER})
    await canary.refused("POST", "/v1/exchange", {"code": code, "code_verifier": VERIFIER[::-1]})
    await canary.refused("POST", "/v1/exchange", {"code": code, "code_verifier": code + "="})
    await canary.refused("POST", "/v1/exchange", {"id": code, "code_verifier": VERIFIER})


def test_decoys_idempotency_keys_and_what_is_told_of_the_requester_leave_no_trace(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_canary_with_a_relay(tmp_path) as (canary, relay):
            canary.sinks.secret("idempotency key", "canary-idempotency-key")
            canary.sinks.secret("requester's address", SOURCE)
            canary.sinks.secret("requester's browser", AGENT)
            requester: dict[str, Any] = {"requester": {"ip": SOURCE, "user_agent": AGENT, "known_device": True}}
            once = "Idempotency-Key: canary-idempotency-key\r\n"
            decoy = await canary.create("canary.decoy@example.org", decoy=True, **requester)
            first = await canary.create("canary.once@example.org", once, **requester)
            assert await canary.create("canary.once@example.org", once, **requester) == first
            assert b"idempotency-replayed: true" in canary.connection.heard.head
            asked = {"channel": "email", "to": "canary.other@example.org", "purpose": "login"}
            canary.sinks.secret("the other address", asked["to"])
            refused = await canary.ask("POST", "/v1/verifications", asked, headers=once)
            assert refused["code"] == "idempotency_reused"
            for name in (decoy, first):
                await canary.ask("POST", f"/v1/verifications/{name}/check", {"code": canary.code(name)})
                await canary.ask("GET", f"/v1/verifications/{name}")
            await canary.create("canary.last@example.org")  # what was asked for before it has left before it
            await relay.until(lambda: any(mail.recipient == "canary.last@example.org" for mail in relay.messages))
            assert {mail.recipient for mail in relay.messages} == {"canary.once@example.org", "canary.last@example.org"}
            canary.sinks.note("mail headers", mail_headers(relay))
            for mail in relay.messages:
                assert canary.code(decoy).encode() not in mail.content
            await canary.metrics()
            await canary.search()

    asyncio.run(journey())


def test_a_relay_that_fails_and_quotes_what_it_was_told_brings_nothing_into_the_log(tmp_path: Path) -> None:
    address = "canary.refused@example.org"
    quoted = f"5.1.1 <{address}> no such user; you logged in as ours with {SMTP_PASSWORD}\r\n".encode()
    script = Script(
        {
            "AUTH": (b"454 4.7.0 " + quoted, b"235 2.7.0 welcome\r\n"),
            "MAIL": (b"451 4.3.0 " + quoted, b"250 2.0.0 OK\r\n"),
            "RCPT": (b"550 " + quoted, b"250 2.0.0 OK\r\n"),
            ".": b"554 5.7.1 this is spam: " + quoted,
        },
        offers_over_tls=("8BITMIME", "AUTH PLAIN LOGIN"),
    )

    async def journey() -> None:
        authority = Authority(tmp_path)
        async with (
            scripted_relay(authority.valid(), script, implicit=True) as relay,
            running(tmp_path, settings=through(relay, authority) | DEBUG, config=COUNTING) as service,
        ):
            canary = Canary(service)
            canary.sinks.secret("relay's password", SMTP_PASSWORD)
            for _ in range(2):
                made = await canary.create(address)
                await until(canary.connection, made, lambda shown: shown["status"] == "failed")
                canary.sinks.answer("GET", canary.connection.heard)
            assert {"AUTH", "MAIL", "RCPT", "."} <= set(relay.verbs)
            await canary.metrics()
            await canary.search()
            assert b"delivery.failed" in canary.sinks.texts["file service.log"]

    asyncio.run(journey())


def test_the_command_line_and_the_sdk_let_nothing_slip(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx")  # which a service that ran in this process has silenced

    async def journey() -> None:
        async with a_canary_with_a_relay(tmp_path) as (canary, relay):
            canary.sinks.secret("CLI's address", "canary.cli@example.org")
            canary.sinks.secret("SDK's address", "canary.sdk@example.org")
            await asyncio.to_thread(by_command_line, canary)
            await asyncio.to_thread(by_sdk, canary)
            await relay.until(partial(_has_taken, relay, 2))
            ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]  # that is the relay
            canary.sinks.note("logging", "\n".join(ours).encode())
            assert b"HTTP Request: POST" in canary.sinks.texts["logging"]
            await canary.metrics()
            await canary.search()

    asyncio.run(journey())


def by_command_line(canary: Canary) -> None:
    to, purpose = "canary.cli@example.org", ("--purpose", "login")
    told, made = canary.run("send", to, *purpose).split()
    assert told == "0"
    code = canary.keep(made, 6)
    check = ("check", made, *purpose, "--to", to)
    assert canary.run(*check, lines=(wrong(code),)).startswith("1")
    assert canary.run(*check, "--json", lines=(wrong(code),)).startswith("1")
    assert canary.run(*check, lines=(code,)) == "0 approved"
    assert canary.run(*check, "--json", lines=(code,)).startswith("1")
    canary.service.command("keys", "rotate")
    for quiet in (("keys", "list"), ("app", "list"), ("app", "list", "--json"), ("doctor",), ("doctor", "--json")):
        done = canary.service.run(*quiet)
        canary.sinks.note(" ".join(quiet), done.stdout, done.stderr)


def by_sdk(canary: Canary) -> None:
    to = "canary.sdk@example.org"
    with Client(canary.service.url, canary.key) as client:
        made = client.create(to=to, purpose="login", digits=DIGITS, requester_ip=SOURCE, user_agent=AGENT)
        code = canary.keep(made.id, DIGITS)
        with noting(canary.sinks, MismatchError):
            client.check(made.id, wrong(code), purpose="login", to=to)
        seen = (client, made, client.get(made.id), client.check(made.id, code, purpose="login", to=to))
        canary.sinks.note("SDK objects", *(repr(each).encode() for each in seen))
    with Client(canary.service.url, "wk_" + canary.key[:2:-1]) as client, noting(canary.sinks, UnauthenticatedError):
        client.create(to=to, purpose="login")
    nobody = Client("http://127.0.0.1:1", canary.key, sleep=lambda _: None)
    with nobody, noting(canary.sinks, UnavailableError):
        nobody.check(made.id, code, purpose="login", to=to)


@contextmanager
def noting(sinks: Sinks, expected: type[Exception]) -> Any:
    """Expect an exception, and note everything a program could print of it."""
    with pytest.raises(expected) as caught:
        yield
    error = caught.value
    sinks.note("SDK errors", *(text.encode() for text in (repr(error), str(error), str(vars(error)))))
    sinks.note("SDK errors", "".join(traceback.format_exception(error)).encode())


def test_two_workers_share_figures_and_no_secrets(tmp_path: Path) -> None:
    async def journey() -> None:
        shared = tmp_path / "run"
        shared.mkdir()
        async with a_canary_with_a_relay(tmp_path, workers=2, TMPDIR=str(shared)) as (canary, relay):
            for number in range(10):  # each on a connection of its own, so that both workers get some
                canary.connection.close()
                address = f"canary.person{number}@example.org"
                made = await canary.create(address)
                await canary.misuse(made, address)
                await canary.ask("POST", f"/v1/verifications/{made}/check", {"code": canary.code(made), "to": address})
            await relay.until(partial(_has_taken, relay, 10))
            await canary.metrics()
            canary.look_at_processes(environment=False)
            canary.sinks.files(shared)
            counts = [name for name in canary.sinks.texts if name.endswith(".counts")]
            assert len(counts) == 2
            await canary.search()
            assert list(shared.iterdir()) == []

    asyncio.run(journey())


@pytest.mark.parametrize("workers", [1, 2])
def test_what_development_mode_mints_is_printed_once_and_is_nowhere_else(tmp_path: Path, workers: int) -> None:
    async def journey() -> None:
        async with running(tmp_path, settings=DEBUG, workers=workers, config=COUNTING) as service:
            canary = Canary(service, "default", service.welcome["api_key"])
            token = service.welcome["mailbox"].partition("#")[2]
            assert len(token) > 20
            canary.sinks.secret("mailbox token", token)
            address = "canary.developer@example.org"
            made = await canary.create(address)
            await canary.misuse(made, address)
            await read_mailbox(canary, token, made)
            await canary.ask("POST", f"/v1/verifications/{made}/check", {"code": canary.code(made), "to": address})
            await canary.metrics()
            canary.look_at_processes(environment=True)
            await canary.search()

    asyncio.run(journey())


async def read_mailbox(canary: Canary, token: str, made: str) -> None:
    """Read the mail in every way there is, and try to. Mails are the one place for what they hold."""
    service, bearer = canary.service, {"Authorization": f"Bearer {token}"}
    newest = await get(service, "/mailbox/latest.txt", **bearer)
    assert canary.code(made).encode() in newest.body
    for path in ("/mailbox/mails", f"/mailbox/mails/{made}.1", f"/mailbox/mails/{made}.1/html"):
        heard = await get(service, path, **bearer)
        assert heard.status == 200
        canary.sinks.note("head of a mail", heard.head)
    canary.sinks.answer("GET /mailbox", await get(service, "/mailbox"))
    for path in (
        f"/mailbox?token={token}",
        f"/mailbox/mails?token={token}",
        f"/mailbox/mails/{token}",
        "/mailbox/mails",
    ):
        canary.sinks.answer("GET /mailbox", await get(service, path, Referer=f"{service.url}/mailbox#{token}"))
    canary.sinks.answer("GET /mailbox", await get(service, "/mailbox/mails", **bearer, **{"X-Forwarded-For": SOURCE}))
    assert (await canary.connection.ask("POST", "/mailbox/session", {"token": token}))[0] == 200
    ticket = canary.connection.heard.head.partition(b"set-cookie: ")[2].partition(b"=")[2].partition(b";")[0].decode()
    assert len(ticket) > 20
    canary.sinks.secret("mailbox ticket", ticket)
    await canary.ask("POST", "/mailbox/session", {"token": token[::-1]})
    await canary.ask("POST", "/mailbox/session", {"tokens": token})
    await canary.ask("POST", "/mailbox/session", {"token": [token]})


def test_the_message_and_nothing_else_carries_the_code(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_canary_with_a_relay(tmp_path) as (canary, relay):
            made = await canary.create("ann@example.org")
            await relay.until(lambda: len(relay.messages) == 1)
            (mail,) = relay.messages
            parsed = message_from_bytes(mail.content, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            for kind in ("plain", "html"):
                part = parsed.get_body((kind,))
                assert part is not None
                assert part.get_content().count(canary.code(made)) == 1
            (words,) = canary.sinks.secrets[f"watchword of {made}"]
            assert words.decode().split()[1] in str(parsed.get_body(("plain",)))
            assert mail.recipient == "ann@example.org"
            assert mail.encrypted

    asyncio.run(journey())


def test_a_secret_in_any_form_would_be_found() -> None:
    sinks = Sinks()
    sinks.key("key", bytes(range(200, 232)))
    sinks.secret("watchword", "amber kite")
    texts = (bytes(range(200, 232)), b"c8c9cacb", b"yMnKy8zNzs_Q0dLT", b"yMnKy8zNzs/Q0dLT", b"amber kite")
    sinks.note("a log", *texts)
    sinks.note("2xx answer to POST", b"amber kite")
    assert list(sinks.leaks()) == ["key in a log", "watchword in a log"]
