"""Any mixture of requests, deliveries, guesses and clocks: what must hold, holds after each step, over every store."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from tests.support.link import CHALLENGE, REDIRECT, VERIFIER
from tests.support.postgres import PostgresServer, the_server
from tests.support.valkeys import emptied, one_server
from tests.support.world import World, wrong
from watchword.adapters.memory import MemoryStore
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.adapters.postgres.schema import bring_up_to_date
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.core import ids, passcode
from watchword.core.delivery import Delivery, DeliveryStatus
from watchword.core.instant import HOUR, MINUTE, SECOND
from watchword.core.magic_link import LinkWanted
from watchword.core.message import PasscodeMessage, Receipt
from watchword.core.pkce import challenge_of
from watchword.core.policy import Limits, Rules
from watchword.core.verification import WORDS, Expected, Outcome, Status, Verification, guess_key
from watchword.errors import DeliveryError, MismatchError, RefusedError
from watchword.ports import Store

Result = TypeVar("Result")

TABLES = ("apps", "api_keys", "verifications", "deliveries", "replays", "send_buckets", "guess_buckets", "guard_rows")
FINAL = {Status.APPROVED, Status.EXHAUSTED, Status.CANCELED, Status.FAILED}


@dataclass
class Seen:
    """What the test knows of a verification, by itself."""

    approvals: int = 0
    misses: int = 0
    final: Status | None = None


class Relay:
    """Takes messages, or fails as told, and remembers which may have arrived."""

    def __init__(self) -> None:
        self.trouble: DeliveryError | None = None
        self.may_have_arrived: set[str] = set()

    async def deliver(self, _: str, message: PasscodeMessage) -> Receipt:
        if self.trouble is None or self.trouble.uncertain:
            self.may_have_arrived.add(message.key.partition(".")[0])
        if self.trouble is not None:
            raise self.trouble
        return Receipt("T1", "relay.example")


class Verifications(RuleBasedStateMachine):
    """One app, three recipients, any order of events."""

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.seen: dict[bytes, Seen] = {}
        self.found: dict[bytes, tuple[Verification, Sequence[Delivery]]] | None = {}

    def store(self) -> Store:
        """An empty one."""
        return MemoryStore()

    @initialize()
    def begin(self) -> None:
        # Sends are limited by each verification's own schedule alone, or hardly one would come to its fifth.
        self.world = World(self.store(), Rules(limits=Limits((), (), (), ())))
        self.relay = Relay()
        self.world.courier._mailer = self.relay
        self.run(self.world.open())
        self.world.app = self.run(self.world.apps.update(self.world.app, redirect_uris=[REDIRECT]))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.runner.run(self.world.store.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, journey: Coroutine[Any, Any, Result]) -> Result:
        """Run a step, after which nothing that was known of the rows is."""
        self.found = None
        return self.runner.run(journey)

    async def look(self) -> dict[bytes, tuple[Verification, Sequence[Delivery]]]:
        """Every row with its deliveries, as the store has them now, in one batch."""
        found = await asyncio.gather(*(self.world.store.find(self.world.app.id, raw) for raw in self.seen))
        return dict(zip(self.seen, found, strict=True))

    def rows(self) -> dict[bytes, tuple[Verification, Sequence[Delivery]]]:
        """What ``look`` says, asked for once a step."""
        if self.found is None:
            self.found = self.runner.run(self.look())
        return self.found

    def code(self, raw: bytes) -> str:
        return passcode.derive_code(self.world.keys.ring, self.world.app.id, raw, 6)

    def row(self, raw: bytes) -> Verification:
        return self.rows()[raw][0]

    @rule(
        target=made,
        name=st.sampled_from(["ann", "Ann+x", "bob", "eve"]),
        purpose=st.sampled_from(["login", "recovery", "binding"]),
        decoy=st.booleans(),
        known=st.booleans(),
        linked=st.booleans(),
    )
    def create(self, name: str, purpose: str, decoy: bool, known: bool, linked: bool) -> Any:
        link = LinkWanted(REDIRECT, "state", CHALLENGE, "S256") if linked else None
        wanted = self.world.create(f"{name}@example.com", purpose, decoy=decoy, known_device=known, link=link)
        try:
            raw = self.run(wanted).verification.id
        except RefusedError:
            return multiple()
        self.seen[raw] = Seen()
        return raw

    @rule(raw=made, right=st.booleans(), other_purpose=st.booleans())
    def check(self, raw: bytes, right: bool, other_purpose: bool) -> None:
        code = self.code(raw)
        expected = {"purpose": "step_up"} if other_purpose else {}
        try:
            self.run(self.world.check(raw, code if right else wrong(code), **expected))
        except MismatchError:
            self.seen[raw].misses += 1
        except RefusedError:
            pass
        else:
            assert right
            assert not other_purpose
            assert not self.row(raw).decoy
            self.seen[raw].approvals += 1

    @rule(raw=made, rights=st.lists(st.booleans(), min_size=2, max_size=8))
    def check_at_once(self, raw: bytes, rights: list[bool]) -> None:
        code = self.code(raw)

        async def all_of_them() -> list[Any]:
            checks = (self.world.check(raw, code if right else wrong(code)) for right in rights)
            return await asyncio.gather(*checks, return_exceptions=True)

        for answer in self.run(all_of_them()):
            self.seen[raw].misses += isinstance(answer, MismatchError)
            self.seen[raw].approvals += not isinstance(answer, BaseException)
            assert not isinstance(answer, BaseException) or isinstance(answer, RefusedError)

    @rule(raw=made, right=st.booleans(), handed_over=st.booleans())
    def exchange(self, raw: bytes, right: bool, handed_over: bool) -> None:
        before = self.row(raw)
        judged = self.run(
            self.world.store.exchange(
                self.world.app.id,
                raw,
                challenge=challenge_of(VERIFIER if right else "x" * 43),
                expected=Expected(),
                handed_over=handed_over,
                guesses=self.world.verifications.rules.guesses,
                now=self.world.clock.now(),
            )
        )
        if judged.outcome is not Outcome.APPROVED:
            assert self.row(raw) == before
            mine = right and before.challenge is not None and not before.decoy
            assert (judged.outcome is Outcome.MISMATCH) == (not mine)
            return
        assert right
        assert before.challenge is not None
        assert not before.decoy
        assert handed_over or before.status is Status.CONFIRMED
        self.seen[raw].approvals += 1

    @rule(raw=made, right=st.booleans())
    def type_at_the_hosted_page(self, raw: bytes, right: bool) -> None:
        judged = self.run(
            self.world.store.confirm_code(
                self.world.app.id,
                raw,
                digits=6,
                matches=right,
                guesses=self.world.verifications.rules.guesses,
                now=self.world.clock.now(),
            )
        )
        assert judged.outcome is not Outcome.APPROVED
        self.seen[raw].misses += judged.outcome is Outcome.MISMATCH

    @rule(raw=made, right=st.booleans())
    def say_the_first_word(self, raw: bytes, right: bool) -> None:
        now = self.world.clock.now()
        outcome, row = self.run(self.world.store.confirm_word(self.world.app.id, raw, matches=right, now=now))
        assert (outcome is Outcome.CONFIRMED) <= (right and row.status is Status.CONFIRMED)
        assert row.words <= WORDS

    @rule(raw=made)
    def resend(self, raw: bytes) -> None:
        with suppress(RefusedError):
            self.run(self.world.verifications.resend(self.world.app, raw))

    @rule(raw=made)
    def cancel(self, raw: bytes) -> None:
        with suppress(RefusedError):
            self.run(self.world.verifications.cancel(self.world.app, raw))

    @rule(trouble=st.sampled_from([None, "greylisted", "timeout", "gone"]))
    def deliver(self, trouble: str | None) -> None:
        self.relay.trouble = (
            None
            if trouble is None
            else DeliveryError(reason=trouble, uncertain=trouble == "timeout", permanent=trouble == "gone")
        )
        self.run(self.world.courier.drain())

    @rule(lease=st.sampled_from([SECOND, MINUTE]))
    def die_while_delivering(self, lease: int) -> None:
        for due in self.run(self.world.store.claim(now=self.world.clock.now(), lease=lease, most=2)):
            self.relay.may_have_arrived.add(ids.to_text(ids.VERIFICATION, due.verification.id))

    @rule(span=st.sampled_from([1, SECOND, 30 * SECOND, MINUTE, 10 * MINUTE, HOUR, -SECOND, -10 * MINUTE]))
    def move_the_clock(self, span: int) -> None:
        self.world.clock.move(span)

    @rule()
    def purge(self) -> None:
        self.run(self.world.purge.once())

    @invariant()
    def no_verification_is_approved_twice(self) -> None:
        assert all(seen.approvals <= 1 for seen in self.seen.values())

    @invariant()
    def no_verification_takes_more_wrong_guesses_than_it_has_tries(self) -> None:
        for raw, (row, _) in self.rows().items():
            assert row.attempts == self.seen[raw].misses <= 5

    @invariant()
    def what_is_final_stays_so(self) -> None:
        for raw, (row, _) in self.rows().items():
            seen = self.seen[raw]
            assert seen.final in {None, row.status}
            assert (row.status is Status.APPROVED) == (seen.approvals == 1)
            if row.status in FINAL:
                seen.final = row.status

    @invariant()
    def no_message_goes_out_more_often_than_allowed(self) -> None:
        for row, deliveries in self.rows().values():
            assert len(deliveries) == row.sends <= 5
            assert all((each.due_at is None) == (each.status is not DeliveryStatus.QUEUED) for each in deliveries)

    @invariant()
    def what_failed_reached_nobody(self) -> None:
        for raw, (row, _) in self.rows().items():
            if row.status is Status.FAILED:
                assert ids.to_text(ids.VERIFICATION, raw) not in self.relay.may_have_arrived

    @invariant()
    def no_budget_is_ever_exceeded(self) -> None:
        for key in {guess_key(row) for row, _ in self.rows().values()}:
            log = self.runner.run(self.world.store.guesses(key)).log
            for at in log:
                assert sum(at <= other < at + HOUR for other in log) <= 10


class OnSqlite(Verifications):
    """The same over a file."""

    def store(self) -> Store:
        return SqliteStore(self.folder / "watchword.db")


class OnPostgres(Verifications):
    """The same over one database of a real server, emptied each time."""

    def store(self) -> Store:
        server, database = one_database()
        server.sql(f"TRUNCATE {', '.join(TABLES)}", database)
        return PostgresStore(PostgresAddress.parse(server.url(database)))


class OnValkey(Verifications):
    """The same over a real server for what is short-lived, and memory for the rest."""

    def store(self) -> Store:
        server, durable = one_server(), MemoryStore()
        emptied([server])
        return SplitStore(ValkeyStore(ValkeyAddress.parse(f"valkey://127.0.0.1:{server.port}"), durable), durable)


@cache
def one_database() -> tuple[PostgresServer, str]:
    """A database with its tables."""
    server = the_server()
    database = server.database()
    asyncio.run(bring_up_to_date(PostgresAddress.parse(server.url(database))))
    return server, database


Verifications.TestCase.settings = settings(max_examples=150, stateful_step_count=50)
for each in (OnSqlite, OnPostgres, OnValkey):
    # Fewer: what the rules decide is the same code, and is tried above; here it is how rows are read and written.
    each.TestCase.settings = settings(max_examples=20, stateful_step_count=40)
TestVerifications = Verifications.TestCase
TestVerificationsOnSqlite = OnSqlite.TestCase
TestVerificationsOnPostgres = OnPostgres.TestCase
TestVerificationsOnValkey = OnValkey.TestCase
