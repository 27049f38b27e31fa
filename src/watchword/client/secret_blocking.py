"""The client for secrets that blocks: a shell over ``client/secret.py``, as ``client/blocking.py`` is.

Not handled here: everything that is decided (``client/secret.py``), sealing (``core/envelope.py``).
``client/secret_asynchronous.py`` is the same, awaited; a test keeps the two alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx

from watchword.client import connection, secret
from watchword.client.blocking import Shell, jitter
from watchword.client.secret import GrantedSecret, MadeSecret, SecretStatus, SeenSecret
from watchword.core.envelope import Sealed


class SecretClient(Shell):
    """Keeps, opens and ends sealed secrets. Use it in a ``with`` block, or ``close`` it.

    Without ``api_key`` it is anonymous, which most services allow for secrets. ``timeout`` holds for each wait of a
    request; ``ca_file`` replaces the system's certificate authorities. ``unsafe_transport`` replaces the network, for
    tests: TLS is then no longer this client's doing.

    Raises:
        SettingsError: the address is neither https nor on this machine, or a value cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: timedelta = connection.TIMEOUT,
        ca_file: Path | str | None = None,
        sleep: Callable[[float], object] = time.sleep,
        unsafe_transport: httpx.BaseTransport | None = None,
    ) -> None:
        where = connection.Connection(base_url, api_key or "", timeout, ca_file, anonymous=api_key is None)
        super().__init__(where, sleep, unsafe_transport)

    def create(
        self,
        sealed: Sealed,
        *,
        sizes: Iterable[int] = (),
        expires_in: timedelta | None = None,
        views: int | None = None,
    ) -> MadeSecret:
        """Have a sealed secret kept. It is visible once all files that ``sizes`` announces are uploaded.

        Raises:
            InvalidInputError, ForbiddenError, UnauthenticatedError, RateLimitedError, UnavailableError.
        """
        return self._take(secret.create(sealed, sizes=sizes, expires_in=expires_in, views=views))

    def open(self, id: str, link: bytes) -> SeenSecret:  # noqa: A002 - the word of the API
        """Ask how a secret stands, with the proof of its link. Spends nothing.

        Raises:
            UnknownError, UnavailableError.
        """
        return self._take(secret.open_(id, link, jitter))

    def claim(self, id: str, link: bytes, claim: bytes, *, auth: bytes | None = None) -> GrantedSecret:  # noqa: A002 - as above
        """Take one view. The same claim is given the same until its lease ends.

        Raises:
            MismatchError: the passphrase is wrong; nothing is spent.
            OverError: one of its children says how it ended.
            UnknownError, LockedError, RateLimitedError, InvalidInputError, UnavailableError.
        """
        return self._take(secret.claim(id, link, claim, auth, jitter))

    def ack(self, id: str, link: bytes, claim: bytes, *, outcome: str = "read") -> SeenSecret:  # noqa: A002 - as above
        """Say that the reader has it; the claim ends.

        Raises:
            UnknownError, UnavailableError.
        """
        return self._take(secret.ack(id, link, claim, outcome, jitter))

    def status(self, id: str, manage_token: str) -> SecretStatus:  # noqa: A002 - as above
        """Ask how it stands, as its maker.

        Raises:
            UnauthenticatedError, UnavailableError.
        """
        return self._take(secret.status(id, manage_token, jitter))

    def burn(self, id: str, manage_token: str) -> SecretStatus:  # noqa: A002 - as above
        """End it now. Twice is no error.

        Raises:
            UnauthenticatedError, UnavailableError.
        """
        return self._take(secret.burn(id, manage_token, jitter))

    def unlock(self, id: str, manage_token: str) -> SecretStatus:  # noqa: A002 - as above
        """Let passphrases be tried again after too many wrong ones.

        Raises:
            UnauthenticatedError, UnavailableError.
        """
        return self._take(secret.unlock(id, manage_token, jitter))

    def upload(self, id: str, manage_token: str, number: int, pieces: Iterable[bytes], size: int) -> None:  # noqa: A002 - as above
        """Send a sealed file, in pieces of any size. One that breaks off goes on where it was.

        Raises:
            UnauthenticatedError, OverError, InvalidInputError, UnavailableError.
        """
        self._take(secret.upload(id, manage_token, number, pieces, size, jitter))

    def download(self, id: str, claim: bytes, number: int, size: int) -> Iterator[bytes]:  # noqa: A002 - as above
        """Fetch a sealed file under a live claim, piece by piece.

        Raises:
            UnknownError, UnavailableError.
        """
        for span in secret.spans(size):
            yield self._take(secret.download(id, claim, number, span, jitter))
