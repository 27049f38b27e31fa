"""No secret where none belongs: every flow at debug level against a real relay, then every sink is searched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

from tests.service.test_races import app_id
from tests.support.relays import Relay, recording_relay
from tests.support.service import Connection, Service, code_of, running
from tests.support.tls import Authority
from tests.support.world import wrong
from watchword.core import ids, passcode

SMTP_PASSWORD = "canary-relay-password"
SENDER = "Acme Codes <codes@ours.example>"
DIGITS = 10  # long enough never to appear by chance in a time or an id


@dataclass
class Sinks:
    """Everything somebody might read later, by name, and the secrets that must be in none of it."""

    texts: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, text: bytes) -> None:
        self.texts[name] = self.texts.get(name, b"") + text

    def leaks(self) -> Iterator[str]:
        for sink, text in self.texts.items():
            for secret, value in self.secrets.items():
                if value.encode() in text:
                    yield f"{secret} in {sink}"


@asynccontextmanager
async def a_service_with_a_relay(folder: Path) -> AsyncIterator[tuple[Service, Relay]]:
    authority = Authority(folder)
    async with recording_relay(authority.valid(), login=("ours", SMTP_PASSWORD)) as relay:
        settings = {
            "WATCHWORD_SMTP": relay.url("ours", SMTP_PASSWORD),
            "WATCHWORD_SMTP_CA": str(authority.ca_file),
            "WATCHWORD_MAIL_FROM": SENDER,
            "WATCHWORD_LOG_LEVEL": "debug",
        }
        async with running(folder, settings=settings) as service:
            yield service, relay


async def every_flow(service: Service, relay: Relay, sinks: Sinks) -> None:
    """Do everything the API can do, right and wrong, and note every answer that is not the one place for a value."""
    key = service.command("app", "create", "Canary").decode().strip()
    sinks.secrets["the API key"] = key
    app = app_id(service.command("app", "list", "--json"), "Canary")
    ring = service.keyring()
    connection = Connection(service, key)

    async def ask(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        status, answer = await connection.ask(method, path, body)
        sinks.note(f"answer to {method} {path.partition('vf_')[0]}", str(answer).encode())
        return status, answer

    code = path = ""
    for number, purpose in enumerate(("login", "step_up", "recovery", "binding", "address_confirmation")):
        address = f"canary.person{number}@example.org"
        asked = {"channel": "email", "to": address, "purpose": purpose, "digits": DIGITS, "locale": "de"}
        status, made = await connection.ask("POST", "/v1/verifications", asked)
        assert status == 201
        raw = ids.from_text(ids.VERIFICATION, made["id"])
        code = code_of(ring, app, made["id"], DIGITS)
        sign, countersign = passcode.derive_watchword(ring, app, raw)
        sinks.secrets |= {f"code {number}": code, f"address {number}": address}
        sinks.secrets[f"watchword {number}"] = f"{sign} {countersign}"
        path = f"/v1/verifications/{made['id']}"
        await ask("POST", f"{path}/check", {"code": wrong(code), "to": address, "purpose": purpose})
        await ask("POST", f"{path}/check", {"code": code, "to": "someone.else@example.org"})
        await ask("POST", f"{path}/check", {"code": code + "²", "to": address})
        await ask("POST", f"{path}/check", {"code": [code], "to": address})
        await ask("POST", f"{path}/check?code={'9' * DIGITS}", {"code": None})
        await ask("POST", f"{path}/resend")
        await relay.until(partial(_has_taken, relay, number + 1))
        await connection.ask("GET", path)
        await connection.ask("POST", f"{path}/check", {"code": code, "to": address, "purpose": purpose})
        await ask("POST", f"{path}/check", {"code": code, "to": address, "purpose": purpose})
        await ask("POST", f"{path}/cancel")
    await ask("POST", "/v1/verifications", {"channel": "sms", "to": "canary.person0@example.org", "purpose": "login"})
    await ask("POST", "/v1/verifications", {"channel": "email", "to": "canary.person0@example.org\r\nBcc: a@b.c"})
    await ask("POST", "/v1/verifications", {"to": 1, "canary.person0@example.org": code})
    await ask("GET", f"/v1/verifications?key={'k' * 10}")
    _, metrics = await raw_get(service, "/metrics")
    sinks.note("metrics", metrics)
    head, _ = await raw_get(service, path, key=key)
    sinks.note("response headers", head)
    connection.close()


def _has_taken(relay: Relay, mails: int) -> bool:
    return len(relay.messages) >= mails


async def raw_get(service: Service, path: str, key: str = "") -> tuple[bytes, bytes]:
    """A response as it came: head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def test_no_secret_is_in_any_log_table_header_metric_or_error(tmp_path: Path) -> None:
    async def journey() -> None:
        sinks = Sinks()
        async with a_service_with_a_relay(tmp_path) as (service, relay):
            sinks.secrets["the relay's password"] = SMTP_PASSWORD
            await every_flow(service, relay, sinks)
            for message in relay.messages:
                parsed = message_from_bytes(message.content, policy=policy.default)
                without_to = [f"{name}: {value}" for name, value in parsed.items() if name.lower() != "to"]
                sinks.note("mail headers", "\n".join(without_to).encode())
            assert service.stop() == 0
            sinks.note("log", service.log.read_bytes())
        for file in (tmp_path / "data").iterdir():
            sinks.note(f"file {file.name}", file.read_bytes())
        assert len(sinks.secrets) > 15
        assert b"verification.approved" in sinks.texts["log"]
        assert list(sinks.leaks()) == []

    asyncio.run(journey())


def test_the_message_and_nothing_else_carries_the_code(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_service_with_a_relay(tmp_path) as (service, relay):
            key = service.command("app", "create", "Canary").decode().strip()
            app = app_id(service.command("app", "list", "--json"), "Canary")
            connection = Connection(service, key)
            _, made = await connection.create("ann@example.org", digits=DIGITS)
            await relay.until(lambda: len(relay.messages) == 1)
            connection.close()
            code = code_of(service.keyring(), app, made["id"], DIGITS)
            parsed = message_from_bytes(relay.messages[0].content, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            for kind in ("plain", "html"):
                part = parsed.get_body((kind,))
                assert part is not None
                assert part.get_content().count(code) == 1
            assert made["watchword"].split()[1] in str(parsed.get_body(("plain",)))
            assert relay.messages[0].recipient == "ann@example.org"
            assert relay.messages[0].encrypted

    asyncio.run(journey())
