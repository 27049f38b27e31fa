"""Port of hand-overs: an authenticator and the secret link that carries it. Promises: as in ``ports.py``."""

from __future__ import annotations

from typing import Protocol

from watchword.core.authenticator import Authenticator, Confirmed, Match
from watchword.core.instant import Instant
from watchword.core.secret import Secret, Toll


class HandoverStore(Protocol):
    """Both halves of a hand-over, which change in one step. ``link`` and ``claim`` are keyed hashes."""

    async def add(
        self, authenticator: Authenticator, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant
    ) -> None:
        """Charge the app, then write the pending authenticator and the secret with its ciphertext: all or nothing.

        Raises:
            RateLimitedError: the app has made too many; nothing was charged.
            ConflictError: the subject has as many authenticators, or hand-overs that wait, as it may have.
        """
        ...

    async def find(self, secret: bytes, link: bytes, *, claim: bytes) -> Authenticator:
        """The authenticator that is confirmed at a secret, for somebody whose claim was granted. Changes nothing.

        Raises:
            UnknownError: there is none of that id and link, it hands nothing over, or no such claim is on it.
        """
        ...

    async def confirm(
        self, secret: bytes, link: bytes, *, claim: bytes, match: Match | None, notice: bytes, now: Instant
    ) -> Confirmed:
        """Run ``core.authenticator.confirm`` under a live claim and write what it changes, in one step.

        Approved, the secret and its ciphertext are gone in the same step, and the subject's addresses are told; so they
        are with the last wrong code, after which the authenticator is void. Of any number at once one is approved.
        ``done`` tells the same claim that it was approved before.

        Raises:
            UnknownError: as ``find``, or the claim's lease is over.
        """
        ...
