"""A courier with ``--bind``: it says how it is while it delivers, on that port alone, and nothing else is there."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.service.test_courier_metrics import shown_by
from tests.service.test_postgres import a_courier
from tests.service.test_relay import through, until
from tests.support.hostile_relays import Script, scripted_relay
from tests.support.hosts import SOON
from tests.support.line import a_line
from tests.support.postgres import the_server
from tests.support.relays import recording_relay
from tests.support.service import Connection, Service, get, is_not_ready, is_ready, ready, running
from tests.support.tls import Authority
from watchword.cli.endpoint import CONNECTIONS
from watchword.cli.serve import GRACE

# Where nobody answers: enough for a courier that has nothing to deliver.
NOWHERE = {"WATCHWORD_SMTP": "smtps://127.0.0.1:1", "WATCHWORD_MAIL_FROM": "codes@ours.example"}
SENT = b'watchword_deliveries_total{reason="",status="sent"'
FAILED = b'watchword_deliveries_total{reason="'
PATHS = ("/", "/docs", "/start", "/openapi.json", "/static/pages.css", "/v1/verifications", "/v1/secrets", "/mailbox")
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: courier\r\n\r\n"
LONG_SCRAPE = SCRAPE[:-2] + b"Padding: " + 8_000 * b"x" + b"\r\n\r\n"  # so that few come at once


class Courier(Service):
    """A courier that is spoken to as a service is. In the folder of one, it has its store and its key file."""

    def serving(self) -> list[str]:
        return ["courier", "--json", "--bind", "127.0.0.1:0"]


def answering(folder: Path, settings: Mapping[str, str] = NOWHERE) -> AbstractAsyncContextManager[Service]:
    """A courier with an endpoint, until the block ends."""
    return running(folder, made=Courier, settings=settings)


def listens_at(pid: int) -> list[int]:
    """The ports that a process listens at."""
    found = psutil.Process(pid).net_connections(kind="inet")
    return [each.laddr.port for each in found if each.status == psutil.CONN_LISTEN]


def test_it_is_alive_and_ready_and_counts_what_it_delivers(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        async with recording_relay(authority.valid(), login=("ours", "a-password")) as relay:
            settings = through(relay, authority)
            async with (
                running(tmp_path, options=["--no-courier"], settings=settings) as service,
                answering(tmp_path, settings) as courier,
            ):
                connection = Connection(service, service.command("app", "create", "Apart").decode().strip())
                assert 201 == (await connection.create("ann@example.com"))[0]
                connection.close()
                await relay.until(lambda: len(relay.messages) == 1)
                await shown_by(courier, SENT)
                assert 200 == (await get(courier, "/healthz")).status
                await ready(courier, is_ready)
                shown = (await get(courier, "/metrics")).body
                took = b'store_batch_seconds_count{store="sqlite"}'
                for metric in (b"outbox_due", b"outbox_age_seconds", took, b"workers"):
                    assert b"\nwatchword_" + metric + b" " in shown
                assert b"watchword_deliveries_total{" not in (await get(service, "/metrics")).body

    asyncio.run(journey())


def test_what_a_relay_refuses_is_in_its_figures(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        async with scripted_relay(authority.valid(), Script({"RCPT": b"550 5.1.1 no\r\n"}), implicit=True) as relay:
            settings = through(relay, authority, login=False)
            async with (
                running(tmp_path, options=["--no-courier"], settings=settings) as service,
                answering(tmp_path, settings) as courier,
            ):
                connection = Connection(service, service.command("app", "create", "Apart").decode().strip())
                _, made = await connection.create("ann@example.com")
                shown = await until(connection, made["id"], lambda shown: "reason" in shown["deliveries"][0])
                connection.close()
                reason = shown["deliveries"][0]["reason"].encode()
                await shown_by(courier, FAILED + reason + b'",status="failed"')

    asyncio.run(journey())


def test_nothing_of_the_service_is_there_for_machines_nor_browsers(tmp_path: Path) -> None:
    async def journey() -> None:
        async with answering(tmp_path) as courier:
            key = (await asyncio.to_thread(courier.command, "app", "create", "Apart")).decode().strip()
            connection = Connection(courier, key)
            assert 404 == (await connection.create("ann@example.com"))[0]
            connection.close()
            for path in PATHS:
                for accept in ("application/json", "text/html"):
                    heard = await get(courier, path, Accept=accept)
                    assert (404, "no_such_address") == (heard.status, heard.document["code"])
                    assert b"application/problem+json" in heard.head

    asyncio.run(journey())


def test_without_an_address_no_port_is_opened_also_where_one_is_set_for_serve(tmp_path: Path) -> None:
    service = Service(tmp_path, settings={**NOWHERE, "WATCHWORD_BIND": "127.0.0.1:8000"})

    with a_courier(service) as process:
        assert [] == listens_at(process.pid)


def test_with_an_address_it_opens_that_port_and_leaves_serve_its_own(tmp_path: Path) -> None:
    async def journey() -> None:
        async with answering(tmp_path, {**NOWHERE, "WATCHWORD_BIND": "127.0.0.1:8000"}) as courier:
            assert courier.process is not None
            assert [courier.port] == listens_at(courier.process.pid)
            assert courier.port != 8000

    asyncio.run(journey())


def test_a_port_that_is_taken_is_one_sentence_before_a_store_or_a_key_file_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = Service(tmp_path, settings=NOWHERE).run("courier", "--bind", address)

    assert (2, b"") == (refused.returncode, refused.stdout)
    assert f"watchword: Cannot listen on {address} (--bind): Address already in use.\n" == refused.stderr.decode()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("address", ["8001", ":8001", "h:70000", "::1:80", "[h]:80"])
def test_what_is_no_address_is_one_sentence(address: str, tmp_path: Path) -> None:
    refused = Service(tmp_path, settings=NOWHERE).run("courier", "--json", "--bind", address)

    assert (2, b"") == (refused.returncode, refused.stdout)
    assert "--bind" == json.loads(refused.stderr)["setting"]


def a_client(courier: Service, sent: bytes) -> socket.socket:
    """One that is connected and said something."""
    client = socket.create_connection(("127.0.0.1", courier.port))
    client.sendall(sent)
    return client


def one_that_takes_nothing(courier: Service) -> socket.socket:
    """One that asks for figures again and again and takes none, once the courier reads nothing more of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", courier.port))
    client.settimeout(1.0)
    with suppress(TimeoutError):
        while True:
            client.sendall(LONG_SCRAPE)
    return client


def test_a_signal_ends_it_at_once_whoever_holds_on_to_its_port(tmp_path: Path) -> None:
    async def journey() -> None:
        async with answering(tmp_path) as courier:
            with ExitStack() as clients:
                clients.enter_context(await asyncio.to_thread(one_that_takes_nothing, courier))
                clients.enter_context(a_client(courier, SCRAPE))
                clients.enter_context(a_client(courier, SCRAPE[:20]))
                assert 200 == (await get(courier, "/healthz")).status
                began = time.monotonic()
                assert 0 == await courier.finish()
                assert time.monotonic() - began < GRACE
            assert b"Traceback" not in courier.log.read_bytes()

    asyncio.run(journey())


def test_more_clients_than_it_takes_are_refused(tmp_path: Path) -> None:
    async def journey() -> None:
        async with answering(tmp_path) as courier:
            with ExitStack() as clients:
                for _ in range(CONNECTIONS):
                    clients.enter_context(a_client(courier, SCRAPE)).recv(1)
                one_more = clients.enter_context(a_client(courier, b""))
                assert one_more.recv(12) == b"HTTP/1.1 503"

    asyncio.run(journey())


def test_while_its_store_is_away_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    async def journey() -> None:
        server = the_server()
        async with a_line(server.port) as line:
            store = server.url(server.database(), line.port)
            async with answering(tmp_path, {**NOWHERE, "WATCHWORD_STORE": store}) as courier:
                await ready(courier, is_ready)
                line.cut()
                heard = await ready(courier, is_not_ready)
                assert "store_unavailable" == heard.document["code"]
                assert 200 == (await get(courier, "/healthz")).status
                assert b'route="/readyz",status="503"' in (await get(courier, "/metrics")).body
                line.mend()
                await ready(courier, is_ready, within=SOON)

    asyncio.run(journey())
