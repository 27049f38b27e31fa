"""Secret links over HTTP: create, open, claim, ack, status, burn, unlock.

Not handled here: sizes and shapes (``gate.py``, ``wire_secret.py``), files (``secret_file.py``), every rule about
secrets (``flows/secret.py``).

Rules: proofs and tokens come in bodies and headers, never in an address; an unknown id and a wrong proof get one and
the same answer; an id that cannot be one is unknown.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from watchword.core import ids
from watchword.core.instant import Instant, rfc3339
from watchword.core.secret import CLAIM_SIZE, NONCE_SIZE, PROOF_SIZE, Secret
from watchword.errors import InvalidInputError, UnauthenticatedError, UnknownError
from watchword.flows.app import Apps
from watchword.flows.secret import NewSecret, Opened, Secrets
from watchword.web import wire, wire_secret
from watchword.web.exchange import Answer, Request
from watchword.web.guards import bearer
from watchword.web.wire_secret import read_binary, write_binary

UNKNOWN = "There is no secret here. Is the link complete?"
UNMANAGED = "The manage token of this secret is needed, sent as 'Authorization: Bearer'."


class SecretApi:
    """The endpoints of secrets."""

    def __init__(self, secrets: Secrets, apps: Apps) -> None:
        self._flow = secrets
        self._apps = apps

    async def create(self, request: Request) -> Answer:
        """Keep a sealed secret. This service cannot open it: the key is in the link, which its maker puts together.

        An API key is needed where the operator says so. With `blobs`, the secret is visible to nobody until the last
        file has arrived.
        """
        asked: wire_secret.NewSecret = request.payload
        app = await self._apps.by_key(bearer(request)) if b"authorization" in request.headers else None
        request.app = app
        envelope = asked.envelope
        if envelope.v != 1:
            raise InvalidInputError("The version known here is 1.", field="envelope.v")
        shared = await self._flow.create(
            NewSecret(
                jwe=envelope.jwe.encode(errors="replace"),
                nonce=read_binary(envelope.nonce, NONCE_SIZE, "envelope.nonce"),
                link_hash=read_binary(asked.link_hash, PROOF_SIZE, "link_hash"),
                kdf=envelope.kdf,
                auth_hash=_optional(asked.auth_hash, "auth_hash"),
                sizes=tuple(blob.size for blob in asked.blobs or ()),
                expires_in=asked.expires_in,
                views=asked.views,
                source=request.client,
                app=app,
            )
        )
        secret = shared.secret
        name = ids.to_text(ids.SECRET, secret.id)
        made = wire_secret.SecretMade(
            id=name,
            expires_at=rfc3339(secret.expires_at),
            views=secret.views,
            manage_token=write_binary(shared.token),
            blobs=[place.path for place in places(name, secret)] if secret.sizes else UNSET,
        )
        return Answer(201, wire.encode(made))

    async def open(self, request: Request) -> Answer:
        """Tell a holder of the link how the secret stands and what is needed to claim it. Spends nothing."""
        asked: wire_secret.Link = request.payload
        link = read_binary(asked.link, PROOF_SIZE, "link")
        try:
            seen = await self._flow.open(ids.from_text(ids.SECRET, request.key), link)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(_seen(seen)))

    async def claim(self, request: Request) -> Answer:
        """Spend one view and hand out the sealed text, to this claim alone.

        A wrong passphrase spends nothing. The same claim is given the same again until 15 minutes after the last byte,
        so that a connection that broke loses nothing.
        """
        asked: wire_secret.NewClaim = request.payload
        link, auth = read_binary(asked.link, PROOF_SIZE, "link"), _optional(asked.auth, "auth")
        claim = read_binary(asked.claim, CLAIM_SIZE, "claim")
        try:
            granted = await self._flow.claim(ids.from_text(ids.SECRET, request.key), link, auth, claim)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        secret = granted.secret
        envelope = wire_secret.Envelope(1, write_binary(secret.nonce), granted.jwe.decode(), secret.kdf)
        shown = wire_secret.SecretGranted(
            envelope=envelope,
            lease_expires_at=rfc3339(granted.until),
            views_remaining=secret.views_left,
            blobs=places(request.key, secret) if secret.sizes else UNSET,
            handover=secret.handover,
        )
        return Answer(200, wire.encode(shown))

    async def ack(self, request: Request) -> Answer:
        """End the claim: the reader has it. The sealed text is erased where nobody else may fetch it any more."""
        asked: wire_secret.NewAck = request.payload
        link = read_binary(asked.link, PROOF_SIZE, "link")
        claim = read_binary(asked.claim, CLAIM_SIZE, "claim")
        try:
            seen = await self._flow.ack(ids.from_text(ids.SECRET, request.key), link, claim, asked.outcome)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(_seen(seen)))

    async def status(self, request: Request) -> Answer:
        """Show its maker how the secret stands."""
        raw, token = managed(request)
        try:
            return _status(request.key, await self._flow.status(raw, token))
        except UnauthenticatedError:
            raise UnauthenticatedError(UNMANAGED) from None

    async def burn(self, request: Request) -> Answer:
        """End the secret now and erase it. Burning twice is no error."""
        raw, token = managed(request)
        try:
            return _status(request.key, await self._flow.burn(raw, token))
        except UnauthenticatedError:
            raise UnauthenticatedError(UNMANAGED) from None

    async def unlock(self, request: Request) -> Answer:
        """Let passphrases be tried again after too many wrong ones."""
        raw, token = managed(request)
        try:
            return _status(request.key, await self._flow.unlock(raw, token))
        except UnauthenticatedError:
            raise UnauthenticatedError(UNMANAGED) from None


def managed(request: Request) -> tuple[bytes, bytes]:
    """The id and the manage token of a request.

    Raises:
        UnauthenticatedError: they cannot be any.
    """
    try:
        token = read_binary(bearer(request).decode("latin-1"), PROOF_SIZE, "Authorization")
        return ids.from_text(ids.SECRET, request.key), token
    except (InvalidInputError, UnknownError, UnauthenticatedError):
        raise UnauthenticatedError(UNMANAGED) from None


def places(name: str, secret: Secret) -> list[wire_secret.BlobPlace]:
    """Where the files of a secret lie."""
    return [
        wire_secret.BlobPlace(f"/v1/secrets/{name}/blobs/{number}", size) for number, size in enumerate(secret.sizes)
    ]


def _optional(text: str | None, field: str) -> bytes | None:
    return None if text is None else read_binary(text, PROOF_SIZE, field)


def _time(instant: Instant | None) -> str | UnsetType:
    return UNSET if instant is None else rfc3339(instant)


def _seen(opened: Opened) -> wire_secret.SecretSeen:
    secret = opened.secret
    return wire_secret.SecretSeen(
        state=opened.state.value,
        expires_at=rfc3339(secret.expires_at),
        views_remaining=secret.views_left,
        locked=secret.is_locked,
        nonce=write_binary(secret.nonce) if secret.nonce else UNSET,
        kdf=secret.kdf or UNSET,
        opened_at=_time(secret.opened_at),
        ended_at=_time(secret.over_at(opened.now)),
        handover=secret.handover,
    )


def _status(name: str, opened: Opened) -> Answer:
    secret = opened.secret
    shown = wire_secret.SecretStatus(
        id=name,
        state=opened.state.value,
        created_at=rfc3339(secret.created_at),
        expires_at=rfc3339(secret.expires_at),
        views=secret.views,
        views_remaining=secret.views_left,
        locked=secret.is_locked,
        wrong_passphrases=secret.wrong,
        opened_at=_time(secret.opened_at),
        ended_at=_time(secret.over_at(opened.now)),
        outcome=secret.outcome or UNSET,
    )
    return Answer(200, wire.encode(shown))
