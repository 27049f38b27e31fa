"""Debian's PgBouncer in transaction mode in front of a database."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postgres import NOBODY, PASSWORD, USER, PostgresServer, unprivileged

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={target} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
"""


@contextmanager
def a_pooler(server: PostgresServer) -> Iterator[int]:
    """A pooler with fewer connections to the server than its clients have to it; gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="watchword-pooler-") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
        text = CONFIGURATION.format(target=server.port, port=port, user=USER, password=PASSWORD, folder=folder)
        (folder / "pgbouncer.ini").write_text(text)
        if os.geteuid() == 0:
            owner = pwd.getpwuid(NOBODY)
            for path in (folder, *folder.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        process = subprocess.Popen(
            ["pgbouncer", "-q", folder / "pgbouncer.ini"],
            env={"PATH": f"{os.defpath}:/usr/sbin"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **unprivileged(),  # type: ignore[call-overload]
        )
        try:
            deadline = time.monotonic() + 60
            log = folder / "log"
            while not (log.exists() and "process up" in log.read_text()):
                assert process.poll() is None, log.read_text() if log.exists() else "it did not begin"
                assert time.monotonic() < deadline
            yield port
        finally:
            process.kill()
            process.wait(60)
