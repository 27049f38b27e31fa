"""Any mixture of requests, deliveries, guesses and clocks: what must hold, holds after each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from tests.support.link import CHALLENGE, REDIRECT, VERIFIER
from tests.support.world import World, wrong
from watchword.adapters.memory import MemoryStore
from watchword.core import ids, passcode
from watchword.core.delivery import DeliveryStatus
from watchword.core.instant import HOUR, MINUTE, SECOND
from watchword.core.magic_link import LinkWanted
from watchword.core.message import PasscodeMessage, Receipt
from watchword.core.policy import Limits, Rules
from watchword.core.verification import WORDS, Expected, Outcome, Status
from watchword.errors import DeliveryError, MismatchError, RefusedError

Result = TypeVar("Result")

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

    @initialize()
    def begin(self) -> None:
        # Sends are limited by each verification's own schedule alone, or hardly one would come to its fifth.
        self.world = World(rules=Rules(limits=Limits((), (), (), ())))
        self.relay = Relay()
        self.world.courier._mailer = self.relay
        self.seen: dict[bytes, Seen] = {}
        self.run(self.world.open())
        self.world.app = self.run(self.world.apps.update(self.world.app, redirect_uris=[REDIRECT]))

    @staticmethod
    def run(journey: Coroutine[Any, Any, Result]) -> Result:
        """Run a step that never waits: the memory store answers at once, so no event loop is needed but for tasks."""
        with asyncio.Runner() as runner:
            return runner.run(journey)

    def code(self, raw: bytes) -> str:
        return passcode.derive_code(self.world.keys.ring, self.world.app.id, raw, 6)

    def row(self, raw: bytes) -> Any:
        assert isinstance(self.world.store, MemoryStore)
        return self.world.store.tables.verifications.get(raw)

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
                challenge=sha256((VERIFIER if right else "x").encode()).digest(),
                expected=Expected(),
                handed_over=handed_over,
                guesses=self.world.verifications.rules.guesses,
                now=self.world.clock.now(),
            )
        )
        if judged.outcome is not Outcome.APPROVED:
            assert self.row(raw) == before
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
        assert all(seen.approvals <= 1 for seen in getattr(self, "seen", {}).values())

    @invariant()
    def no_verification_takes_more_wrong_guesses_than_it_has_tries(self) -> None:
        for raw, seen in getattr(self, "seen", {}).items():
            row = self.row(raw)
            assert seen.misses <= 5
            assert row is None or row.attempts == seen.misses

    @invariant()
    def what_is_final_stays_so(self) -> None:
        for raw, seen in getattr(self, "seen", {}).items():
            row = self.row(raw)
            assert row is not None
            assert seen.final in {None, row.status}
            assert (row.status is Status.APPROVED) == (seen.approvals == 1)
            if row.status in FINAL:
                seen.final = row.status

    @invariant()
    def no_message_goes_out_more_often_than_allowed(self) -> None:
        if not getattr(self, "seen", None):
            return
        assert isinstance(self.world.store, MemoryStore)
        for raw in self.seen:
            deliveries = self.world.store.tables.deliveries(raw)
            assert len(deliveries) == self.row(raw).sends <= 5
            assert all((each.due_at is None) == (each.status is not DeliveryStatus.QUEUED) for each in deliveries)

    @invariant()
    def what_failed_reached_nobody(self) -> None:
        if not getattr(self, "seen", None):
            return
        for raw in self.seen:
            if self.row(raw).status is Status.FAILED:
                assert ids.to_text(ids.VERIFICATION, raw) not in self.relay.may_have_arrived

    @invariant()
    def no_budget_is_ever_exceeded(self) -> None:
        if not hasattr(self, "world"):
            return
        assert isinstance(self.world.store, MemoryStore)
        for guesses in self.world.store.tables.guess_buckets.values():
            for at in guesses.log:
                assert sum(at <= other < at + HOUR for other in guesses.log) <= 10


Verifications.TestCase.settings = settings(max_examples=150, stateful_step_count=50)
TestVerifications = Verifications.TestCase
