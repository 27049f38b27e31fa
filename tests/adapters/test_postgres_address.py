"""Where the database is, and what TLS is asked of it: words first, then Debian's PostgreSQL with certificates."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.postgres import NOBODY, PASSWORD, QUOTED, USER, PostgresServer, a_server
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.errors import SettingsError, StoreError


def test_an_address_is_read_with_its_escapes() -> None:
    address = PostgresAddress.parse("postgresql://ann:p%40ss%2F@db.example:6432/watch%20word?pgbouncer=true")

    assert ("db.example", 6432, "ann", "p@ss/", "watch word", True) == (
        *(address.host, address.port, address.user, address.password, address.database, address.pooled),
    )
    assert address.tls is not None
    assert address.tls.check_hostname
    assert "p@ss" not in repr(address)


def test_several_servers_are_one_address() -> None:
    address = PostgresAddress.parse("postgresql://ann:p%40ss@a.example,b.example:6432/watchword")

    assert (("a.example", 5432), ("b.example", 6432)) == address.servers
    assert "watchword at a.example:5432, b.example:6432" == address.place


def test_a_unix_socket_needs_no_tls() -> None:
    address = PostgresAddress.parse("postgresql://ann@/watchword?host=/run/postgresql")

    assert ("/run/postgresql", None, False) == (address.host, address.tls, address.is_open)


@pytest.mark.parametrize(
    ("host", "is_open"),
    [("127.0.0.1", False), ("localhost", False), ("db.example", True), ("localhost,db.example", True)],
)
def test_an_open_line_is_one_that_leaves_this_machine(host: str, is_open: bool) -> None:
    assert is_open is PostgresAddress.parse(f"postgresql://ann@{host}/db?sslmode=disable").is_open


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@db.example",
        "postgresql://ann:hunter2@db.example/a/b",
        "postgresql://:hunter2@db.example/db",
        "postgresql://ann:hunter2@db.example:port/db",
        "postgresql://ann:hunter2@a.example,/db",
        "postgresql://ann:hunter2@a.example,b.example:port/db",
        "postgresql://ann:hunter2@a.example,b.example/db?host=/run/postgresql",
        "postgresql://ann:hunter2@db.example/db#fragment",
        "postgresql://ann:hunter2@db.example/db?password=hunter2",
        "postgresql://ann:hunter2@db.example/db?pgbouncer=perhaps",
        "postgresql://ann:hunter2@db.example/db?sslmode=require",
        "postgresql://ann:hunter2@db.example/db?sslmode=prefer",
        "postgresql://ann:hunter2@db.example/db?sslmode=verify-ca",
        "postgresql://ann:hunter2@db.example/db?sslrootcert=/nowhere/hunter2.pem",
        "mysql://ann:hunter2@db.example/db",
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        PostgresAddress.parse(url)

    assert "WATCHWORD_STORE" == refused.value.setting
    assert "hunter2" not in str(refused.value)


# --- Debian's server, whose build knows TLS ----------------------------------------------------------


def debian_binaries() -> Path | None:
    """The folder of the newest server that Debian has installed here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


DEBIAN = debian_binaries()
needs_debian = pytest.mark.skipif(DEBIAN is None and not os.environ.get("CI"), reason="needs Debian's postgresql")


class Certified:
    """A server with a certificate for localhost, and the authority that vouches for it."""

    def __init__(self, folder: Path, server: PostgresServer, authority: trustme.CA) -> None:
        self.server = server
        self.database = server.database()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.stranger = folder / "stranger.pem"
        trustme.CA().cert_pem.write_to_path(self.stranger)

    def url(self, host: str, options: str) -> str:
        return f"postgresql://{USER}:{QUOTED}@{host}:{self.server.port}/{self.database}?{options}"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    folder = tmp_path_factory.mktemp("certified")
    keys = folder / "keys"
    keys.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(keys / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(keys / "cert.pem")
    readable = Path("/tmp") / f"watchword-keys-{os.getpid()}"  # noqa: S108 - where the server's own user may read
    shutil.copytree(keys, readable)
    if os.geteuid() == 0:
        for path in (readable, *readable.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    (readable / "key.pem").chmod(0o600)
    assert DEBIAN is not None
    files = (f"ssl_cert_file={readable}/cert.pem", f"ssl_key_file={readable}/key.pem")
    server = a_server("ssl=on", *files, binaries=DEBIAN)
    yield Certified(folder, server, authority)
    server.stop()
    shutil.rmtree(readable)


async def opened(url: str) -> str:
    """Whether the connection that was made is an encrypted one, as the server sees it."""
    store = PostgresStore(PostgresAddress.parse(url))
    await store.open()
    try:
        query = "SELECT ssl::text || ' ' || version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        answer: str = (await store._look(lambda tables: tables.asked.rows(query)))[0][0]
        return answer
    finally:
        await store.aclose()


@needs_debian
def test_tls_is_spoken_to_whom_the_authority_vouches_for(certified: Certified) -> None:
    assert "true TLSv1.3" == asyncio.run(opened(certified.url("localhost", f"sslrootcert={certified.ca_file}")))


@needs_debian
@pytest.mark.parametrize(
    ("host", "authority"),
    [("localhost", None), ("localhost", "stranger"), ("127.0.0.1", "ca_file")],
    ids=["the system's authorities", "another authority", "another name"],
)
def test_nobody_else_is_spoken_to(certified: Certified, host: str, authority: str | None) -> None:
    options = f"sslrootcert={getattr(certified, authority)}" if authority else "sslmode=verify-full"
    with pytest.raises(StoreError, match=r"certificate|CERTIFICATE") as refused:
        asyncio.run(opened(certified.url(host, options)))
    assert PASSWORD not in str(refused.value)


@needs_debian
def test_a_server_without_tls_is_refused_before_anything_is_said(certified: Certified) -> None:
    plain = a_server(binaries=DEBIAN)
    url = f"postgresql://{USER}:{QUOTED}@localhost:{plain.port}/postgres?sslrootcert={certified.ca_file}"
    with pytest.raises(StoreError):
        asyncio.run(opened(url))
    plain.stop()
