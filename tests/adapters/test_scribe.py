"""The scribe as its store sees it: what travels, what waits, what becomes of it (``adapters/scribe.py``).

Here its other half runs on a thread. The process that it is in ``serve`` is tested in tests/service/test_scribe.py,
what a store promises over it in tests/contract and, where the file is in the way, in test_sqlite.py.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import uvloop

from tests.contract.stores import a_scribe, a_world, on_a_server_with_a_scribe, run, with_a_scribe
from tests.contract.test_verification_store import UNLIMITED
from tests.support.postgres import the_server
from tests.support.world import World
from watchword import errors
from watchword.adapters import device_steps
from watchword.adapters.frames import TRANSACTION, Frames, framed
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.adapters.postgres.schema import bring_up_to_date
from watchword.adapters.postgres.scribe import write
from watchword.adapters.postgres.tables import PostgresTables
from watchword.adapters.postgres.verbs import BY_WORK as POSTGRES_VERBS
from watchword.adapters.scribe import Scribe
from watchword.adapters.sqlite import SqliteStore, checkpoint
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.sqlite.verbs import BY_WORK
from watchword.adapters.sqlite.writer import Writer
from watchword.adapters.verbs import pack, pack_error, unpack_error
from watchword.core.verification import Status
from watchword.errors import DeliveryError, OverloadedError, StoreError, WatchwordError
from watchword.ports import Store

WITH_A_SCRIBE = pytest.mark.parametrize("store", ["sqlite-scribe", "postgres-scribe"])


BEAT = {"sqlite-scribe": BY_WORK[SqliteTables.beat], "postgres-scribe": POSTGRES_VERBS[PostgresTables.beat]}


def nobody(_: socket.socket) -> None:
    raise AssertionError("nobody was hired")


def scribe_of(world: World) -> Scribe:
    assert isinstance(world.store, SqliteStore | PostgresStore)
    assert world.store._scribe is not None
    return world.store._scribe


async def at_work(scribe: Scribe) -> None:
    """Let others run until something is under way there."""
    while not scribe.depth:  # noqa: ASYNC110 - a turn of the loop, and no time
        await asyncio.sleep(0)


def all_below(kind: type[WatchwordError]) -> Iterator[type[WatchwordError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_below(child)


# A relay raises the one that is left out, and no step does.
OURS = sorted(
    {kind for kind in all_below(WatchwordError) if kind.__module__ == errors.__name__} - {DeliveryError}, key=str
)


@pytest.mark.parametrize("kind", OURS)
def test_every_error_of_ours_arrives_as_it_left(kind: type[WatchwordError]) -> None:
    left = kind("What happened.")
    for name in left.__dict__:
        setattr(left, name, (f"held as {name}", ((1, 2), (3, 4))) if name != "detail" else "What happened.")
    arrived = unpack_error(pack_error(left))
    assert type(arrived) is kind
    assert arrived.__dict__ == left.__dict__
    assert arrived.args == left.args


def test_an_error_of_another_kind_arrives_as_a_store_error_that_says_the_same() -> None:
    class OtherError(StoreError):
        pass

    arrived = unpack_error(pack_error(OtherError("What happened.")))
    assert (type(arrived), arrived.detail) == (StoreError, "What happened.")


def test_what_is_asked_for_in_one_turn_shares_a_few_transactions(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("sqlite-scribe", tmp_path, UNLIMITED) as world:
            before = scribe_of(world).batches
            await asyncio.gather(*(world.create(f"user{number}@example.com") for number in range(40)))
            assert scribe_of(world).batches - before <= 6  # one, four times eight, and the rest
            assert scribe_of(world).operations >= 40

    run(journey())


@WITH_A_SCRIBE
def test_one_more_than_may_wait_is_refused_at_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            scribe_of(world)._waiting = 5
            creating = (world.create(f"user{number}@example.com") for number in range(7))
            answers = await asyncio.gather(*creating, return_exceptions=True)
            assert [isinstance(answer, OverloadedError) for answer in answers] == [False] * 5 + [True] * 2
            assert await world.store.backlog(now=world.clock.now()) == 5

    run(journey())


@WITH_A_SCRIBE
def test_arguments_that_are_no_data_are_refused_and_keep_nobody_waiting(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            with pytest.raises(TypeError):
                await scribe_of(world).ask(BEAT[store], (object(),))
            assert (await world.create()).status is Status.PENDING

    run(journey())


@WITH_A_SCRIBE
def test_arguments_that_a_step_does_not_take_fail_it_alone(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            answers = await asyncio.gather(
                world.create("ann@example.com"),
                world.store.revoke_key(5, "x"),  # type: ignore[arg-type]
                world.create("ben@example.com"),
                return_exceptions=True,
            )
            assert [isinstance(answer, StoreError) for answer in answers] == [False, True, False]
            assert scribe_of(world).is_there

    run(journey())


@WITH_A_SCRIBE
def test_where_the_scribe_is_gone_what_was_under_way_fails_and_the_store_writes_by_itself(
    store: str, tmp_path: Path
) -> None:
    told: list[int] = []

    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            scribe = scribe_of(world)
            scribe._lost = told.append
            raw, code = await world.send()
            creating = [asyncio.ensure_future(world.create(f"user{number}@example.com")) for number in range(20)]
            await at_work(scribe)
            scribe._transport.abort()
            answers = await asyncio.gather(*creating, return_exceptions=True)
            assert {type(answer) for answer in answers} == {StoreError}
            assert (await world.check(raw, code)).status is Status.APPROVED
            assert (await world.create("late@example.com")).status is Status.PENDING
            await world.store.ping()
            with pytest.raises(StoreError, match="nobody knows"):
                await scribe.ask(BEAT[store], ())

    run(journey())
    assert told == [0]


@WITH_A_SCRIBE
def test_a_caller_that_has_gone_changes_nothing(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            going = asyncio.ensure_future(world.create("gone@example.com"))
            staying = asyncio.ensure_future(world.create("here@example.com"))
            await at_work(scribe_of(world))
            going.cancel()
            assert (await staying).status is Status.PENDING
            assert await world.store.backlog(now=world.clock.now()) == 2

    run(journey())


def test_a_store_that_is_opened_again_writes_by_itself(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("sqlite-scribe", tmp_path) as world:
            raw, code = await world.send()
            await world.store.aclose()
            await world.store.open()
            assert not scribe_of(world).is_there
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())


@pytest.mark.parametrize("refusal", [OverloadedError, StoreError])
def test_a_checkpoint_that_the_scribe_refuses_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: type[WatchwordError]
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.01)
    log = tmp_path / "watchword.db-wal"
    refused = asyncio.Event()

    async def refuse(_: object) -> None:
        refused.set()
        raise refusal

    async def journey() -> None:
        async with a_world("sqlite-scribe", tmp_path, UNLIMITED) as world, asyncio.timeout(60):
            assert isinstance(world.store, SqliteStore)
            monkeypatch.setattr(world.store._checkpointer, "_maintain", refuse)
            await world.create()
            await refused.wait()
            await world.create("late@example.com")
            while log.stat().st_size:  # noqa: ASYNC110 - it is what the file's own clock empties
                await asyncio.sleep(0.01)

    run(journey())


def test_a_store_that_takes_nothing_opens_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk shows in ``/readyz``: a service that did not start on it would tell nobody more."""

    async def refuse(_: Writer) -> None:
        raise StoreError("SQLite: database or disk is full")

    async def journey() -> None:
        store = with_a_scribe(tmp_path)
        await store.open()
        with pytest.raises(StoreError, match="full"):
            await store.ping()
        await store.aclose()

    monkeypatch.setattr(Writer, "begin", refuse)
    run(journey())


def test_a_scribe_that_nobody_hired_is_none(tmp_path: Path) -> None:
    async def journey() -> None:
        world = World(SqliteStore(tmp_path / "watchword.db", scribe=Scribe(nobody)))
        await world.open()
        raw, code = await world.send()
        assert (await world.check(raw, code)).status is Status.APPROVED
        await world.store.aclose()

    run(journey())


def test_where_no_process_is_to_be_had_the_store_writes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)

    async def journey() -> None:
        scribe = Scribe(nobody)
        scribe.hire()
        world = World(SqliteStore(tmp_path / "watchword.db", scribe=scribe))
        await world.open()
        raw, code = await world.send()
        assert (await world.check(raw, code)).status is Status.APPROVED
        await world.store.aclose()

    run(journey())


def test_a_scribe_that_was_never_opened_is_let_go_of() -> None:
    told: list[bytes] = []

    async def journey() -> None:
        scribe = Scribe(nobody)
        ours, theirs = socket.socketpair()
        scribe.speak_over(ours)
        await scribe.aclose()
        told.append(theirs.recv(1))
        theirs.close()

    run(journey())
    assert told == [b""]


def test_a_scribe_whose_store_was_away_is_opened_again() -> None:
    async def journey() -> None:
        address = PostgresAddress.parse(the_server().url(the_server().database()))
        scribe = a_scribe(partial(write, address=address, new_loop=asyncio.new_event_loop))
        with pytest.raises(StoreError):  # there are no tables yet
            await scribe.open(POSTGRES_VERBS[PostgresTables.look], waiting=10_000)
        world = World(PostgresStore(address, scribe=scribe), UNLIMITED)
        await world.open()
        raw, code = await world.send()
        assert (await world.check(raw, code)).status is Status.APPROVED
        assert scribe.is_there
        assert scribe.operations > 2
        await world.store.aclose()

    run(journey())


@pytest.mark.parametrize("over", [with_a_scribe, on_a_server_with_a_scribe])
def test_what_was_asked_for_before_the_end_is_done(over: Callable[[Path], Store], tmp_path: Path) -> None:
    async def journey() -> None:
        world = World(over(tmp_path), UNLIMITED)
        await world.open()
        creating = [asyncio.ensure_future(world.create(f"user{number}@example.com")) for number in range(30)]
        await at_work(scribe_of(world))
        await world.store.aclose()
        made = await asyncio.gather(*creating)
        assert {one.status for one in made} == {Status.PENDING}

    run(journey())


def asked_of_a_server(calls: int) -> tuple[socket.socket, threading.Thread, list[BaseException]]:
    """A scribe of a server on a thread, of which so much was asked: each call is refused, in about 70 bytes."""
    address = PostgresAddress.parse(the_server().url(the_server().database()))
    asyncio.run(bring_up_to_date(address))
    ours, theirs = socket.socketpair()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            write(theirs, address=address, new_loop=uvloop.new_event_loop)
        except BaseException as error:  # noqa: BLE001 - the test's to judge
            failures.append(error)

    thread = threading.Thread(target=work, name="scribe", daemon=True)
    thread.start()
    verb = POSTGRES_VERBS[device_steps.recognise]
    ours.sendall(b"".join(framed(each, verb.number, pack((bytes(16), bytes(16)))) for each in range(calls)))
    return ours, thread, failures


def test_the_scribe_of_a_server_that_is_let_go_leaves_when_all_its_answers_have_left() -> None:
    calls = 8_000  # whose answers are more than a socket takes that nobody reads from
    ours, thread, failures = asked_of_a_server(calls)
    with ours:
        ours.settimeout(60)
        ours.shutdown(socket.SHUT_WR)
        thread.join(3)  # it has done everything meanwhile, and nobody has heard of it
        frames, answered = Frames(), 0
        while data := ours.recv(65_536):
            answered += sum(kind != TRANSACTION for _, kind, _ in frames.take(data))
    thread.join(60)
    assert (answered, failures) == (calls, [])


def test_the_scribe_of_a_server_whose_asker_was_killed_finishes_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    ours, thread, failures = asked_of_a_server(2_000)
    ours.close()
    thread.join(60)
    assert not thread.is_alive()
    assert not failures
    assert "Traceback" not in capfd.readouterr().err
