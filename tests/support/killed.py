"""A verb of secrets that is killed at its first statement, at its second, and so on until it ends.

    python -m tests.support.killed FOLDER VERB

``FOLDER/0`` holds a database as ``prepare`` left it. Each run works on a copy of it, ``FOLDER/1``, ``FOLDER/2`` …, and
is killed just before statement 1, 2 …; the last one ends after the commit, before anybody is told. One line of output:
how many runs there were.

A process of its own, because it forks, and forks want no threads around.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import apsw

from tests.support.secret import AUTH, LINK, WRONG, nonce, share
from tests.support.world import World
from watchword.adapters.sqlite import SqliteStore
from watchword.errors import MismatchError

FILE = "watchword.db"

Verb = Callable[[World, bytes, bytes], Awaitable[object]]


async def _wrong(world: World, raw: bytes, _: bytes) -> None:
    try:
        await world.secrets.claim(raw, LINK, WRONG, nonce(2))
    except MismatchError:
        return


# Each with what happens before it.
VERBS: dict[str, Verb] = {
    "claim": lambda world, raw, _: world.secrets.claim(raw, LINK, AUTH, nonce(1)),
    "wrong": _wrong,
    "ack": lambda world, raw, _: world.secrets.ack(raw, LINK, nonce(1), "read"),
    "burn": lambda world, raw, token: world.secrets.burn(raw, token),
    "unlock": lambda world, raw, token: world.secrets.unlock(raw, token),
}


async def prepare(folder: Path, verb: str) -> tuple[bytes, bytes]:
    """Fill a folder with the database that a verb is run on; returns the secret's id and its manage token."""
    world = World(SqliteStore(folder / FILE))
    await world.open()
    shared = await share(world, passphrase=True)
    raw, token = shared.secret.id, shared.token
    if verb == "ack":
        await world.secrets.claim(raw, LINK, AUTH, nonce(1))
    if verb in {"unlock", "burn"}:
        await _wrong(world, raw, token)
    await world.store.aclose()
    return raw, token


async def reopened(folder: Path) -> World:
    """A world over what a killed one left."""
    world = World(SqliteStore(folder / FILE))
    await world.store.open()
    return world


async def _run(folder: Path, verb: str, given: tuple[bytes, bytes], last: int) -> None:
    """Run a verb, and die before statement number ``last`` of it or at its end."""
    world = await reopened(folder)
    store = world.store
    assert isinstance(store, SqliteStore)
    seen = 0

    def counted(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

    store._writer._connection.trace_v2(apsw.SQLITE_TRACE_STMT, counted)
    await VERBS[verb](world, *given)
    os._exit(0 if seen < last else 1)


def main(folder: Path, verb: str) -> int:
    """Run and kill until it came to its end; returns how many runs there were."""
    given = (bytes.fromhex(sys.stdin.readline()), bytes.fromhex(sys.stdin.readline()))
    for run in count(1):
        copy = folder / str(run)
        shutil.copytree(folder / "0", copy)
        child = os.fork()
        if not child:
            asyncio.run(_run(copy, verb, given, run))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return run
    raise AssertionError


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), sys.argv[2])}\n")
