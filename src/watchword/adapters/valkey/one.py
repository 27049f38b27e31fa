"""One server: every key is there, so that one script reaches all that a verb needs (``Wire``)."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from watchword.adapters.valkey.address import Server
from watchword.adapters.valkey.connection import Argument
from watchword.adapters.valkey.layout import BEAT, Layout
from watchword.adapters.valkey.link import FastServer, Link
from watchword.adapters.valkey.scripts import LISTS, Script
from watchword.core.instant import Instant
from watchword.errors import SettingsError, StoreError


class Waiting(NamedTuple):
    """A due list that is not empty: how many entries are due, and when the first one is."""

    key: bytes
    due: int
    first: Instant


def read_waiting(lists: Sequence[bytes], told: Sequence[int]) -> Sequence[Waiting]:
    """Read what ``lists.lua`` says."""
    return [
        Waiting(lists[place], due, first) for place, due, first in zip(told[::3], told[1::3], told[2::3], strict=True)
    ]


class Wire(Protocol):
    """What the verbs speak over, whether there is one server or many."""

    layout: Layout

    def run(self, script: Script, keys: Sequence[bytes], *arguments: Argument) -> Awaitable[Any]:
        """Run a script where its keys are. All of them lie together.

        Raises:
            StoreError, OverloadedError: it may or may not have been carried out, and is not sent again.
        """
        ...

    def command(self, key: bytes, word: bytes, *arguments: Argument) -> Awaitable[Any]:
        """Call a command on one key."""
        ...

    def term(self, key: bytes) -> bytes:
        """The term of the server that has this key."""
        ...

    async def look_at(self, lists: Sequence[bytes], now: Instant) -> Sequence[Waiting]:
        """What waits in these due lists, but for those that nobody answers for, unless that is all of them."""
        ...

    async def open(self, *, patient: bool) -> None:
        """Connect. Where it cannot now, a ``patient`` one connects later, and every call fails until then."""
        ...

    async def aclose(self) -> None:
        """Let go."""
        ...

    async def ping(self) -> None:
        """Write a heartbeat wherever keys may lie."""
        ...

    async def servers(self) -> Sequence[FastServer]:
        """How every server that has keys of ours is set up."""
        ...

    def links(self) -> Iterable[Link]:
        """The way to every server that has keys of ours, for figures."""
        ...


BEAT_LIES = 60_000  # milliseconds


class OneServer:
    """One server."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None, waiting: int) -> None:
        self.layout = Layout(1)
        self._link = Link(server, tls=tls, waiting=waiting)
        self.aclose = self._link.aclose

    async def open(self, *, patient: bool) -> None:
        await self._link.open(patient=patient)
        try:
            told: bytes = await self._link.command(b"INFO", b"cluster")
        except StoreError:
            if not patient:
                raise
            return  # a server of a cluster refuses what is not its own, so that this costs a clear word alone
        if b"cluster_enabled:1" in told:
            await self._link.aclose()
            detail = "The server in WATCHWORD_FAST_STORE is part of a cluster: write valkey+cluster:// before it."
            raise SettingsError(detail, setting="WATCHWORD_FAST_STORE")

    def run(self, script: Script, keys: Sequence[bytes], *arguments: Argument) -> Awaitable[Any]:
        return self._link.run(script, keys, arguments)

    def command(self, key: bytes, word: bytes, *arguments: Argument) -> Awaitable[Any]:
        return self._link.command(word, key, *arguments)

    async def look_at(self, lists: Sequence[bytes], now: Instant) -> Sequence[Waiting]:
        return read_waiting(lists, await self._link.run(LISTS, (), (now, *lists)))

    def term(self, key: bytes) -> bytes:  # noqa: ARG002 - every key is there
        return self._link.term

    async def servers(self) -> Sequence[FastServer]:
        return [await self._link.describe()]

    async def ping(self) -> None:
        await self._link.command(b"SET", BEAT, b"1", b"PX", BEAT_LIES)

    def links(self) -> Iterable[Link]:
        return (self._link,)
