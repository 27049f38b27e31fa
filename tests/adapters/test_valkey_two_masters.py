"""A partition with a master on either side: each counts by itself, and both write to the one durable store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.adapters.test_valkey import a_server, a_store, a_world, follows, outcome, recovered
from tests.support.line import a_line
from tests.support.listening import run
from tests.support.world import LoadedDice, World, wrong
from watchword.core.instant import HOUR
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules

BUDGET = 10
RULES = Rules(limits=Limits((), (), (), (), (Rate(BUDGET, HOUR),)))


async def guess(world: World, most: int) -> list[str]:
    """Guess wrongly until that is refused; what was heard each time."""
    heard, raw, code = list[str](), b"", ""
    for number in range(most):
        if number % 5 == 0:
            raw, code = await world.send()
        heard.append(await outcome(world, raw, wrong(code)))
        if heard[-1] != "MismatchError":
            break
    return heard


def test_two_masters_do_not_double_a_guessers_budget(tmp_path: Path) -> None:
    async def journey() -> None:
        async with (
            a_server() as first,
            a_server() as second,
            a_line(first.port) as line,
            a_world(tmp_path, first.port, RULES) as here,
        ):
            there = World(a_store(tmp_path, line.port), RULES)
            there.dice._random = LoadedDice(2)._random
            await there.store.open()
            there.app = here.app
            follows(second, first)
            second.call("REPLICAOF", "NO", "ONE")  # promoted on the other side; the old master lives on
            line.target = second.port
            line.cut()
            line.mend()
            await recovered(there)
            heard = Counter(await guess(there, 1) + await guess(here, 2 * BUDGET) + await guess(there, 2 * BUDGET))
            heard += Counter(await guess(there, 1))
            # Nobody is told what became of the one by which the second master learnt what the first had counted.
            assert Counter({"MismatchError": BUDGET, "RateLimitedError": 2, "StoreError": 1}) == heard
            await there.store.aclose()

    run(journey)
