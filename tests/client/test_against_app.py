"""Both shells against the real app: every verb, and every refusal an app of ours will meet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from tests.client.answers import KEY
from tests.client.running import RunningApp, services_of
from tests.support.world import World, wrong
from watchword.client import Allowance, AsyncClient, Client, Rate
from watchword.core.instant import HOUR, MINUTE
from watchword.errors import (
    AlreadyUsedError,
    CanceledError,
    ChannelForbiddenError,
    EndedError,
    ExhaustedError,
    ExpiredError,
    IdempotencyReusedError,
    InvalidInputError,
    MismatchError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
    UnknownError,
)
from watchword.web.app import create_app

TO = "maria@example.org"


@pytest.fixture
def app() -> Iterator[RunningApp]:
    with RunningApp() as running:
        yield running


@pytest.fixture
def client(app: RunningApp) -> Iterator[Client]:
    with Client(app.address, app.key) as client:
        yield client


def test_a_code_is_sent_and_approved_once(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login", requester_ip="192.0.2.7", user_agent="Firefox", known_device=False)

    approved = client.check(asked.id, app.delivered(), purpose="login", to=TO)

    assert asked.status == "pending"
    assert approved.status == "approved"
    assert approved.id == asked.id
    assert TO not in repr(asked)
    assert len(asked.watchword.split()) == 2
    with pytest.raises(AlreadyUsedError):
        client.check(asked.id, app.delivered(), purpose="login", to=TO)


def test_lifetime_and_digits_are_as_asked(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login", locale="de", expires_in=timedelta(minutes=3), digits=8)

    assert asked.expires_at - asked.created_at == timedelta(minutes=3)
    assert len(app.delivered()) == 8


def test_a_wrong_code_counts_down_to_the_end(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")
    code = app.delivered()

    for left in (4, 3, 2, 1, 0):
        with pytest.raises(MismatchError) as caught:
            client.check(asked.id, wrong(code), purpose="login", to=TO)
        assert caught.value.attempts_remaining == left

    with pytest.raises(ExhaustedError):
        client.check(asked.id, code, purpose="login", to=TO)


@pytest.mark.parametrize(("purpose", "to"), [("recovery", TO), ("login", "mallory@example.org")])
def test_a_right_code_for_something_else_is_a_mismatch(app: RunningApp, client: Client, purpose: str, to: str) -> None:
    asked = client.create(to=TO, purpose="login")

    with pytest.raises(MismatchError):
        client.check(asked.id, app.delivered(), purpose=purpose, to=to)


def test_a_code_is_too_late_after_its_lifetime(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")
    code = app.delivered()
    app.move(HOUR)

    with pytest.raises(ExpiredError):
        client.check(asked.id, code, purpose="login", to=TO)


def test_what_was_withdrawn_is_never_approved(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")
    code = app.delivered()

    assert client.cancel(asked.id).status == "canceled"
    with pytest.raises(CanceledError):
        client.check(asked.id, code, purpose="login", to=TO)


def test_an_approved_verification_cannot_be_withdrawn(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")
    client.check(asked.id, app.delivered(), purpose="login", to=TO)

    with pytest.raises(EndedError):
        client.cancel(asked.id)


def test_a_resend_is_the_same_code_and_not_too_early(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")
    code = app.delivered()

    with pytest.raises(RateLimitedError) as caught:
        client.resend(asked.id)
    app.move(MINUTE)
    resent = client.resend(asked.id)

    assert caught.value.retry_after == 30
    assert resent.sends_remaining == asked.sends_remaining - 1
    assert app.delivered() == code
    assert len(app.world.outbox.mails) == 2


def test_answers_and_refusals_tell_of_the_limits(app: RunningApp, client: Client) -> None:
    made = [client.create(to=TO, purpose="login")]
    approved = client.check(made[0].id, app.delivered(), purpose="login", to=TO)
    made += [client.create(to=TO, purpose="login") for _ in range(2)]
    with pytest.raises(RateLimitedError) as caught:
        client.create(to=TO, purpose="login")

    assert [2, 1, 0] == [each.allowance.remaining for each in made if each.allowance]
    assert made[2].allowance == Allowance(
        policy="sends", rates=(Rate(3, 600), Rate(10, 86400)), remaining=0, one_more_in=200
    )
    assert approved.allowance is not None
    assert ("guesses", 10) == (approved.allowance.policy, approved.allowance.remaining)
    assert client.get(made[0].id).allowance is None
    assert (caught.value.retry_after, caught.value.policy) == (200, ("sends", ((3, 600), (10, 86400))))


def test_get_tells_what_became_of_the_message(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")
    app.delivered()

    (delivery,) = client.get(asked.id).deliveries

    assert (delivery.channel, delivery.status, delivery.transport) == ("email", "sent", "T1")
    assert delivery.at == asked.created_at


def test_a_decoy_looks_the_same_and_sends_nothing(app: RunningApp, client: Client) -> None:
    client.create(to=TO, purpose="login")
    app.delivered()

    decoy = client.create(to="nobody@example.org", purpose="login", decoy=True)
    app.delivered()

    assert decoy.status == "pending"
    assert len(app.world.outbox.mails) == 1


def test_the_same_key_makes_one_verification_and_another_request_is_refused(app: RunningApp, client: Client) -> None:
    first = client.create(to=TO, purpose="login", idempotency_key="order-7")
    again = client.create(to=TO, purpose="login", idempotency_key="order-7")
    app.delivered()

    assert again.id == first.id
    assert len(app.world.outbox.mails) == 1
    with pytest.raises(IdempotencyReusedError):
        client.create(to=TO, purpose="recovery", idempotency_key="order-7")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"to": "maria@"}, "to"),
        ({"purpose": "tides"}, "purpose"),
        ({"channel": "pigeon"}, "channel"),
        ({"digits": 3}, "digits"),
        ({"expires_in": timedelta(days=900)}, "expires_in"),
        ({"requester_ip": "somewhere"}, "requester.ip"),
    ],
)
def test_a_bad_field_is_named(client: Client, wanted: dict[str, object], field: str) -> None:
    given: dict[str, object] = {"to": TO, "purpose": "login"}

    with pytest.raises(InvalidInputError) as caught:
        client.create(**(given | wanted))  # type: ignore[arg-type]

    assert caught.value.field == field


def test_a_code_that_cannot_be_one_costs_no_attempt(app: RunningApp, client: Client) -> None:
    asked = client.create(to=TO, purpose="login")

    for typed in ("²²²²²²", "abcdef", "1" * 10_000, "🙂"):
        with pytest.raises(InvalidInputError) as caught:
            client.check(asked.id, typed, purpose="login", to=TO)
        assert caught.value.field == "code"

    assert client.get(asked.id).attempts_remaining == asked.attempts_remaining
    assert client.check(asked.id, f" {app.delivered()} ", purpose="login", to=TO).status == "approved"


def test_a_key_that_is_not_valid_is_unauthenticated(app: RunningApp) -> None:
    with Client(app.address, KEY) as stranger, pytest.raises(UnauthenticatedError):
        stranger.create(to=TO, purpose="login")


def test_an_address_of_something_else_is_no_lost_verification() -> None:
    def elsewhere(request: httpx.Request) -> httpx.Response:
        return httpx.get(str(request.url).replace("/v1/", "/prefix/v1/"), trust_env=False, timeout=60)

    with RunningApp() as running:
        client = Client(running.address, running.key, unsafe_transport=httpx.MockTransport(elsewhere))
        with client, pytest.raises(UnavailableError, match="nothing at this address"):
            client.get("vf_AZqyDZ0AAAECAwQFBgcICQ")


def test_an_id_that_nobody_made_is_unknown(client: Client) -> None:
    with pytest.raises(UnknownError):
        client.get("vf_AZqyDZ0AAAECAwQFBgcICQ")


def test_a_channel_that_policy_does_not_allow_is_refused(client: Client) -> None:
    with pytest.raises((ChannelForbiddenError, InvalidInputError)):
        client.create(to=TO, purpose="login", channel="sms")


def test_the_awaiting_client_does_the_same_over_the_network(app: RunningApp) -> None:
    async def journey() -> tuple[str, str]:
        async with AsyncClient(app.address, app.key) as client:
            asked = await client.create(to=TO, purpose="login")
            code = await asyncio.to_thread(app.delivered)
            approved = await client.check(asked.id, code, purpose="login", to=TO)
            return approved.status, (await client.get(asked.id)).status

    assert asyncio.run(journey()) == ("approved", "approved")


def test_an_app_in_the_same_process_is_reached_without_a_network() -> None:
    async def journey() -> str:
        world = await World().open()
        transport = httpx.ASGITransport(app=create_app(services_of(world)))
        async with AsyncClient("https://codes.example.org", world.key, unsafe_transport=transport) as client:
            asked = await client.create(to=TO, purpose="login")
            await world.courier.drain()
            return (await client.check(asked.id, world.outbox.last_code, purpose="login", to=TO)).status

    assert asyncio.run(journey()) == "approved"


def test_of_many_checks_at_once_one_returns(app: RunningApp) -> None:
    async def journey() -> list[object]:
        async with AsyncClient(app.address, app.key) as client:
            asked = await client.create(to=TO, purpose="login")
            code = await asyncio.to_thread(app.delivered)
            checks = (client.check(asked.id, code, purpose="login", to=TO) for _ in range(16))
            return list(await asyncio.gather(*checks, return_exceptions=True))

    outcomes = asyncio.run(journey())

    assert len([outcome for outcome in outcomes if isinstance(outcome, AlreadyUsedError)]) == 15
