"""Magic links at a real service: races over two workers, a storm of robots, kill -9, and a stolen database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_races import app_id
from tests.support.link import CHALLENGE, REDIRECT, VERIFIER, Holder, a_link, b64, handed_off, hkdf, un64
from tests.support.service import Connection, Service, running
from watchword.core import ids, magic_link, particulars
from watchword.core.keyring import Keyring
from watchword.errors import TamperedError

AT_ONCE = 64
TRIALS = 25


class Shop:
    """An app with links at a service under test. Its mails go nowhere; whoever has the key file knows every link."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.key = service.command("app", "create", "Shop", "--redirect-uri", REDIRECT).decode().strip()
        self.app = app_id(service.command("app", "list", "--json"), "Shop")
        self.connection = Connection(service, self.key)

    async def asked(self, **more: Any) -> tuple[dict[str, Any], Holder]:
        """A verification with a link, and the link."""
        status, made = await self.connection.create("ann@example.com", link=a_link(), **more)
        assert status == 201, made
        raw = ids.from_text(ids.VERIFICATION, made["id"])
        token = magic_link.derive_token(self.service.keyring(), self.app, raw)
        return made, Holder(magic_link.link_url(self.service.url, raw, token))

    async def call(self, holder: Holder, verb: str, **more: str) -> tuple[int, Any]:
        return await self.connection.ask("POST", f"{holder.address}/{verb}", {"proof": holder.proof, **more})

    async def status(self, made: dict[str, Any]) -> str:
        _, shown = await self.connection.ask("GET", f"/v1/verifications/{made['id']}")
        return str(shown["status"])


async def exchanged(connection: Connection, **named: str) -> str:
    """What an exchange comes to, in a word."""
    status, answer = await connection.ask("POST", "/v1/exchange", {"code_verifier": VERIFIER, **named})
    return "approved" if status == 200 else str(answer["reason"])


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_of_64_parallel_exchanges_over_two_workers_one_wins(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            shop = Shop(service)
            connections = [Connection(service, shop.key) for _ in range(AT_ONCE)]
            for number in range(TRIALS):
                made, link = await shop.asked()
                if number % 2:
                    _, answer = await shop.call(link, "continue")
                    named = {"code": handed_off(answer["redirect_to"])}
                else:
                    status, answer = await shop.call(link, "confirm", word=made["watchword"].split()[0])
                    assert (200, "confirmed") == (status, answer["status"])
                    named = {"id": made["id"]}
                outcomes = Counter(await asyncio.gather(*(exchanged(each, **named) for each in connections)))
                assert outcomes == {"approved": 1, "used": AT_ONCE - 1}
            for each in (*connections, shop.connection):
                each.close()

    asyncio.run(journey())


def test_robots_that_fetch_everything_spend_nothing(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path) as service:
            shop = Shop(service)
            made, link = await shop.asked()
            page = Holder(made["page_url"])
            _, before = await shop.connection.ask("GET", f"/v1/verifications/{made['id']}")
            paths = [f"/l/{link.id}", f"/v/{link.id}", f"/l/{link.id}%23{b64(link.key)}"]
            paths += [f"{holder.address}/{verb}" for holder in (link, page) for verb in ("open", "continue", "check")]
            for _ in range(30):
                for method in ("GET", "HEAD", "OPTIONS"):
                    await asyncio.gather(*(fetched(service, method, path) for path in paths))
            _, after = await shop.connection.ask("GET", f"/v1/verifications/{made['id']}")
            assert [{**each, "deliveries": None} for each in (before, after)] == [{**before, "deliveries": None}] * 2
            _, answer = await shop.call(link, "continue")
            assert "approved" == await exchanged(shop.connection, code=handed_off(answer["redirect_to"]))
            shop.connection.close()

    asyncio.run(journey())


async def fetched(service: Service, method: str, path: str) -> None:
    """Fetch as a gateway does, on a connection of its own. No answer of any kind sets a cookie or leads elsewhere."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nSec-Purpose: prefetch\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    assert " 30" not in head.partition("\r\n")[0]
    assert "set-cookie" not in head
    assert "location:" not in head


@pytest.mark.xdist_group("heavy")
def test_what_was_confirmed_or_collected_outlives_kill_9(tmp_path: Path) -> None:
    async def journey() -> None:
        service = Service(tmp_path)
        await service.start()
        shop = Shop(service)
        for _ in range(3):
            collected, link = await shop.asked()
            _, answer = await shop.call(link, "continue")
            code = handed_off(answer["redirect_to"])
            assert "approved" == await exchanged(shop.connection, code=code)
            confirmed, other = await shop.asked()
            status, _ = await shop.call(other, "confirm", word=confirmed["watchword"].split()[0])
            assert 200 == status
            missed, third = await shop.asked()
            await shop.call(third, "confirm", word="amber" if missed["watchword"][:5] != "amber" else "cedar")
            service.kill()
            shop.connection.close()
            await service.start()
            shop.connection = Connection(service, shop.key)
            assert "used" == await exchanged(shop.connection, code=code)
            assert ["approved", "confirmed", "pending"] == [
                await shop.status(each) for each in (collected, confirmed, missed)
            ]
            assert "approved" == await exchanged(shop.connection, id=confirmed["id"])
            _, answer = await shop.call(third, "confirm", word="zigzag!")
            assert "invalid" == answer["code"]
            words = [sign for sign in ("amber", "cedar", "coral") if sign != missed["watchword"].split()[0]]
            _, answer = await shop.call(third, "confirm", word=words[0])
            assert 1 == answer["attempts_remaining"]
        shop.connection.close()
        assert service.stop() == 0

    asyncio.run(journey())


def test_a_dump_of_the_database_without_the_key_file_opens_nothing(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, config=ACTIONS) as service:
            shop = Shop(service)
            action = {"template": "transfer", "params": {"amount": "EUR 7411.50", "payee": "Zebulon"}}
            made, link = await shop.asked(purpose="step_up", action=action)
            shop.connection.close()
            assert await service.finish() == 0
        with closing(sqlite3.connect(service.database)) as connection:
            dump = "\n".join(connection.iterdump())
            (row,) = connection.execute("SELECT id, app, sealed, challenge, action FROM verifications")
        raw, app, sealed, challenge, digest = row
        page = Holder(made["page_url"])
        for secret in (link.key, page.key, un64(link.proof), un64(page.proof), hkdf(link.key, "x")):
            assert secret.hex().upper() not in dump.upper()
        for text in ("Zebulon", "7411.50", a_link()["state"], "ann@example.com", VERIFIER):
            assert text not in dump
            assert text.encode().hex().upper() not in dump.upper()
        # What a thief can compute with keys that are not ours, whatever they are:
        thief = Keyring({raw[6]: b"guess" + bytes(27)}, current=raw[6], index=bytes(32))
        with pytest.raises(TamperedError):
            particulars.read(thief.open(sealed, bound_to=app + raw))
        assert magic_link.derive_token(thief, app, raw) != link.key
        assert magic_link.derive_ticket(thief, app, raw) != page.key
        assert (CHALLENGE.encode(), 16) == (challenge, len(digest))

    asyncio.run(journey())


ACTIONS = """
[limits]
recipient_sends = ""

[actions.Shop.transfer]
params = { amount = "amount", payee = "text" }
en = "Send {amount} to {payee}"
"""
