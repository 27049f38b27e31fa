"""The how-to about proxies: what nginx's log has of an address, by the page's own lines.

Where nginx is there, it runs with them, in front of a service; everywhere, its ``map`` is read as nginx reads it.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.client.running import RunningApp
from tests.support.needs import found, needs
from tests.support.ports import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "run-behind-a-proxy.md").read_text(encoding="utf-8")
SNIPPET = re.findall(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
NGINX = found("nginx") or "nginx"
TOKEN = "Tk" * 21 + "A"
ID = "A" * 22

PAGES = {
    f"/l/vf_{ID}": f"/l/vf_{ID}",
    f"/l/vf_{ID}%23{TOKEN}": f"/l/vf_{ID}",
    f"/l/vf_{ID}%2523{TOKEN}": f"/l/vf_{ID}",
    f"/l/vf_{ID}{TOKEN}": f"/l/vf_{ID}",
    f"/l/vf_{ID}/{TOKEN}": f"/l/vf_{ID}",
    f"/l/vf_{ID}.%3F{TOKEN}": f"/l/vf_{ID}",
    f"/l%2Fvf_{ID}%23{TOKEN}": f"/l/vf_{ID}",
    f"/%6c/vf_{ID}%23{TOKEN}": f"/l/vf_{ID}",
    f"/l/vf_{ID}?from=mail&t={TOKEN}": f"/l/vf_{ID}",
    f"/v/vf_{ID}%23{TOKEN}": f"/v/vf_{ID}",
    f"/a/au_{ID}%23{TOKEN}": f"/a/au_{ID}",
    f"/s/sc_{ID}%23{TOKEN}": f"/s/sc_{ID}",
    f"/s/sc_{ID}/status%23{TOKEN}": f"/s/sc_{ID}",
    f"/s/%23{TOKEN}": "/s/",
    f"/v1/verifications?key={TOKEN}": "/v1/verifications",
    f"/?token={TOKEN}": "/",
    "/static/link-page.js": "/static/link-page.js",
}


def logged(target: str) -> str:
    """What the page's ``map`` makes of an address, as far as nginx decodes one before."""
    (kept,) = re.findall(r'"~(\^.*)" \$page;', SNIPPET)
    path = unquote(target.partition("?")[0])
    found = re.search(kept.replace("(?<", "(?P<"), path)
    return found["page"] if found else path


@pytest.mark.parametrize("target", PAGES)
def test_what_is_logged_of_an_address_has_no_token(target: str) -> None:
    assert PAGES[target] == logged(target)


def test_the_log_is_written_in_that_format_and_has_no_other_address() -> None:
    (form,) = re.findall(r"log_format watchword (.*);", SNIPPET)
    variables = set(re.findall(r"\$(\w+)", form))

    assert re.search(r"^map \$uri \$logged_uri \{$", SNIPPET, re.MULTILINE)
    assert "logged_uri" in variables
    assert set() == variables & {
        "request",
        "request_uri",
        "uri",
        "document_uri",
        "args",
        "query_string",
        "http_referer",
    }
    assert re.search(r"^ +access_log \S+ watchword;$", SNIPPET, re.MULTILINE)
    assert re.search(r"^ +error_log \S+ crit;$", SNIPPET, re.MULTILINE)


@contextmanager
def in_front_of(address: str, folder: Path) -> Iterator[int]:
    """Run nginx with the page's lines, on plain http and with its files in a folder; its port."""
    port = free_port()
    lines = SNIPPET.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace("http://127.0.0.1:8000", address)
    lines = lines.replace("/var/log/nginx", str(folder))
    temporary = "".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = folder / "nginx.conf"
    config.write_text(f"daemon off; master_process off; pid {folder}/pid; events {{}} http {{ {temporary}\n{lines} }}")
    with subprocess.Popen([NGINX, "-e", folder / "start.log", "-c", config]) as process:
        try:
            while process.poll() is None:
                with socket.socket() as there:
                    if there.connect_ex(("127.0.0.1", port)) == 0:
                        break
            yield port
        finally:
            process.terminate()


def ask(port: int, target: str) -> bytes:
    """Send an address as it is, with another one behind it in the ``Referer``; the answer."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        head = f"GET {target} HTTP/1.1\r\nHost: codes.example.com\r\nReferer: https://x/{TOKEN}\r\nConnection: close"
        connection.sendall(f"{head}\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@needs("nginx")
def test_no_token_in_a_path_or_query_is_in_a_log_of_nginx(tmp_path: Path) -> None:
    with RunningApp() as service, in_front_of(service.address, tmp_path) as port:
        for target in PAGES:
            assert b"HTTP/1.1 " == ask(port, target)[:9]
    log = (tmp_path / "watchword.log").read_text(encoding="utf-8")

    assert [f"GET {path}" for path in PAGES.values()] == re.findall(r'"([^"]*)"', log)
    assert TOKEN not in log


@needs("nginx")
def test_no_token_is_in_a_log_of_nginx_while_the_service_is_away(tmp_path: Path) -> None:
    with in_front_of(f"http://127.0.0.1:{free_port()}", tmp_path) as port:
        for target in PAGES:
            assert b"HTTP/1.1 502" == ask(port, target)[:12]
    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.log"))

    assert len(PAGES) == written.count('" 502 ')
    assert TOKEN not in written
