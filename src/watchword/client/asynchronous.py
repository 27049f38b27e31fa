"""The client that awaits: a shell that takes the steps of ``client/protocol.py`` with ``httpx.AsyncClient``.

Not handled here: everything that is decided (``client/verification.py``, ``client/protocol.py``). Safe to share
between the tasks of one event loop. ``client/blocking.py`` is the same, blocking; a test keeps the two alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

import httpx

from watchword.client import connection, verification
from watchword.client.protocol import Ask, Break, Failure, Outcome, Pause, Steps
from watchword.client.session import BrowserSession
from watchword.client.verification import Verification

_Result = TypeVar("_Result")

jitter = SystemRandom().random


class AsyncShell:
    """Takes steps over one set of connections. Use it in an ``async with`` block, or ``aclose`` it."""

    def __init__(
        self,
        where: connection.Connection,
        sleep: Callable[[float], Awaitable[object]],
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._connection = where
        self._http = httpx.AsyncClient(**where.options(), transport=transport)
        self._sleep = sleep
        self._loop: asyncio.AbstractEventLoop | None = None  # the first that it was used on

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.address!r})"

    async def _take(self, steps: Steps[_Result]) -> _Result:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                done: _Result = end.value
                return done
            outcome = await self._step(step)

    async def _step(self, step: Ask | Pause) -> Outcome:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        if self._http.is_closed:
            return Break(Failure.CLOSED)
        url, loop = self._connection.url(step.path), asyncio.get_running_loop()
        self._loop = self._loop or loop
        try:
            answer = await self._http.request(step.method, url, content=step.content, headers=step.headers)
        except httpx.HTTPError as error:
            return self._connection.broken(error)
        except RuntimeError:  # how a connection answers that another loop has opened
            if loop is self._loop:
                raise
            return Break(Failure.ELSEWHERE)
        return connection.reply(answer)


class AsyncClient(AsyncShell):
    """Sends passcodes and checks them. Use it in an ``async with`` block, or ``aclose`` it.

    It belongs to the event loop that it is first used on, because its connections do.

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
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        unsafe_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(connection.Connection(base_url, api_key, timeout, ca_file), sleep, unsafe_transport)

    async def create(  # noqa: PLR0913 - one argument a field of the request
        self,
        *,
        to: str,
        purpose: str,
        channel: str = "email",
        locale: str | None = None,
        expires_in: timedelta | None = None,
        digits: int | None = None,
        requester_ip: str | None = None,
        user_agent: str | None = None,
        known_device: bool | None = None,
        methods: Sequence[str] | None = None,
        link: BrowserSession | None = None,
        action: Mapping[str, object] | None = None,
        decoy: bool = False,
        subject: str | None = None,
        notice_acknowledged: str | None = None,
        idempotency_key: str | None = None,
    ) -> Verification:
        """Send a code, or with the session that asks a ``link``, too. Tried up to three times; one message goes out.

        ``purpose``: ``login``, ``step_up``, ``address_confirmation``, ``recovery``, ``binding``. ``methods``: ``code``,
        ``link``. ``action`` is what a ``step_up`` approves; ``subject`` your own name for the person, whose device is
        ``requester_ip`` and ``user_agent``; ``notice_acknowledged`` (``sms``) what they saw; a ``decoy`` sends nothing.

        Raises:
            RateLimitedError, InvalidInputError, UnauthenticatedError, UnavailableError, a ForbiddenError that says why.
        """
        return await self._take(
            verification.create(
                to=to,
                purpose=purpose,
                channel=channel,
                locale=locale,
                expires_in=expires_in,
                digits=digits,
                requester_ip=requester_ip,
                user_agent=user_agent,
                known_device=known_device,
                methods=methods,
                link=link,
                action=action,
                decoy=decoy,
                subject=subject,
                notice_acknowledged=notice_acknowledged,
                idempotency_key=str(uuid4()) if idempotency_key is None else idempotency_key,
                jitter=jitter,
            )
        )

    async def check(
        self,
        id: str,  # noqa: A002 - the word of the API
        code: str,
        *,
        purpose: str,
        to: str,
        action: Mapping[str, object] | None = None,
    ) -> Verification:
        """Check a code. Returns only where it is approved; everything else raises. Never tried twice.

        ``purpose`` and ``to`` are what your session believes it is checking, not what the browser sent. What was made
        with an ``action`` must be given the same one.

        Raises:
            NotAcceptedError: one of its children says why.
            UnknownError, ChannelClosedError, RateLimitedError, InvalidInputError: no guess was counted.
            UnavailableError: treat it as not approved. Its text says whether the service may have seen the code.
        """
        return await self._take(verification.check(id, code, purpose=purpose, to=to, action=action))

    async def exchange(
        self,
        session: BrowserSession,
        *,
        purpose: str,
        code: str | None = None,
        state: str | None = None,
        action: Mapping[str, object] | None = None,
    ) -> Verification:
        """Collect for the browser that asked. Returns only where it is approved; everything else raises.

        With ``code`` and ``state`` of the redirect; without them, what was confirmed on another device. Then
        ``session.to`` is the address that was proven, compared in the step that approved. Never tried twice.

        Raises:
            NotConfirmedError: nobody has confirmed it yet; ask again later.
            NotAcceptedError: another of its children says why. Nothing was spent.
            UnknownError, ChannelClosedError, InvalidInputError: nothing was spent.
            UnavailableError: treat it as not approved.
        """
        return await self._take(verification.exchange(session, purpose=purpose, code=code, state=state, action=action))

    async def resend(self, id: str) -> Verification:  # noqa: A002 - the word of the API
        """Send the same code again.

        Raises:
            RateLimitedError: too early; ``retry_after`` says when.
            EndedError, SendsSpentError, UnknownError, UnavailableError.
        """
        return await self._take(verification.resend(id))

    async def cancel(self, id: str) -> Verification:  # noqa: A002 - the word of the API
        """Withdraw a verification for good.

        Raises:
            EndedError, UnknownError, UnavailableError.
        """
        return await self._take(verification.cancel(id))

    async def get(self, id: str) -> Verification:  # noqa: A002 - the word of the API
        """Show a verification and what became of its messages.

        Raises:
            UnknownError, UnavailableError.
        """
        return await self._take(verification.get(id))
