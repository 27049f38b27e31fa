"""The client for secrets that awaits: a shell over ``client/secret.py``, as ``client/asynchronous.py`` is.

Not handled here: everything that is decided (``client/secret.py``), sealing and opening (``client/sealing.py``,
``client/opening.py``). ``client/secret_blocking.py`` is the same, blocking; a test keeps the two alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes

import httpx

from watchword.client import connection, opening, sealing, secret
from watchword.client.asynchronous import AsyncShell, jitter
from watchword.client.opening import RevealedSecret
from watchword.client.sealing import SharedSecret
from watchword.client.secret import GrantedSecret, MadeSecret, SecretStatus, SeenSecret
from watchword.core import envelope
from watchword.core.envelope import Sealed
from watchword.core.secret_content import Content
from watchword.errors import WatchwordError


class AsyncSecretClient(AsyncShell):
    """Shares and reveals secrets; keeps and ends sealed ones. Use it in an ``async with`` block, or ``aclose`` it.

    It belongs to the event loop that it is first used on, because its connections do.

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
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        unsafe_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        where = connection.Connection(base_url, api_key or "", timeout, ca_file, anonymous=api_key is None)
        super().__init__(where, sleep, unsafe_transport)

    async def share(
        self,
        content: Content,
        *,
        passphrase: str | None = None,
        label: str | None = None,
        note: str | None = None,
        expires_in: timedelta | None = None,
        views: int | None = None,
    ) -> SharedSecret:
        """Seal a text, an authenticator's key, a login or files here, and have them kept. The service reads nothing.

        Files are held in memory; larger ones go through ``watchword share --file``.

        Raises:
            InvalidInputError, ForbiddenError, UnauthenticatedError, RateLimitedError, UnavailableError. What was not
            kept as a whole is burnt.
        """
        parcel = await asyncio.to_thread(
            sealing.pack_content, content, label=label, note=note, passphrase=passphrase, draw=token_bytes
        )
        made = await self.create(parcel.sealed, sizes=parcel.sizes, expires_in=expires_in, views=views)
        try:
            for number, body in enumerate(parcel.bodies):
                await self.upload(made.id, made.manage_token, number, body.pieces, body.size)
        except BaseException:
            with suppress(WatchwordError):
                await self.burn(made.id, made.manage_token)
            raise
        return sealing.shared(self._connection.address, made, parcel.link_key)

    async def reveal(self, link: str, *, passphrase: str | None = None, claim: bytes | None = None) -> RevealedSecret:
        """Open a link to this client's service: take a view, open what it brings here, and say that it was read.

        ``claim``, 16 random bytes that you keep until this returns, makes the call repeatable after a crash.

        Raises:
            InvalidInputError: the link is damaged or another service's, or the passphrase is missing. Nothing is spent.
            MismatchError: the passphrase is wrong; nothing is spent.
            OverError: one of its children says how it ended.
            TamperedError: it was altered where it was kept.
            UnknownError, LockedError, RateLimitedError, UnavailableError.
        """
        name, where = opening.read_link(self._connection.address, link)
        proof = envelope.link_proof(where.key)
        seen = await self.open(name, proof)
        keys = await asyncio.to_thread(opening.derive, where, seen, passphrase, begun=claim is not None)
        nonce = token_bytes(opening.CLAIM_SIZE) if claim is None else claim
        granted = await self.claim(name, proof, nonce, auth=keys.auth)
        document = opening.open_granted(keys, granted)
        bodies = {
            number: b"".join([piece async for piece in self.download(name, nonce, number, size)])
            for number, size in opening.outside(document)
        }
        content = await asyncio.to_thread(opening.read_content, document, bodies)
        try:
            await self.ack(name, proof, nonce)
        except WatchwordError:
            # It is open, and that is what counts: the claim ends by itself.
            return opening.revealed(document, content, granted, acknowledged=False)
        return opening.revealed(document, content, granted, acknowledged=True)

    async def create(
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
        return await self._take(secret.create(sealed, sizes=sizes, expires_in=expires_in, views=views))

    async def open(self, id: str, link: bytes) -> SeenSecret:  # noqa: A002 - the word of the API
        """Ask how a secret stands, with the proof of its link. Spends nothing.

        Raises:
            UnknownError, UnavailableError.
        """
        return await self._take(secret.open_(id, link, jitter))

    async def claim(self, id: str, link: bytes, claim: bytes, *, auth: bytes | None = None) -> GrantedSecret:  # noqa: A002 - as above
        """Take one view. The same claim is given the same until its lease ends.

        Raises:
            MismatchError: the passphrase is wrong; nothing is spent.
            OverError: one of its children says how it ended.
            UnknownError, LockedError, RateLimitedError, InvalidInputError, UnavailableError.
        """
        return await self._take(secret.claim(id, link, claim, auth, jitter))

    async def ack(self, id: str, link: bytes, claim: bytes, *, outcome: str = "read") -> SeenSecret:  # noqa: A002 - as above
        """Say that the reader has it; the claim ends.

        Raises:
            UnknownError, UnavailableError.
        """
        return await self._take(secret.ack(id, link, claim, outcome, jitter))

    async def status(self, id: str, manage_token: str) -> SecretStatus:  # noqa: A002 - as above
        """Ask how it stands, as its maker.

        Raises:
            UnauthenticatedError, UnavailableError.
        """
        return await self._take(secret.status(id, manage_token, jitter))

    async def burn(self, id: str, manage_token: str) -> SecretStatus:  # noqa: A002 - as above
        """End it now. Twice is no error.

        Raises:
            UnauthenticatedError, UnavailableError.
        """
        return await self._take(secret.burn(id, manage_token, jitter))

    async def unlock(self, id: str, manage_token: str) -> SecretStatus:  # noqa: A002 - as above
        """Let passphrases be tried again after too many wrong ones.

        Raises:
            UnauthenticatedError, UnavailableError.
        """
        return await self._take(secret.unlock(id, manage_token, jitter))

    async def upload(self, id: str, manage_token: str, number: int, pieces: Iterable[bytes], size: int) -> None:  # noqa: A002 - as above
        """Send a sealed file, in pieces of any size. One that breaks off goes on where it was.

        Raises:
            UnauthenticatedError, OverError, InvalidInputError, UnavailableError.
        """
        await self._take(secret.upload(id, manage_token, number, pieces, size, jitter))

    async def download(self, id: str, claim: bytes, number: int, size: int) -> AsyncIterator[bytes]:  # noqa: A002 - as above
        """Fetch a sealed file under a live claim, piece by piece.

        Raises:
            UnknownError, UnavailableError.
        """
        for span in secret.spans(size):
            yield await self._take(secret.download(id, claim, number, span, jitter))
