"""Valkey as it is in the world: it restarts, is replaced, stalls, forgets and is full."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.line import a_line
from tests.support.listening import run, until
from tests.support.ports import free_port
from tests.support.valkeys import Server, emptied, one_server
from tests.support.world import World, wrong
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.adapters.valkey.connection import PATIENCE
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules
from watchword.core.verification import Status
from watchword.errors import (
    ExpiredError,
    MismatchError,
    RateLimitedError,
    SettingsError,
    StoreError,
    UnknownError,
    WatchwordError,
)
from watchword.flows.purge import RETENTION

CROWD = 64
PERSISTENT = ("--appendonly", "yes", "--appendfsync", "always")


def a_store(folder: Path, port: int, waiting: int = 10_000) -> SplitStore:
    """Both halves, with Valkey at a port."""
    durable = SqliteStore(folder / "watchword.db")
    return SplitStore(ValkeyStore(ValkeyAddress.parse(f"valkey://127.0.0.1:{port}"), durable, waiting=waiting), durable)


@asynccontextmanager
async def a_world(folder: Path, port: int, rules: Rules | None = None, waiting: int = 10_000) -> AsyncIterator[World]:
    world = World(a_store(folder, port, waiting=waiting), rules)
    await world.open()
    try:
        yield world
    finally:
        await world.store.aclose()


@asynccontextmanager
async def a_server(*options: str) -> AsyncIterator[Server]:
    """A server that the test may kill."""
    server = Server(*options)
    try:
        yield server
    finally:
        server.close()


async def recovered(world: World) -> None:
    """Come back when the store can be written again."""
    async with asyncio.timeout(60):
        while True:
            with suppress(StoreError):
                await world.store.ping()
                return
            await asyncio.sleep(0.01)


async def outcome(world: World, raw: bytes, code: str) -> str:
    try:
        await world.check(raw, code)
    except WatchwordError as error:
        return "StoreError" if isinstance(error, StoreError) else type(error).__name__
    return "approved"


# --- what lies there, and for how long ---------------------------------------------------------------


def test_everything_there_leaves_by_itself(tmp_path: Path) -> None:
    server = one_server()

    async def journey() -> None:
        emptied([server])
        async with a_world(tmp_path, server.port) as world:
            raw, code = await world.send(source="192.0.2.1", idempotency_key="order-7", fingerprint=b"one")
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
            world.clock.move(30 * SECOND)
            await world.verifications.resend(world.app, raw)
            await world.create("bob@example.com", source="192.0.2.2")
            await world.courier.drain()
            await world.create("waiting@example.com")
            await world.store.ping()
            keys = await world.store.fast._wire._link.command("KEYS", "*")  # type: ignore[attr-defined]
            assert {key.partition(b"}")[2][:1] for key in keys if b"}" in key} == {b"v", b"i", b"d", b"r"}
            for key in keys:
                left = await world.store.fast._wire.command(key, b"PTTL")  # type: ignore[attr-defined]
                assert 0 < left <= RETENTION, key

    run(journey)


def test_what_was_asked_for_under_a_key_can_be_asked_for_again_for_as_long_as_the_key_lives(tmp_path: Path) -> None:
    server = one_server()

    async def journey() -> None:
        emptied([server])
        async with a_world(tmp_path, server.port) as world:
            wire = world.store.fast._wire  # type: ignore[attr-defined]
            plain = (await world.create("ann@example.com")).verification.id
            keyed = (await world.create("bob@example.com", idempotency_key="k", fingerprint=b"f")).verification.id
            assert 10 * MINUTE < await wire.command(wire.layout.row(plain), b"PTTL") <= 10 * MINUTE + HOUR
            assert DAY - MINUTE < await wire.command(wire.layout.row(keyed), b"PTTL") <= DAY

    run(journey)


# --- restarts ----------------------------------------------------------------------------------------


def test_after_a_restart_no_code_from_before_is_accepted_and_no_wrong_guess_is_forgotten(tmp_path: Path) -> None:
    async def journey() -> None:
        ten = Rules(limits=Limits((), (), (), (), (Rate(10, HOUR),)))
        async with a_server(*PERSISTENT) as server, a_world(tmp_path, server.port, ten) as world:
            spent, code = await world.send()
            for _ in range(5):
                with pytest.raises(MismatchError):
                    await world.check(spent, wrong(code))
            left, right = await world.send()
            server.kill()
            with pytest.raises(StoreError):
                await world.check(left, right)
            server.start()
            await recovered(world)
            with pytest.raises(ExpiredError):  # it is there, and could be right; another may have been approved with it
                await world.check(left, right)
            assert (await world.store.find(world.app.id, left))[0].status_at(world.clock.now()) is Status.EXPIRED
            again, code = await world.send()
            for _ in range(5):
                with pytest.raises(MismatchError):
                    await world.check(again, wrong(code))
            third, code = await world.send("Ann+three@example.com")  # the same mailbox: ten in an hour are spent
            with pytest.raises(RateLimitedError):
                await world.check(third, code)

    run(journey)


def test_budgets_are_whole_on_a_server_that_remembers_nothing(tmp_path: Path) -> None:
    async def journey() -> None:
        unlimited = Rules(limits=Limits((), (), (), (), (Rate(4, HOUR),)))
        async with a_server() as server, a_world(tmp_path, server.port, unlimited) as world:
            for number in range(4):
                raw, code = await world.send()
                with pytest.raises(MismatchError):
                    await world.check(raw, wrong(code))
                server.kill()
                server.start()
                await recovered(world)
                with pytest.raises(UnknownError):
                    await world.check(raw, code)
                assert len((await world.store.guesses(key_of(world, raw))).log) == number + 1
            raw, code = await world.send()
            with pytest.raises(RateLimitedError):
                await world.check(raw, code)

    def key_of(world: World, _: bytes) -> bytes:
        (key,) = world.store.durable._read._execute("SELECT key FROM guess_buckets").fetchone()  # type: ignore[attr-defined]
        found: bytes = key
        return found

    run(journey)


def test_repeating_a_request_after_a_restart_makes_another(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server(*PERSISTENT) as server, a_world(tmp_path, server.port) as world:
            first = await world.create(idempotency_key="order-7", fingerprint=b"one")
            server.kill()
            server.start()
            await recovered(world)
            second = await world.create(idempotency_key="order-7", fingerprint=b"one")
            assert not second.replayed
            assert second.verification.id != first.verification.id

    run(journey)


def test_a_message_of_another_term_is_not_sent_any_more(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server(*PERSISTENT) as server, a_world(tmp_path, server.port) as world:
            raw = (await world.create()).verification.id
            server.kill()
            server.start()
            await recovered(world)
            assert await world.courier.drain() == 0
            _, (delivery,) = await world.store.find(world.app.id, raw)
            assert (delivery.status.value, delivery.reason) == ("failed", "expired")
            assert world.outbox.mails == []

    run(journey)


def follows(replica: Server, master: Server) -> None:
    """Let one server become a replica, and wait until it has everything."""
    replica.call("REPLICAOF", "127.0.0.1", master.port)
    replica.until("INFO", "replication", holds=b"master_link_status:up")


def test_what_was_a_replica_for_a_while_begins_a_new_term_although_it_is_the_same_process(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server() as first, a_server() as second, a_world(tmp_path, first.port) as world:
            raw, code = await world.send()
            wire = world.store.fast._wire  # type: ignore[attr-defined]
            before = wire.term(b"")
            follows(second, first)
            second.call("REPLICAOF", "NO", "ONE")
            follows(first, second)  # with the row, as it was when it was copied
            first.call("REPLICAOF", "NO", "ONE")
            await until(lambda: wire.term(b"") not in {before, b""})
            with pytest.raises(ExpiredError):
                await world.check(raw, code)

    run(journey)


def test_a_replica_is_not_taken_for_a_master(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server() as first, a_server() as second:
            follows(second, first)
            with pytest.raises(StoreError, match="this server is a replica"):
                await a_store(tmp_path, second.port).open()

    run(journey)


def test_a_master_that_is_no_master_any_more_is_left(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server() as first, a_server() as second, a_world(tmp_path, first.port) as world:
            follows(first, second)
            with pytest.raises(StoreError):
                await world.create()
            await until(lambda: not world.store.fast._wire.term(b""))  # type: ignore[attr-defined]
            with pytest.raises(StoreError, match=r"replica|lost"):
                await world.check(bytes(16), "000000")

    run(journey)


def test_a_row_that_was_copied_to_a_replica_is_worth_nothing_once_that_is_master(tmp_path: Path) -> None:
    async def journey() -> None:
        async with (
            a_server() as first,
            a_server() as second,
            a_line(first.port) as line,
            a_world(tmp_path, line.port) as world,
        ):
            raw, code = await world.send()
            follows(second, first)
            first.kill()
            second.call("REPLICAOF", "NO", "ONE")
            line.target = second.port  # as a name or an address that moves would do
            await recovered(world)
            with pytest.raises(ExpiredError):
                await world.check(raw, code)
            assert await outcome(world, *await world.send()) == "approved"

    run(journey)


# --- lines -------------------------------------------------------------------------------------------


def test_when_the_line_is_cut_calls_under_way_fail_and_later_ones_work(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        async with a_line(server.port) as line, a_world(tmp_path, line.port) as world:
            raw, code = await world.send()
            line.die()
            checks = [asyncio.create_task(outcome(world, raw, code)) for _ in range(CROWD)]
            await until(lambda: world.store.facts()["valkey"]["queue_depth"] >= CROWD)
            line.cut()
            assert Counter(await asyncio.gather(*checks)) == {"StoreError": CROWD}
            line.mend()
            await recovered(world)
            assert await outcome(world, raw, code) in {"approved", "AlreadyUsedError"}

    run(journey)


def test_a_check_whose_answer_was_lost_is_not_tried_again(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        async with a_line(server.port) as line, a_world(tmp_path, line.port) as world:
            raw, code = await world.send()
            line.lose_answer_to(raw)
            with pytest.raises(StoreError):
                await world.check(raw, wrong(code))
            await recovered(world)
            found, _ = await world.store.find(world.app.id, raw)
            assert (line.lost, found.attempts) == (1, 1)
            assert await outcome(world, raw, code) == "approved"

    run(journey)


def test_a_server_that_stands_still_is_given_up(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server() as server, a_world(tmp_path, server.port) as world:
            raw, code = await world.send()
            server.freeze()
            async with asyncio.timeout(30 * PATIENCE):  # a busy machine adds to what it takes
                with pytest.raises(StoreError):
                    await world.check(raw, code)
            with pytest.raises(StoreError):  # and then nobody waits for it at all
                await world.check(raw, code)
            server.thaw()
            await recovered(world)
            assert await outcome(world, raw, code) in {"approved", "AlreadyUsedError"}

    run(journey)


def test_what_is_under_way_is_bounded(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server() as server, a_world(tmp_path, server.port, waiting=CROWD) as world:
            raw, code = await world.send()
            server.freeze()
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, code) for _ in range(3 * CROWD))))
            assert outcomes["OverloadedError"] >= 2 * CROWD - 1  # one place is the heartbeat's
            assert set(outcomes) == {"OverloadedError", "StoreError"}
            server.thaw()

    run(journey)


def test_a_crowd_that_leaves_gets_done_what_it_asked_for(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        async with a_line(server.port) as line, a_world(tmp_path, line.port) as world:
            raw, code = await world.send()
            line.die()
            gone = asyncio.create_task(world.check(raw, wrong(code)))
            await until(lambda: world.store.facts()["valkey"]["queue_depth"] >= 1)
            gone.cancel()
            line.mend()
            await asyncio.wait((gone,))
            assert (await world.store.find(world.app.id, raw))[0].attempts == 1

    run(journey)


def test_scripts_that_the_server_forgot_go_along_again(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        async with a_world(tmp_path, server.port) as world:
            raw, code = await world.send()
            server.call("SCRIPT", "FLUSH")
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, code) for _ in range(CROWD))))
            assert outcomes == {"approved": 1, "AlreadyUsedError": CROWD - 1}

    run(journey)


# --- set-ups that are not right ----------------------------------------------------------------------


def test_a_server_that_is_not_there_is_named_and_nothing_is_left_open(tmp_path: Path) -> None:
    port = free_port()

    async def journey() -> None:
        with pytest.raises(StoreError) as refused:
            await a_store(tmp_path, port).open()
        assert refused.value.detail == f"Valkey at 127.0.0.1:{port}: it cannot be reached"

    run(journey)


def test_a_member_of_a_cluster_is_not_taken_for_a_server_of_its_own(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
            with pytest.raises(SettingsError, match="part of a cluster"):
                await a_store(tmp_path, server.port).open()

    run(journey)


def test_a_full_server_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_server("--maxmemory", "5mb", "--maxmemory-policy", "noeviction") as server:
            rules = Rules(limits=Limits((), (), (), (), (Rate(1000, HOUR),)))
            async with a_world(tmp_path, server.port, rules) as world:
                raw, code = await world.send()
                refused: list[BaseException] = []
                made = 0
                while not refused:
                    asked = (world.create(f"u{made + number}@example.com") for number in range(CROWD))
                    answers = await asyncio.gather(*asked, return_exceptions=True)
                    refused = [answer for answer in answers if isinstance(answer, BaseException)]
                    made += CROWD
                assert {str(error) for error in refused} == {"Valkey answered OOM"}
                assert (await world.verifications.get(world.app, raw)).status is Status.PENDING
                server.call("CONFIG", "SET", "maxmemory", "50mb")
                assert await outcome(world, raw, code) == "approved"

    run(journey)


def test_while_the_durable_half_fails_no_wrong_guess_is_answered(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        async with a_world(tmp_path, server.port) as world:
            raw, code = await world.send()

            async def failing(*_: object, **__: object) -> None:
                raise StoreError("the disk is full")

            world.store.durable.note_guess = failing  # type: ignore[attr-defined]
            with pytest.raises(StoreError):
                await world.check(raw, wrong(code))
            assert (await world.check(raw, code)).status is Status.APPROVED  # a streak that stays is a harmless one

    run(journey)
