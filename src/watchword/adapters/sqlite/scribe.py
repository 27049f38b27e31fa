"""A process that writes for another one, so that statements and commits take nothing from the loop that serves.

What is asked for in a turn of the loop leaves at once or in few pieces, over a pair of sockets; the scribe carries out
what has come by then in one transaction, by the same ``Writer`` as any process (docs/adr/0048).

    Scribe.submit ── frames of steps ──▶ write(): Writer, one batch after the other
          ▲                                │
          └──── milliseconds, results ─────┘

Not handled here: reading, which needs nobody's permission, and steps that hold functions of their process
(``authenticator_steps.check``): those are the store's own (``store.py``).

Rules:

* results come back in the order of asking, and after the commit that holds them;
* calls under way are bounded, and one more is ``OverloadedError`` at once;
* where the scribe is gone, what was under way fails, and nobody knows whether it stands; nothing is tried twice;
* a scribe hears no signal, and leaves when whoever asks has left, however that went: it finishes its transaction;
* ``hire`` comes before threads and before the event loop: a fork would leave behind whatever they hold. No connection
  to the file may be open, because SQLite's locks do not survive a fork;
* frames are pickled: they come from the other half of this very process, over sockets that have no name.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import socket
import struct
import sys
import time
import traceback
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import apsw

from watchword.adapters.batch import ENDS
from watchword.adapters.sqlite.database import connect
from watchword.adapters.sqlite.writer import Step, Writer
from watchword.errors import OverloadedError, StoreError

Result = TypeVar("Result")

# A step, or something to be done to the connection between two transactions: the latter has no arguments at all.
Asked = tuple[Callable[..., Any], tuple[object, ...] | None]

# Steps that do not wait for the turn's end, so that the scribe is at work while the rest is still being asked for.
PIECE = 8
MOST = 256  # steps of a transaction
_READ = 256 * 1024  # bytes
_HEAD = struct.Struct("<I")
_GONE = "the process that writes has ended: whether this was written, nobody knows"


class Scribe(asyncio.Protocol):
    """The scribe as whoever asks sees it: the one for the file at ``path``, which need not be there yet."""

    def __init__(self, path: Path, *, lost: Callable[[int], None] = lambda _: None) -> None:
        """``lost`` is told its exit code, or less a signal's number, where it ended before it was let go."""
        self._path = path
        self._lost = lost
        self._process = 0
        self._socket: socket.socket | None = None
        self._mourning: asyncio.Task[None]
        self._closed: asyncio.Future[None]
        self._frames = _Frames()
        self._asking: list[Asked] = []
        self._futures: deque[asyncio.Future[Any]] = deque()
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop
        self._transport: asyncio.Transport
        self.is_there = False
        self.batches = 0
        self.operations = 0
        self.took = [0.0] * (len(ENDS) + 2)  # as a Batcher's

    @property
    def depth(self) -> int:
        """How many operations are under way."""
        return len(self._futures)

    def hire(self) -> None:
        """Fork it. Until then, and without, there is none."""
        gc.collect()
        gc.freeze()  # what both have stays in one piece of memory, as long as neither looks through it
        ours, theirs = socket.socketpair()
        try:
            self._process = os.fork()
        except OSError:  # no more processes to be had, and the store can do without
            ours.close()
            theirs.close()
            return
        if self._process == 0:
            _be_the_scribe(theirs, self._path)
        theirs.close()
        self.speak_over(ours)

    def speak_over(self, ours: socket.socket) -> None:
        """Take the socket at whose other end somebody does what ``write`` does."""
        ours.setblocking(False)  # noqa: FBT003 - the standard library's own
        self._socket = ours

    async def open(self, *, waiting: int) -> None:
        """Have it open the file, which is there and up to date. At most ``waiting`` operations may be under way.

        Raises:
            StoreError: it cannot.
        """
        if self._socket is None:
            return
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self._waiting = waiting
        self.is_there = True
        await self._loop.connect_accepted_socket(lambda: self, self._socket)
        await self.maintain(_nothing)

    async def maintain(self, work: Callable[[apsw.Connection], Result]) -> Result:
        """Do something with its connection between two batches, outside any transaction. ``work`` has a module's name.

        Raises:
            StoreError: SQLite refuses it.
        """
        done: Result = await self._ask((work, None))
        return done

    def submit(self, step: Step) -> asyncio.Future[Any]:
        """Have a step carried out in one of the next transactions. The future holds its result or its exception.

        Raises:
            OverloadedError: too many are under way.
        """
        return self._ask(step)

    async def aclose(self) -> None:
        """Wait for what is under way and let it go."""
        if self._socket is None:
            return
        self._socket = None
        if self.is_there:
            self._send()
            self.is_there = False
            self._transport.write_eof()  # it answers what came before, and leaves
            await self._closed
            await self._end()
        else:
            await self._mourning

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=0)  # what is written leaves at once, and not at the turn's end

    def data_received(self, data: bytes) -> None:
        """Hand results to their callers, oldest first."""
        for milliseconds, results in self._frames.take(data):
            if milliseconds:  # else it was maintenance, after which there is nothing to write back
                self.batches += 1
                self.operations += len(results)
                self.took[bisect_left(ENDS, milliseconds)] += 1
                self.took[-1] += milliseconds
            for result in results:
                future = self._futures.popleft()
                if future.done():  # cancelled: the caller has gone
                    continue
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own; our words say enough
        """Fail what is under way."""
        while self._futures:
            future = self._futures.popleft()
            if not future.done():
                future.set_exception(StoreError(_GONE))
        if self.is_there:
            self.is_there = False
            self._mourning = self._loop.create_task(self._mourn())
        self._closed.set_result(None)

    def _ask(self, asked: Asked) -> asyncio.Future[Any]:
        if len(self._futures) >= self._waiting:
            raise OverloadedError
        future = self._loop.create_future()
        if not self.is_there:
            future.set_exception(StoreError(_GONE))
            return future
        self._futures.append(future)
        self._asking.append(asked)
        if len(self._futures) == 1 or len(self._asking) == PIECE:
            self._send()  # it has nothing to do, or enough
        elif len(self._asking) == 1:
            # In the next turn of the loop, so that whatever is asked for in this one leaves in the same write.
            self._loop.call_soon(self._send)
        return future

    def _send(self) -> None:
        asking, self._asking = self._asking, []
        if not asking or not self.is_there:
            return
        try:
            frame = _framed(asking)
        except (pickle.PicklingError, AttributeError, TypeError) as error:  # bound to this process: a fault of ours
            for future in [self._futures.pop() for _ in asking]:
                future.set_exception(StoreError(f"a step cannot travel: {type(error).__name__}"))
        else:
            self._transport.write(frame)

    async def _mourn(self) -> None:
        self._lost(await self._end())

    async def _end(self) -> int:
        """Wait until its process has ended, and return how."""
        process, self._process = self._process, 0
        if not process:
            return 0
        _, status = await asyncio.to_thread(os.waitpid, process, 0)
        return os.waitstatus_to_exitcode(status)


def _be_the_scribe(asked: socket.socket, path: Path) -> NoReturn:
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a terminal and systemd tell the whole group
        _close_all_but(asked.fileno())
        write(asked, path)
    except BaseException:  # noqa: BLE001 - the last place where it can be told
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _close_all_but(kept: int) -> None:
    """Keep the standard ones and this: the port must not stay taken for as long as a scribe has work."""
    for low, beyond in ((3, kept), (kept + 1, os.sysconf("SC_OPEN_MAX"))):
        if low < beyond:
            os.closerange(low, beyond)


def write(asked: socket.socket, path: Path) -> None:
    """Carry out what is asked for over this socket until its other end is closed. Blocks."""
    inbox = _Inbox(asked)
    writer: Writer | None = None
    with asked, suppress(ConnectionError):  # whoever asked has left meanwhile
        while inbox.listen():
            if writer is None:
                writer = Writer(connect(path, patience=0), path, _AtOnce())
            asked.sendall(_framed(_carry_out(writer, inbox)))
    if writer is not None:
        writer.close()


class _Inbox:
    """What was asked for and is still to be done."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._frames = _Frames()
        self._todo: deque[Asked] = deque()

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
            for asked in self._frames.take(data):
                self._todo.extend(asked)
        return bool(self._todo)

    def maintenance(self) -> Callable[[apsw.Connection], Any] | None:
        """What is to be done to the connection, if that is the next thing."""
        return self._todo.popleft()[0] if self._todo[0][1] is None else None

    def steps(self) -> list[Step]:
        """The steps up to the next maintenance that fit into a transaction."""
        steps: list[Step] = []
        while self._todo and len(steps) < MOST and self._todo[0][1] is not None:
            steps.append(cast("Step", self._todo.popleft()))
        return steps


def _carry_out(writer: Writer, inbox: _Inbox) -> tuple[float, Sequence[Any]]:
    """Do the next maintenance, or the next steps in one transaction: its milliseconds, and what each came to."""
    maintenance = inbox.maintenance()
    if maintenance is not None:
        try:
            return 0, [_finished(writer.maintain(maintenance))]
        except StoreError as error:
            return 0, [error]
    began = time.perf_counter()
    results = _transact(writer, inbox)
    return (time.perf_counter() - began) * 1_000, results


def _transact(writer: Writer, inbox: _Inbox) -> Sequence[Any]:
    try:
        _finished(writer.begin())
    except StoreError as error:
        inbox.listen()  # who came during the wait need not wait again
        return [error] * len(inbox.steps())
    inbox.listen()
    return _finished(writer.execute(inbox.steps()))


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


def _nothing(connection: apsw.Connection) -> None:
    """Ask whether there is a connection."""


class _Frames:
    """Bytes in pieces of any size, put together into what was framed."""

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, data: bytes) -> Iterator[Any]:
        """What is whole by now, in order."""
        held = self._held
        held += data
        at = 0
        while len(held) - at >= _HEAD.size:
            end = at + _HEAD.size + _HEAD.unpack_from(held, at)[0]
            if len(held) < end:
                break
            with memoryview(held) as whole:
                content = pickle.loads(whole[at + _HEAD.size : end])  # noqa: S301 - from our other half alone
            at = end
            yield content
        del held[:at]


def _framed(content: object) -> bytes:
    packed = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return _HEAD.pack(len(packed)) + packed
