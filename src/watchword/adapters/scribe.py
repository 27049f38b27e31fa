"""A process that writes for another one, so that statements and commits take nothing from the loop that serves.

What is asked for in a turn of the loop leaves at once or in few pieces, over a pair of sockets; the scribe carries it
out in batches, as any process does on its store (docs/adr/0048, 0052).

    Scribe.ask ── calls, by their numbers ──▶ write(): the store's batches
        ▲                                       │
        └──── results, and how long it took ────┘

Not handled here: how a store is written to (``sqlite/scribe.py``, ``postgres/scribe.py``), what can be asked for and
how it is packed (``verbs.py``, ``frames.py``), reading, which needs nobody's permission, and steps that hold functions
of their process: those are the stores' own.

Rules:

* a result comes back after the commit that holds it;
* calls under way are bounded, and one more is ``OverloadedError`` at once;
* where the scribe is gone, what was under way fails, and nobody knows whether it stands; nothing is tried twice;
* a scribe hears no signal, and leaves when whoever asks has left, however that went: it finishes its transaction;
* ``hire`` comes before threads and before the event loop: a fork would leave behind whatever they hold. No connection
  to the store may be open: a server would hear two speak on one, and SQLite's locks do not survive a fork.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import traceback
from collections.abc import Callable
from typing import Any, Final, NoReturn, cast

import msgspec

from watchword.adapters.batch import Tally
from watchword.adapters.frames import FAILED, TRANSACTION, Frames, framed, read_took
from watchword.adapters.system import settle_to_serve
from watchword.adapters.verbs import Verb, pack, unpack_error
from watchword.errors import OverloadedError, StoreError, WatchwordError

Write = Callable[[socket.socket], None]  # carries out what is asked for over it until its other end is closed

# Verbs that do not wait for the turn's end, so that the scribe is at work while the rest is still being asked for.
PIECE: Final = 8
PATIENCE: Final = 1.0  # seconds that it has to answer what is under way and leave
_NUMBERS: Final = 2**32  # of calls, and over again
_UNHEARD: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GONE: Final = "the process that writes has ended: whether this was written, nobody knows"


class Scribe(Tally, asyncio.Protocol):
    """The scribe as whoever asks sees it: a process that does ``write``. Its store need not be there yet.

    Its tally is of transactions; maintenance is none.
    """

    def __init__(self, write: Write, *, lost: Callable[[int], None] = lambda _: None) -> None:
        """``lost`` is told its exit code, or less a signal's number, where it ended before it was let go."""
        super().__init__()
        self._write = write
        self._lost = lost
        self._process = 0
        self._socket: socket.socket | None = None
        self._mourning: asyncio.Task[None]
        self._closed: asyncio.Future[None]
        self._frames = Frames()
        self._asking: list[bytes] = []
        self._calls: dict[int, tuple[asyncio.Future[Any], Verb]] = {}
        self._number = 0
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop
        self._transport: asyncio.Transport
        self.is_there = False

    @property
    def depth(self) -> int:
        """How many operations are under way."""
        return len(self._calls)

    def hire(self) -> None:
        """Fork it. Until then, and without, there is none."""
        gc.collect()
        gc.freeze()  # what both have stays in one piece of memory, as long as neither looks through it
        # A terminal and systemd tell the whole group; in the scribe these stay blocked for all its life.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _UNHEARD)
        try:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._process = os.fork()
                if self._process == 0:
                    _be_the_scribe(theirs, self._write)
                self.speak_over(ours.dup())
        except OSError:  # no more processes or descriptors to be had, and the store can do without
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def speak_over(self, ours: socket.socket) -> None:
        """Take the socket at whose other end somebody does what ``write`` does."""
        ours.setblocking(False)  # noqa: FBT003 - the standard library's own
        self._socket = ours

    async def open(self, first: Verb, *, waiting: int) -> None:
        """Begin to ask, if it was hired: its store is there and up to date. At most ``waiting`` may be under way.

        Raises:
            StoreError: it has ended, or ``first``, which takes nothing and tells that it has the store, failed.
        """
        if self._socket is None:
            return
        if not self._waiting:  # or it was, and its store was away
            self._loop = asyncio.get_running_loop()
            self._closed = self._loop.create_future()
            self._waiting = waiting
            self.is_there = True
            await self._loop.connect_accepted_socket(lambda: self, self._socket)
        await self.ask(first, ())

    def ask(self, verb: Verb, arguments: tuple[object, ...]) -> asyncio.Future[Any]:
        """Have it done in one of the next transactions, or between two. The future holds its result or its exception.

        Raises:
            OverloadedError: too many are under way.
        """
        if len(self._calls) >= self._waiting:
            raise OverloadedError
        future = self._loop.create_future()
        if not self.is_there:
            future.set_exception(StoreError(_GONE))
            return future
        number = self._number
        asked = framed(number, verb.number, pack(arguments))
        self._number = (number + 1) % _NUMBERS
        self._calls[number] = (future, verb)
        self._asking.append(asked)
        if len(self._calls) == 1 or len(self._asking) == PIECE:
            self._send()  # it has nothing to do, or enough
        elif len(self._asking) == 1:
            # In the next turn of the loop, so that whatever is asked for in this one leaves in the same write.
            self._loop.call_soon(self._send)
        return future

    async def aclose(self) -> None:
        """Let it go. What is under way has as long as ``PATIENCE``."""
        if self._socket is None:
            return
        ours, self._socket = self._socket, None
        if not self._waiting:  # it was never opened
            ours.close()
            await self._end()
        elif self.is_there:
            self._send()
            self.is_there = False
            self._transport.write_eof()  # it answers what came before, and leaves
            hung = self._loop.call_later(PATIENCE, self._put_down)
            await self._closed
            await self._end()
            hung.cancel()
        else:
            await self._mourning

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=0)  # what is written leaves at once, and not at the turn's end

    def data_received(self, data: bytes) -> None:
        """Hand results to their callers."""
        for number, kind, packed in self._frames.take(data):
            if kind == TRANSACTION:
                milliseconds, steps = read_took(packed)
                self.batches += 1
                self.operations += steps
                self.note(milliseconds)
                continue
            future, verb = self._calls.pop(number)
            if future.done():  # cancelled: the caller has gone
                continue
            try:
                result = unpack_error(packed) if kind == FAILED else verb.read_result(packed)
            except msgspec.ValidationError as error:  # a step that returns what it does not say: a fault of ours
                result = StoreError(f"what a step came to cannot be read: {error}")
            if isinstance(result, WatchwordError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own; our words say enough
        """Fail what is under way."""
        for future, _ in self._calls.values():
            if not future.done():
                future.set_exception(StoreError(_GONE))
        self._calls.clear()
        if self.is_there:
            self.is_there = False
            self._mourning = self._loop.create_task(self._mourn())
        self._closed.set_result(None)

    def _send(self) -> None:
        if self._asking and self.is_there:
            self._transport.write(b"".join(self._asking))
        self._asking.clear()

    def _put_down(self) -> None:
        """End one that stays, because it was stopped, or its disk was. What it has not told may stand or not."""
        if self._process and not self._closed.done():  # it has its socket still, and so its number
            os.kill(self._process, signal.SIGKILL)

    async def _mourn(self) -> None:
        self._lost(await self._end())

    async def _end(self) -> int:
        """Wait until its process has ended, and return how."""
        if not self._process:
            return 0
        _, status = await asyncio.to_thread(os.waitpid, self._process, 0)
        self._process = 0
        return os.waitstatus_to_exitcode(status)


def _be_the_scribe(asked: socket.socket, write: Write) -> NoReturn:
    code = 1
    try:
        _close_all_but(asked.fileno())
        settle_to_serve()
        write(asked)
        code = 0
    except BaseException:  # noqa: BLE001 - the last place where it can be told
        traceback.print_exc()
    finally:
        os._exit(code)  # whatever else fails: what follows is the server's


def _close_all_but(kept: int) -> None:
    """Keep the standard ones and this: the port must not stay taken for as long as a scribe has work."""
    for low, beyond in ((3, kept), (kept + 1, os.sysconf("SC_OPEN_MAX"))):
        if low < beyond:
            os.closerange(low, beyond)
