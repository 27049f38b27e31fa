"""Starting the bench's own processes, and stopping them: servers that stay for a while, and jobs that answer once.

Rules: a job comes on standard input and its answer leaves on standard output, both JSON, so that no key is ever an
argument; whatever was started here is stopped here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from bench.rows import Job, Row
from bench.worker import Told

PATIENCE = 15.0  # seconds for a server to leave


@dataclass(frozen=True)
class Running:
    """A server that listens. ``key_file`` is where the generator finds the keyring."""

    process: subprocess.Popen[bytes]
    told: Told
    folder: Path

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def ask(self, line: bytes) -> bytes:
        """Say a line to it, and wait for its line."""
        _pipe(self.process.stdin).write(line + b"\n")
        _pipe(self.process.stdin).flush()
        return _pipe(self.process.stdout).readline()


@contextmanager
def server(kind: str, folder: Path) -> Iterator[Running]:
    """Run a worker of that kind. Its access log goes to a file in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", kind, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            line = _pipe(process.stdout).readline()
            assert line, f"the {kind} worker did not start: see {log.name}"
            yield Running(process, msgspec.json.decode(line, type=Told), folder)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def load(
    running: Running, scenario: str, connections: int, seconds: float, *, warm: float = 0, most: int = 0
) -> list[Row]:
    """Put a server under load for a while, from another process."""
    told = running.told
    job = Job(
        scenario=scenario,
        port=told.port,
        pid=running.pid,
        connections=connections,
        seconds=seconds,
        warm=warm,
        most=most,
        api_key=told.api_key,
        app=told.app,
        key_file=str(running.folder / "keys.json"),
    )
    return msgspec.json.decode(call("bench.generator", msgspec.json.encode(job)), type=list[Row])


def call(module: str, job: bytes) -> bytes:
    """Run a module of the bench once."""
    return subprocess.run([sys.executable, "-m", module], input=job, stdout=subprocess.PIPE, check=True).stdout


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
