"""A Valkey Cluster as it is in the world: slots move, masters die, replicas take over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adapters.test_valkey import outcome, recovered
from tests.support.listening import run, until
from tests.support.valkeys import Server, ServerCluster, emptied, one_cluster
from tests.support.world import World, wrong
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.adapters.valkey.cluster import Cluster
from watchword.adapters.valkey.layout import bucket
from watchword.adapters.valkey.slots import SLOTS, slot_of
from watchword.core.instant import HOUR
from watchword.core.limit import Charge, Rate
from watchword.core.policy import Limits, Rules
from watchword.core.verification import guess_key
from watchword.errors import ExpiredError, MismatchError, RateLimitedError, StoreError

MANY = 60
UNLIMITED = Rules(limits=Limits((), (), (), (), (Rate(1000, HOUR),)))


def a_world(folder: Path, url: str, rules: Rules | None = None) -> World:
    durable = SqliteStore(folder / "watchword.db")
    return World(SplitStore(ValkeyStore(ValkeyAddress.parse(url), durable), durable), rules)


def wire_of(world: World) -> Cluster:
    found: Cluster = world.store.fast._wire  # type: ignore[attr-defined]
    return found


@contextmanager
def a_cluster(*, replicas: bool = False) -> Iterator[ServerCluster]:
    """A cluster that the test may break."""
    cluster = ServerCluster(replicas=replicas)
    try:
        yield cluster
    finally:
        cluster.close()


def owner(servers: Sequence[Server], slot: int) -> Server:
    """The master that has a slot."""
    ranges: Sequence[tuple[int, int, Sequence[object]]] = servers[0].call("CLUSTER", "SLOTS")  # type: ignore[assignment]
    (port,) = [master[1] for first, last, master, *_ in ranges if first <= slot <= last]
    return next(server for server in servers if server.port == port)


@pytest.mark.parametrize(
    "key", [b"", b"foo", b"{user}.x", b"{}x", b"a{b}c{d}", b"{", b"}{", b"a{{b}}c", b"ww:{17}due", b"\xff{\xfe}\xfd"]
)
def test_a_key_falls_into_the_slot_that_the_cluster_says(key: bytes) -> None:
    (server, *_) = one_cluster().masters
    assert server.call("CLUSTER", "KEYSLOT", key) == slot_of(key)


def test_what_belongs_together_lies_together_and_limits_lie_apart(tmp_path: Path) -> None:
    async def journey() -> None:
        emptied(one_cluster().masters)
        world = await a_world(tmp_path, one_cluster().url).open()
        layout = wire_of(world).layout
        slots = set()
        for number in range(MANY):
            made = (await world.create(f"u{number}@example.com", idempotency_key=f"{number}")).verification
            partition = layout.partition(made.id)
            together = {layout.row(made.id), layout.due(partition), layout.recent(partition)}
            together.add(layout.idempotency(made.app, made.id[-1:] + bytes(15)))
            assert len({slot_of(key) for key in together}) == 1
            slots.add(slot_of(bucket(guess_key(made))))
        assert len(slots) > MANY // 2
        assert {len(master.call("KEYS", "*")) > MANY // 2 for master in one_cluster().masters} == {True}  # type: ignore[arg-type]
        await world.store.aclose()

    run(journey)


def test_calls_follow_a_slot_that_moves(tmp_path: Path) -> None:
    async def journey() -> None:
        with a_cluster() as cluster:
            world = await a_world(tmp_path, cluster.url, UNLIMITED).open()
            raw = (await world.create()).verification.id
            slot = slot_of(wire_of(world).layout.row(raw))
            source = owner(cluster.masters, slot)
            target = next(master for master in cluster.masters if master is not source)
            names = {server: str(server.call("CLUSTER", "MYID"), "ascii") for server in (source, target)}  # type: ignore[call-overload]
            target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
            source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
            for key in source.call("CLUSTER", "GETKEYSINSLOT", slot, 100):  # type: ignore[attr-defined]
                source.call("MIGRATE", "127.0.0.1", target.port, key, 0, 5_000)
            found, _ = await world.store.find(world.app.id, raw)  # ASK
            assert found.id == raw
            for server in (target, source):
                server.call("CLUSTER", "SETSLOT", slot, "NODE", names[target])
            found, _ = await world.store.find(world.app.id, raw)  # MOVED
            assert found.id == raw
            for number in range(MANY):
                assert await outcome(world, *await world.send(f"u{number}@example.com")) == "approved"
            await world.store.aclose()

    run(journey)


@pytest.mark.xdist_group("heavy")
def test_when_a_replica_takes_over_codes_from_before_are_refused_and_the_service_recovers(tmp_path: Path) -> None:
    async def journey() -> None:
        with a_cluster(replicas=True) as cluster:
            world = await a_world(tmp_path, cluster.url, UNLIMITED).open()
            raw, code = await world.send()
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
            lost = owner(cluster.masters, slot_of(wire_of(world).layout.row(raw)))
            lost.call("WAIT", 1, 5_000)
            lost.kill()
            outcomes = Counter([await outcome(world, raw, code) for _ in range(3)])
            assert outcomes == {"StoreError": 3}
            async with asyncio.timeout(60):
                while await outcome(world, raw, code) == "StoreError":  # noqa: ASYNC110 (the cluster's own doing)
                    await asyncio.sleep(0.05)
            with pytest.raises(ExpiredError):
                await world.check(raw, code)
            await recovered(world)
            for number in range(MANY):
                assert await outcome(world, *await world.send(f"u{number}@example.com")) == "approved"
            again, code = await world.send()
            with pytest.raises(MismatchError):
                await world.check(again, wrong(code))
            held = await world.store.fast._book.of((await world.store.find(world.app.id, again))[0])  # type: ignore[attr-defined]
            assert held.streak == 2
            await world.store.aclose()

    run(journey)


@pytest.mark.xdist_group("heavy")
def test_a_master_that_is_lost_takes_only_its_own_with_it(tmp_path: Path) -> None:
    async def journey() -> None:
        with a_cluster() as cluster:
            for master in cluster.masters:
                master.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
            world = await a_world(tmp_path, cluster.url, UNLIMITED).open()
            sent = [await world.send(f"u{number}@example.com") for number in range(MANY)]
            lost = cluster.masters[2]
            lost.kill()
            outcomes = Counter([await outcome(world, raw, code) for raw, code in sent])
            assert set(outcomes) == {"StoreError", "approved"}
            assert outcomes["approved"] >= MANY // 6
            with pytest.raises(StoreError):
                await world.store.ping()
            await world.store.aclose()

    run(journey)


@pytest.mark.xdist_group("heavy")
def test_a_bucket_of_sends_that_cannot_be_reached_refuses_no_email_until_this_process_has_sent_many(
    tmp_path: Path,
) -> None:
    async def journey() -> None:
        with a_cluster() as cluster:
            world = await a_world(tmp_path, cluster.url).open()
            sends, lost = world.store.fast._sends, cluster.masters[2]  # type: ignore[attr-defined]
            keys = (b"r0%d" % number for number in range(100))
            key = next(key for key in keys if owner(cluster.masters, slot_of(bucket(key))) is lost)
            lost.kill()
            charge = Charge(key, (Rate(1, HOUR),))
            for _ in range(60):
                assert await sends.charge((charge,), "email", 0) == []
            with pytest.raises(RateLimitedError):
                await sends.charge((charge,), "email", 0)
            with pytest.raises(StoreError):
                await sends.charge((charge,), "sms", 0)
            await world.store.aclose()

    run(journey)


def test_a_unit_that_nobody_settles_stays_a_wrong_guess(tmp_path: Path) -> None:
    async def journey() -> None:
        emptied(one_cluster().masters)
        three = Rules(limits=Limits((), (), (), (), (Rate(3, HOUR),)))
        world = await a_world(tmp_path, one_cluster().url, three).open()
        raw, code = await world.send()
        found, _ = await world.store.find(world.app.id, raw)
        hot, limits = world.store.fast._hot, world.verifications.rules.guesses  # type: ignore[attr-defined]
        for _ in range(3):  # three processes die between reserving and evaluating
            assert (await hot._reserve(found, limits, world.clock.now()))[0] == b"reserved"
        with pytest.raises(RateLimitedError):
            await world.check(raw, code)
        assert (await world.store.find(world.app.id, raw))[0].attempts == 0
        await world.store.aclose()

    run(journey)


def test_a_right_code_returns_its_unit_and_ends_the_streak_before_it(tmp_path: Path) -> None:
    async def journey() -> None:
        emptied(one_cluster().masters)
        world = await a_world(tmp_path, one_cluster().url).open()
        raw, code = await world.send()
        found, _ = await world.store.find(world.app.id, raw)
        book = world.store.fast._book  # type: ignore[attr-defined]
        for _ in range(3):
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
        assert await outcome(world, raw, code) == "approved"
        assert (len((await book.of(found)).log), (await book.of(found)).streak) == (3, 0)
        assert (await world.store.guesses(guess_key(found))).streak == 0
        for _ in range(3):
            await outcome(world, raw, code)
        assert len((await book.of(found)).log) == 3
        await world.store.aclose()

    run(journey)


def test_a_seed_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    async def journey() -> None:
        cluster = one_cluster()
        emptied(cluster.masters)
        world = await a_world(tmp_path, cluster.url.replace("//", "//127.0.0.1:1,")).open()
        assert await outcome(world, *await world.send()) == "approved"
        assert len(wire_of(world)._by_slot) == SLOTS
        await until(lambda: all(link.term for link in wire_of(world)._masters()))
        await world.store.aclose()

    run(journey)


def test_no_server_of_a_cluster_answers(tmp_path: Path) -> None:
    async def journey() -> None:
        with pytest.raises(StoreError, match="cannot be reached"):
            await a_world(tmp_path, "valkey+cluster://127.0.0.1:1,127.0.0.1:2").open()

    run(journey)
