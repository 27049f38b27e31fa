"""The scribe of a file: all that has come in one transaction, by the same ``Writer`` as any process (docs/adr/0048).

Not handled here: who asks, and the process (``adapters/scribe.py``), what a step does (``adapters/steps.py``).

Rules: calls are done and answered in the order of asking; maintenance is done between two transactions.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import msgspec

from watchword.adapters.frames import Frames, answer, took
from watchword.adapters.sqlite.database import connect
from watchword.adapters.sqlite.verbs import VERBS
from watchword.adapters.sqlite.writer import Writer
from watchword.adapters.verbs import Verb, unreadable
from watchword.errors import StoreError

Result = TypeVar("Result")

MOST: Final = 256  # steps of a transaction
_READ: Final = 256 * 1024  # bytes


class Asked(NamedTuple):
    """A call: its asker's number, and what is to be done with which arguments, a tuple."""

    number: int
    verb: Verb
    arguments: Any


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
        self._frames = Frames()
        self._todo: deque[Asked] = deque()

    @property
    def maintains(self) -> bool:
        """Whether the next thing is maintenance."""
        return self._todo[0].verb.maintains

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
            for number, kind, packed in self._frames.take(data):
                self._todo.append(_read(number, VERBS[kind], packed))
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


def _read(number: int, verb: Verb, packed: bytes) -> Asked:
    """What was asked for; where its arguments are not what the step takes, a step that says so."""
    try:
        return Asked(number, verb, verb.read_arguments(packed))
    except msgspec.ValidationError as error:
        return Asked(number, verb._replace(work=_refused), (unreadable(error),))


def _refused(_: object, error: StoreError) -> NoReturn:
    raise error


def _maintain(writer: Writer, inbox: _Inbox) -> Iterator[bytes]:
    """Do something to the connection, and tell what it came to."""
    asked = inbox.next()
    try:
        yield answer(asked.number, _finished(writer.maintain(asked.verb.work)))
    except StoreError as error:
        yield answer(asked.number, error)


def _transact(writer: Writer, inbox: _Inbox) -> Iterator[bytes]:
    """Do all steps that have come in one transaction, and tell what each came to."""
    began = time.perf_counter()
    steps, results = _carried_out(writer, inbox)
    for step, result in zip(steps, results, strict=True):
        yield answer(step.number, result)
    yield took((time.perf_counter() - began) * 1_000, steps)


def _carried_out(writer: Writer, inbox: _Inbox) -> tuple[list[Asked], Sequence[Any]]:
    try:
        _finished(writer.begin())
    except StoreError as error:
        inbox.listen()  # who came during the wait need not wait again
        steps = inbox.steps()
        return steps, [error] * len(steps)
    inbox.listen()
    steps = inbox.steps()
    return steps, _finished(writer.execute([(step.verb.work, step.arguments) for step in steps]))


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
