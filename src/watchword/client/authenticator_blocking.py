"""The client for authenticators that blocks: a shell over ``client/authenticator.py``, as ``client/blocking.py`` is.

Not handled here: everything that is decided (``client/authenticator.py``).
``client/authenticator_asynchronous.py`` is the same, awaited; a test keeps the two alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from watchword.client import authenticator, connection
from watchword.client.authenticator import Authenticator, AuthenticatorList, ConfirmedAddress, Enrolment, Handover
from watchword.client.blocking import Shell, jitter
from watchword.client.session import BrowserSession


class AuthenticatorClient(Shell):
    """Enrols authenticators and checks their codes. Use it in a ``with`` block, or ``close`` it.

    ``timeout`` holds for each wait of a request; ``ca_file`` replaces the system's certificate authorities.
    ``unsafe_transport`` replaces the network, for tests: TLS is then no longer this client's doing.

    Raises:
        SettingsError: the address is neither https nor on this machine, or a value cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: timedelta = connection.TIMEOUT,
        ca_file: Path | str | None = None,
        sleep: Callable[[float], object] = time.sleep,
        unsafe_transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(connection.Connection(base_url, api_key, timeout, ca_file), sleep, unsafe_transport)

    def enrol(
        self,
        subject: str,
        *,
        label: str | None = None,
        issuer: str | None = None,
        account: str | None = None,
        algorithm: str | None = None,
        digits: int | None = None,
        period: int | None = None,
        link: BrowserSession | None = None,
    ) -> Enrolment:
        """Begin an enrolment. Show its QR code and key to the person, once, and ``confirm`` what they type.

        ``subject`` is your own name for the person, one that never changes. ``issuer`` and ``account`` are what their
        authenticator app shows, ``label`` what your list of theirs shows. Leave ``algorithm``, ``digits`` and
        ``period`` alone: many apps ignore them.
        With the session that asks as ``link``, send the browser to ``page_url`` instead, and ``exchange``.

        Raises:
            InvalidInputError, RedirectForbiddenError, ConflictError, UnauthenticatedError, UnavailableError.
        """
        return self._take(
            authenticator.enrol(
                subject,
                label=label,
                issuer=issuer,
                account=account,
                algorithm=algorithm,
                digits=digits,
                period=period,
                link=link,
            )
        )

    def exchange(self, session: BrowserSession, subject: str, *, code: str, state: str) -> Authenticator:
        """Make active what the hosted page confirmed, for the browser that asked. Returns only where it is active.

        ``code`` and ``state`` came with the redirect; ``subject`` is who is signed in now. Never tried twice.

        Raises:
            NotAcceptedError: one of its children says why.
            EndedError, AlreadyBoundError, ConflictError, UnknownError, InvalidInputError, UnauthenticatedError.
            UnavailableError: treat it as not active, and look.
        """
        return self._take(authenticator.exchange(session, subject, code=code, state=state))

    def hand_over(
        self,
        subject: str,
        *,
        label: str | None = None,
        issuer: str | None = None,
        account: str | None = None,
        expires_in: timedelta | None = None,
        passphrase: str | None = None,
        rotate_by: datetime | None = None,
    ) -> Handover:
        """Make an authenticator for somebody else: a link at which they set it up and confirm it with its first code.

        Send ``url`` to them and keep ``status_url``. Until then it is pending; five wrong codes make it void.
        ``rotate_by`` is kept in the record: when you mean to make a new key.

        Raises:
            InvalidInputError, ConflictError, ForbiddenError, RateLimitedError, UnauthenticatedError, UnavailableError.
        """
        return self._take(
            authenticator.hand_over(
                subject,
                label=label,
                issuer=issuer,
                account=account,
                expires_in=expires_in,
                passphrase=passphrase,
                rotate_by=rotate_by,
            )
        )

    def confirm(self, id: str, code: str) -> Authenticator:  # noqa: A002 - the word of the API
        """Make it active with a code it shows. A subject's first one brings ``recovery_codes``.

        Raises:
            NotAcceptedError: wrong, too late or too often.
            EndedError, AlreadyBoundError, ConflictError, UnknownError, InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.confirm(id, code))

    def check(self, subject: str, code: str, *, known_device: bool = False) -> Authenticator:
        """Check a code of any of a subject's authenticators. Returns only where it is approved. Never tried twice.

        ``known_device`` tells that this device proved itself before; decide that yourself, from a cookie say.

        Raises:
            NotAcceptedError: one of its children says why. Show the person one sentence for all of them.
            RateLimitedError, InvalidInputError: no guess was looked at.
            UnavailableError: treat it as not approved.
        """
        return self._take(authenticator.check(subject, code, known_device=known_device))

    def get(self, id: str) -> Authenticator:  # noqa: A002 - as above
        """Show one, without its key.

        Raises:
            UnknownError, UnavailableError.
        """
        return self._take(authenticator.get(id, jitter))

    def of_subject(self, subject: str) -> AuthenticatorList:
        """Show all of a subject. One that nobody enrolled has none.

        Raises:
            InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.of_subject(subject, jitter))

    def rename(self, id: str, label: str) -> Authenticator:  # noqa: A002 - as above
        """Give one another label.

        Raises:
            UnknownError, InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.rename(id, label))

    def revoke(self, id: str) -> Authenticator:  # noqa: A002 - as above
        """Remove one for good, with its key.

        Raises:
            UnknownError, UnavailableError.
        """
        return self._take(authenticator.revoke(id))

    def renew_codes(self, subject: str) -> tuple[str, ...]:
        """Make ten new recovery codes; all earlier ones stop counting. Show them once and keep none.

        Raises:
            InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.renew_codes(subject))

    def check_code(self, subject: str, code: str) -> int:
        """Use up a recovery code; returns how many are left. Never tried twice.

        Raises:
            MismatchError, AlreadyUsedError: it is none of the subject's, or was used before.
            InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.check_code(subject, code))

    def addresses(self, subject: str) -> tuple[ConfirmedAddress, ...]:
        """Show the confirmed addresses of a subject, masked: all of them are told when its ways in change.

        Raises:
            InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.addresses(subject, jitter))

    def remove_address(self, subject: str, to: str | None = None) -> int:
        """Untie a confirmed address, or all of them without ``to``; returns how many were. All are told once more.

        Raises:
            UnknownError: the subject does not have it.
            InvalidInputError, UnavailableError.
        """
        return self._take(authenticator.remove_address(subject, to))
