"""No secret in PostgreSQL or Valkey: what a thief of either finds, who has not the key file, is searched.

Not handled here: files, logs and answers (``test_canary.py``), PostgreSQL's own files and log; what a
secret holds, which no client ever sends here in clear (``tests/e2e``).
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from tests.service.test_canary import COUNTING, Canary, a_gateway, by_link
from tests.service.test_relay import through, until
from tests.support.link import REDIRECT
from tests.support.postgres import PostgresServer, the_server
from tests.support.relays import Relay, recording_relay
from tests.support.secret import a_claim, a_secret
from tests.support.service import running
from tests.support.sinks import Sinks, writings
from tests.support.sms import ANN, DUTIES
from tests.support.tls import Authority
from tests.support.valkeys import Server
from tests.support.world import wrong
from watchword.core import ids
from watchword.core.otpauth import read_key_uri

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


async def used(canary: Canary, relay: Relay) -> tuple[str, str]:
    """Share a secret, bind an authenticator, ask for codes; returns the ids of one by mail and of one by text."""
    link = token_bytes(32)
    canary.sinks.key("link proof of a secret", link)
    shared = await canary.ask("POST", "/v1/secrets", a_secret(link=link))
    await canary.ask("POST", f"/v1/secrets/{shared['id']}/claim", a_claim(link=link))
    assert 200 == canary.connection.heard.status
    bound = await canary.ask("POST", "/v1/authenticators", {"subject": "canary-subject"})
    canary.sinks.key("seed", read_key_uri(bound["otpauth_uri"]).key.secret)
    mailed = await canary.create("canary.ann@example.org")
    await canary.ask("POST", f"/v1/verifications/{mailed}/check", {"code": wrong(canary.code(mailed))})
    await by_link(canary, relay, 1)
    for number in (ANN, ANN[1:], ANN[3:]):
        canary.sinks.secret(f"number {number}", number)
    asked: dict[str, Any] = {"channel": "sms", "notice_acknowledged": "2026-11", "requester": {"ip": "203.0.113.77"}}
    texted = await canary.create(ANN, purpose="binding", **asked)
    await until(canary.connection, texted, lambda shown: shown["deliveries"][0]["status"] == "sent")
    return mailed, texted


def dumped(server: PostgresServer, database: str, valkey: Server) -> Sinks:
    """Every row of every table, and every command that Valkey wrote down."""
    dump = Sinks()
    for table in server.sql(TABLES, database).split():
        rows = server.sql(f"SELECT t FROM {table} t", database)  # noqa: S608 - the names are its own
        dump.note(f"table {table}", rows.encode())
    dump.files(valkey.folder)
    return dump


@pytest.mark.xdist_group("heavy")
def test_a_dump_of_postgresql_and_valkey_without_the_key_file_opens_nothing(tmp_path: Path) -> None:
    async def journey() -> None:
        server, authority = the_server(), Authority(tmp_path)
        database = server.database()
        with closing(Server("--appendonly", "yes")) as valkey:
            async with (
                recording_relay(authority.valid(), login=("ours", "a-password")) as relay,
                a_gateway() as (gateway, _),
            ):
                settings = {
                    **through(relay, authority),
                    "WATCHWORD_STORE": server.url(database),
                    "WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{valkey.port}",
                    "WATCHWORD_SMS_GATEWAY": f"http://ours:a-password@127.0.0.1:{gateway}/sendsms",
                }
                async with running(tmp_path, config=COUNTING + DUTIES, settings=settings) as service:
                    with closing(Canary(service)) as canary:
                        service.command("app", "update", "Canary", "--redirect-uri", REDIRECT)
                        mailed, texted = await used(canary, relay)
                        dump = await asyncio.to_thread(dumped, server, database, valkey)
            # Whoever searches finds what is there: ids are no secrets.
            for raw, where in ((mailed, "aof"), (texted, "table verifications")):
                forms = writings(ids.from_text(ids.VERIFICATION, raw))
                assert any(form in text for name, text in dump.texts.items() if where in name for form in forms)
            dump.secrets = {
                name: tuple(written for form in forms for written in writings(form))  # PostgreSQL prints bytes in hex
                for name, forms in canary.sinks.secrets.items()
            }
            assert list(dump.leaks()) == []

    asyncio.run(journey())
