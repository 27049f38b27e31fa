"""kill -9 before each statement of every verb that changes a secret: what is left is the old state or the new one.

Kills at random moments under load, of a whole service: ``test_secret.py``.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support import killed
from tests.support.secret import AUTH, JWE, LINK, nonce
from tests.support.world import World
from watchword.core.secret import State
from watchword.errors import BurntError, OpenedError, OverError, UnknownError


def run(folder: Path, verb: str) -> tuple[bytes, bytes, int]:
    """Have a verb killed at every step; the secret's id and token, and in how many folders it was."""
    (folder / "0").mkdir()
    raw, token = asyncio.run(killed.prepare(folder / "0", verb))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed", str(folder), verb],
        input=f"{raw.hex()}\n{token.hex()}\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TMPDIR": str(folder)},
        timeout=60,
    )
    return raw, token, int(done.stdout)


async def look(world: World, raw: bytes, token: bytes) -> tuple[State, int, int, bool]:
    """State, views left, wrong passphrases, and whether there is ciphertext."""
    seen = await world.secrets.status(raw, token)
    held = raw in await world.store.secrets.held([raw])
    return seen.state, seen.secret.views_left, seen.secret.wrong, held


OLD_NEW = {
    "claim": ((State.WAITING, 1, 0, True), (State.OPENED, 0, 0, True)),
    "wrong": ((State.WAITING, 1, 0, True), (State.WAITING, 1, 1, True)),
    "ack": ((State.OPENED, 0, 0, True), (State.OPENED, 0, 0, False)),
    "burn": ((State.WAITING, 1, 1, True), (State.BURNT, 1, 1, False)),
    "unlock": ((State.WAITING, 1, 1, True), (State.WAITING, 1, 0, True)),
}


@pytest.mark.parametrize("verb", OLD_NEW)
def test_a_verb_that_is_killed_at_any_statement_has_happened_as_a_whole_or_not_at_all(
    tmp_path: Path, verb: str
) -> None:
    raw, token, runs = run(tmp_path, verb)
    states: Counter[tuple[State, int, int, bool]] = Counter()

    async def after(number: int) -> None:
        world = await killed.reopened(tmp_path / str(number))
        states[await look(world, raw, token)] += 1
        await again(world, raw, token, verb)
        await world.store.aclose()

    for number in range(1, runs + 1):
        asyncio.run(after(number))
    # Only the last one, which was let run to its end, has committed.
    old, new = OLD_NEW[verb]
    assert {old: runs - 1, new: 1} == states
    assert runs > 3


async def again(world: World, raw: bytes, token: bytes, verb: str) -> None:
    """Whoever was not answered asks once more, and gets what was meant; nobody else gains by it."""
    if verb == "wrong":
        assert JWE == (await world.secrets.claim(raw, LINK, AUTH, nonce(1))).jwe
        return
    await killed.VERBS[verb](world, raw, token)
    assert OLD_NEW[verb][1] == await look(world, raw, token)
    if verb == "unlock":
        return
    ended = BurntError if verb == "burn" else OpenedError
    with pytest.raises(ended):
        await world.secrets.claim(raw, LINK, AUTH, nonce(2))
    if verb == "claim":
        assert JWE == (await world.secrets.claim(raw, LINK, AUTH, nonce(1))).jwe
        return
    with pytest.raises((OverError, UnknownError)):
        await world.secrets.claim(raw, LINK, AUTH, nonce(1))
