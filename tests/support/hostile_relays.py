"""Relays that lie, hang, hang up or inject, on a loopback port inside the running event loop.

``scripted_relay`` speaks SMTP, except where its script says otherwise; ``bare_relay`` does not even look at what it is
told. Both keep book in a ``Relay``, as the well-behaved one does.
"""

from __future__ import annotations

import asyncio
import enum
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tests.support.relays import Delivered, Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

# What a relay says until it is asked to shake hands.
TO_THE_HANDSHAKE = (b"220 relay.test\r\n", b"250-relay.test\r\n250 STARTTLS\r\n", b"220 go ahead\r\n")


class Deed(enum.Enum):
    """What a relay does instead of answering."""

    HANG = enum.auto()
    CUT = enum.auto()


Answer: TypeAlias = bytes | Deed
OK: Final = b"250 2.0.0 OK\r\n"
_MANNERS: Final[dict[str, bytes]] = {
    "STARTTLS": b"220 2.0.0 go ahead\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "DATA": b"354 go on\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}


@dataclass
class Script:
    """What to say to each verb; ``"."`` is the end of a message and ``""`` the greeting.

    Where a verb has several answers they are given one after the other, the last one for ever.
    """

    answers: Mapping[str, Answer | Sequence[Answer]] = field(default_factory=dict)
    offers: tuple[str, ...] = ("STARTTLS",)
    offers_over_tls: tuple[str, ...] = ("8BITMIME",)
    _given: dict[str, int] = field(default_factory=dict)

    def answer(self, verb: str, *, encrypted: bool) -> Answer:
        """Choose what to say now."""
        told = self.answers.get(verb)
        if told is None:
            return self._usual(verb, encrypted=encrypted)
        if isinstance(told, bytes | Deed):
            return told
        turn = self._given.get(verb, 0)
        self._given[verb] = turn + 1
        return told[min(turn, len(told) - 1)]

    def _usual(self, verb: str, *, encrypted: bool) -> bytes:
        if verb == "":
            return b"220 relay.test ESMTP\r\n"
        if verb == "EHLO":
            lines = ("relay.test", *(self.offers_over_tls if encrypted else self.offers))
            return b"".join(f"250-{line}\r\n".encode() for line in lines) + b"250 HELP\r\n"
        return _MANNERS.get(verb, OK)


@asynccontextmanager
async def scripted_relay(
    tls: ssl.SSLContext, script: Script | None = None, *, implicit: bool = False
) -> AsyncIterator[Relay]:
    """Run a relay that follows the script."""
    relay = Relay(implicit=implicit)
    play = script or Script()
    conversations: set[asyncio.Task[Any]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            conversations.add(task)
        relay.came()
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await _Conversation(relay, play, tls, reader, writer).run()
        finally:
            writer.transport.abort()
            relay.went()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls if implicit else None)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await server.wait_closed()


@dataclass
class _Conversation:
    """One connection to a scripted relay."""

    relay: Relay
    script: Script
    tls: ssl.SSLContext
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    encrypted: bool = False
    sender: str = ""
    recipient: str = ""

    async def run(self) -> None:
        """Talk until somebody hangs up."""
        self.encrypted = self.relay.implicit
        going = await self._say("")
        while going:
            line = (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")
            verb = line.split(b" ")[0].decode("ascii", "replace").upper()
            self.relay.saw(verb, line, encrypted=self.encrypted)
            going = await self._obey(verb, line)

    async def _obey(self, verb: str, line: bytes) -> bool:
        path = line.decode().partition("<")[2].partition(">")[0]
        if verb == "MAIL":
            self.sender = path
        elif verb == "RCPT":
            self.recipient = path
        answer = self.script.answer(verb, encrypted=self.encrypted)
        going = await self._give(answer)
        if verb == "STARTTLS" and isinstance(answer, bytes) and answer.startswith(b"220"):
            await self.writer.start_tls(self.tls)
            self.encrypted = True
        elif verb == "DATA" and isinstance(answer, bytes) and answer.startswith(b"354"):
            going = await self._receive()
        return going and verb != "QUIT"

    async def _receive(self) -> bool:
        content = b""
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            content += line.removeprefix(b".")
        self.relay.saw(".", encrypted=self.encrypted)
        answer = self.script.answer(".", encrypted=self.encrypted)
        if isinstance(answer, bytes) and answer.startswith(b"250"):
            self.relay.took(Delivered(self.sender, self.recipient, content, encrypted=self.encrypted))
        return await self._give(answer)

    async def _say(self, verb: str) -> bool:
        return await self._give(self.script.answer(verb, encrypted=self.encrypted))

    async def _give(self, answer: Answer) -> bool:
        if answer is Deed.CUT:
            return False
        if answer is Deed.HANG:
            await self.reader.read()
            return False
        self.writer.write(answer)
        await self.writer.drain()
        return True


@asynccontextmanager
async def bare_relay(*answers: bytes, implicit: bool = False) -> AsyncIterator[tuple[Relay, list[bytes]]]:
    """Say each answer in turn, keep what comes back, and hang up."""
    relay, heard = Relay(implicit=implicit), []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                writer.write(answer)
                heard.append(await reader.read(9999))
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
        relay.port = server.sockets[0].getsockname()[1]
        yield relay, heard
