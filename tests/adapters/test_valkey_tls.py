"""Valkey over TLS and as a user who may do no more than we need, on Debian's Redis: the wheel's server has no TLS."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.adapters.test_valkey import outcome
from tests.support.listening import run
from tests.support.needs import needs
from tests.support.ports import free_port
from tests.support.tls import Authority
from tests.support.valkeys import Server, emptied, one_server
from tests.support.world import World, wrong
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.core.instant import SECOND
from watchword.core.verification import Status
from watchword.errors import MismatchError, SettingsError, StoreError

REDIS = shutil.which("redis-server") or ""
ACCOUNT = Path(__file__).parents[2] / "docs" / "how-to" / "use-valkey.md"


def permissions(heading: str) -> list[str]:
    """What the how-to lets the user do, as it stands there."""
    (line,) = re.findall(rf"^{heading} (on >\S+ .*)$", ACCOUNT.read_text(), flags=re.MULTILINE)
    words: list[str] = line.split()
    return words


@contextmanager
def a_redis(authority: Authority, *names: str) -> Iterator[Server]:
    """Debian's Redis, over TLS alone."""
    with tempfile.TemporaryDirectory() as open_folder:  # pytest's own are closed to the user that the server runs as
        Path(open_folder).chmod(0o755)
        inside = [shutil.copy(file, open_folder) for file in (*authority.files(*names), authority.ca_file)]
        Path(inside[1]).chmod(0o644)
        port = free_port()
        server = Server(
            *("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", inside[0], "--tls-key-file", inside[1], "--tls-ca-cert-file", inside[2]),
            binary=REDIS,
            port=port,
        )
        with closing(server):
            yield server


def a_world(folder: Path, url: str, ca_file: Path | None = None) -> World:
    durable = SqliteStore(folder / "watchword.db")
    return World(SplitStore(ValkeyStore(ValkeyAddress.parse(url, ca_file), durable), durable))


@needs("redis-server")
def test_over_tls_everything_works_as_ever(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        with a_redis(authority) as server:
            world = await a_world(tmp_path, f"valkeys://localhost:{server.port}", authority.ca_file).open()
            assert await outcome(world, *await world.send()) == "approved"
            await world.store.aclose()

    run(journey)


@needs("redis-server")
@pytest.mark.parametrize(("names", "trusted"), [(("elsewhere.test",), True), ((), False)])
def test_a_certificate_that_does_not_verify_is_not_spoken_to(
    tmp_path: Path, names: tuple[str, ...], trusted: bool
) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        (tmp_path / "stranger").mkdir()
        stranger = Authority(tmp_path / "stranger")
        with a_redis(authority, *names) as server:
            world = a_world(
                tmp_path, f"valkeys://localhost:{server.port}", (authority if trusted else stranger).ca_file
            )
            with pytest.raises(StoreError, match="its certificate or its TLS does not verify"):
                await world.open()

    run(journey)


def test_a_server_without_tls_is_not_spoken_to_where_tls_is_asked_for(tmp_path: Path) -> None:
    async def journey() -> None:
        with pytest.raises(StoreError):
            await a_world(tmp_path, f"valkeys://localhost:{one_server().port}").open()

    run(journey)


def test_a_file_without_authorities_is_a_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        ValkeyAddress.parse("valkeys://localhost", tmp_path / "nothing.pem")
    assert refused.value.setting == "WATCHWORD_FAST_STORE_CA"


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_a_user_who_may_do_what_the_how_to_lists_can_do_everything(tmp_path: Path, kind: str) -> None:
    if kind == "redis" and not REDIS:
        pytest.skip("needs redis-server")

    async def journey() -> None:
        server = Server() if kind == "valkey" else Server(binary=REDIS)
        server.call("ACL", "SETUSER", "watchword", *permissions("user watchword"))
        world = a_world(tmp_path, f"valkey://watchword:choose-a-password@127.0.0.1:{server.port}")
        await world.open()
        raw, code = await world.send(source="192.0.2.1", idempotency_key="order-7", fingerprint=b"one")
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(code))
        world.clock.move(30 * SECOND)
        await world.verifications.resend(world.app, raw)
        await world.courier.drain()
        assert len(await world.store.recent(10)) == 2
        await world.store.ping()
        (about,) = await world.store.fast.servers()  # type: ignore[attr-defined]
        assert (about.is_open, about.policy, about.room) == (False, "noeviction", 0)
        assert (await world.check(raw, code)).status is Status.APPROVED
        assert server.call("ACL", "LOG") == []
        await world.store.aclose()
        server.close()

    run(journey)


def test_whom_the_server_does_not_know_it_does_not_let_in(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        server.call("ACL", "SETUSER", "somebody", "on", ">right", "~*", "+@all")
        with pytest.raises(StoreError) as refused:
            await a_world(tmp_path, f"valkey://somebody:wrong@127.0.0.1:{server.port}").open()
        assert refused.value.detail == "Valkey answered WRONGPASS"
        server.call("ACL", "DELUSER", "somebody")

    run(journey)
