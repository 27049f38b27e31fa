"""``watchword serve``: listen, run the service in this process or in several, say where it is.

Not handled here: what runs (``bootstrap``), requests (``web/``), a socket and its room (``listening.py``).

Rules:

* whatever can be wrong is found before anything listens to requests, and is one sentence;
* the socket is bound here once, so that a taken port is said clearly and workers share it;
* workers get what was minted as an argument, and leave with their parent; one that takes the place of another starts
  also while a database server or Valkey is away, because clients that nobody answers hang at the port;
* SIGTERM and SIGINT finish what is under way; SIGHUP takes new rules (alone: in place; with workers: one worker
  after the other is replaced, unless a new one could not start with what is set now).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from watchword import bootstrap
from watchword.adapters.log import Log, listen_to_libraries
from watchword.adapters.system import SystemClock, settle_to_serve
from watchword.bootstrap import Minted
from watchword.cli import console, hangup, welcome
from watchword.cli.listening import BACKLOG, bound, bounds_of, listen
from watchword.core.instant import SECOND
from watchword.core.policy import Rules
from watchword.errors import SettingsError, StoreError, UnavailableError, WatchwordError
from watchword.settings import Bind, Settings
from watchword.web.connection import BoundedConfig
from watchword.web.gate import Gate
from watchword.web.watch import Bounds

GRACE = bootstrap.GRACE // SECOND  # for requests that are under way at a shutdown
SERVER: dict[str, Any] = {  # the web server's own settings; ``make bench`` measures a plain function under the same
    "loop": "uvloop",
    "ws": "none",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "backlog": BACKLOG,
    "timeout_graceful_shutdown": GRACE,
}
_ENDS = (signal.SIGINT, signal.SIGTERM)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0  # seconds until a worker that could not start is tried again
BIND = ("WATCHWORD_BIND", "--bind")  # where an operator gives the address
READY = 30.0  # seconds for workers to be ready before the welcome is printed all the same


def serve(settings: Settings, *, data: str | None, workers: int, delivers: bool = True, as_json: bool) -> None:
    """Run until a signal says otherwise. Unless it ``delivers``, a courier elsewhere must."""
    if workers > 1 and not settings.storage.durable:
        detail = "With WATCHWORD_STORE=memory each worker would have a store of its own: use one worker."
        raise SettingsError(detail, setting="WATCHWORD_STORE")
    with bound(settings.server.bind, *BIND) as listener:
        host, port = listener.getsockname()[:2]
        settings = settings.bound_to(Bind(host, port))
        if bootstrap.prepare(settings):
            console.say(f"Made the key file {settings.storage.key_file}: keep a copy, apart from the database.")
        minted = bootstrap.mint() if settings.development else None
        log = Log(SystemClock(), level=settings.log_level)

        def greet() -> None:
            with suppress(BrokenPipeError, UnavailableError):  # nobody reads: no reason for a service to end
                welcome.welcome(settings, minted, as_json=as_json)

        if not delivers and (settings.development or not settings.storage.durable):
            detail = "--no-courier needs a relay and a store that a courier elsewhere can read."
            raise SettingsError(detail, setting="WATCHWORD_SMTP" if settings.development else "WATCHWORD_STORE")
        again = Again(str(settings.server.bind), data, delivers)
        if workers == 1:
            _serve_alone(settings, minted, log, listener, greet, again)
        else:
            _serve_together(settings, minted, log, listener, greet, again, workers=workers)


def server_config(app: Callable[..., object], *, workers: int = 1, bounds: Bounds | None = None) -> uvicorn.Config:
    """How the web server is set up."""
    return BoundedConfig(app, bounds=bounds or Bounds(), factory=workers > 1, workers=workers, **SERVER)


class Again(NamedTuple):
    """What the command line said, for reading the settings again, here or in a worker."""

    bind: str
    data: str | None
    delivers: bool

    def settings(self) -> Settings:
        """The settings as they are now."""
        return Settings.load(os.environ, bind=self.bind, data=self.data)


# --- one process -----------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """uvicorn's server, which after a signal would end the process by that signal; this one comes back."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._leave = leave

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so. Not before signals are heard: who can connect takes it to be up."""
        for listener in sockets or ():
            listen(listener, *BIND)
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        def leave(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)
            self._leave()

        before = {number: signal.signal(number, leave) for number in _ENDS}
        try:
            yield
        finally:
            for number, disposition in before.items():
                signal.signal(number, disposition)


def _serve_alone(
    settings: Settings,
    minted: Minted | None,
    log: Log,
    listener: socket.socket,
    greet: Callable[[], None],
    again: Again,
) -> None:
    bounds = bounds_of(settings)  # before the store and the loop ask for files
    scribe = bootstrap.scribe_for(settings, lambda code: log.record("scribe.lost", code=code))
    service = bootstrap.build(settings, minted=minted, log=log, courier=again.delivers, scribe=scribe)
    listen_to_libraries(log, settings.log_level)
    config = server_config(service.asgi(), bounds=bounds)
    config.load()
    if scribe is not None:
        scribe.hire()  # with everything that both need in memory once, and before there are threads

    def rules() -> Rules:
        return again.settings().rules

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = _Server(config, greet, lambda: _soon(loop, service.begin_stop))
        await service.start()
        settle_to_serve()
        loop.add_signal_handler(signal.SIGHUP, service.reload, rules)
        hangup.heard()
        try:
            await server.serve([listener])
        finally:
            await service.stop()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())
    log.close()


# --- several ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker process is made from. Travels to it as an argument, pickled; called there."""

    again: Again
    minted: Minted | None
    counts: Path
    patient: bool = False  # the service was up before

    def __call__(self) -> Gate:
        """Build the service of this worker."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # its parent's alone, also where a terminal tells all
        threading.Thread(target=_leave_with_parent, args=(self.counts,), name="watchword-parent", daemon=True).start()
        try:
            settings = self.again.settings()
            log = Log(SystemClock(), level=settings.log_level)
            listen_to_libraries(log, settings.log_level)
            leave = partial(_give_up, log) if self.patient else None
            service = bootstrap.build(
                settings, minted=self.minted, counts=self.counts, courier=self.again.delivers, log=log, leave=leave
            )
            gate = service.asgi()
        except WatchwordError as error:
            log = Log(SystemClock())
            log.record("worker.failed", detail=error.detail)
            log.close()
            sys.exit(STARTUP_FAILURE)
        _at_the_end(service.begin_stop)
        settle_to_serve()
        return gate


def _give_up(log: Log) -> None:
    """End this worker as one that could not start. It has begun nothing that a stop would finish."""
    log.close()
    os._exit(STARTUP_FAILURE)


def _at_the_end(leave: Callable[[], None]) -> None:
    """Call ``leave`` when a signal ends this worker, too. Its server listens to signals before it asks for the app."""
    loop = asyncio.get_running_loop()
    for number in _ENDS:
        server_hears = signal.getsignal(number)

        def hear(sig: int, frame: FrameType | None, before: object = server_hears) -> None:
            if callable(before):
                before(sig, frame)
            _soon(loop, leave)

        signal.signal(number, hear)


def _soon(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    """Call ``leave`` on the loop. A signal comes in the middle of anything, also of the loop's last moments."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(leave)


def _leave_with_parent(counts: Path) -> None:
    """End this worker when its parent is gone, however it went: else the port would stay taken."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(counts, ignore_errors=True)  # the parent would have removed it
        os.kill(os.getpid(), signal.SIGTERM)


class _Supervisor(Multiprocess):
    """uvicorn's supervisor of workers, which says when all are ready. ``check`` finds what would stop a new one.

    ``patient`` is how workers are made once all began.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        patient: uvicorn.Config,
        listener: socket.socket,
        ready: Callable[[], None],
        check: Callable[[], object],
        log: Log,
    ) -> None:
        super().__init__(config, [listener])
        self._patient = patient
        self._ready = ready
        self._check = check
        self._log = log
        self._began = False
        self._later: dict[int, tuple[float, float]] = {}  # of places: when to try again, and how long that is
        self._begins: dict[int, float] = {}  # of places: until when its worker may be too new to answer

    def init_processes(self) -> None:
        super().init_processes()
        self._began = all(process.wait_until_ready(READY, self.should_exit) for process in self.processes)
        if self._began:
            self.config = self._patient
            self._ready()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died. Once all began, one that cannot start is tried again and ends nobody else."""
        if not self._began:
            super().keep_subprocess_alive()
            return
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set() or self._answers(place, process):
                continue
            process.kill()
            process.join()
            if not self._is_due(place, process.exitcode):
                continue
            self._log.record("worker.replaced", code=process.exitcode)
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()
            self._begins[place] = time.monotonic() + READY

    def _answers(self, place: int, process: Process) -> bool:
        """Whether it does, or need not yet: killed for being slow, on a busy machine none would ever begin."""
        answers = process.is_alive(timeout=self.config.timeout_worker_healthcheck)
        return answers or (process.exitcode is None and time.monotonic() < self._begins.get(place, 0.0))

    def _is_due(self, place: int, code: int | None) -> bool:
        """Whether to replace a worker now: one that could not start, for want of a key file say, later each time."""
        if code != STARTUP_FAILURE:
            self._later.pop(place, None)
            return True
        now = time.monotonic()
        due, pause = self._later.setdefault(place, (now + FIRST_PAUSE, FIRST_PAUSE))
        if now < due:
            return False
        longer = min(2 * pause, LONGEST_PAUSE)
        self._later[place] = now + longer, longer
        return True

    def restart_all(self) -> None:
        """Replace the workers one after the other, or leave them be where new ones could not start.

        A new one has as long as at the start: a machine that is busy is when nobody wants half of the workers changed.
        """
        try:
            self._check()
        except WatchwordError as error:
            self._log.record("rules.refused", detail=error.detail)
            return
        for place, old in enumerate(self.processes):
            new = Process(self.config, self.sockets)
            new.start()
            if not self._gets_ready(new):
                new.kill()
                new.join()
                if not self._is_to_end:
                    self._log.record("rules.refused", detail="A new worker did not get ready. The others stay.")
                return
            old.terminate()
            old.join()
            self.processes[place] = new

    def _gets_ready(self, process: Process) -> bool:
        latest = time.monotonic() + READY
        while not process.wait_until_ready(1.0, self.should_exit):
            if self._is_to_end or process.exitcode is not None or time.monotonic() > latest:
                return False
        return True

    @property
    def _is_to_end(self) -> bool:
        """Whether a signal has come that ends all of it, though nobody has looked at it yet."""
        return self.should_exit.is_set() or any(number in _ENDS for number in self.signal_queue)

    @property
    def failed(self) -> bool:
        """Whether a worker could not start when all did."""
        return not self._began and any(process.exitcode == STARTUP_FAILURE for process in self.processes)


def _serve_together(
    settings: Settings,
    minted: Minted | None,
    log: Log,
    listener: socket.socket,
    greet: Callable[[], None],
    again: Again,
    *,
    workers: int,
) -> None:
    bounds = bounds_of(settings)  # before the store and the loop ask for files
    asyncio.run(_try_out(settings, minted))
    listen_to_libraries(log, settings.log_level)

    def check() -> None:
        settings = again.settings()
        bootstrap.try_keys(settings)
        bootstrap.build(settings, minted=minted, courier=False)

    with tempfile.TemporaryDirectory(prefix="watchword-run-") as counts:
        worker = Worker(again, minted, Path(counts))
        config = server_config(worker, workers=workers, bounds=bounds)
        patient = server_config(replace(worker, patient=True), workers=workers, bounds=bounds)
        supervisor = _Supervisor(config, patient, listener, greet, check, log)  # from here on signals are heard
        listen(listener, *BIND)
        log.start()
        hangup.heard()
        supervisor.run()
    log.close()
    if supervisor.failed:
        raise StoreError("A worker could not start; the log says why.")


async def _try_out(settings: Settings, minted: Minted | None) -> None:
    """Find here what would stop every worker, and migrate the store once before they open it together."""
    service = bootstrap.build(settings, minted=minted, courier=False)
    await service.start()
    await service.stop()
