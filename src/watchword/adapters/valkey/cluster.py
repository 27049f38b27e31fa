"""A cluster: which server has a key, asked once, corrected by the servers themselves, and asked again when one is lost.

Not handled here: one connection (``link.py``), which keys lie together (``layout.py``).

Rules:

* a server that answers MOVED or ASK has not carried the call out, so it goes on to the one that was named; what may
  have been carried out is never sent twice;
* the map of slots is asked for by one task at a time, and never more often than ten times a second;
* a server that cannot be reached takes only its own keys with it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from watchword.adapters.meanwhile import AwayError
from watchword.adapters.valkey.address import Server
from watchword.adapters.valkey.connection import Argument, MovedError
from watchword.adapters.valkey.layout import PARTITIONS, Layout
from watchword.adapters.valkey.link import HASTE, FastServer, Link, read_slots
from watchword.adapters.valkey.one import BEAT_LIES, Waiting, read_waiting
from watchword.adapters.valkey.scripts import LISTS, Script
from watchword.adapters.valkey.slots import SLOTS, slot_of
from watchword.core.instant import Instant
from watchword.errors import StoreError

_HOPS: Final = 4  # from server to server, for one call
_PAUSE: Final = 0.1  # seconds between two looks at the map, and before what is being moved is asked for again
_LOOK_EVERY: Final = 1.0  # seconds, while some slots have nobody who answers

Place = tuple[str, int]


class Cluster:
    """A cluster, by some of its servers."""

    def __init__(self, servers: Sequence[Server], tls: ssl.SSLContext | None, waiting: int) -> None:
        self.layout = Layout(PARTITIONS)
        self._seeds = servers
        self._tls = tls
        self._waiting = waiting
        self._links: dict[Place, Link] = {}
        self._by_slot: list[Link | None] = [None] * SLOTS
        self._looking: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def open(self, *, patient: bool) -> None:
        """Ask for the map, and connect to every master in it.

        Raises:
            StoreError: none of the named servers answers, or a master in the map does not.
        """
        try:
            async with asyncio.timeout(HASTE if patient else None):
                await self._read_map(self._seeds)
                await asyncio.gather(*(link.until_ready() for link in self._masters()))
        except (StoreError, TimeoutError):
            if not patient:
                await self.aclose()
                raise
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="valkey cluster")

    async def aclose(self) -> None:
        """Let go."""
        for task in (self._looking, self._keeping):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await asyncio.gather(*(link.aclose() for link in self._links.values()))
        self._links.clear()

    def run(self, script: Script, keys: Sequence[bytes], *arguments: Argument) -> Awaitable[Any]:
        return self._call(slot_of(keys[0]), script, (keys, arguments))

    def command(self, key: bytes, word: bytes, *arguments: Argument) -> Awaitable[Any]:
        return self._call(slot_of(key), None, (word, key, *arguments))

    async def look_at(self, lists: Sequence[bytes], now: Instant) -> Sequence[Waiting]:
        shares: dict[int, list[bytes]] = {}
        for key in lists:
            shares.setdefault(id(self._by_slot[slot_of(key)]), []).append(key)
        answers = await asyncio.gather(*(self._share(keys, now) for keys in shares.values()), return_exceptions=True)
        told = [answer for answer in answers if not isinstance(answer, BaseException)]
        for answer in answers:
            if isinstance(answer, BaseException) and (not told or not isinstance(answer, StoreError)):
                raise answer
        return [waiting for share in told for waiting in share]

    async def _share(self, lists: Sequence[bytes], now: Instant) -> Sequence[Waiting]:
        """The lists that one master has, all in one call; one by one where it has not all of them any more."""
        link = self._by_slot[slot_of(lists[0])]
        if link is None:
            self._look_again()
            raise AwayError("Valkey: this part of the cluster has no master now")
        try:
            return read_waiting(lists, await link.run(LISTS, (), (now, *lists)))
        except StoreError:
            self._look_again()
            if not link.term:
                raise
        each = await asyncio.gather(*(self._call(slot_of(key), LISTS, ((), (now, key))) for key in lists))
        return [waiting for key, told in zip(lists, each, strict=True) for waiting in read_waiting((key,), told)]

    def term(self, key: bytes) -> bytes:
        link = self._by_slot[slot_of(key)]
        return b"" if link is None else link.term

    async def ping(self) -> None:
        """Write a heartbeat to every master. One that holds no slot, or too few, is found by what nobody answers."""
        if None in self._by_slot:
            raise StoreError("Valkey: some slots of the cluster have no master")
        partitions = {id(self._by_slot[slot_of(tag)]): tag for tag in map(self.layout.due, self.layout.partitions)}
        await asyncio.gather(*(self._beat(tag) for tag in partitions.values()))

    async def servers(self) -> Sequence[FastServer]:
        return await asyncio.gather(*(link.describe() for link in self._masters()))

    def links(self) -> Iterable[Link]:
        return self._links.values()

    async def _beat(self, due: bytes) -> None:
        beat = due.removesuffix(b"due") + b"beat"
        await self._call(slot_of(beat), None, (b"SET", beat, b"1", b"PX", BEAT_LIES))

    async def _call(self, slot: int, script: Script | None, words: Sequence[Any]) -> Any:  # noqa: ANN401 - the script's own
        link, asking = self._by_slot[slot], False
        for _ in range(_HOPS):
            if link is None:
                self._look_again()
                raise AwayError("Valkey: this part of the cluster has no master now")
            try:
                if asking:
                    return await link.ask(script, words)
                return await (link.command(*words) if script is None else link.run(script, words[0], words[1]))
            except MovedError as error:
                link, asking = await self._next(error, slot, link)
            except StoreError:
                self._look_again()
                raise
        raise StoreError("Valkey: no server of the cluster keeps this key")

    async def _next(self, error: MovedError, slot: int, link: Link) -> tuple[Link | None, bool]:
        """Where a call that was not carried out goes now, and whether it must ask for what is just being moved."""
        if error.word in {"MOVED", "ASK"}:
            host, _, port = error.address.rpartition(":")
            named = self._link((host or link.server.host, int(port)))
            if error.word == "MOVED":
                self._by_slot[slot] = named
                self._look_again()
            with suppress(StoreError):  # then the call itself says so
                await named.until_ready()
            return named, error.word == "ASK"
        self._look_again()
        await asyncio.sleep(_PAUSE)
        return self._by_slot[slot], False

    def _link(self, place: Place) -> Link:
        link = self._links.get(place)
        if link is None:
            host, port = place
            link = self._links[place] = Link(
                replace(self._seeds[0], host=host, port=port), tls=self._tls, waiting=self._waiting
            )
            link.start()
        return link

    def _masters(self) -> Iterable[Link]:
        return {id(link): link for link in self._by_slot if link is not None}.values()

    def _look_again(self) -> None:
        if self._keeping is None:
            return  # it is not open, so that nobody may be asked
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="valkey map")

    async def _look(self) -> None:
        """Ask whoever answers for the map. Whoever was lost is asked last."""
        known = [link.server for link in sorted(self._links.values(), key=lambda link: not link.term)]
        with suppress(StoreError):  # nobody answers: asked again, by the next call or by ``_keep``
            await self._read_map([*known, *self._seeds])
        await asyncio.sleep(_PAUSE)

    async def _keep(self) -> None:
        """Look at the map again for as long as somebody in it does not answer."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if None in self._by_slot or not all(link.term for link in self._masters()):
                self._look_again()

    async def _read_map(self, servers: Sequence[Server]) -> None:
        trouble = StoreError("Valkey: no server of the cluster is known")
        for server in servers:
            try:
                ranges = await read_slots(server, self._tls)
            except StoreError as error:
                trouble = error
                continue
            await self._take_map(ranges, server)
            return
        raise trouble

    async def _take_map(self, ranges: Sequence[Any], teller: Server) -> None:
        by_slot: list[Link | None] = [None] * SLOTS
        for first, last, master, *_ in ranges:
            host = master[0].decode() if master[0] else teller.host  # none: the one that we are speaking to
            by_slot[first : last + 1] = [self._link((host, master[1]))] * (last + 1 - first)
        self._by_slot = by_slot
        masters = set(map(id, self._masters()))
        gone = [self._links.pop(place) for place, link in [*self._links.items()] if id(link) not in masters]
        await asyncio.gather(*(link.aclose() for link in gone))
