"""The courier's rate: a full outbox, worked off through ``SmtpRelay`` into a TLS sink in another process.

    python -m bench.courier < order.json > rate.json

Everything is done that production does: claim, look at the status, open the address, derive the code, render text and
HTML, hand over on pooled verified connections, settle, log, count.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import trustme
import uvloop

from bench.machine import cpu_seconds
from bench.worker import new_app, settings_of
from watchword import bootstrap
from watchword.adapters.log import Log
from watchword.adapters.system import SystemClock
from watchword.core.app import App
from watchword.flows.verification import Request
from watchword.settings import Settings

_AT_ONCE = 64  # while the outbox is filled
_LOOK = 0.005  # seconds between two looks at the count


class Order(msgspec.Struct, frozen=True):
    """How many messages, and where to lie."""

    messages: int
    folder: str


class Drained(msgspec.Struct, frozen=True):
    """How it went."""

    messages: int
    connections: int
    seconds: float
    own_cpu: float
    sink_cpu: float


@contextmanager
def sink(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the sink with a certificate of an authority made for this run, which lies in ``ca.pem``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "sink.pem")
    command = [sys.executable, "-m", "bench.sink", str(folder / "sink.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


async def fill(service: bootstrap.Service, app: App, messages: int) -> None:
    """Queue messages, each for another recipient."""
    turn = iter(range(messages))

    async def work() -> None:
        for number in turn:
            locale = "de" if number % 2 else "en"
            await service.verifications.create(
                app, Request("email", f"ann.{number}@example.org", "login", locale=locale)
            )

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


async def all_sent(counts: dict[tuple[str, str, str], int], messages: int) -> None:
    """Wait until so many deliveries have ended. The courier tells nobody but the metrics."""
    while sum(counts.values()) < messages:  # noqa: ASYNC110 - see above
        await asyncio.sleep(_LOOK)


async def drain(settings: Settings, messages: int, sink_pid: int) -> Drained:
    """Fill the outbox and work it off."""
    log = Log(SystemClock(), write=lambda _: None)
    service = bootstrap.build(settings, courier=False, log=log)
    app, _ = await new_app(settings, service)
    await service.start()
    await fill(service, app, messages)
    counts = service.metrics.counts.deliveries
    began, own, there = time.perf_counter(), time.process_time(), cpu_seconds(sink_pid)
    courier = asyncio.create_task(service.courier.run())
    await asyncio.wait_for(all_sent(counts, messages), 60)
    elapsed = time.perf_counter() - began
    own, there = time.process_time() - own, cpu_seconds(sink_pid) - there
    assert all(status == "sent" for status, _, _ in counts), counts
    await service.stop()
    await courier
    return Drained(messages, settings.mail.connections, elapsed, own, there)


def measure(order: Order) -> Drained:
    """Run it."""
    with tempfile.TemporaryDirectory(dir=order.folder) as scratch, sink(Path(scratch)) as process:
        folder = Path(scratch)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        settings = settings_of(
            folder, WATCHWORD_SMTP=f"smtps://localhost:{port}", WATCHWORD_SMTP_CA=str(folder / "ca.pem")
        )
        bootstrap.prepare(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(drain(settings, order.messages, process.pid))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))))
