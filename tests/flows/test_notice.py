"""Notices as flows: seals, wording that tells no secret, and who may know what."""

from __future__ import annotations

import msgspec

from tests.flows.journeys import generous, journey
from tests.support.authenticator import ANN, bind
from tests.support.notice import HOME, WORK, confirmed, told
from tests.support.world import World
from watchword.core.notice import Address
from watchword.errors import DeliveryError
from watchword.flows.authenticator_seal import subject_key
from watchword.flows.mailbox import Mailbox


@journey(generous())
async def test_a_row_moved_to_another_person_sends_their_notices_nowhere(world: World) -> None:
    await confirmed(world, HOME)
    rows = world.store.tables.notices  # type: ignore[attr-defined]
    bob = subject_key(world.keys.ring, world.app, "bob")
    (row,) = await world.store.notices.addresses(subject_key(world.keys.ring, world.app, ANN))
    rows.put_address(msgspec.structs.replace(row, subject=bob))
    await world.recovery_codes.renew(world.app, "bob")
    assert [] == await told(world)
    assert ("notice.failed", "tampered") == _last(world)


def _last(world: World) -> tuple[str, object]:
    event, facts = next((name, facts) for name, facts in reversed(world.journal.events) if name.startswith("notice."))
    return event, facts["reason"]


@journey(generous())
async def test_a_subject_edited_in_a_verification_ties_nothing_that_could_be_sent_to(world: World) -> None:
    raw, code = await world.send(WORK, subject="mallory")
    verifications = world.store.tables.verifications  # type: ignore[attr-defined]
    ann = subject_key(world.keys.ring, world.app, ANN)
    verifications[raw] = msgspec.structs.replace(verifications[raw], subject=ann)
    await world.check(raw, code)
    await world.recovery_codes.renew(world.app, ANN)
    assert [] == await told(world)


@journey(generous())
async def test_no_row_event_or_repr_holds_an_address_or_a_subject(world: World) -> None:
    await confirmed(world, HOME)
    _, _, codes = await bind(world)
    await world.recovery_codes.check(world.app, ANN, codes[0])
    await world.notices.drain()
    rows = world.store.tables.notices  # type: ignore[attr-defined]
    at_rest = msgspec.msgpack.encode([list(rows.kept.values()), list(rows.outbox.values())])
    written = str(world.journal.events) + repr(list(rows.kept.values())) + repr(list(rows.outbox.values()))
    for secret in (HOME, "ann@", ANN, codes[0]):
        assert secret.encode() not in at_rest
        assert secret not in written


@journey(generous())
async def test_an_address_that_does_not_open_is_left_by_a_rotation_and_told(world: World) -> None:
    await confirmed(world, HOME)
    rows = world.store.tables.notices  # type: ignore[attr-defined]
    (name, row), *_ = rows.kept.items()
    other: Address = msgspec.structs.replace(row, key_number=9, sealed=b"\x09" + row.sealed[1:])
    rows.kept[name] = other
    assert 0 == await world.resealing.once()
    assert "address.tampered" in world.journal.names()


@journey(generous())
async def test_a_notice_that_a_relay_refuses_for_good_is_not_tried_again(world: World) -> None:
    await confirmed(world, HOME)
    await world.recovery_codes.renew(world.app, ANN)
    world.outbox.trouble = lambda: DeliveryError(reason="refused", permanent=True)
    assert 1 == await world.notices.drain()
    assert ("notice.failed", "refused") == _last(world)
    assert await world.store.notices.next_due() is None


@journey(generous())
async def test_the_development_mailbox_shows_notices(world: World) -> None:
    await confirmed(world, HOME)
    await world.recovery_codes.renew(world.app, ANN)
    await world.notices.drain()
    (notice,) = await Mailbox(world.store, world.keys).notices()
    assert (HOME, "recovery_codes_renewed") == (notice.to, notice.message.lines[0].kind)
