"""What the flow of secrets does before any store is asked: who may share, and what can be kept."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tests.flows.journeys import journey
from tests.support.secret import AUTH, JWE, LINK, nonce, share
from tests.support.world import World
from watchword.core.instant import DAY, HOUR, SECOND
from watchword.core.secret import KDFS, MOST_FILES, MOST_VIEWS, SecretRules, State
from watchword.errors import (
    ForbiddenError,
    InvalidInputError,
    MismatchError,
    TooLargeError,
    UnauthenticatedError,
    WatchwordError,
)
from watchword.flows.secret import NewSecret, Secrets

FREE = SecretRules(creates=None, kib=None)


def new(**changed: Any) -> NewSecret:
    return NewSecret(**{"jwe": JWE, "nonce": bytes(16), "link_hash": sha256(LINK).digest()} | changed)


@pytest.mark.parametrize(
    ("changed", "error", "field"),
    [
        ({"kdf": KDFS[0]}, InvalidInputError, "auth_hash"),
        ({"auth_hash": bytes(32)}, InvalidInputError, "auth_hash"),
        ({"kdf": "pbkdf2-sha256-1", "auth_hash": bytes(32)}, InvalidInputError, "envelope.kdf"),
        ({"jwe": b"a" * (FREE.max_jwe + 1)}, TooLargeError, "envelope.jwe"),
        ({"jwe": b"a.b.c"}, InvalidInputError, "envelope.jwe"),
        ({"views": 0}, InvalidInputError, "views"),
        ({"views": MOST_VIEWS + 1}, InvalidInputError, "views"),
        ({"sizes": (1,) * (MOST_FILES + 1)}, InvalidInputError, "blobs"),
        ({"sizes": (0,)}, InvalidInputError, "blobs"),
        ({"sizes": (FREE.max_file, 1)}, TooLargeError, "blobs"),
        ({"expires_in": 1}, InvalidInputError, "expires_in"),
        ({"expires_in": FREE.longest // SECOND + 1}, InvalidInputError, "expires_in"),
    ],
)
@journey()
async def test_what_cannot_be_kept_is_refused_by_field_and_leaves_nothing(
    world: World, changed: dict[str, Any], error: type[InvalidInputError], field: str
) -> None:
    with pytest.raises(error) as refused:
        await world.secrets.create(new(**changed))
    assert field == refused.value.field
    assert "secret.created" not in world.journal.names()


@pytest.mark.parametrize(("creation", "error"), [("off", ForbiddenError), ("key", UnauthenticatedError)])
@journey()
async def test_strangers_share_only_where_the_operator_lets_them(
    world: World, creation: str, error: type[WatchwordError]
) -> None:
    world.secrets.rules = FREE._replace(creation=creation)
    with pytest.raises(error):
        await share(world)


@journey()
async def test_where_a_key_is_asked_for_an_app_shares(world: World) -> None:
    world.secrets.rules = FREE._replace(creation="key")
    shared = await share(world, app=world.app)
    assert State.WAITING is (await world.secrets.status(shared.secret.id, shared.token)).state


@journey()
async def test_a_secret_lives_as_long_as_was_asked(world: World) -> None:
    shared = await share(world, expires_in=HOUR // SECOND)
    assert world.clock.now() + HOUR == shared.secret.expires_at


@journey()
async def test_nobody_is_asked_for_more_than_the_operators_longest_life(world: World) -> None:
    world.secrets.rules = FREE._replace(longest=DAY)
    assert world.clock.now() + DAY == (await share(world)).secret.expires_at


@journey()
async def test_a_claim_without_the_passphrase_is_told_of_it_and_counts_as_no_guess(world: World) -> None:
    raw = (await share(world, passphrase=True)).secret.id
    with pytest.raises(InvalidInputError) as refused:
        await world.secrets.claim(raw, LINK, None, nonce(1))
    assert "auth" == refused.value.field
    assert JWE == (await world.secrets.claim(raw, LINK, AUTH, nonce(1))).jwe


@journey()
async def test_a_wrong_passphrase_is_told_with_what_is_left_and_spends_nothing(world: World) -> None:
    raw = (await share(world, passphrase=True)).secret.id
    with pytest.raises(MismatchError) as refused:
        await world.secrets.claim(raw, LINK, bytes(32), nonce(1))
    assert refused.value.attempts_remaining
    assert JWE == (await world.secrets.claim(raw, LINK, AUTH, nonce(1))).jwe


@journey()
async def test_a_claim_ends_in_one_of_the_known_ways(world: World) -> None:
    raw = (await share(world)).secret.id
    await world.secrets.claim(raw, LINK, None, nonce(1))
    with pytest.raises(InvalidInputError) as refused:
        await world.secrets.ack(raw, LINK, nonce(1), "eaten")
    assert "outcome" == refused.value.field


@journey()
async def test_a_secret_whose_files_nobody_keeps_is_burnt_all_the_same(world: World) -> None:
    alone = Secrets(world.store.secrets, world.keys, world.clock, world.dice, world.journal, FREE)
    shared = await alone.create(new(sizes=(1,)))
    assert State.BURNT is (await alone.burn(shared.secret.id, shared.token)).state


@journey()
async def test_no_repr_shows_what_opens_a_secret(world: World) -> None:
    wanted = new()
    shared = await world.secrets.create(wanted)
    granted = await world.secrets.claim(shared.secret.id, LINK, None, nonce(1))
    for each in (wanted, shared, granted):
        assert JWE.decode() not in repr(each)
        assert repr(wanted.link_hash) not in repr(each)
        assert repr(shared.token) not in repr(each)
