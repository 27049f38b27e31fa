"""The real thing: ``watchword serve`` in processes of its own, over a folder of the test's, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

from tests.support.ports import free_port
from watchword.adapters import key_file
from watchword.core import ids, passcode
from watchword.core.keyring import Keyring

WATCHWORD = Path(sys.executable).with_name("watchword")
UNHURRIED = (sys.executable, "-m", "tests.support.unhurried")

# Limits so wide that a test of something else never meets them.
WIDE = """
[limits]
recipient_sends = ""
source_sends = ""
wrong_guesses = "1000000/h"
"""


def plain_environment(**more: str) -> dict[str, str]:
    """An environment without any setting of the machine's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    return kept | more


@dataclass
class Service:
    """A service under test: a folder, and the processes that run on it for now."""

    folder: Path
    workers: int = 1
    config: str = WIDE
    settings: Mapping[str, str] = field(default_factory=dict)
    through: Sequence[str] = ()  # a command that runs ours, with less than it was given itself
    program: Sequence[str | Path] = (WATCHWORD,)  # ours, or one that is ours but for one thing
    options: Sequence[str] = ()  # of ``serve``, more than the usual ones
    process: subprocess.Popen[bytes] | None = None
    welcome: dict[str, Any] = field(default_factory=dict)
    port: int = 0

    @property
    def log(self) -> Path:
        """Everything it wrote to stderr, over all its starts."""
        return self.folder / "service.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        config = self.folder / "watchword.toml"
        config.write_text(self.config)
        return plain_environment(
            WATCHWORD_CONFIG=str(config), WATCHWORD_DATA=str(self.folder / "data"), **self.settings
        )

    @property
    def database(self) -> Path:
        return self.folder / "data" / "watchword.db"

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run another command on the same folder, however it ends."""
        return subprocess.run(
            [*self.through, *self.program, *arguments],
            input=stdin,
            env=self.environment(),
            capture_output=True,
            check=False,
            timeout=60,
        )

    def command(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run another command that succeeds; returns its stdout."""
        done = self.run(*arguments, stdin=stdin)
        done.check_returncode()
        return done.stdout

    def serving(self) -> list[str]:
        """The arguments of the command that starts it."""
        workers = str(self.workers)
        return ["serve", "--json", "--bind", f"127.0.0.1:{self.port}", "--workers", workers, *self.options]

    async def start(self) -> None:
        """Start, and come back when it answers."""
        self.port = self.port or free_port()  # which is there again whenever it is started again
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - a moment, in a test
                [*self.through, *self.program, *self.serving()],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        line = await asyncio.to_thread(_first_line, self.process.stdout)
        if not line:
            if self.process is not None:  # somebody may have killed it meanwhile, and seen to this
                self.process.communicate()  # the pipe left open would fail another test
                self.process = None
            raise AssertionError(f"it did not start:\n{self.log.read_text()}")
        self.welcome = json.loads(line)
        self.port = int(self.welcome["url"].rpartition(":")[2])

    def processes(self) -> list[psutil.Process]:
        """The process that was started and everything it started."""
        assert self.process is not None
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]

    def worker_processes(self) -> list[psutil.Process]:
        """The workers of a service that has several; Python's resource tracker is a child, too, and none of them."""
        found = []
        for child in self.processes()[1:]:
            try:
                if "spawn_main" in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
            except psutil.NoSuchProcess:  # it went between the two looks
                continue
        return found

    def limit_files(self, size: int) -> None:
        """No process of this service may let a file grow beyond ``size`` bytes from now on; -1 lifts the limit.

        To the service this is what a full disk is: writes of any file fail, reads succeed.
        """
        for process in self.processes():
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most if size < 0 else size, most))

    def kill(self) -> None:
        """Kill -9, the supervisor and its workers alike."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self._wait()

    def kill_first(self) -> None:
        """Kill -9 the process that was started; what it started has to notice."""
        if self.process is not None:
            self.process.kill()
            self._wait()

    def scribe(self) -> psutil.Process:
        """The process that writes for a service of one worker."""
        (scribe,) = self.processes()[1:]
        return scribe

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self._wait()

    async def finish(self) -> int:
        """``stop``, while whatever runs in this event loop (a relay, say) goes on answering."""
        return await asyncio.to_thread(self.stop)

    def _wait(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process = None
        return code

    def keyring(self) -> Keyring:
        return key_file.load(self.folder / "data" / "keys.json")


def _first_line(stdout: IO[bytes] | None) -> bytes:
    assert stdout is not None
    return stdout.readline()


@asynccontextmanager
async def running(folder: Path, *, made: Callable[..., Service] = Service, **how: Any) -> AsyncIterator[Service]:
    """A service that runs until the block ends, or what else is ``made`` to be spoken to as one."""
    service = made(folder, **how)
    await service.start()
    try:
        yield service
    finally:
        if service.process is not None:
            service.kill()


class Heard(NamedTuple):
    """A response as it came."""

    status: int
    head: bytes
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


async def get(service: Service, path: str, **headers: str) -> Heard:
    """Ask for anything, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host = f"127.0.0.1:{service.port}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return Heard(int(head[9:12]), head, body)


async def ready(service: Service, holds: Callable[[Heard], bool], within: float = 60) -> Heard:
    """Ask /readyz until its answer is as awaited."""
    async with asyncio.timeout(within):
        while True:
            heard = await get(service, "/readyz")
            if holds(heard):
                return heard


def is_ready(heard: Heard) -> bool:
    return heard.status == 200


def is_not_ready(heard: Heard) -> bool:
    return heard.status == 503


class Connection:
    """One keep-alive HTTP connection, as lean as a test with a hundred thousand requests needs it.

    ``heard`` is the last response as it came.
    """

    def __init__(self, service: Service, key: str) -> None:
        self._service = service
        self._head = (
            f"Host: 127.0.0.1:{service.port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        )
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.heard = Heard(0, b"", b"")

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: str = ""
    ) -> tuple[int, Any]:
        """Send a request and read its answer. Raises ConnectionError where the server goes away."""
        if self._is_left():
            self.close()
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._service.port)
        reader, writer = self._reader, self._writer
        assert reader is not None
        content = b"" if body is None else json.dumps(body).encode()
        writer.write(
            f"{method} {path} HTTP/1.1\r\n{self._head}{headers}Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.close()
            raise ConnectionResetError from error
        self.heard = Heard(int(head[9:12]), head, answer)
        if b"\r\nconnection: close\r\n" in head.lower():
            self.close()
        return self.heard.status, self.heard.document

    async def create(self, to: str, **more: Any) -> tuple[int, Any]:
        return await self.ask("POST", "/v1/verifications", {"channel": "email", "to": to, "purpose": "login", **more})

    async def check(self, verification: str, code: str) -> tuple[int, Any]:
        return await self.ask("POST", f"/v1/verifications/{verification}/check", {"code": code})

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    def _is_left(self) -> bool:
        """Whether the server has hung up on a client that asked nothing for seconds: it sends nothing else unasked.

        The socket is looked at, because the loop may have stood still all the time.
        """
        if self._writer is None or self._writer.transport.is_closing():
            return True
        socket = select.poll()
        socket.register(self._writer.get_extra_info("socket"), select.POLLIN)
        return bool(socket.poll(0))


def code_of(keyring: Keyring, app: bytes, verification: str, digits: int = 6) -> str:
    """The code of a verification, as only the holder of the key file can know it."""
    return passcode.derive_code(keyring, app, ids.from_text(ids.VERIFICATION, verification), digits)
