"""The load generator: a closed loop on each of N kept connections, as raw bytes over asyncio protocols on uvloop.

    python -m bench.generator < job.json > rows.json

An answer is read no further than its status, its length and, where it matters, its id. So one request costs this
process about a third of what it costs the server, and that is stated with every figure.

Rules: an answer of another status than the scenario expects ends the run; a request counts where its answer comes
inside the measured window, that is after the warm-up and before the end.
"""

from __future__ import annotations

import asyncio
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import msgspec
import uvloop

from bench.machine import cpu_seconds
from bench.requests import SCENARIOS, Script
from bench.rows import Job, Row, quantile

_PATIENCE = 240.0  # seconds that a phase may take beyond its time: what was made is checked, and a machine may sleep


class Phase:
    """One phase under measurement. ``script`` makes the bytes for each connection, one after the other."""

    def __init__(self, job: Job, name: str, script: Callable[[], Script]) -> None:
        self._job = job
        self._name = name
        self._times = array("d")
        self._over = asyncio.get_running_loop().create_future()
        self._live = job.connections
        self._scripts = [script() for _ in range(job.connections)]
        self.answered = 0
        self.pause = job.pause

    async def run(self) -> Row:
        """Run it and work out its figures."""
        loop, job = asyncio.get_running_loop(), self._job
        loop.set_exception_handler(lambda _, context: self.fail(repr(context.get("exception", context["message"]))))
        self.began = time.perf_counter() + job.warm
        self.ends = self.began + job.seconds
        made = [
            await loop.create_connection(partial(Connection, self, script), "127.0.0.1", job.port)
            for script in self._scripts
        ]
        await asyncio.sleep(max(0.0, self.began - time.perf_counter()))
        server, own = cpu_seconds(job.pid), time.process_time()
        self.began = time.perf_counter()
        async with asyncio.timeout(job.seconds + _PATIENCE):
            await self._over
        elapsed = time.perf_counter() - self.began
        server, own = cpu_seconds(job.pid) - server, time.process_time() - own
        for transport, _ in made:
            transport.abort()
        times = sorted(self._times)
        half, most = (quantile(times, share) * 1_000 for share in (0.50, 0.99))
        return Row(self._name, job.connections, len(times), elapsed, half, most, server, own)

    def note(self, sent: float, now: float) -> bool:
        """Note an answer; tells whether to go on."""
        if now >= self.began:
            self._times.append(now - sent)
        self.answered += 1
        return now < self.ends and not 0 < self._job.most <= self.answered

    def done(self) -> None:
        """Note that a connection has nothing more to ask."""
        self._live -= 1
        if not self._live and not self._over.done():
            self._over.set_result(None)

    def fail(self, why: str) -> None:
        """End the run."""
        if not self._over.done():
            self._over.set_exception(AssertionError(f"{self._name}: {why}"))


class Connection(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again."""

    def __init__(self, phase: Phase, script: Script) -> None:
        self._phase = phase
        self._script = script
        self._half = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first time."""
        self._write = cast("asyncio.Transport", transport).write  # uvloop's own class, which is no subclass
        self._ask(b"")

    def data_received(self, data: bytes) -> None:
        """Take an answer, or a part of one."""
        if self._half:
            data = self._half + data
        end = data.find(b"\r\n\r\n") + 4
        at = data.find(b"content-length: ") + 16
        if end < at or len(data) < end + int(data[at : data.find(b"\r", at)]):
            self._half = data
            return
        self._half = b""
        if data[9:12] != self._script.expected:
            self._phase.fail(f"{data.decode()}")
        elif self._phase.note(self._sent, time.perf_counter()):
            self._rest_and_ask(data[end:])
        else:
            self._phase.done()

    def connection_lost(self, _: Exception | None) -> None:
        """The server must not hang up."""
        self._phase.fail("the server closed a connection")

    def _rest_and_ask(self, answer: bytes) -> None:
        if self._phase.pause:
            asyncio.get_running_loop().call_later(self._phase.pause, self._ask, answer)
        else:
            self._ask(answer)

    def _ask(self, answer: bytes) -> None:
        request = self._script.next(answer)
        if request is None:
            self._phase.done()
            return
        self._sent = time.perf_counter()
        self._write(request)


async def measure(job: Job) -> Sequence[Row]:
    """Run every phase of a scenario."""
    return [await Phase(job, name, script).run() for name, script in SCENARIOS[job.scenario](job)]


if __name__ == "__main__":
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(msgspec.json.encode(runner.run(measure(job))))
