"""One connection to one server: the calls of a loop turn leave in few writes, and answers come back in order.

This is all of a client that the store needs; a client library costs several times as much a call (docs/adr/0024).
RESP is written and read by hiredis.

Not handled here: connecting, and connecting again (``link.py``), which server has a key (``cluster.py``).

Rules:

* calls under way are bounded, and one more is ``OverloadedError`` at once;
* a connection that is lost or does not answer in time fails every call under way, and none is sent again: whether it
  was carried out, nobody knows;
* a call whose caller has gone is carried out all the same, and its answer dropped;
* what a server says in an error stays here but for its first word: the rest may name keys.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import hiredis

from watchword.adapters.batch import Tally
from watchword.adapters.valkey.scripts import Script
from watchword.errors import OverloadedError, StoreError

PATIENCE: Final = 2.0  # seconds in which something must be answered while calls wait
# Calls that do not wait for the turn's end, so that the server is at work while the others are still being packed:
# without it the two take turns, and whoever waits is idle (docs/adr/0031).
PIECE: Final = 16
_LOOKS: Final = 4  # at the clock, in that time
_UNFINISHED: Final = object()

_NOT_HERE: Final = frozenset({"READONLY", "MASTERDOWN"})  # no master any more: who was connected must ask anew who is
_MOVING: Final = frozenset({"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"})

Argument = bytes | int | str

_pack: Final = cast("Callable[[Sequence[Argument]], bytes]", hiredis.pack_command)  # its stub knows one word alone


class MovedError(StoreError):
    """The server named another one for a key, or none for now. A cluster acts on it; elsewhere it is what it says."""

    def __init__(self, word: str, address: str = "") -> None:
        super().__init__(f"Valkey answered {word}: it is part of a cluster, which valkey+cluster:// speaks to")
        self.word = word
        self.address = address


class Connection(asyncio.Protocol):
    """The protocol of one connection. ``term`` is set by whoever made it, before any script is called.

    ``tally`` is its process's, of one server, over however many connections; the last answer to a batch ends it.
    """

    def __init__(self, waiting: int, tally: Tally) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = waiting
        self._reader = hiredis.Reader(notEnoughData=_UNFINISHED)
        self._outgoing: list[bytes] = []
        self._calls: deque[tuple[asyncio.Future[Any], Script | None, Sequence[Argument]]] = deque()
        self._transport: asyncio.Transport
        self._unanswered_looks = 0
        self._answered_since = False
        self._watch: asyncio.TimerHandle | None = None
        self._why = "the connection was lost"
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.term = b""
        self._tally = tally
        self._sent = self._answered = 0
        self._batches: deque[tuple[int, float]] = deque()  # how many were sent with each and before, and when

    @property
    def depth(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    def command(self, *words: Argument) -> asyncio.Future[Any]:
        """Call a command. The future holds its answer or a ``StoreError``."""
        return self._call(_pack(words), None, words)

    def run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run a script with our server's term as its first argument."""
        words = (len(keys), *keys, self.term, *arguments)
        return self._call(_pack((b"EVALSHA", script.sha, *words)), script, words)

    def close(self, why: str = "the connection was closed") -> None:
        """Let go at once. Calls under way fail."""
        self._why = why
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch for answers."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=0)  # what is written leaves at once, and not at the turn's end
        self._watch = self._loop.call_later(PATIENCE / _LOOKS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own; our words say enough
        """Fail what is under way."""
        if self._watch is not None:
            self._watch.cancel()
        if not self.lost.done():
            self.lost.set_result(None)
        while self._calls:
            future, _, _ = self._calls.popleft()
            if not future.done():
                future.set_exception(StoreError(f"Valkey: {self._why}"))

    def data_received(self, data: bytes) -> None:
        """Hand answers to their callers, oldest first."""
        self._answered_since = True
        reader, calls = self._reader, self._calls
        reader.feed(data)
        try:
            while (answer := reader.gets()) is not _UNFINISHED:
                future, script, words = calls.popleft()
                self._answered += 1
                if isinstance(answer, hiredis.ReplyError):
                    self._refused(future, script, words, str(answer))
                elif not future.done():  # else its caller has gone
                    future.set_result(answer)
        except (hiredis.ProtocolError, IndexError):
            self.close("what answers there is no Valkey")
        self._note_batches()

    def _call(self, packed: bytes, script: Script | None, words: Sequence[Argument]) -> asyncio.Future[Any]:
        if len(self._calls) >= self._waiting:
            raise OverloadedError
        future = self._loop.create_future()
        if self.lost.done():
            future.set_exception(StoreError(f"Valkey: {self._why}"))
            return future
        self._calls.append((future, script, words))
        if not self._outgoing:
            # In the next turn of the loop, so that whatever is called in this one leaves in the same write.
            self._loop.call_soon(self._flush)
        self._outgoing.append(packed)
        if len(self._outgoing) == PIECE:
            self._flush()
        return future

    def _flush(self) -> None:
        outgoing = self._outgoing
        if self.lost.done():
            outgoing.clear()
        if not outgoing:
            return
        self._tally.batches += 1
        self._tally.operations += len(outgoing)
        self._sent += len(outgoing)
        self._batches.append((self._sent, self._loop.time()))
        self._transport.write(b"".join(outgoing) if len(outgoing) > 1 else outgoing[0])
        outgoing.clear()

    def _note_batches(self) -> None:
        batches = self._batches
        while batches and batches[0][0] <= self._answered:
            self._tally.note((self._loop.time() - batches.popleft()[1]) * 1_000)

    def _refused(
        self, future: asyncio.Future[Any], script: Script | None, words: Sequence[Argument], text: str
    ) -> None:
        word, _, rest = text.partition(" ")
        if word == "NOSCRIPT" and script is not None:
            # It was not carried out: the server was told to forget its scripts. Its text goes along this time.
            again = self._call(_pack((b"EVAL", script.source, *words)), None, words)
            again.add_done_callback(lambda done: _pass_on(done, future))
            return
        if word in _NOT_HERE:
            self.close("this server is no master any more")
        if future.done():
            return
        if word in _MOVING:
            future.set_exception(MovedError(word, rest.rpartition(" ")[2]))
        else:
            future.set_exception(StoreError(f"Valkey answered {word}"))

    def _look(self) -> None:
        self._unanswered_looks = 0 if self._answered_since or not self._calls else self._unanswered_looks + 1
        self._answered_since = False
        if self._unanswered_looks >= _LOOKS:
            self.close("no answer in time")
        else:
            self._watch = self._loop.call_later(PATIENCE / _LOOKS, self._look)


def _pass_on(done: asyncio.Future[Any], future: asyncio.Future[Any]) -> None:
    if future.done() or done.cancelled():
        return
    error = done.exception()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())
