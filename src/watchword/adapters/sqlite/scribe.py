"""A process that writes for another one, so that statements and commits take nothing from the loop that serves.

What is asked for in a turn of the loop leaves at once or in few pieces, over a pair of sockets; the scribe carries out
what has come by then in one transaction, by the same ``Writer`` as any process (docs/adr/0048).

    Scribe.submit ── verbs and arguments ──▶ write(): Writer, one batch after the other
          ▲                                    │
          └──── results, and how long it took ─┘

Not handled here: what can be asked for and how it is packed (``verbs.py``), reading, which needs nobody's permission,
and steps that hold functions of their process: those are the store's own (``store.py``).

Rules:

* results come back in the order of asking, and after the commit that holds them;
* calls under way are bounded, and one more is ``OverloadedError`` at once;
* where the scribe is gone, what was under way fails, and nobody knows whether it stands; nothing is tried twice;
* a scribe hears no signal, and leaves when whoever asks has left, however that went: it finishes its transaction;
* ``hire`` comes before threads and before the event loop: a fork would leave behind whatever they hold. No connection
  to the file may be open, because SQLite's locks do not survive a fork.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import struct
import time
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar, cast

import msgspec

from watchword.adapters.batch import Tally
from watchword.adapters.sqlite.checkpoint import write_back
from watchword.adapters.sqlite.database import connect
from watchword.adapters.sqlite.verbs import BY_WORK, VERBS, Verb, pack, pack_error, unpack_error
from watchword.adapters.sqlite.writer import Writer
from watchword.errors import OverloadedError, StoreError, WatchwordError

Result = TypeVar("Result")

# Verbs that do not wait for the turn's end, so that the scribe is at work while the rest is still being asked for.
PIECE: Final = 8
MOST: Final = 256  # steps of a transaction
PATIENCE: Final = 1.0  # seconds that it has to answer what is under way and leave
_READ: Final = 256 * 1024  # bytes
_HEAD: Final = struct.Struct("<IB")  # how many bytes follow, and what they are: a verb's number, or one of these
_DONE, _FAILED, _TRANSACTION = range(3)
_TOOK: Final = struct.Struct("<dI")  # milliseconds of a transaction, and how many steps it had
_UNHEARD: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GONE: Final = "the process that writes has ended: whether this was written, nobody knows"

Asked = tuple[Verb, Any]  # with its arguments, a tuple


class Scribe(Tally, asyncio.Protocol):
    """The scribe as whoever asks sees it: the one for the file at ``path``, which need not be there yet.

    Its tally is of transactions; maintenance is none.
    """

    def __init__(self, path: Path, *, lost: Callable[[int], None] = lambda _: None) -> None:
        """``lost`` is told its exit code, or less a signal's number, where it ended before it was let go."""
        super().__init__()
        self._path = path
        self._lost = lost
        self._process = 0
        self._socket: socket.socket | None = None
        self._mourning: asyncio.Task[None]
        self._closed: asyncio.Future[None]
        self._frames = _Frames()
        self._asking: list[bytes] = []
        self._calls: deque[tuple[asyncio.Future[Any], Verb]] = deque()
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
                    _be_the_scribe(theirs, self._path)
                self.speak_over(ours.dup())
        except OSError:  # no more processes or descriptors to be had, and the store can do without
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def speak_over(self, ours: socket.socket) -> None:
        """Take the socket at whose other end somebody does what ``write`` does."""
        ours.setblocking(False)  # noqa: FBT003 - the standard library's own
        self._socket = ours

    async def open(self, *, waiting: int) -> None:
        """Have it open the file, which is there and up to date. At most ``waiting`` operations may be under way.

        Raises:
            StoreError: it cannot, or has ended.
        """
        if self._socket is None:
            return
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self._waiting = waiting
        self.is_there = True
        await self._loop.connect_accepted_socket(lambda: self, self._socket)
        # It has the file, then. A step would fail where the disk is full, and that keeps nobody from starting.
        await self.ask(BY_WORK[write_back], ())

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
        asked = _framed(verb.number, pack(arguments))
        self._calls.append((future, verb))
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
        self._socket = None
        if self.is_there:
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
        """Hand results to their callers, oldest first."""
        for kind, packed in self._frames.take(data):
            if kind == _TRANSACTION:
                milliseconds, steps = _TOOK.unpack(packed)
                self.batches += 1
                self.operations += steps
                self.note(milliseconds)
                continue
            future, verb = self._calls.popleft()
            if future.done():  # cancelled: the caller has gone
                continue
            try:
                result = unpack_error(packed) if kind == _FAILED else verb.read_result(packed)
            except msgspec.ValidationError as error:  # a step that returns what it does not say: a fault of ours
                result = StoreError(f"what a step came to cannot be read: {error}")
            if isinstance(result, WatchwordError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own; our words say enough
        """Fail what is under way."""
        while self._calls:
            future, _ = self._calls.popleft()
            if not future.done():
                future.set_exception(StoreError(_GONE))
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


def _be_the_scribe(asked: socket.socket, path: Path) -> NoReturn:
    code = 1
    try:
        _close_all_but(asked.fileno())
        write(asked, path)
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


def write(asked: socket.socket, path: Path) -> None:
    """Carry out what is asked for over this socket until its other end is closed. Blocks."""
    inbox = _Inbox(asked)
    writer: Writer | None = None
    with asked:
        with suppress(ConnectionError):  # whoever asked has left meanwhile
            while inbox.listen():
                if writer is None:
                    writer = Writer(connect(path, patience=0), path, _AtOnce())
                asked.sendall(b"".join(_maintain(writer, inbox) if inbox.maintains else _transact(writer, inbox)))
        if writer is not None:
            writer.close()


class _Inbox:
    """What was asked for and is still to be done."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._frames = _Frames()
        self._todo: deque[Asked] = deque()

    @property
    def maintains(self) -> bool:
        """Whether the next thing is maintenance."""
        return self._todo[0][0].maintains

    def listen(self) -> bool:
        """Take in what has come, and wait where there is nothing to do. False is the end."""
        more = _READ
        while not self._todo or more == _READ:
            try:
                data = self._asked.recv(_READ, socket.MSG_DONTWAIT if self._todo else 0)
            except BlockingIOError:
                break
            if not data:
                break
            more = len(data)
            for number, packed in self._frames.take(data):
                self._todo.append(_read(VERBS[number], packed))
        return bool(self._todo)

    def next(self) -> Asked:
        """Take the next thing."""
        return self._todo.popleft()

    def steps(self) -> list[Asked]:
        """Take the steps up to the next maintenance that fit into a transaction."""
        steps: list[Asked] = []
        while self._todo and len(steps) < MOST and not self.maintains:
            steps.append(self._todo.popleft())
        return steps


def _read(verb: Verb, packed: bytes) -> Asked:
    """What was asked for; where its arguments are not what the step takes, a fault of ours, a step that says so."""
    try:
        return verb, verb.read_arguments(packed)
    except msgspec.ValidationError as error:
        return verb._replace(work=_unreadable), (str(error),)


def _unreadable(_: object, said: str) -> NoReturn:
    raise StoreError(f"what a step was given cannot be read: {said}")


def _maintain(writer: Writer, inbox: _Inbox) -> Iterator[bytes]:
    """Do something to the connection, and tell what it came to."""
    verb, _ = inbox.next()
    try:
        yield _framed(_DONE, pack(_finished(writer.maintain(verb.work))))
    except StoreError as error:
        yield _framed(_FAILED, pack_error(error))


def _transact(writer: Writer, inbox: _Inbox) -> Iterator[bytes]:
    """Do all steps that have come in one transaction, and tell what each came to."""
    began = time.perf_counter()
    steps, results = _carried_out(writer, inbox)
    for result in results:
        if isinstance(result, WatchwordError):
            yield _framed(_FAILED, pack_error(result))
        else:
            yield _framed(_DONE, pack(result))
    yield _framed(_TRANSACTION, _TOOK.pack((time.perf_counter() - began) * 1_000, len(steps)))


def _carried_out(writer: Writer, inbox: _Inbox) -> tuple[list[Asked], Sequence[Any]]:
    try:
        _finished(writer.begin())
    except StoreError as error:
        inbox.listen()  # who came during the wait need not wait again
        steps = inbox.steps()
        return steps, [error] * len(steps)
    inbox.listen()
    steps = inbox.steps()
    return steps, _finished(writer.execute([(verb.work, arguments) for verb, arguments in steps]))


def _finished(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: Result = finished.value
        return result
    raise AssertionError("A scribe waits for nobody.")


class _AtOnce:
    """A writer's thread that is the writer's own: here nobody else is served meanwhile."""

    async def run(self, work: Callable[..., Result], *arguments: Any, lend: bool = False) -> Result:  # noqa: ANN401, ARG002
        return work(*arguments)

    def close(self) -> None:
        """There is nothing to let go of."""


class _Frames:
    """Bytes in pieces of any size, put together into what was framed."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """What is whole by now, in order: what it is, and its bytes."""
        held = self._held + data if self._held else data
        at = 0
        while len(held) - at >= _HEAD.size:
            size, kind = _HEAD.unpack_from(held, at)
            end = at + _HEAD.size + size
            if len(held) < end:
                break
            yield kind, held[at + _HEAD.size : end]
            at = end
        self._held = held[at:]


def _framed(kind: int, packed: bytes) -> bytes:
    return _HEAD.pack(len(packed), kind) + packed
