"""Hand-overs: an authenticator for a colleague, by a secret link that its recipient closes with the first right code.

    made, pending ── link opened ── right code ──▶ active; the link is gone, its maker sees "enrolled"
       └──── lifetime or lease over, five wrong codes, taken back ──▶ void, with the link

Not handled here: sealing (``core/envelope.py``), state rules (``core/authenticator.py``, ``core/secret.py``), atomicity
(the store).

Rules:

* the server makes the seed, as any verifier must know it; the key of the link is in one answer and kept nowhere;
* nobody but a holder of link, claim and seed can confirm it: not its app, not its maker;
* no recovery codes come of it: an account that is shared has an owner, and the codes are theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from watchword.core import authenticator as rules
from watchword.core import envelope, ids, passcode, secret_content, secret_link
from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Origin, Outcome, Status
from watchword.core.instant import Instant
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import ExhaustedError, InvalidInputError, MismatchError
from watchword.flows import authenticator_seal as seal
from watchword.flows.authenticator import NewAuthenticator, Shown, not_bound, pending_row
from watchword.flows.keys import Keys
from watchword.flows.notice import draw_notice
from watchword.flows.secret import NewSecret, Secrets, Shared, kept
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_handover import HandoverStore


class NewHandover(msgspec.Struct, frozen=True):
    """What an app asks for: an authenticator, how long its link lives, and when its seed is to be made anew."""

    authenticator: NewAuthenticator
    expires_in: int | None = None
    passphrase: str | None = None
    rotate_by: Instant | None = None

    def __repr__(self) -> str:
        return "NewHandover()"


class HandedOver(msgspec.Struct, frozen=True):
    """A hand-over that waits. ``url`` and ``token`` are in this one answer."""

    shown: Shown
    shared: Shared
    url: str

    def __repr__(self) -> str:
        return f"HandedOver({self.shown.authenticator!r})"


class Handovers:
    """The flow. ``skew`` is the profile's; ``wake`` tells the courier of notices of this process about news."""

    def __init__(
        self,
        store: HandoverStore,
        secrets: Secrets,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        public_url: str,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._public_url = public_url
        self._wake = wake
        self.skew = rules.SKEW

    async def create(self, app: App, new: NewHandover) -> HandedOver:
        """Make a pending authenticator and the link at which its recipient confirms it.

        Raises:
            InvalidInputError, ConflictError, ForbiddenError, RateLimitedError, StoreError.
        """
        now = self._clock.now()
        if new.rotate_by is not None and new.rotate_by <= now:
            raise InvalidInputError("The date to change the key by lies in the past.", field="rotate_by")
        row, key, names = pending_row(self._keys.ring, app, new.authenticator, now, self._entropy)
        link_key, sealed = await self._sealed(key, new)
        asked = NewSecret(
            jwe=sealed.envelope.jwe.encode(),
            nonce=sealed.envelope.nonce,
            link_hash=sealed.link_hash,
            kdf=sealed.envelope.kdf,
            auth_hash=sealed.auth_hash,
            expires_in=new.expires_in,
            app=app,
        )
        shared = self._secrets.drawn(asked, now, handover=True)
        row = msgspec.structs.replace(
            row,
            origin=Origin.HANDED_OVER.value,
            expires_at=shared.secret.expires_at,
            link=shared.secret.id,
            rotate_by=new.rotate_by,
        )
        toll = self._secrets.toll(asked)
        await kept(lambda: self._store.add(row, shared.secret, asked.jwe, toll=toll, now=now))
        self._record("authenticator.handed_over", row)
        url = secret_link.share_url(self._public_url, shared.secret.id, link_key)
        return HandedOver(Shown(row, names, Status.PENDING), shared, url)

    async def confirm(self, raw: bytes, link: bytes, claim: bytes, typed: str) -> Authenticator:
        """Make it active by a code of its recipient, who holds the link and has a live claim on it.

        Raises:
            InvalidInputError: the input cannot be a code; nothing was counted.
            UnknownError: no such id and link, nothing is handed over there, or the claim lives no more.
            MismatchError: it is wrong; ``attempts_remaining`` are left.
            ExhaustedError: it was wrong, and the last one; the authenticator is void and the link is gone.
            AlreadyBoundError, ConflictError, ExpiredError, TamperedError, StoreError.
        """
        digits = passcode.read_digits(typed)
        now = self._clock.now()
        link_mark, claim_mark = self._secrets.marks(raw, link, claim)
        row = await self._store.find(raw, link_mark, claim=claim_mark)
        key = self._keys.with_ring(lambda ring: seal.open_key(ring, row))
        outcome, bound = await self._store.confirm(
            raw,
            link_mark,
            claim=claim_mark,
            match=seal.match(key, row, digits, now, self.skew),
            notice=draw_notice(self._entropy, now),
            now=now,
        )
        if outcome is Outcome.APPROVED:
            self._record("authenticator.confirmed", bound, codes=False)
            self._wake()
        elif outcome is not Outcome.DONE:
            self._record("authenticator.refused", bound, reason=outcome.value)
            raise _refusal(outcome, bound)
        return bound

    async def _sealed(self, key: AuthenticatorKey, new: NewHandover) -> tuple[bytes, envelope.Sealed]:
        document = secret_content.to_document(key)
        if new.authenticator.label:
            document["label"] = new.authenticator.label
        draw = self._entropy.draw
        link_key, nonce, iv = draw(envelope.KEY_SIZE), draw(envelope.NONCE_SIZE), draw(envelope.IV_SIZE)

        def sealed() -> envelope.Sealed:
            return envelope.seal(document, link_key, nonce=nonce, iv=iv, passphrase=new.passphrase)

        # 600 000 rounds of a passphrase take a third of a second, during which others are served.
        return link_key, sealed() if new.passphrase is None else await asyncio.to_thread(sealed)

    def _record(self, event: str, row: Authenticator, **facts: object) -> None:
        name = ids.to_text(ids.AUTHENTICATOR, row.id)
        self._audit.record(event, authenticator=name, app=ids.app_text(row.app), **facts)


def _refusal(outcome: Outcome, row: Authenticator) -> Exception:
    if outcome is Outcome.MISMATCH:
        error = MismatchError if row.tries_left else ExhaustedError
        return error(attempts_remaining=row.tries_left)
    return not_bound(outcome, row)
