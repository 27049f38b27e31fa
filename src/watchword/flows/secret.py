"""Secret links: create, open, claim, ack, status, burn, unlock.

Not handled here: sealing and opening (the maker's and the reader's own machine), files (``flows/secret_file.py``),
state rules (``core/secret.py``), atomicity (the store).

Rules:

* the server sees an opaque ciphertext and proofs; of every proof it keeps a keyed hash, and no key to a text;
* a wrong link is an unknown secret: the same answer, and nothing is counted anywhere;
* what one source may make is charged in the step that writes; the address itself is kept nowhere;
* no event holds a proof, a token, a nonce or ciphertext.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

import msgspec

from watchword.core import ids
from watchword.core import secret as rules
from watchword.core.app import App
from watchword.core.instant import DAY, SECOND, Instant, Span, rfc3339
from watchword.core.keyring import INDEX_SECRET, INDEX_SOURCE
from watchword.core.secret import Claimed, Outcome, Secret, SecretRules, State, Toll
from watchword.core.source import network_of_client
from watchword.errors import (
    BurntError,
    ForbiddenError,
    InvalidInputError,
    LapsedError,
    LockedError,
    MismatchError,
    OpenedError,
    OverError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
)
from watchword.flows.keys import Keys
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_secret import SecretStore

_JWE = re.compile(rb"[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_OVER: dict[Outcome, type[OverError]] = {
    Outcome.OPENED: OpenedError,
    Outcome.EXPIRED: LapsedError,
    Outcome.BURNT: BurntError,
}
TOO_MANY = "Too many secrets from here for now. Nothing was kept."
_WRONG_PASSPHRASE = "The passphrase is not right. Nothing is lost."  # noqa: S105 - a sentence about one

Erased = Callable[[Sequence[bytes]], Awaitable[None]]


class NewSecret(msgspec.Struct, frozen=True):
    """What somebody shares. ``link_hash`` and ``auth_hash`` are SHA-256 of the proofs, ``sizes`` those of its files.

    ``source`` is the address it comes from, ``app`` who made it, where it came with an API key.
    """

    jwe: bytes
    nonce: bytes
    link_hash: bytes
    kdf: str | None = None
    auth_hash: bytes | None = None
    sizes: tuple[int, ...] = ()
    expires_in: int | None = None
    views: int = 1
    source: str = ""
    app: App | None = None

    def __repr__(self) -> str:
        return f"NewSecret(views={self.views}, files={len(self.sizes)})"


class Shared(msgspec.Struct, frozen=True):
    """A secret that stands in the store, and the token with which its maker manages it. It is in this answer alone."""

    secret: Secret
    token: bytes

    def __repr__(self) -> str:
        return f"Shared({self.secret!r})"


class Opened(msgspec.Struct, frozen=True):
    """A secret as somebody with the right to know sees it at ``now``."""

    secret: Secret
    now: Instant

    @property
    def state(self) -> State:
        """How it stands."""
        return self.secret.state_at(self.now)


class Granted(msgspec.Struct, frozen=True):
    """What a claim is given. ``until`` is the end of its lease."""

    secret: Secret
    jwe: bytes
    until: Instant

    def __repr__(self) -> str:
        return f"Granted({self.secret!r})"


async def _nothing(_: Sequence[bytes]) -> None:
    return None


class Secrets:
    """The flow. ``rules`` may be replaced while running; ``erased`` is told ids whose files may go."""

    def __init__(
        self,
        store: SecretStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        operator: SecretRules,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self.erased: Erased = _nothing
        self.rules = operator

    async def create(self, new: NewSecret) -> Shared:
        """Keep a sealed secret. One with files is visible once all of them have arrived.

        Raises:
            ForbiddenError, UnauthenticatedError: the operator does not let this caller create.
            InvalidInputError, TooLargeError, RateLimitedError, StoreError. None of them has kept or charged anything.
        """
        now = self._clock.now()
        shared = self.drawn(new, now)
        await kept(lambda: self._store.add(shared.secret, new.jwe, toll=self.toll(new), now=now))
        self._record("secret.created", shared.secret.id, views=new.views, files=len(new.sizes))
        return shared

    def drawn(self, new: NewSecret, now: Instant, *, handover: bool = False) -> Shared:
        """The row of a new secret and its manage token. Nothing is kept yet.

        Raises:
            ForbiddenError, UnauthenticatedError, InvalidInputError, TooLargeError: as ``create``.
        """
        self._admit(new)
        self._check(new)
        lifetime = self._lifetime(new.expires_in)
        random = self._entropy.draw(ids.SIZE + rules.PROOF_SIZE)
        raw, token = random[: ids.SIZE], random[ids.SIZE :]
        secret = Secret(
            id=raw,
            link=self._mark(b"link", raw, new.link_hash),
            auth=None if new.auth_hash is None else self._mark(b"auth", raw, new.auth_hash),
            manage=self._mark(b"manage", raw, sha256(token).digest()),
            nonce=new.nonce,
            kdf=new.kdf,
            views=new.views,
            views_left=new.views,
            created_at=now,
            expires_at=now + lifetime,
            sizes=new.sizes,
            handover=handover,
        )
        return Shared(secret, token)

    def marks(self, raw: bytes, link: bytes, claim: bytes) -> tuple[bytes, bytes]:
        """The keyed hashes of a link and a claim."""
        return self._proof(b"link", raw, link), self._proof(b"claim", raw, claim)

    async def open(self, raw: bytes, link: bytes) -> Opened:
        """Tell a holder of the link how it stands and what is needed to claim it. Changes nothing.

        Raises:
            UnknownError, StoreError.
        """
        secret = await self._store.open(raw, self._proof(b"link", raw, link))
        return Opened(secret, self._clock.now())

    async def claim(self, raw: bytes, link: bytes, auth: bytes | None, claim: bytes) -> Granted:
        """Spend a view, for this claim alone. The same claim is given the same again while its lease lives.

        Raises:
            UnknownError: no such id and link.
            MismatchError: the passphrase is wrong; it was counted, and nothing was spent.
            InvalidInputError: it needs a passphrase.
            RateLimitedError, LockedError: after too many wrong ones; none was looked at.
            OverError: one of its children says how it ended.
            StoreError: nothing was spent.
        """
        now = self._clock.now()
        mark = self._proof(b"claim", raw, claim)
        claimed, jwe = await self._store.claim(
            raw,
            self._proof(b"link", raw, link),
            auth=None if auth is None else self._proof(b"auth", raw, auth),
            claim=mark,
            now=now,
        )
        if not claimed.is_granted:
            self._record("secret.refused", raw, reason=claimed.outcome.value)
            raise _refusal(claimed, now)
        self._record("secret.claimed", raw, again=claimed.outcome is Outcome.AGAIN)
        lease = claimed.secret.lease(mark, now)
        return Granted(claimed.secret, jwe, lease.until if lease else now)

    async def ack(self, raw: bytes, link: bytes, claim: bytes, outcome: str) -> Opened:
        """End a claim: its holder has what it came for. Repeating it is no error.

        Raises:
            InvalidInputError, UnknownError, StoreError.
            ConflictError: it is a hand-over, which a right code ends.
        """
        if outcome not in rules.OUTCOMES:
            raise InvalidInputError(f"Known outcomes are {', '.join(rules.OUTCOMES)}.", field="outcome")
        now = self._clock.now()
        link_mark, claim_mark = self.marks(raw, link, claim)
        secret = await self._store.ack(raw, link_mark, claim=claim_mark, outcome=outcome, now=now)
        self._record("secret.acknowledged", raw, outcome=outcome)
        return await self._told(secret, now)

    async def status(self, raw: bytes, token: bytes) -> Opened:
        """Tell its maker how it stands.

        Raises:
            UnauthenticatedError: no such id and token.
            StoreError.
        """
        return Opened(await self._store.status(raw, self.manage_mark(raw, token)), self._clock.now())

    async def burn(self, raw: bytes, token: bytes) -> Opened:
        """End it now, for whoever may hold the link. Repeating it is no error.

        Raises:
            UnauthenticatedError, StoreError.
        """
        now = self._clock.now()
        secret = await self._store.burn(raw, self.manage_mark(raw, token), now=now)
        self._record("secret.burnt", raw)
        return await self._told(secret, now)

    async def unlock(self, raw: bytes, token: bytes) -> Opened:
        """Let passphrases be tried from the start again.

        Raises:
            UnauthenticatedError, StoreError.
        """
        secret = await self._store.unlock(raw, self.manage_mark(raw, token))
        self._record("secret.unlocked", raw)
        return Opened(secret, self._clock.now())

    def manage_mark(self, raw: bytes, token: bytes) -> bytes:
        """What is kept of a manage token."""
        return self._proof(b"manage", raw, token)

    def claim_mark(self, raw: bytes, claim: bytes) -> bytes:
        """What is kept of a claim."""
        return self._proof(b"claim", raw, claim)

    async def _told(self, secret: Secret, now: Instant) -> Opened:
        if secret.erased and secret.sizes:
            await self.erased([secret.id])
        return Opened(secret, now)

    def _admit(self, new: NewSecret) -> None:
        if self.rules.creation == "off":
            raise ForbiddenError("This service takes no secrets: its operator has switched that off.")
        if self.rules.creation == "key" and new.app is None:
            raise UnauthenticatedError

    def _check(self, new: NewSecret) -> None:
        if (new.kdf is None) != (new.auth_hash is None):
            raise InvalidInputError("A passphrase takes both envelope.kdf and auth_hash.", field="auth_hash")
        if new.kdf is not None and new.kdf not in rules.KDFS:
            raise InvalidInputError(f"Known key derivations are {', '.join(rules.KDFS)}.", field="envelope.kdf")
        if len(new.jwe) > self.rules.max_jwe:
            raise TooLargeError(f"A sealed text has at most {self.rules.max_jwe} characters.", field="envelope.jwe")
        if not _JWE.fullmatch(new.jwe):
            raise InvalidInputError("This must be a compact JWE of a direct key.", field="envelope.jwe")
        if not 1 <= new.views <= rules.MOST_VIEWS:
            raise InvalidInputError(f"A secret has 1 to {rules.MOST_VIEWS} views.", field="views")
        if len(new.sizes) > rules.MOST_FILES or any(size < 1 for size in new.sizes):
            raise InvalidInputError(f"There are at most {rules.MOST_FILES} files, none of them empty.", field="blobs")
        if sum(new.sizes) > self.rules.max_file:
            raise TooLargeError(f"The files have at most {self.rules.max_file} bytes together.", field="blobs")

    def _lifetime(self, seconds: int | None) -> Span:
        longest = self.rules.longest
        if seconds is None:
            return min(rules.DEFAULT_LIFETIME, longest)
        lifetime = seconds * SECOND
        if not rules.SHORTEST_LIFETIME <= lifetime <= longest:
            days = longest // DAY  # a command line and a page take those, the API takes seconds
            ends = f"{rules.SHORTEST_LIFETIME // SECOND} to {longest // SECOND} seconds"
            raise InvalidInputError(
                f"A secret lives a minute to {days} day{'s' * (days != 1)}, which is {ends}.", field="expires_in"
            )
        return lifetime

    def toll(self, new: NewSecret) -> Toll:
        """One bucket for each source, or for each app where a key was given: tenants do not pay for strangers."""
        kib = -(-(len(new.jwe) + sum(new.sizes)) // rules.KIB)
        pairs = [(rate, amount) for rate, amount in ((self.rules.creates, 1), (self.rules.kib, kib)) if rate]
        who = b"network" + network_of_client(new.source) if new.app is None else b"app" + new.app.id
        key = b"c" + self._keys.ring.lookup(INDEX_SOURCE, b"secret" + who)
        return Toll(key, tuple(rate for rate, _ in pairs), tuple(amount for _, amount in pairs))

    def _proof(self, kind: bytes, raw: bytes, proof: bytes) -> bytes:
        return self._mark(kind, raw, sha256(proof).digest())

    def _mark(self, kind: bytes, raw: bytes, hashed: bytes) -> bytes:
        return self._keys.ring.lookup(INDEX_SECRET, kind + raw + hashed)

    def _record(self, event: str, raw: bytes, **facts: object) -> None:
        self._audit.record(event, secret=ids.to_text(ids.SECRET, raw), **facts)


async def kept(add: Callable[[], Awaitable[None]]) -> None:
    """Have a secret kept; a limit is told in public figures."""
    try:
        await add()
    except RateLimitedError as error:
        wait = rules.public_wait(error.retry_after * SECOND)
        raise RateLimitedError(TOO_MANY, retry_after=wait) from None


def _refusal(claimed: Claimed, now: Instant) -> Exception:
    outcome, secret = claimed.outcome, claimed.secret
    if outcome is Outcome.MISMATCH:
        return MismatchError(_WRONG_PASSPHRASE, attempts_remaining=rules.guesses_before_pause(secret))
    if outcome is Outcome.UNPROVEN:
        return InvalidInputError("This secret needs a passphrase.", field="auth")
    if outcome is Outcome.LOCKED:
        return LockedError()
    if outcome is Outcome.PAUSED:
        wait = rules.public_wait(claimed.wait)
        return RateLimitedError("Too many wrong passphrases. None was looked at; nothing is lost.", retry_after=wait)
    at = secret.over_at(now)
    return _OVER[outcome](at="" if at is None else rfc3339(at))
