"""Several services on one PostgreSQL, as on several hosts: races, couriers apart, and whatever may be killed or cut."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.test_relay import through
from tests.service.test_workers import until
from tests.support.hostile_relays import Deed, Script, scripted_relay
from tests.support.hosts import CLIENTS, SOON, clients, goes_on, two_hosts
from tests.support.line import a_line
from tests.support.postgres import QUOTED, a_server, the_server
from tests.support.relays import recording_relay
from tests.support.service import WATCHWORD, Connection, Service, code_of, is_not_ready, is_ready, ready
from tests.support.tls import Authority
from tests.support.world import wrong
from watchword.adapters import key_file
from watchword.adapters.system import SystemClock, SystemEntropy

TRIALS = 150
AT_ONCE = 16  # connections to each host
MESSAGES = 120
KILLS = 12
QUEUED = 20  # messages from each host
HELD = 8  # what a courier hands over at once


@contextmanager
def a_courier(service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """A ``watchword courier`` with the settings of a service, once it delivers."""
    with service.log.open("ab") as log:
        process = subprocess.Popen(
            [WATCHWORD, "courier", "--json"], env=service.environment(), stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["mode"] == "courier"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
@pytest.mark.parametrize("right", [True, False])
def test_of_32_parallel_checks_on_two_hosts_one_is_approved_and_five_are_evaluated(right: bool, tmp_path: Path) -> None:
    expected = {"approved": 1, "used": 2 * AT_ONCE - 1} if right else {"mismatch": 5, "exhausted": 2 * AT_ONCE - 5}

    async def journey() -> None:
        async with two_hosts(tmp_path, workers=2) as hosts:
            connections, keyring = hosts.connections(AT_ONCE), hosts.keyring
            for number in range(TRIALS):
                status, made = await connections[number % 2 * AT_ONCE].create(f"user{number}@example.com")
                assert status == 201
                code = code_of(keyring, hosts.app, made["id"])
                typed = code if right else wrong(code)
                answers = await asyncio.gather(*(each.check(made["id"], typed) for each in connections))
                assert expected == Counter(
                    "approved" if status == 200 else answer["reason"] for status, answer in answers
                )
            for connection in connections:
                connection.close()

    asyncio.run(journey())


@pytest.mark.xdist_group("heavy")
def test_couriers_apart_hand_every_message_over_once_and_leave_politely(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        async with recording_relay(authority.valid(), login=("ours", "a-password")) as relay:
            settings = through(relay, authority)
            async with two_hosts(tmp_path, options=["--no-courier"], settings=settings) as hosts:
                connections = hosts.connections(CLIENTS)
                made = await asyncio.gather(
                    *(connections[n % len(connections)].create(f"user{n}@example.com") for n in range(len(connections)))
                )
                assert {201} == {status for status, _ in made}
                assert [] == relay.messages
                with a_courier(hosts.services[0]) as one, a_courier(hosts.services[1]) as other:
                    for number in range(len(connections), MESSAGES):
                        await connections[number % len(connections)].create(f"user{number}@example.com")
                    await relay.until(lambda: len(relay.messages) >= MESSAGES)
                    for process in (one, other):
                        process.send_signal(signal.SIGTERM)
                        assert 0 == await asyncio.to_thread(process.wait, 60)
                assert {1} == set(Counter(mail.recipient for mail in relay.messages).values())
                for connection in connections:
                    connection.close()

    asyncio.run(journey())


@pytest.mark.xdist_group("heavy")
def test_a_courier_that_is_killed_leaves_what_it_held_to_its_lease_and_everything_else_to_the_next(
    tmp_path: Path,
) -> None:
    async def journey() -> None:
        authority, script = Authority(tmp_path), Script({".": Deed.HANG})
        async with (
            scripted_relay(authority.valid(), script, implicit=True) as silent,
            recording_relay(authority.valid(), login=("ours", "a-password")) as relay,
        ):
            settings = through(silent, authority, login=False)
            async with two_hosts(tmp_path, options=["--no-courier"], settings=settings) as hosts:
                first, second = hosts.services
                for connection in hosts.connections(1):
                    for number in range(QUEUED):
                        await connection.create(f"user{number}.{id(connection)}@example.com")
                    connection.close()
                with a_courier(first) as courier:
                    await silent.until(lambda: silent.verbs.count(".") == HELD)
                    courier.kill()
                    courier.wait()
                held = "SELECT count(*) FROM deliveries WHERE handed_over"
                assert str(HELD) == hosts.server.sql(held, hosts.database)
                second.settings = {**second.settings, **through(relay, authority)}
                with a_courier(second):
                    await relay.until(lambda: len(relay.messages) == 2 * QUEUED - HELD)
                assert {1} == set(Counter(mail.recipient for mail in relay.messages).values())

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_whatever_process_is_killed_nobody_is_approved_twice_and_the_others_go_on(tmp_path: Path) -> None:
    moments = random.Random(7)

    async def journey() -> None:
        server = a_server()
        async with two_hosts(tmp_path, server, workers=2) as hosts, clients(hosts) as crowd:

            async def kill_a_worker() -> None:
                moments.choice(hosts.services[moments.randrange(2)].worker_processes()).kill()

            async def kill_the_database() -> None:
                await asyncio.to_thread(server.kill)
                await ready(hosts.services[0], is_not_ready)
                await asyncio.to_thread(server.start)
                for service in hosts.services:
                    await ready(service, is_ready, within=SOON)

            async def end_its_sessions() -> None:
                await asyncio.to_thread(
                    server.sql,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watchword'",
                )

            await goes_on(crowd)
            for number in range(KILLS):
                await (kill_a_worker, kill_the_database, end_its_sessions)[number % 3]()
                await goes_on(crowd)
        server.stop()

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_a_line_that_is_cut_or_dead_makes_503s_for_as_long_and_no_longer(tmp_path: Path) -> None:
    async def journey() -> None:
        server = the_server()
        async with (
            a_line(server.port) as line,
            two_hosts(tmp_path, ports=[line.port]) as hosts,
            clients(hosts) as crowd,
        ):
            for break_it in (line.cut, line.die):
                await goes_on(crowd)
                break_it()
                heard = await ready(hosts.services[0], is_not_ready)
                assert "store_unavailable" == heard.document["code"]
                line.mend()
                await ready(hosts.services[0], is_ready, within=SOON)
                await goes_on(crowd)
            told = crowd.refused["store_unavailable"]
            for lost in range(1, 40):
                line.lose_answer_to(b"pending")  # a row is written
                await goes_on(crowd)
                await until(lambda: line.lost == lost)  # noqa: B023 - called at once
                if lost >= 5 and crowd.refused["store_unavailable"] >= told + 5:  # for some only a courier waits
                    break
            assert crowd.refused["store_unavailable"] >= told + 5

    asyncio.run(journey())


def test_a_host_without_the_key_file_does_not_make_another_one(tmp_path: Path) -> None:
    async def journey() -> None:
        async with two_hosts(tmp_path) as hosts:
            connection = Connection(hosts.services[0], hosts.key)
            assert 201 == (await connection.create("ann@example.com"))[0]
            connection.close()
            third = Service(tmp_path / "c", settings={"WATCHWORD_STORE": hosts.server.url(hosts.database)})
            third.folder.mkdir()
            refused = await asyncio.to_thread(third.run, "serve", "--bind", "127.0.0.1:0")
            assert 2 == refused.returncode
            assert b"WATCHWORD_KEY_FILE" in refused.stderr
            assert not (third.folder / "data" / "keys.json").exists()

    asyncio.run(journey())


def test_a_host_with_another_key_file_is_refused_where_there_is_nothing_to_try_it_on(tmp_path: Path) -> None:
    """Valkey has the verifications, say, and the server authenticators alone: right codes would be nobody's there."""

    async def journey() -> None:
        async with two_hosts(tmp_path) as hosts:
            third = Service(tmp_path / "c", settings={"WATCHWORD_STORE": hosts.server.url(hosts.database)})
            (third.folder / "data").mkdir(parents=True, mode=0o700)
            key_file.ensure(third.folder / "data" / "keys.json", SystemEntropy().draw, SystemClock().now())
            for command in (("serve", "--bind", "127.0.0.1:0"), ("doctor",)):
                refused = await asyncio.to_thread(third.run, *command)
                assert 2 == refused.returncode
                assert b"is not the one" in refused.stderr + refused.stdout

    asyncio.run(journey())


def test_doctor_and_migrate_look_at_the_server(tmp_path: Path) -> None:
    server = the_server()
    database = server.database()
    service = Service(tmp_path, settings={"WATCHWORD_STORE": server.url(database)})

    def store() -> list[str]:
        return [line for line in service.run("doctor").stdout.decode().splitlines() if " store " in line]

    assert "watchword migrate" in "".join(store())
    assert "" == server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
    service.command("migrate")
    (line,) = store()
    assert line.startswith("ok")
    assert f"{database} at 127.0.0.1:{server.port} can be read and written, schema " in line
    service.settings = {"WATCHWORD_STORE": server.url("nowhere")}
    (line,) = store()
    assert line.startswith("error")
    assert QUOTED not in line


@pytest.mark.parametrize(
    ("command", "settings", "names"),
    [
        (["courier"], {"WATCHWORD_STORE": "memory"}, b"WATCHWORD_STORE"),
        (["courier"], {}, b"WATCHWORD_SMTP"),
        (["serve", "--no-courier", "--bind", "127.0.0.1:0"], {}, b"WATCHWORD_SMTP"),
    ],
)
def test_a_courier_that_could_deliver_nothing_is_refused(
    command: list[str], settings: dict[str, str], names: bytes, tmp_path: Path
) -> None:
    refused = Service(tmp_path, settings=settings).run(*command)
    assert (2, True) == (refused.returncode, names in refused.stderr)


def test_a_key_that_one_host_took_first_is_known_to_the_other_at_the_first_check(tmp_path: Path) -> None:
    async def journey() -> None:
        async with two_hosts(tmp_path) as hosts:
            first, second = hosts.connections(1)
            _, before = await first.create("before@example.com")
            await asyncio.to_thread(hosts.services[0].command, "keys", "rotate")
            process = hosts.services[0].process
            assert process is not None
            process.send_signal(signal.SIGHUP)  # the second host hears of it by meeting an id under the new key
            await until(lambda: b'"rules.reloaded"' in hosts.services[0].log.read_bytes())
            _, after = await first.create("after@example.com")
            for made in (before, after):
                code = code_of(hosts.keyring, hosts.app, made["id"])
                status, answer = await second.check(made["id"], code)
                assert 200 == status, answer
            first.close()
            second.close()

    asyncio.run(journey())
