"""Keys: rotation without a restart, and values whose key is nowhere."""

from __future__ import annotations

import pytest

from tests.contract.test_enrolment_store import a_page
from tests.flows.journeys import journey
from tests.support.authenticator import bind, code
from tests.support.link import CHALLENGE, REDIRECT, VERIFIER
from tests.support.world import FrozenClock, World, a_keyring
from watchword.core import ids
from watchword.core.handoff import Kind, write_handoff
from watchword.core.instant import HOUR, MINUTE, SECOND
from watchword.core.keyring import Keyring
from watchword.core.magic_link import LinkWanted
from watchword.core.verification import Status
from watchword.errors import KeyringError, UnknownError
from watchword.flows.keys import Keys


class KeyFile:
    """A key file that can be written again, and counts how often it is read."""

    def __init__(self, *numbers: int) -> None:
        self.ring = a_keyring(*numbers)
        self.reads = 0

    def write(self, *numbers: int) -> None:
        self.ring = a_keyring(*numbers)

    def version(self) -> object:
        return self.ring.numbers

    def read(self) -> Keyring:
        self.reads += 1
        return self.ring


def want(number: int, keys: Keys) -> int:
    return keys.with_ring(lambda ring: ring.root(number).number)


def test_a_key_that_is_there_is_used_without_reading_the_file_again() -> None:
    file = KeyFile(1)
    keys = Keys(file.read, FrozenClock())
    assert want(1, keys) == 1
    assert file.reads == 1


def test_a_key_that_was_added_is_found_by_reading_the_file_once_more() -> None:
    file, clock = KeyFile(1), FrozenClock()
    keys = Keys(file.read, clock)
    file.write(1, 2)
    clock.move(SECOND)
    assert want(2, keys) == 2
    assert keys.ring.current == 2
    assert file.reads == 2


def test_made_up_keys_make_nobody_read_the_file_more_than_once_a_second() -> None:
    file, clock = KeyFile(1), FrozenClock()
    keys = Keys(file.read, clock)
    for _ in range(1000):
        clock.move(10)
        with pytest.raises(KeyringError):
            want(9, keys)
    assert file.reads == 1 + 10


def test_a_new_key_is_found_at_once_though_a_made_up_one_was_just_looked_for() -> None:
    file, clock = KeyFile(1), FrozenClock()
    keys = Keys(file.read, clock, file.version)
    for _ in range(1000):
        with pytest.raises(KeyringError):
            want(9, keys)
    assert file.reads == 1 + 1
    file.write(1, 2)
    assert want(2, keys) == 2


def test_a_clock_that_steps_back_does_not_keep_a_new_key_away() -> None:
    file, clock = KeyFile(1), FrozenClock()
    keys = Keys(file.read, clock)
    file.write(1, 2)
    clock.move(-HOUR)
    assert want(2, keys) == 2


def test_a_reload_that_fails_leaves_the_keys_that_were_there() -> None:
    file, clock = KeyFile(1), FrozenClock()
    keys = Keys(file.read, clock)

    def gone() -> Keyring:
        raise KeyringError("the key file cannot be read")

    keys._load = gone
    clock.move(SECOND)
    with pytest.raises(KeyringError):
        want(2, keys)
    assert want(1, keys) == 1


@journey()
async def test_a_code_made_before_a_rotation_is_accepted_after_it(world: World) -> None:
    raw, code = await world.send()
    world.keys.ring = a_keyring(1, 2)
    new = await world.create()
    assert (ids.key_number(raw), ids.key_number(new.verification.id)) == (1, 2)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_code_made_by_a_process_with_a_newer_key_is_accepted_here(world: World) -> None:
    file = KeyFile(1)
    here = Keys(file.read, world.clock)
    world.keys.ring = a_keyring(1, 2)
    raw, code = await world.send()
    file.write(1, 2)
    world.clock.move(SECOND)
    world.verifications._keys = here
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_rotation_leaves_the_recipients_budgets_as_they_were(world: World) -> None:
    before = (await world.create()).verification.recipient
    world.keys.ring = a_keyring(1, 2)
    assert before == (await world.create()).verification.recipient


@journey()
async def test_without_its_key_a_verification_cannot_be_checked_and_nothing_is_counted(world: World) -> None:
    world.keys.ring = a_keyring(2)
    raw, code = await world.send()
    world.keys.ring = a_keyring(1)
    for _ in range(10):
        with pytest.raises(KeyringError):
            await world.check(raw, code)
    world.keys.ring = a_keyring(1, 2)
    assert (await world.check(raw, code)).verification.attempts == 0


@journey()
async def test_a_made_up_id_that_names_a_made_up_key_is_unknown(world: World) -> None:
    with pytest.raises(UnknownError):
        await world.check(ids.verification_id(world.clock.now(), 200, bytes(9)), "123456")


@journey()
async def test_what_cannot_be_shown_for_want_of_its_key_is_not_done_either(world: World) -> None:
    world.app = await world.apps.update(world.app, redirect_uris=[REDIRECT])
    world.keys.ring = a_keyring(2)
    raw = (await world.create(link=LinkWanted(REDIRECT, None, CHALLENGE, "S256"))).verification.id
    await world.courier.drain()
    await world.store.confirm_word(world.app.id, raw, matches=True, now=world.clock.now())
    world.clock.move(MINUTE)
    world.keys.ring = a_keyring(1)
    for act in (world.verifications.resend, world.verifications.cancel):
        with pytest.raises(KeyringError):
            await act(world.app, raw)
    with pytest.raises(KeyringError):
        await world.magic_links.exchange(world.app, raw, None, VERIFIER)
    world.keys.ring = a_keyring(1, 2)
    found = (await world.verifications.get(world.app, raw)).verification
    assert (Status.CONFIRMED, 1) == (found.status, found.sends)
    assert (await world.magic_links.exchange(world.app, raw, None, VERIFIER)).status is Status.APPROVED


@journey()
async def test_what_is_canceled_under_a_made_up_key_is_unknown(world: World) -> None:
    made_up = ids.verification_id(world.clock.now(), 200, bytes(9))
    with pytest.raises(UnknownError):
        await world.verifications.cancel(world.app, made_up)
    with pytest.raises(UnknownError):
        await world.magic_links.exchange(world.app, made_up, None, VERIFIER)


@journey()
async def test_an_authenticator_whose_key_is_missing_is_not_collected_but_removed(world: World) -> None:
    world.keys.ring = a_keyring(2)
    page = await a_page(world)
    await page.confirm(code(world, page.key))
    bound, _, _ = await bind(world, "bob")
    world.keys.ring = a_keyring(2, 1)
    handed = write_handoff(
        world.keys.ring, world.app.id, Kind.ENROLMENT, page.raw, expires_at=world.clock.now() + SECOND, nonce=bytes(12)
    )
    world.keys.ring = a_keyring(1)
    assert "KeyringError" == await page.collected(handed)
    assert "revoked" == (await world.authenticators.revoke(world.app, bound)).status.value
    world.keys.ring = a_keyring(2, 1)
    assert "confirmed" == await page.status()
    assert "active" == await page.collected(handed)


@journey()
async def test_a_message_whose_key_is_missing_waits_for_it(world: World) -> None:
    world.keys.ring = a_keyring(2)
    shown = await world.create()
    world.keys.ring = a_keyring(1)
    await world.courier.drain()
    assert world.outbox.mails == []
    world.keys.ring = a_keyring(1, 2)
    world.clock.move(SECOND)
    await world.courier.drain()
    assert (await world.check(shown.verification.id, world.outbox.last_code)).status is Status.APPROVED


def test_a_file_that_holds_another_key_under_the_same_number_changes_nothing() -> None:
    file = KeyFile(1)
    keys = Keys(file.read, FrozenClock())
    mine = keys.ring
    file.ring = Keyring({1: bytes(32)}, current=1, index=b"i" * 32)
    with pytest.raises(KeyringError):
        keys.reload()
    assert mine is keys.ring


def test_a_file_from_before_a_rotation_does_not_take_the_key_in_use_away() -> None:
    file = KeyFile(1, 2)
    keys = Keys(file.read, FrozenClock())
    file.write(1)
    with pytest.raises(KeyringError):
        keys.reload()
    assert (1, 2) == keys.ring.numbers
    file.write(2, 3)  # an old key that was retired
    keys.reload()
    assert (2, 3) == keys.ring.numbers
