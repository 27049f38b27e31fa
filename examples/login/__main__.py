"""Starts the shop, and a service for it: `python -m examples.login`, or `make example`.

With EXAMPLE_SERVICE and EXAMPLE_API_KEY in the environment it uses that service instead, in which an app must have
`http://localhost:8080/callback` as a redirect URI.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from examples.login.app import create_app
from watchword.client import AsyncClient

CONFIG = Path(__file__).with_name("watchword.toml")
DATA = Path("watchword-example")
# A port of its own, because `make serve` may be running, and a log that leaves the addresses in sight.
DEFAULTS = {"WATCHWORD_BIND": "127.0.0.1:8081", "WATCHWORD_LOG_LEVEL": "warning"}
WATCHWORD = str(Path(sys.executable).with_name("watchword"))


@contextmanager
def service(origin: str) -> Iterator[tuple[str, str]]:
    """A service in development mode, and the key of an app in it."""
    environment = DEFAULTS | os.environ | {"WATCHWORD_CONFIG": str(CONFIG), "WATCHWORD_DATA": str(DATA)}
    kept = DATA / "example.key"
    if not kept.exists():
        made = [WATCHWORD, "app", "create", "Harbour Shop", "--redirect-uri", f"{origin}/callback"]
        key = subprocess.run(made, env=environment, check=True, stdout=subprocess.PIPE).stdout
        kept.touch(mode=0o600)
        kept.write_bytes(key)
    serve = [WATCHWORD, "serve", "--json"]
    with subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            sys.exit("The service did not start: it has said why.")
        said = json.loads(line)
        print(f"Mails arrive at  {said['mailbox']}", file=sys.stderr)
        try:
            yield said["url"], kept.read_text().strip()
        finally:
            process.terminate()


def listening(port: int) -> socket.socket:
    """The shop's own socket."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        sys.exit(
            f"The shop cannot listen on port {port}: {os.strerror(error.errno or 0)}. EXAMPLE_PORT names another one."
        )


def serve(address: str, key: str, origin: str, listener: socket.socket) -> None:
    """Run the shop. Its access log is off: a callback's address holds a hand-off code, if one of a minute."""
    app = create_app(AsyncClient(address, key), address, origin)
    print(f"The shop is at   {origin}", file=sys.stderr, flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listener])


def main() -> None:
    """Use the service that there is, or start one, which ends with the shop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with listening(int(os.environ.get("EXAMPLE_PORT", "8080"))) as listener:
        # Not the service's 127.0.0.1: cookies do not know ports, and it is not to be sent those of the shop.
        origin = f"http://localhost:{listener.getsockname()[1]}"
        if address := os.environ.get("EXAMPLE_SERVICE"):
            serve(address, os.environ["EXAMPLE_API_KEY"], origin, listener)
            return
        with service(origin) as (address, key):
            serve(address, key, origin, listener)


if __name__ == "__main__":
    main()
