"""Moving authenticators in: the plan tells what would be written, and one step writes all of it."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.support.authenticator import ANN, code
from tests.support.world import World
from watchword.core.authenticator import MOST_ACTIVE, Origin
from watchword.core.authenticator_import import Bad, Found
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import ConflictError
from watchword.flows.authenticator_import import TOO_MANY, UNPRINTABLE, AuthenticatorImport, Plan


def found(number: int, subject: str = ANN, label: str = "Phone") -> Found:
    return Found(number, subject, label, AuthenticatorKey(bytes((number,)) * 20))


def importing(world: World) -> AuthenticatorImport:
    return AuthenticatorImport(world.store.authenticators, world.keys, world.clock, world.dice)


async def plan(world: World, *rows: Found | Bad) -> Plan:
    return await importing(world).plan(world.app, rows)


@journey()
async def test_what_was_imported_checks_codes_at_once(world: World) -> None:
    assert 1 == await importing(world).carry_out(await plan(world, found(1)))
    shown = await world.authenticators.check(world.app, ANN, code(world, found(1).key))
    assert (Origin.IMPORTED.value, "Phone") == (shown.authenticator.origin, shown.names.label)


@journey()
async def test_a_plan_writes_nothing(world: World) -> None:
    assert 1 == len((await plan(world, found(1))).rows)
    assert 0 == (await plan(world, found(1))).known


@journey()
async def test_the_same_import_again_finds_everything_there(world: World) -> None:
    await importing(world).carry_out(await plan(world, found(1), found(2, "user-2")))
    again = await plan(world, found(1), found(2, "user-2"))
    assert ([], 2, []) == tuple(again)
    assert 0 == await importing(world).carry_out(again)


@journey()
async def test_a_seed_that_stands_twice_in_the_table_is_imported_once(world: World) -> None:
    planned = await plan(world, found(1), found(1))
    assert (1, 1) == (len(planned.rows), planned.known)


@journey()
async def test_rows_that_cannot_be_used_are_listed_and_spoil_no_other(world: World) -> None:
    unread = Bad(7, "no subject")
    planned = await plan(world, unread, found(8, "ann\x00"), found(9, label="a\u202eb"), found(1))
    assert [unread, Bad(8, UNPRINTABLE), Bad(9, UNPRINTABLE)] == planned.bad
    assert 1 == len(planned.rows)


@journey()
async def test_nobody_gets_more_than_a_subject_may_have(world: World) -> None:
    planned = await plan(world, *(found(number) for number in range(1, MOST_ACTIVE + 2)))
    assert MOST_ACTIVE == len(planned.rows)
    assert [Bad(MOST_ACTIVE + 1, TOO_MANY)] == planned.bad


@journey()
async def test_what_came_meanwhile_is_counted_and_nothing_is_written_beyond_it(world: World) -> None:
    late = await plan(world, *(found(number) for number in range(1, MOST_ACTIVE + 1)))
    await importing(world).carry_out(await plan(world, found(99)))
    with pytest.raises(ConflictError):
        await importing(world).carry_out(late)
    assert 1 == len((await plan(world, found(1))).rows)
