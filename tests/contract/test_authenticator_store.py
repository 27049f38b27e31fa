"""What every store promises about authenticators and recovery codes (``ports_authenticator.AuthenticatorStore``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.authenticator import ANN, PERIOD, bind, checked, code, no_code
from tests.support.world import World, a_keyring
from watchword.core import authenticator as rules
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Instant
from watchword.errors import (
    AlreadyBoundError,
    ConflictError,
    EndedError,
    ExhaustedError,
    ExpiredError,
    MismatchError,
    NotAcceptedError,
    UnknownError,
    WatchwordError,
)
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.keys import Keys
from watchword.ports_authenticator import Resealed

AT_ONCE = 64


@every_store
def test_of_64_checks_of_one_right_code_exactly_one_is_approved(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, _ = await bind(world)
            typed = code(world, key)
            outcomes = Counter(await asyncio.gather(*(checked(world, typed) for _ in range(AT_ONCE))))
            assert {"approved": 1, "used": AT_ONCE - 1} == outcomes

    run(journey())


@every_store
def test_of_64_wrong_codes_at_once_five_are_looked_at(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, _ = await bind(world)
            typed = no_code(world, key)
            outcomes = Counter(await asyncio.gather(*(checked(world, typed) for _ in range(AT_ONCE))))
            assert {"mismatch": 5, "RateLimitedError": AT_ONCE - 5} == outcomes

    run(journey())


@every_store
def test_a_check_sees_what_was_bound_and_revoked_at_once_by_anybody(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            phone, phone_key, _ = await bind(world)
            assert "approved" == await checked(world, code(world, phone_key))
            # Bound between two checks: the next one knows it, and a wrong guess costs a unit for it, too.
            _, tablet_key, _ = await bind(world)
            assert "approved" == await checked(world, code(world, tablet_key))
            # Revoked while checks are under way: whatever was approved came before, and the very next one is refused.
            world.clock.move(PERIOD)
            typed = code(world, phone_key)
            *outcomes, _ = await asyncio.gather(
                *(checked(world, typed) for _ in range(AT_ONCE // 2)),
                world.authenticators.revoke(world.app, phone),
            )
            assert set(outcomes) <= {"approved", "used", "mismatch", "RateLimitedError"}
            assert outcomes.count("approved") <= 1
            world.clock.move(5 * MINUTE)
            assert "mismatch" == await checked(world, code(world, phone_key))
            assert "approved" == await checked(world, code(world, tablet_key))

    run(journey())


@every_store
def test_a_row_that_does_not_open_ends_its_own_check_and_no_other_of_its_batch(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, _ = await bind(world)
            raw, bobs, _ = await bind(world, "bob")
            row = (await world.authenticators.get(world.app, raw)).authenticator
            torn = Resealed(raw, row.seed, msgspec.structs.replace(row, seed=row.seed[:-1]))
            assert 1 == await world.store.authenticators.reseal([torn])
            answers = await asyncio.gather(
                *(checked(world, code(world, bobs), "bob") for _ in range(8)), checked(world, code(world, key))
            )
            assert [*["TamperedError"] * 8, "approved"] == answers
            # Nothing was compared, so nothing was counted.
            assert 1 == await world.store.authenticators.reseal([Resealed(raw, torn.authenticator.seed, row)])
            assert "approved" == await checked(world, code(world, bobs), "bob")

    run(journey())


@every_store
def test_a_step_counts_once_and_none_before_it_counts_afterwards(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, _ = await bind(world)
            before, now, after = (code(world, key, off) for off in (-1, 0, 1))
            assert "approved" == await checked(world, now)
            assert "used" == await checked(world, now)
            assert "used" == await checked(world, before)
            assert "approved" == await checked(world, after)
            assert "used" == await checked(world, now)
            world.clock.move(2 * PERIOD)
            assert "approved" == await checked(world, code(world, key))

    run(journey())


@every_store
def test_the_code_that_confirmed_is_not_accepted_again(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            typed = code(world, enrolled.key)
            await world.authenticators.confirm(world.app, enrolled.shown.authenticator.id, typed)
            assert "used" == await checked(world, typed)

    run(journey())


@every_store
def test_of_many_confirmations_at_once_one_binds_and_gets_the_recovery_codes(store: str, tmp_path: Path) -> None:
    async def confirm(world: World, raw: bytes, typed: str) -> int | str:
        try:
            return len((await world.authenticators.confirm(world.app, raw, typed)).codes)
        except WatchwordError as error:
            return type(error).__name__

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            raw, typed = enrolled.shown.authenticator.id, code(world, enrolled.key)
            outcomes = Counter(await asyncio.gather(*(confirm(world, raw, typed) for _ in range(AT_ONCE))))
            assert {10: 1, "EndedError": AT_ONCE - 1} == outcomes

    run(journey())


@every_store
def test_a_pending_one_satisfies_nothing_and_gates_nothing(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            pending = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            assert "no_authenticator" == await checked(world, code(world, pending.key))
            _, key, _ = await bind(world)
            typed = no_code(world, key, pending.key)
            assert "approved" == await checked(world, code(world, key))
            # One unit a guess, and one that was spent above: the pending one is not guessed against.
            assert Counter({"mismatch": 4, "RateLimitedError": 1}) == Counter(
                [await checked(world, typed) for _ in range(5)]
            )

    run(journey())


@every_store
def test_a_pending_one_is_over_after_ten_minutes_and_forgotten_a_day_later(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            raw = enrolled.shown.authenticator.id
            world.clock.move(rules.PENDING_TIME)
            with pytest.raises(ExpiredError):
                await world.authenticators.confirm(world.app, raw, code(world, enrolled.key))
            world.clock.move(DAY - 1)
            assert 0 == await world.purge.once()
            assert "expired" == (await world.authenticators.get(world.app, raw)).status.value
            world.clock.move(1)
            assert 1 == await world.purge.once()
            with pytest.raises(UnknownError):
                await world.authenticators.get(world.app, raw)

    run(journey())


@every_store
def test_a_pending_one_is_void_after_ten_wrong_codes(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            raw, typed = enrolled.shown.authenticator.id, no_code(world, enrolled.key)
            left = []
            for _ in range(rules.MOST_TRIES):
                with pytest.raises(MismatchError) as refused:
                    await world.authenticators.confirm(world.app, raw, typed)
                left.append(refused.value.attempts_remaining)
            assert list(reversed(range(rules.MOST_TRIES))) == left
            with pytest.raises(ExhaustedError):
                await world.authenticators.confirm(world.app, raw, code(world, enrolled.key))

    run(journey())


@every_store
def test_only_the_newest_pending_ones_are_kept(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            made = []
            for _ in range(rules.MOST_PENDING + 2):
                world.clock.move(1)
                made.append((await world.authenticators.enrol(world.app, NewAuthenticator(ANN))).shown.authenticator.id)
            listed = await world.authenticators.of_subject(world.app, ANN)
            assert made[2:] == [shown.authenticator.id for shown in listed]

    run(journey())


@every_store
def test_each_of_several_authenticators_serves_and_one_revoked_takes_none_with_it(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            phone, phone_key, codes = await bind(world, label="Phone")
            _, tablet_key, none = await bind(world, label="Tablet")
            assert (10, 0) == (len(codes), len(none))
            # The same moment on two devices is two codes, and both count.
            assert "approved" == await checked(world, code(world, phone_key))
            assert "approved" == await checked(world, code(world, tablet_key))
            assert "revoked" == (await world.authenticators.revoke(world.app, phone)).status.value
            world.clock.move(PERIOD)
            assert "mismatch" == await checked(world, code(world, phone_key))
            assert "approved" == await checked(world, code(world, tablet_key))
            with pytest.raises(UnknownError):
                await world.authenticators.revoke(world.app, phone)

    run(journey())


@every_store
def test_a_subject_has_at_most_five(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            pending = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            for _ in range(rules.MOST_ACTIVE):
                await bind(world)
            with pytest.raises(ConflictError):
                await bind(world)
            raw = pending.shown.authenticator.id
            with pytest.raises(ConflictError):
                await world.authenticators.confirm(world.app, raw, code(world, pending.key))
            await bind(world, "another")

    run(journey())


@every_store
def test_a_guess_costs_a_unit_for_each_authenticator(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            keys = [(await bind(world))[1] for _ in range(2)]
            typed = no_code(world, *keys)
            assert ["mismatch", "mismatch", "RateLimitedError"] == [await checked(world, typed) for _ in range(3)]
            assert "RateLimitedError" == await checked(world, code(world, keys[0]))
            world.clock.move(5 * MINUTE)
            assert "approved" == await checked(world, code(world, keys[0]))

    run(journey())


@every_store
def test_the_budgets_hold_to_the_unit_in_any_window(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, _ = await bind(world)
            budgets = ((5, 5 * MINUTE), (20, HOUR), (30, DAY))
            evaluated: list[Instant] = []
            for _ in range(50):  # then it is locked
                free = max((evaluated[-count] + span for count, span in budgets if len(evaluated) >= count), default=0)
                if world.clock.at < free:
                    world.clock.at = free - 1
                    assert "mismatch" != await checked(world, no_code(world, key))
                    world.clock.at = free
                assert "mismatch" == await checked(world, no_code(world, key))
                evaluated.append(world.clock.at)
                world.clock.move(20 * SECOND)
            for count, span in budgets:
                most = max(sum(at <= each < at + span for each in evaluated) for at in evaluated)
                assert count == most

    run(journey())


@every_store
def test_fifty_failures_in_a_row_disable_and_a_new_binding_enables(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, _ = await bind(world)
            failures = 0
            while (answer := await checked(world, no_code(world, key))) != "locked":
                failures += answer == "mismatch"
                world.clock.move(HOUR)
            assert 50 == failures
            world.clock.move(DAY)
            assert "locked" == await checked(world, code(world, key))
            _, other, _ = await bind(world)
            assert "approved" == await checked(world, code(world, other))
            assert "approved" == await checked(world, code(world, key))

    run(journey())


@every_store
def test_a_known_device_and_a_recovery_code_pass_while_strangers_guess(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, key, codes = await bind(world)
            while await checked(world, no_code(world, key)) != "RateLimitedError":
                pass
            assert "RateLimitedError" == await checked(world, code(world, key))
            assert "approved" == await checked(world, code(world, key), known_device=True)
            assert 9 == await world.recovery_codes.check(world.app, ANN, codes[0])

    run(journey())


@every_store
def test_strangers_are_refused_for_too_many_like_anybody(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            answers = [await checked(world, "123456", "nobody") for _ in range(6)]
            assert [*["unknown_subject"] * 5, "RateLimitedError"] == answers
            world.clock.move(3 * DAY)
            assert 1 == await world.purge.once()

    run(journey())


@every_store
def test_another_app_knows_neither_subject_nor_id(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, key, codes = await bind(world)
            ours = world.app
            world.app, _ = await world.apps.create("Other")
            assert "unknown_subject" == await checked(world, code(world, key))
            for verb in (world.authenticators.get, world.authenticators.revoke):
                with pytest.raises(UnknownError):
                    await verb(world.app, raw)
            with pytest.raises(UnknownError):
                await world.authenticators.confirm(world.app, raw, code(world, key))
            with pytest.raises(UnknownError):
                await world.authenticators.rename(world.app, raw, "mine")
            with pytest.raises(MismatchError):
                await world.recovery_codes.check(world.app, ANN, codes[0])
            world.app = ours
            assert "approved" == await checked(world, code(world, key))

    run(journey())


@every_store
def test_a_seed_is_bound_to_a_subject_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, _, _ = await bind(world)
            row = (await world.authenticators.get(world.app, raw)).authenticator
            again = msgspec.structs.replace(row, id=bytes(16))
            assert [False] == list(await world.store.authenticators.add_active([again]))
            # The same dice again: two pending ones with one seed, of which one can be bound.
            world.dice.__init__(7)  # type: ignore[misc]
            first = await world.authenticators.enrol(world.app, NewAuthenticator("bob"))
            world.dice.__init__(7)  # type: ignore[misc]
            world.clock.move(1)
            second = await world.authenticators.enrol(world.app, NewAuthenticator("bob"))
            assert first.key.secret == second.key.secret
            typed = code(world, first.key)
            await world.authenticators.confirm(world.app, first.shown.authenticator.id, typed)
            with pytest.raises(AlreadyBoundError):
                await world.authenticators.confirm(world.app, second.shown.authenticator.id, typed)

    run(journey())


@every_store
def test_of_64_uses_of_a_recovery_code_one_counts(store: str, tmp_path: Path) -> None:
    async def use(world: World, typed: str) -> str | int:
        try:
            return await world.recovery_codes.check(world.app, ANN, typed)
        except NotAcceptedError as error:
            return error.reason

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            _, _, codes = await bind(world)
            outcomes = Counter(await asyncio.gather(*(use(world, codes[3]) for _ in range(AT_ONCE))))
            assert {9: 1, "used": AT_ONCE - 1} == outcomes
            assert 9 == await world.recovery_codes.remaining(world.app, ANN)
            renewed = await world.recovery_codes.renew(world.app, ANN)
            assert "mismatch" == await use(world, codes[4])
            assert [9, 8] == [await use(world, renewed.codes[0]), await use(world, renewed.codes[1].lower())]
            assert "mismatch" == await use(world, "0" * 24)

    run(journey())


@every_store
def test_a_rename_changes_the_label_alone(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, key, _ = await bind(world, label="Phone")
            assert "approved" == await checked(world, code(world, key))
            assert "Old phone" == (await world.authenticators.rename(world.app, raw, "Old phone")).names.label
            shown = await world.authenticators.get(world.app, raw)
            assert ("Old phone", ANN) == (shown.names.label, shown.names.subject)
            assert "used" == await checked(world, code(world, key))

    run(journey())


@every_store
def test_rotation_seals_every_row_anew_and_loses_no_last_step(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            bound = [(await bind(world, f"user-{number}"))[:2] for number in range(250)]
            typed = code(world, bound[0][1])
            assert "approved" == await checked(world, typed, "user-0")
            world.keys.ring = a_keyring(1, 2)
            assert 250 == await world.resealing.once()
            assert [2] == list(await world.store.authenticators.key_numbers())
            assert 0 == await world.resealing.once()
            world.keys.ring = Keys(lambda: a_keyring(2), world.clock).ring  # the old key is gone
            assert "used" == await checked(world, typed, "user-0")
            assert "approved" == await checked(world, code(world, bound[249][1]), "user-249")

    run(journey())


@every_store
def test_a_seal_is_not_written_over_what_changed_meanwhile(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, key, _ = await bind(world)
            world.keys.ring = a_keyring(1, 2)
            await asyncio.gather(world.resealing.once(), checked(world, code(world, key)), world.resealing.once())
            row = (await world.authenticators.get(world.app, raw)).authenticator
            assert 2 == row.key_number
            assert "used" == await checked(world, code(world, key))

    run(journey())


@every_store
def test_a_confirmed_one_cannot_be_confirmed_again(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, key, _ = await bind(world)
            with pytest.raises(EndedError) as refused:
                await world.authenticators.confirm(world.app, raw, code(world, key))
            assert "active" == refused.value.status

    run(journey())
