"""Reports of providers about texts that they took."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.flows.test_sms import texted
from tests.support.sms import with_sms
from tests.support.world import World
from watchword.core.delivery import DeliveryStatus, Report
from watchword.core.report import of_provider, read_reference, write_reference
from watchword.core.verification import Status
from watchword.errors import UnknownError
from watchword.flows.report import Parameters, Reports


def reference(world: World, provider: str = "gateway") -> str:
    return of_provider(world.outbox.mails[-1][1].reference, provider)


async def status(world: World, raw: bytes) -> tuple[Status, DeliveryStatus]:
    shown = await world.verifications.get(world.app, raw)
    return shown.status, shown.deliveries[-1].status


@journey(with_sms())
async def test_a_text_that_arrived_is_told_as_delivered(world: World) -> None:
    raw, code = await texted(world)
    await world.reports.by_gateway(reference(world), "1")
    assert (Status.PENDING, DeliveryStatus.DELIVERED) == await status(world, raw)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(with_sms())
async def test_a_text_that_did_not_arrive_fails_its_verification(world: World) -> None:
    raw, _ = await texted(world)
    await world.reports.by_gateway(reference(world), "2")
    assert (Status.FAILED, DeliveryStatus.FAILED) == await status(world, raw)
    assert "delivery.reported" in world.journal.names()


@journey(with_sms())
async def test_that_a_text_arrived_is_final(world: World) -> None:
    raw, _ = await texted(world)
    for said in ("1", "2", "delivered", "16", "4", "", "nonsense"):
        await world.reports.by_gateway(reference(world), said)
    assert (Status.PENDING, DeliveryStatus.DELIVERED) == await status(world, raw)


@journey(with_sms())
async def test_a_report_about_what_nobody_sent_is_unknown(world: World) -> None:
    raw, _ = await texted(world)
    good = reference(world)
    for made_up in ("", "x", good[:-1], good[:-2] + "AA", good + "A", good.swapcase()):
        with pytest.raises(UnknownError):
            await world.reports.by_gateway(made_up, "2")
    with pytest.raises(UnknownError):
        await world.reports.by_twilio(good, [], "")
    assert (Status.PENDING, DeliveryStatus.SENT) == await status(world, raw)


@journey(with_sms())
async def test_a_reference_names_one_delivery(world: World) -> None:
    raw, _ = await texted(world)
    ring = world.keys.ring
    assert (world.app.id, raw, 1) == read_reference(ring, reference(world), "gateway")
    assert of_provider(write_reference(ring, world.app.id, raw, 2), "gateway") != reference(world)


@journey(with_sms())
async def test_the_address_of_a_provider_that_signs_is_not_taken_where_nobody_signs(world: World) -> None:
    raw, _ = await texted(world)
    for other in (reference(world, "twilio"), world.outbox.mails[-1][1].reference):
        with pytest.raises(UnknownError):
            await world.reports.by_gateway(other, "2")
    assert (Status.PENDING, DeliveryStatus.SENT) == await status(world, raw)


@journey(with_sms())
async def test_a_report_through_whom_nobody_delivers_is_unknown(world: World) -> None:
    raw, _ = await texted(world)
    alone = Reports(world.store, world.keys, world.clock, world.journal)
    with pytest.raises(UnknownError):
        await alone.by_gateway(reference(world), "1")
    with pytest.raises(UnknownError):
        await alone.by_twilio(reference(world), [], "signature")
    assert (Status.PENDING, DeliveryStatus.SENT) == await status(world, raw)


@journey(with_sms())
async def test_a_signed_report_counts_as_what_it_was_read_as(world: World) -> None:
    raw, _ = await texted(world)
    heard: list[str] = []

    def read(named: str, parameters: Parameters, signature: str) -> Report:
        heard.extend((named, *dict(parameters), signature))
        return Report.DELIVERED

    reports = Reports(world.store, world.keys, world.clock, world.journal, twilio=read)
    given = reference(world, "twilio")
    await reports.by_twilio(given, [("MessageStatus", "delivered")], "signature")
    assert [given, "MessageStatus", "signature"] == heard
    assert (Status.PENDING, DeliveryStatus.DELIVERED) == await status(world, raw)
