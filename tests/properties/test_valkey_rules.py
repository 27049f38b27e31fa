"""The rules that stand in Lua as well decide as those in Python do, on any row and any bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from tests.support.valkeys import emptied, one_server
from watchword.adapters.memory import MemoryStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.adapters.valkey.layout import bucket
from watchword.adapters.valkey.row import pack, pack_guesses
from watchword.core import limit
from watchword.core import verification as rules
from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import UNTRIED, Charge, Guesses, GuessLimits, Rate
from watchword.core.verification import CODE, Expected, Judgement, Outcome, Status, Verification, guess_key
from watchword.errors import InvalidInputError, RateLimitedError

NOW = 1_795_000_000_000
APP = b"a" * 16
ID = bytes(15) + b"\1"

near = st.integers(-3 * HOUR, 3 * HOUR) | st.sampled_from((0, 1, -1, HOUR, -HOUR, DAY, -DAY, 2 * DAY, -2 * DAY))
spans = st.sampled_from((MINUTE, HOUR, DAY))
rates = st.lists(st.builds(Rate, st.integers(1, 6), spans), max_size=2).map(tuple)
some_rates = st.lists(st.builds(Rate, st.integers(1, 6), spans), min_size=1, max_size=2).map(tuple)
limits = st.builds(GuessLimits, rates, st.integers(1, 6))
buckets = st.builds(Guesses, st.lists(near.map(NOW.__add__), max_size=7).map(sorted).map(tuple), st.integers(0, 7))
addresses = st.sampled_from((b"1" * 16, b"2" * 16))
purposes = st.sampled_from(("login", "binding"))
actions = st.sampled_from((None, b"x" * 16, b"y" * 16))
verifications = st.builds(
    Verification,
    id=st.just(ID),
    app=st.just(APP),
    channel=st.just("email"),
    purpose=purposes,
    recipient=st.just(b"r" * 16),
    address=addresses,
    sealed=st.binary(min_size=20, max_size=90),
    locale=st.just("de-AT"),
    digits=st.sampled_from((6, 8)),
    max_attempts=st.integers(1, 3),
    max_sends=st.just(5),
    created_at=st.just(NOW - HOUR),
    expires_at=near.map(NOW.__add__),
    resend_at=st.just(NOW),
    status=st.sampled_from([status for status in Status if status is not Status.EXPIRED]),
    attempts=st.integers(0, 3),
    lane=st.integers(0, 1),
    decoy=st.booleans(),
    methods=st.sampled_from((1, 2, 3)),
    action=actions,
)
expectations = st.builds(Expected, st.none() | purposes, st.none() | addresses, actions)


class Laboratory:
    """A store on a loop that lasts from one example to the next."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        server = one_server()
        emptied([server])
        address = ValkeyAddress.parse(f"valkey://127.0.0.1:{server.port}")
        self.durable = MemoryStore()
        self.store = ValkeyStore(address, self.durable)
        self.runner.run(self.store.open())

    def close(self) -> None:
        self.runner.run(self.store.aclose())
        self.runner.close()

    async def lay(self, verification: Verification, guesses: Guesses) -> None:
        """Put row and bucket there as they would lie after some history, and no guesses of the examples before."""
        self.durable.tables.set_guesses(guess_key(verification), UNTRIED)
        wire = self.store._wire
        term = wire.term(b"")
        await wire.command(wire.layout.row(verification.id), b"SET", pack(verification, (), term))
        packed = term + pack_guesses(guesses)[8:]
        await wire.command(bucket(guess_key(verification)), b"SET", packed)


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    """One laboratory for all examples."""
    found = Laboratory()
    yield found
    found.close()


@given(verifications, buckets, limits, st.sampled_from((6, 8)), st.booleans(), expectations, st.booleans())
def test_a_check_comes_to_the_same_in_both(
    laboratory: Laboratory,
    verification: Verification,
    guesses: Guesses,
    limits: GuessLimits,
    digits: int,
    matches: bool,
    expected: Expected,
    hosted: bool,
) -> None:
    store = laboratory.store

    async def inside() -> Judgement | None:
        await laboratory.lay(verification, guesses)
        told = {"digits": digits, "matches": matches, "guesses": limits, "now": NOW}
        try:
            if hosted:
                return await store.confirm_code(APP, ID, **told)  # type: ignore[arg-type]
            return await store.attempt(APP, ID, expected=expected, **told)  # type: ignore[arg-type]
        except InvalidInputError:
            return None

    found = laboratory.runner.run(inside())
    kept, _ = laboratory.runner.run(store.find(APP, ID))
    if not verification.methods & CODE:
        assert found is None
        assert kept == verification
        return
    assert found is not None
    grants = Status.CONFIRMED if hosted else Status.APPROVED
    meant = rules.judge(
        *(verification, guesses, limits), digits=digits, matches=matches, expected=expected, now=NOW, grants=grants
    )
    assert (found.outcome, found.retry_after) == (meant.outcome, meant.retry_after)
    assert found.verification == meant.verification == kept
    if meant.outcome in {Outcome.MISMATCH, Outcome.APPROVED, Outcome.CONFIRMED, Outcome.CLOSED, Outcome.LIMITED}:
        assert found.guesses == meant.guesses


@given(st.tuples(near, near), some_rates, st.integers(1, 9))
def test_a_send_is_charged_the_same_in_both(
    laboratory: Laboratory, ahead: tuple[int, int], windows: tuple[Rate, ...], times: int
) -> None:
    arrivals = (max(0, NOW + ahead[0]), max(0, NOW + ahead[1]))
    sends = laboratory.store._sends

    async def inside() -> list[int]:
        key = bucket(b"r0bucket")
        packed = b"".join(arrival.to_bytes(8, "big") for arrival in arrivals)
        await laboratory.store._wire.command(key, b"SET", packed)
        waits = []
        for _ in range(times):
            try:
                await sends.charge((Charge(b"r0bucket", windows),), "email", NOW)
                waits.append(0)
            except RateLimitedError as error:
                waits.append(error.retry_after)
        return waits

    meant, state = [], arrivals
    for _ in range(times):
        state, wait = limit.send(state, windows, NOW)
        meant.append(-(-wait // 1000))
    assert laboratory.runner.run(inside()) == meant


@given(st.integers(0, 2**48 - 1), some_rates)
def test_what_is_given_back_was_never_charged(laboratory: Laboratory, before: int, windows: tuple[Rate, ...]) -> None:
    charge = Charge(b"r0given", windows)

    async def journey() -> tuple[bytes | None, bytes | None]:
        wire, sends, key = laboratory.store._wire, laboratory.store._sends, bucket(charge.key)
        await wire.command(key, b"DEL")
        await sends.charge((charge,), "email", before)
        once: bytes | None = await wire.command(key, b"GET")
        try:
            await sends.give_back(await sends.charge((charge,), "email", before), before)
        except RateLimitedError:
            return once, once
        return once, await wire.command(key, b"GET")

    once, again = laboratory.runner.run(journey())
    assert once == again
