"""The flow of authenticators: what was tampered with, clocks, guessing, and that nothing leaks."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest

from tests.flows.journeys import journey
from tests.support.authenticator import ANN, PERIOD, bind, checked, code, no_code
from tests.support.world import World, a_keyring
from watchword.adapters.memory import MemoryStore
from watchword.core import authenticator as rules
from watchword.core.authenticator import Authenticator
from watchword.core.instant import DAY, SECOND
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import InvalidInputError, KeyringError, OverloadedError, TamperedError
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.authenticator_compare import Typed


def rows(world: World) -> dict[bytes, Authenticator]:
    assert isinstance(world.store, MemoryStore)
    return world.store.tables.authenticators.rows


def flipped(value: bytes, at: int) -> bytes:
    return value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :]


@pytest.mark.parametrize("field", ["seed", "names"])
@pytest.mark.parametrize("how", ["swapped", "truncated", "emptied", "nonce", "text", "tag"])
@journey()
async def test_a_seal_that_was_touched_opens_nothing(world: World, how: str, field: str) -> None:
    raw, key, _ = await bind(world)
    other, _, _ = await bind(world, "bob")
    held = rows(world)
    sealed = getattr(held[raw], field)
    touched = {
        "swapped": getattr(held[other], field),
        "truncated": sealed[:-1],
        "emptied": b"",
        "nonce": flipped(sealed, 1),
        "text": flipped(sealed, 14),
        "tag": flipped(sealed, len(sealed) - 1),
    }
    held[raw] = msgspec.structs.replace(held[raw], **{field: touched[how]})
    with pytest.raises(TamperedError):
        await world.authenticators.get(world.app, raw) if field == "names" else await world.authenticators.check(
            world.app, ANN, code(world, key)
        )
    assert "authenticator.tampered" in world.journal.names()
    assert "authenticator.approved" not in world.journal.names()


@pytest.mark.parametrize("field", ["subject", "app"])
@journey()
async def test_a_row_given_to_another_person_does_not_serve_them(world: World, field: str) -> None:
    raw, key, _ = await bind(world)
    other, _, _ = await bind(world, "bob")
    held = rows(world)
    held[raw] = msgspec.structs.replace(
        held[raw], **{field: getattr(held[other], field) if field == "subject" else bytes(16)}
    )
    subject = "bob" if field == "subject" else ANN
    assert "TamperedError" == await checked(world, code(world, key), subject)
    assert "authenticator.approved" not in world.journal.names()


@journey()
async def test_one_touched_row_ends_the_check_of_its_neighbours_too(world: World) -> None:
    raw, _, _ = await bind(world)
    _, good, _ = await bind(world)
    rows(world)[raw] = msgspec.structs.replace(rows(world)[raw], seed=b"x" * 60)
    assert "KeyringError" == await checked(world, code(world, good))  # 'x' names no key of ours
    rows(world)[raw] = msgspec.structs.replace(rows(world)[raw], seed=b"\x01" * 60)
    assert "TamperedError" == await checked(world, code(world, good))
    await world.authenticators.revoke(world.app, raw)
    assert "approved" == await checked(world, code(world, good))


@journey()
async def test_no_row_and_no_event_holds_a_seed_a_subject_or_a_code(world: World) -> None:
    raw, key, codes = await bind(world, "ann@example.com", label="Ann's phone")
    await checked(world, code(world, key), "ann@example.com")
    await world.recovery_codes.check(world.app, "ann@example.com", codes[0])
    assert isinstance(world.store, MemoryStore)
    tables = world.store.tables.authenticators
    dump = b"".join(
        part.encode() if isinstance(part, str) else part
        for part in msgspec.structs.astuple(tables.rows[raw])
        if isinstance(part, (str, bytes))
    ) + b"".join(each for held in tables.hashes.values() for each in held)
    events = str(world.journal.events)
    for secret in (key.secret, b"ann@example.com", b"phone", *(each.encode() for each in codes)):
        assert secret not in dump
        assert secret.decode("latin-1") not in events
    assert code(world, key) not in events


@pytest.mark.parametrize("drift", [-2, -1, 1, 2])
@journey()
async def test_a_slow_or_fast_clock_is_followed_within_bounds(world: World, drift: int) -> None:
    raw, key, _ = await bind(world)
    toward = 1 if drift > 0 else -1
    for off in range(1, abs(drift) + 1):
        for _ in range(rules.LEANS):
            world.clock.move(2 * PERIOD)
            assert "approved" == await checked(world, code(world, key, toward * off))
    world.clock.move(4 * PERIOD)
    assert drift == rows(world)[raw].drift
    offsets = [off for off in range(-5, 6) if await matches(world, raw, key, off)]
    assert [drift - 1, drift, drift + 1] == offsets


async def matches(world: World, raw: bytes, key: AuthenticatorKey, off: int) -> bool:
    """Whether a code of that offset would be accepted, without accepting it."""
    before, buckets = rows(world)[raw], dict(world.store.tables.guess_buckets)  # type: ignore[attr-defined]
    found = await checked(world, code(world, key, off)) == "approved"
    rows(world)[raw] = before
    world.store.tables.guess_buckets = buckets  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("count", [1, 3])
@journey()
async def test_a_day_of_ten_guesses_a_second_stays_under_one_in_ten_thousand(world: World, count: int) -> None:
    keys = [(await bind(world))[1] for _ in range(count)]
    codes = (await world.recovery_codes.renew(world.app, ANN)).codes
    dice, end = Random(7), world.clock.at + DAY
    compared = 0
    while world.clock.at < end:
        typed = no_code(world, *keys) if compared % 2 else f"{dice.randrange(10**6):06}"
        answer = await checked(world, typed)
        assert answer in {"mismatch", "RateLimitedError"}
        compared += answer == "mismatch"
        # Ten a second, and a refusal says how long all of them will be refused.
        world.clock.move(SECOND // 10 if answer == "mismatch" else 10 * SECOND)
    # Each guess that was compared is right for at most three codes of each authenticator.
    assert compared * 3 * count / 10**6 < 1e-4
    assert compared * count > 30 - count
    assert "approved" == await checked(world, code(world, keys[0]), known_device=True)
    assert 9 == await world.recovery_codes.check(world.app, ANN, codes[0])


@journey()
async def test_a_seed_under_a_key_that_is_gone_is_unavailable_and_not_wrong(world: World) -> None:
    _, key, _ = await bind(world)
    world.keys.ring = a_keyring(2)
    world.keys._load = lambda: a_keyring(2)
    with pytest.raises(KeyringError):
        await world.authenticators.check(world.app, ANN, code(world, key))
    assert {} == world.store.tables.guess_buckets  # type: ignore[attr-defined]


@journey()
async def test_resealing_leaves_what_does_not_open_and_goes_on(world: World) -> None:
    raw, _, _ = await bind(world)
    await bind(world, "bob")
    rows(world)[raw] = msgspec.structs.replace(rows(world)[raw], seed=b"\x01" * 60)
    world.keys.ring = a_keyring(1, 2)
    assert 1 == await world.resealing.once()
    assert [1, 2] == list(await world.store.authenticators.key_numbers())
    assert "authenticator.tampered" in world.journal.names()


@journey()
async def test_a_label_is_read_before_anything_is_looked_up_and_an_enrolment_has_a_quiet_repr(world: World) -> None:
    enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
    assert "Enrolled(Authenticator(confirmed_at=None))" == repr(enrolled)
    with pytest.raises(InvalidInputError):
        await world.authenticators.rename(world.app, enrolled.shown.authenticator.id, "a\u202eb")


@journey()
async def test_what_is_shown_once_has_a_quiet_repr(world: World) -> None:
    enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
    raw = enrolled.shown.authenticator.id
    confirmed = await world.authenticators.confirm(world.app, raw, code(world, enrolled.key))
    renewed = await world.recovery_codes.renew(world.app, ANN)
    assert "Confirmed(Authenticator(" in repr(confirmed)
    assert not [each for each in confirmed.codes if each in repr(confirmed)]
    assert "CodeSet(10)" == repr(renewed)


@pytest.mark.parametrize("field", ["seed", "names"])
@journey()
async def test_a_seal_of_ours_around_something_else_is_tampering(world: World, field: str) -> None:
    raw, key, _ = await bind(world)
    row = rows(world)[raw]
    label = b"watchword/v1/authenticator/" + field.encode()
    ours = world.keys.ring.seal(b"\x91\x01", bound_to=label + row.app + row.id + row.subject, nonce=bytes(12))
    rows(world)[raw] = msgspec.structs.replace(row, **{field: ours})
    # A names seal is opened to show what was approved, so the step is spent and nobody is told yes.
    assert "TamperedError" == await checked(world, code(world, key))


@journey()
async def test_what_does_not_open_can_be_removed(world: World) -> None:
    raw, _, _ = await bind(world)
    rows(world)[raw] = msgspec.structs.replace(rows(world)[raw], names=b"\x01" * 40)
    revoked = await world.authenticators.revoke(world.app, raw)
    assert ("", "revoked") == (revoked.names.subject, revoked.status.value)
    assert {} == rows(world)


class Restless:
    """A store in which a row is sealed anew between each look and each step, ``changes`` times."""

    def __init__(self, world: World, changes: int) -> None:
        self._kept = world.store.authenticators
        self.changes = changes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kept, name)

    async def rename(self, app: bytes, resealed: Any) -> bool:
        self.changes -= 1
        return self.changes < 0 and await self._kept.rename(app, resealed)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"algorithm": "MD5"}, "algorithm"),
        ({"digits": 5}, "digits"),
        ({"digits": 9}, "digits"),
        ({"period": 4}, "period"),
        ({"period": 121}, "period"),
        ({"subject": ""}, "subject"),
        ({"subject": "a\nb"}, "subject"),
    ],
)
@journey()
async def test_what_cannot_be_enrolled_names_its_field_and_makes_nothing(
    world: World, more: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await world.authenticators.enrol(world.app, NewAuthenticator(**{"subject": ANN} | more))
    assert field == refused.value.field
    assert {} == rows(world)


class Counting:
    """A store that tells how often it was asked, and by which verb."""

    def __init__(self, world: World) -> None:
        self._kept = world.store.authenticators
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._kept, name)


@journey()
async def test_a_check_is_one_step_of_the_store(world: World) -> None:
    _, key, _ = await bind(world)
    store = world.authenticators._store = Counting(world)
    for typed, answer in ((no_code(world, key), "mismatch"), (code(world, key), "approved")):
        store.asked.clear()
        assert (answer, ["check"]) == (await checked(world, typed), store.asked)


@journey()
async def test_a_seed_that_another_process_sealed_under_a_newer_key_is_read_with_that_key(world: World) -> None:
    _, key, _ = await bind(world)
    ours, world.keys.ring = world.keys.ring, a_keyring(1, 2)
    assert 1 == await world.resealing.once()
    world.keys.ring, world.keys._load = ours, lambda: a_keyring(1, 2)
    assert "approved" == await checked(world, code(world, key))
    assert (1, 2) == world.keys.ring.numbers


@journey()
async def test_a_code_that_is_being_compared_has_a_quiet_repr(world: World) -> None:
    assert "Typed()" == repr(Typed(world.keys.ring, "271828", world.clock.now(), rules.SKEW))


@pytest.mark.parametrize(("changes", "fails"), [(3, False), (99, True)])
@journey()
async def test_a_rename_tries_again_where_the_row_was_sealed_anew(world: World, changes: int, fails: bool) -> None:
    raw, _, _ = await bind(world)
    world.authenticators._store = Restless(world, changes)
    if fails:
        with pytest.raises(OverloadedError):
            await world.authenticators.rename(world.app, raw, "new")
    else:
        assert "new" == (await world.authenticators.rename(world.app, raw, "new")).names.label


@journey()
async def test_resealing_goes_on_by_the_minute_and_after_a_failure(world: World) -> None:
    raw, _, _ = await bind(world)
    rings = iter([KeyringError("gone"), a_keyring(1, 2)])

    def load() -> Any:
        ring = next(rings, None) or a_keyring(1, 2)
        if isinstance(ring, KeyringError):
            raise ring
        return ring

    world.keys._load = load
    running = asyncio.create_task(world.resealing.run())
    async with asyncio.timeout(600):
        while "reseal.done" not in world.journal.names():  # noqa: ASYNC110 - on a loop whose timers are over at once
            await asyncio.sleep(1)
    running.cancel()
    assert 2 == rows(world)[raw].key_number
    assert ["reseal.failed", "reseal.done"] == [name for name in world.journal.names() if name.startswith("reseal")]
