"""What the tests of hand-overs share: making one, and what its recipient does."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.authenticator import ANN
from tests.support.world import World
from watchword.core import secret_content
from watchword.core.envelope import PBKDF2, Envelope, derive_keys, link_proof, open_envelope
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.secret_link import read_link
from watchword.errors import NotAcceptedError, WatchwordError
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.handover import HandedOver, NewHandover

CLAIM = b"c" * 16


class Recipient(NamedTuple):
    """A hand-over in the hands of its recipient."""

    made: HandedOver
    secret: bytes
    link: bytes
    key: AuthenticatorKey


async def handed_over(world: World, subject: str = ANN, **more: object) -> HandedOver:
    """Hand an authenticator over."""
    return await world.handovers.create(world.app, NewHandover(NewAuthenticator(subject), **more))  # type: ignore[arg-type]


async def opened(world: World, made: HandedOver, claim: bytes = CLAIM, passphrase: str | None = None) -> Recipient:
    """Open the link as its recipient's page does."""
    found = read_link(made.url)
    proof, auth = link_proof(found.key), None
    if passphrase is not None:
        seen = await world.secrets.open(found.id, proof)
        auth = derive_keys(found.key, seen.secret.nonce, PBKDF2, passphrase).auth
    granted = await world.secrets.claim(found.id, proof, auth, claim)
    envelope = Envelope(granted.secret.nonce, granted.jwe.decode(), granted.secret.kdf)
    key = secret_content.of_document(open_envelope(envelope, found.key, passphrase))
    assert isinstance(key, AuthenticatorKey)
    return Recipient(made, found.id, proof, key)


async def confirmed(world: World, theirs: Recipient, typed: str, claim: bytes = CLAIM) -> str:
    """'active', or the reason or code of a refusal."""
    try:
        bound = await world.handovers.confirm(theirs.secret, theirs.link, claim, typed)
    except NotAcceptedError as error:
        return error.reason
    except WatchwordError as error:
        return error.code
    return "active" if bound.is_active else "pending"
