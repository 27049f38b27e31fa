"""What the flow of links does that no route shows: keys that rotate, sources, sentences that grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from tests.support.link import CHALLENGE, REDIRECT, VERIFIER, Holder, handed_off
from tests.support.world import World, a_keyring, wrong
from watchword.core import binary
from watchword.core.action import Action, Template
from watchword.core.instant import MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.magic_link import LinkWanted
from watchword.core.policy import BALANCED, Limits, Rules
from watchword.errors import (
    AlreadyUsedError,
    CanceledError,
    ChannelClosedError,
    ExhaustedError,
    ForbiddenError,
    InvalidInputError,
    MismatchError,
    NotConfirmedError,
    RateLimitedError,
    UnknownError,
)
from watchword.flows.source_limit import MOST_SOURCES, SourceLimit
from watchword.flows.verification import Shown

HERE = "192.0.2.7"
LINK = LinkWanted(REDIRECT, "5f2a-state", CHALLENGE, "S256")
UNLIMITED = Limits((), (), (), (), (Rate(1_000, MINUTE),))


async def a_shop(rules: Rules | None = None) -> World:
    world = await World(rules=rules).open()
    world.app = await world.apps.update(world.app, redirect_uris=[REDIRECT])
    return world


async def asked(world: World, **more: Any) -> tuple[Shown, bytes, bytes]:
    """A verification with its link's proof and its page's."""
    shown = await world.create(link=LINK, **more)
    await world.courier.drain()
    link = Holder(world.outbox.mails[-1][1].link)
    assert shown.ticket is not None
    page = Holder(f"http://127.0.0.1:8000/v/{link.id}#{binary.encode(shown.ticket)}")
    return shown, binary.decode(link.proof), binary.decode(page.proof)


def run(journey: Coroutine[Any, Any, None]) -> None:
    asyncio.run(journey)


def test_a_link_outlives_a_rotation_of_keys_and_so_does_a_hand_off() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, _ = await asked(world)
        code = handed_off(await world.magic_links.proceed(shown.verification.id, proof, HERE))
        world.keys.ring = a_keyring(1, 2)
        again = handed_off(await world.magic_links.proceed(shown.verification.id, proof, HERE))
        assert (1, 2) == (binary.decode(code)[0], binary.decode(again)[0])
        approved = await world.magic_links.exchange(world.app, None, code, VERIFIER)
        assert "approved" == approved.status.value

    run(journey())


def test_a_hand_off_under_a_key_that_nobody_has_is_a_mismatch() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, _ = await asked(world)
        world.keys.ring = a_keyring(1, 2)
        code = handed_off(await world.magic_links.proceed(shown.verification.id, proof, HERE))
        world.keys.ring = a_keyring(1)
        with pytest.raises(MismatchError):
            await world.magic_links.exchange(world.app, None, code, VERIFIER)

    run(journey())


def test_a_page_whose_recipient_is_closed_is_told_to_come_later_and_no_more() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(BALANCED._replace(failure_ceiling=1), UNLIMITED))
        shown, _, page = await asked(world)
        with pytest.raises(MismatchError):
            await world.magic_links.check(shown.verification.id, page, "000000", HERE)
        world.clock.move(30 * SECOND)
        for work in (
            world.magic_links.check(shown.verification.id, page, "000000", HERE),
            world.magic_links.resend(shown.verification.id, page, HERE),
        ):
            with pytest.raises(RateLimitedError) as caught:
                await work
            assert 300 == caught.value.retry_after

    run(journey())


def test_an_exchange_where_the_recipient_is_closed_says_so_to_the_app() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(BALANCED._replace(failure_ceiling=1), UNLIMITED))
        shown, proof, page = await asked(world)
        with pytest.raises(MismatchError):
            await world.magic_links.check(shown.verification.id, page, "000000", HERE)
        code = handed_off(await world.magic_links.proceed(shown.verification.id, proof, HERE))
        with pytest.raises(ChannelClosedError):
            await world.magic_links.exchange(world.app, None, code, VERIFIER)

    run(journey())


def test_a_spent_guess_budget_is_long_for_a_page_and_names_no_bucket() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(limits=UNLIMITED._replace(wrong_guesses=(Rate(1, MINUTE),))))
        shown, _, page = await asked(world)
        with pytest.raises(MismatchError):
            await world.magic_links.check(shown.verification.id, page, "000000", HERE)
        for moved, wait in ((0, 300), (31 * SECOND, 30)):
            world.clock.move(moved)
            with pytest.raises(RateLimitedError) as caught:
                await world.magic_links.check(shown.verification.id, page, world.outbox.last_code, HERE)
            assert wait == caught.value.retry_after

    run(journey())


def test_a_resend_from_a_page_pays_into_the_source_that_asks() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(limits=UNLIMITED._replace(source_sends=(Rate(1, 60 * MINUTE),))))
        (first, _, one), (second, _, two) = await asked(world), await asked(world)
        world.clock.move(31 * SECOND)
        await world.magic_links.resend(first.verification.id, one, HERE)
        with pytest.raises(RateLimitedError):
            await world.magic_links.resend(second.verification.id, two, HERE)
        await world.magic_links.resend(second.verification.id, two, "198.51.100.9")

    run(journey())


def test_three_wrong_words_are_exhausted_for_whoever_tries_again() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, _ = await asked(world)
        sign = shown.watchword.split()[0]
        other = "amber" if sign != "amber" else "cedar"
        for _ in range(3):
            with pytest.raises(MismatchError):
                await world.magic_links.confirm(shown.verification.id, proof, other, HERE)
        with pytest.raises(ExhaustedError) as caught:
            await world.magic_links.confirm(shown.verification.id, proof, sign, HERE)
        assert 0 == caught.value.attempts_remaining

    run(journey())


def test_a_link_of_what_nobody_made_is_unknown() -> None:
    async def journey() -> None:
        world = await a_shop()
        with pytest.raises(UnknownError):
            await world.magic_links.proceed(bytes(16), bytes(32), HERE)

    run(journey())


def test_a_sentence_that_grows_too_long_is_refused() -> None:
    sentence = "{a} {b} {c} {d}".ljust(100, "x")
    rules = Rules(actions={"Acme": {"long": Template(dict.fromkeys("abcd", "text"), {"en": sentence})}})

    async def journey() -> None:
        world = await a_shop(rules)
        with pytest.raises(InvalidInputError) as caught:
            await world.create(purpose="step_up", action=Action("long", dict.fromkeys("abcd", "x" * 80)))
        assert "action.params" == caught.value.field
        assert "xxxx" not in repr(Action("long", {"a": "xxxx"}))

    run(journey())


def test_the_context_is_for_the_link_alone_and_noise_for_all_others() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(actions={"Acme": {"close": Template({}, {"en": "Close the account"})}}))
        shown, _, _ = await asked(
            world, purpose="step_up", action=Action("close", {}), user_agent="Firefox/147.0 (Windows)"
        )
        link = Holder(world.outbox.mails[-1][1].link)
        context = link.read(await world.magic_links.open(shown.verification.id, HERE))
        assert ("Firefox on Windows", "Close the account", True) == tuple(
            context[name] for name in ("device", "action", "other_device")
        )
        for raw in (None, bytes(16), (await world.create()).verification.id):
            with pytest.raises(InvalidTag):
                link.read(await world.magic_links.open(raw, HERE))

    run(journey())


def test_each_of_link_and_page_wants_its_own_proof() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, page = await asked(world)
        raw, flow = shown.verification.id, world.magic_links
        works: list[Callable[[bytes], Coroutine[Any, Any, object]]] = [
            lambda given: flow.proceed(raw, given, HERE),
            lambda given: flow.confirm(raw, given, "amber", HERE),
        ]
        pages: list[Callable[[bytes], Coroutine[Any, Any, object]]] = [
            lambda given: flow.look(raw, given, HERE),
            lambda given: flow.check(raw, given, "123456", HERE),
            lambda given: flow.resend(raw, given, HERE),
        ]
        for work, others in ((works, page), (pages, proof)):
            for each in work:
                for given in (others, bytes(32)):
                    with pytest.raises(UnknownError):
                        await each(given)
        assert (await world.store.look(raw))[0] == shown.verification

    run(journey())


def test_the_hosted_page_shows_confirms_and_confirms_again() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, _, page = await asked(world)
        seen = await world.magic_links.look(shown.verification.id, page, HERE)
        assert ("Acme", "", shown.watchword) == (seen.app, seen.action, seen.shown.watchword)
        for _ in range(2):
            await world.magic_links.check(shown.verification.id, page, world.outbox.last_code, HERE)
        assert 1 == world.journal.names().count("verification.confirmed")
        approved = await world.magic_links.exchange(world.app, shown.verification.id, None, VERIFIER)
        assert "approved" == approved.status.value
        with pytest.raises(AlreadyUsedError):
            await world.magic_links.exchange(world.app, shown.verification.id, None, VERIFIER)

    run(journey())


def test_a_page_is_told_where_to_go_on_once_it_was_confirmed_elsewhere_and_not_before() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, page = await asked(world)
        assert "" == (await world.magic_links.look(shown.verification.id, page, HERE)).redirect_to
        await world.magic_links.confirm(shown.verification.id, proof, shown.watchword.split()[0], HERE)
        seen = await world.magic_links.look(shown.verification.id, page, HERE)
        code = handed_off(seen.redirect_to)
        assert code not in repr(seen)
        approved = await world.magic_links.exchange(world.app, None, code, VERIFIER)
        assert "approved" == approved.status.value
        assert "" == (await world.magic_links.look(shown.verification.id, page, HERE)).redirect_to

    run(journey())


def test_nobody_is_led_back_to_an_address_that_the_app_has_withdrawn() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, page = await asked(world)
        raw, other = shown.verification.id, "https://shop.example/elsewhere"
        world.app = await world.apps.update(world.app, redirect_uris=[other])
        with pytest.raises(CanceledError):
            await world.magic_links.proceed(raw, proof, HERE)
        with pytest.raises(CanceledError):
            await world.magic_links.check(raw, page, world.outbox.last_code, HERE)
        with pytest.raises(CanceledError):
            await world.magic_links.look(raw, page, HERE)
        world.app = await world.apps.update(world.app, redirect_uris=[other, REDIRECT])
        code = handed_off(await world.magic_links.proceed(raw, proof, HERE))
        approved = await world.magic_links.exchange(world.app, None, code, VERIFIER)
        assert "approved" == approved.status.value

    run(journey())


def test_a_word_from_another_device_confirms_where_it_may() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, _ = await asked(world)
        with pytest.raises(NotConfirmedError):
            await world.magic_links.exchange(world.app, shown.verification.id, None, VERIFIER)
        with pytest.raises(InvalidInputError):
            await world.magic_links.confirm(shown.verification.id, proof, "password", HERE)
        await world.magic_links.confirm(shown.verification.id, proof, shown.watchword.split()[0].upper(), HERE)
        approved = await world.magic_links.exchange(world.app, shown.verification.id, None, VERIFIER)
        assert "approved" == approved.status.value
        bound, proof, _ = await asked(world, purpose="binding")
        with pytest.raises(ForbiddenError):
            await world.magic_links.confirm(bound.verification.id, proof, "amber", HERE)

    run(journey())


def test_a_step_up_by_code_alone_says_what_it_approves_and_wants_it_repeated() -> None:
    async def journey() -> None:
        action = Action("close", {})
        world = await a_shop(Rules(actions={"Acme": {"close": Template({}, {"en": "Close the account"})}}))
        raw, code = await world.send(purpose="step_up", action=action)
        assert "Close the account" == world.outbox.mails[-1][1].action
        with pytest.raises(MismatchError):
            await world.check(raw, code)
        assert "approved" == (await world.check(raw, code, action=action)).status.value

    run(journey())


def test_what_is_over_hands_nothing_off() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, proof, page = await asked(world)
        await world.verifications.cancel(world.app, shown.verification.id)
        for work in (
            world.magic_links.proceed(shown.verification.id, proof, HERE),
            world.magic_links.check(shown.verification.id, page, "123456", HERE),
        ):
            with pytest.raises(CanceledError):
                await work

    run(journey())


def test_an_exchange_names_one_thing_and_a_purpose_that_is_one() -> None:
    async def journey() -> None:
        world = await a_shop()
        shown, _, _ = await asked(world)
        for raw, code, purpose, field in (
            (None, None, None, "code"),
            (shown.verification.id, "x", None, "code"),
            (shown.verification.id, None, "marketing", "purpose"),
        ):
            with pytest.raises(InvalidInputError) as caught:
                await world.magic_links.exchange(world.app, raw, code, VERIFIER, purpose=purpose)
            assert field == caught.value.field
        with pytest.raises(InvalidInputError):
            await world.create(action=Action("close", {}))

    run(journey())


def test_a_resend_shows_the_page_anew() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(limits=UNLIMITED))
        shown, _, page = await asked(world)
        with pytest.raises(RateLimitedError) as caught:
            await world.magic_links.resend(shown.verification.id, page, HERE)
        assert 30 == caught.value.retry_after
        world.clock.move(30 * SECOND)
        seen = await world.magic_links.resend(shown.verification.id, page, HERE)
        assert 2 == seen.shown.verification.sends

    run(journey())


# --- sources -------------------------------------------------------------------------------------------


def test_a_source_is_a_network_and_each_has_its_own() -> None:
    world = World()
    limit = SourceLimit(world.clock, (Rate(1, MINUTE),))
    for source in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "", "unix"):
        if source != "unix":
            limit.charge(source)
    for source in ("192.0.2.1", "::ffff:192.0.2.2", "2001:db8::2", "unix"):
        with pytest.raises(RateLimitedError) as caught:
            limit.charge(source)
        assert 30 == caught.value.retry_after
    world.clock.move(MINUTE)
    limit.charge("192.0.2.1")


def test_without_a_rate_nobody_is_counted() -> None:
    limit = SourceLimit(World().clock, ())
    for _ in range(10):
        limit.charge("192.0.2.1")
    assert {} == limit._arrivals


def test_the_table_of_sources_is_bounded() -> None:
    world = World()
    limit = SourceLimit(world.clock, (Rate(1, MINUTE),))
    for number in range(MOST_SOURCES):
        limit.charge(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    limit.charge("192.0.2.1")  # every one of them still counts: it begins anew
    assert 1 == len(limit._arrivals)
    for number in range(MOST_SOURCES - 1):
        limit.charge(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    world.clock.move(2 * MINUTE)
    limit.charge("198.51.100.1")  # none counts any more: they are dropped
    assert 1 == len(limit._arrivals)


def test_a_browser_that_proved_itself_goes_on_where_strangers_closed_the_recipient() -> None:
    async def journey() -> None:
        world = await a_shop(Rules(BALANCED._replace(failure_ceiling=1), UNLIMITED))
        earlier, _, page = await asked(world)
        device = (await world.magic_links.check(earlier.verification.id, page, world.outbox.last_code, HERE)).device
        mine, _, page = await asked(world)
        raw, code = mine.verification.id, world.outbox.last_code

        guessed, _, theirs = await asked(world)
        with pytest.raises(MismatchError):
            await world.magic_links.check(guessed.verification.id, theirs, wrong(world.outbox.last_code), HERE)
        with pytest.raises(RateLimitedError):
            await world.magic_links.check(raw, page, code, HERE)

        assert REDIRECT in (await world.magic_links.check(raw, page, code, HERE, device)).redirect_to
        assert "verification.recognised" in world.journal.names()

    run(journey())
