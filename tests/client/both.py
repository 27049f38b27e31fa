"""Both shells behind one face, so that every test of a shell is a test of the two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from tests.client.answers import KEY
from watchword.client import AsyncClient, Client, Verification

Answer = Callable[[httpx.Request], httpx.Response]


class Blocking:
    """``Client``. ``slept`` are the pauses it would have made."""

    def __init__(self, address: str, answer: Answer | None = None, *, key: str = KEY, **more: Any) -> None:
        self.slept: list[float] = []
        transport = None if answer is None else httpx.MockTransport(answer)
        self._client = Client(address, key, sleep=self.slept.append, unsafe_transport=transport, **more)

    def call(self, verb: str, *given: Any, **named: Any) -> Verification:
        with self._client as client:
            found: Verification = getattr(client, verb)(*given, **named)
            return found


class Awaiting:
    """``AsyncClient``, each call in an event loop of its own."""

    def __init__(self, address: str, answer: Answer | None = None, *, key: str = KEY, **more: Any) -> None:
        self.slept: list[float] = []
        transport = None if answer is None else httpx.MockTransport(answer)
        self._client = AsyncClient(address, key, sleep=self._sleep, unsafe_transport=transport, **more)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def call(self, verb: str, *given: Any, **named: Any) -> Verification:
        async def called() -> Verification:
            async with self._client as client:
                found: Verification = await getattr(client, verb)(*given, **named)
                return found

        return asyncio.run(called())


Shell = type[Blocking] | type[Awaiting]
BOTH: tuple[Shell, ...] = (Blocking, Awaiting)
