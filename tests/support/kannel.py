"""A real Kannel on free loopback ports: bearerbox, smsbox, and an SMS centre that is Kannel's own fake.

``fakesmsc`` prints each text that a telephone would have shown, as ``from to text words``. Nothing here leaves this
machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_ports

USER, PASSWORD = "watchword", "a-gateway-password"
_PATH = "/usr/lib/kannel/test:/usr/sbin:/usr/bin:/sbin:/bin"

_CONFIG = """
group = core
admin-port = {admin}
admin-password = admin-password
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-port = {smsbox}
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
log-file = "{folder}/bearerbox.log"
log-level = 2

group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
log-file = "{folder}/smsbox.log"
log-level = 2

group = sendsms-user
username = {user}
password = {password}
max-messages = 1
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
omit-empty = true

group = sms-service
keyword = default
text = "nobody answers here"
"""


@dataclass
class Kannel:
    """A gateway that runs. ``telephone`` yields what telephones show."""

    folder: Path
    sendsms: int
    telephone: asyncio.Queue[str]

    @property
    def url(self) -> str:
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.sendsms}/cgi-bin/sendsms"


def program(name: str) -> str:
    """Where a program of Kannel's is."""
    found = shutil.which(name, path=_PATH)
    assert found is not None, f"{name} is missing: make test installs kannel and kannel-extras"
    return found


async def _listens(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


@asynccontextmanager
async def kannel(folder: Path) -> AsyncIterator[Kannel]:
    """Run one until the block ends."""
    admin, smsbox, smsc, sendsms = free_ports(4)
    config = folder / "kannel.conf"
    config.write_text(
        _CONFIG.format(
            admin=admin, smsbox=smsbox, smsc=smsc, sendsms=sendsms, folder=folder, user=USER, password=PASSWORD
        )
    )
    running: list[asyncio.subprocess.Process] = []

    async def start(name: str, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            program(name), *arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        running.append(process)
        return process

    async def drain(process: asyncio.subprocess.Process, shown: asyncio.Queue[str] | None) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if shown is not None:
                shown.put_nowait(line.decode(errors="replace").rstrip("\n"))

    telephone: asyncio.Queue[str] = asyncio.Queue()
    readers = []
    try:
        readers.append(asyncio.create_task(drain(await start("bearerbox", str(config)), None)))
        await _listens(smsbox)
        await _listens(smsc)
        fake = await start("fakesmsc", "-H", "127.0.0.1", "-r", str(smsc), "-i", "1", "-m", "0", "100 200 text nothing")
        readers.append(asyncio.create_task(drain(fake, telephone)))
        readers.append(asyncio.create_task(drain(await start("smsbox", str(config)), None)))
        await _listens(sendsms)
        yield Kannel(folder, sendsms, telephone)
    finally:
        for process in reversed(running):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await asyncio.gather(*readers)
