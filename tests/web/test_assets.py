"""What of others is shipped is what its authors published, and is served as our own files are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.site import Site
from watchword.web import pages

STATIC = Path(pages.__file__).parent / "static"
VENDOR = STATIC / "vendor"
LISTED = dict(line.split("  ")[::-1] for line in (VENDOR / "SHA256SUMS").read_text().splitlines())


def test_vendored_files_are_what_the_list_says() -> None:
    files = [path for path in VENDOR.rglob("*") if path.is_file() and path.name not in {"SHA256SUMS", "README.md"}]

    assert LISTED == {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    assert {"qr/index.js", "qr/decode.js", "qr/LICENSE", "qr/LICENSE-MIT"} <= set(LISTED)


@pytest.mark.parametrize("name", ["index.js", "decode.js"])
def test_a_vendored_module_is_served_and_may_do_nothing_by_itself(site: Site, name: str) -> None:
    reply = site.call("GET", f"/static/vendor/qr/{name}")

    assert (200, "text/javascript; charset=utf-8") == (reply.status, reply.header("content-type"))
    assert LISTED[f"qr/{name}"] == hashlib.sha256(reply.body).hexdigest()
    assert "default-src 'none'; frame-ancestors 'none'" == reply.header("content-security-policy")


@pytest.mark.parametrize(
    "target",
    ["/static/vendor/qr/LICENSE", "/static/vendor/SHA256SUMS", "/static/vendor/qr/", "/static/vendor/qr/../x.js"],
)
def test_nothing_else_is_served_from_there(site: Site, target: str) -> None:
    assert 404 == site.call("GET", target).status


def test_a_worker_loads_our_modules_and_reaches_nobody(site: Site) -> None:
    workers = [path.name for path in STATIC.glob("*-worker.js")]

    assert ["qr-worker.js"] == workers
    policy = site.call("GET", "/static/qr-worker.js").header("content-security-policy").split("; ")
    assert {"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"} <= set(policy)
    assert not [part for part in policy if part.startswith("connect-src")]


def test_a_page_may_start_our_workers_and_make_no_other_script_address(site: Site) -> None:
    policy = site.call("GET", "/").header("content-security-policy").split("; ")

    assert {"worker-src 'self'", "trusted-types watchword-worker", "require-trusted-types-for 'script'"} <= set(policy)
