"""The wiring: what a service does with its parts that no part knows about."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.sms import SMS
from tests.support.valkeys import emptied, one_server
from tests.support.world import Journal
from watchword import bootstrap
from watchword.adapters import key_file
from watchword.adapters.log import Log
from watchword.adapters.sqlite.database import connect
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.bootstrap import Minted, Service
from watchword.bootstrap import service as running
from watchword.core.instant import DAY, SECOND
from watchword.core.policy import Rules
from watchword.errors import KeyringError, SettingsError, UnauthenticatedError
from watchword.flows.verification import Request
from watchword.settings import Settings

Scenario = Callable[[Service], Coroutine[Any, Any, None]]


class Lines:
    """A log's standard error, kept."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, content: bytes) -> None:
        self.content += content

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.content.splitlines()]


LOGIN = Request(channel="email", to="you@example.com", purpose="login")


@pytest.fixture
def lines() -> Lines:
    return Lines()


def built(folder: Path, lines: Lines, *, store: str = "memory", **given: Any) -> Service:
    settings = Settings.load({"WATCHWORD_STORE": store, "WATCHWORD_DATA": str(folder)})
    bootstrap.prepare(settings)
    return bootstrap.build(settings, log=Log(SystemClock(), write=lines.write), **given)


def live(service: Service, scenario: Scenario) -> None:
    """Run a service for the length of a scenario."""

    async def run() -> None:
        await service.start()
        try:
            await scenario(service)
        finally:
            await service.stop()

    asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what background tasks will do."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 (what is waited for is another task's doing, without an event of its own)
            await asyncio.sleep(0.005)


def test_the_minted_key_is_good_for_the_app_default(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        assert service.minted is not None
        app = await service.apps.by_key(service.minted.api_key.encode())
        assert "default" == app.name
        assert [(app, [])] == [(each, [*keys]) for each, keys in await service.apps.all()]

    live(built(tmp_path, lines), scenario)


def test_another_start_takes_another_key_for_the_same_app(tmp_path: Path, lines: Lines) -> None:
    first, second = (built(tmp_path, lines, store="sqlite") for _ in range(2))

    async def start_only(_service: Service) -> None:
        """Nothing more."""

    async def scenario(service: Service) -> None:
        assert first.minted is not None
        with pytest.raises(UnauthenticatedError):
            await service.apps.by_key(first.minted.api_key.encode())
        assert ["default"] == [app.name for app, _ in await service.apps.all()]

    live(first, start_only)
    live(second, scenario)


def test_workers_of_one_start_share_app_and_key(tmp_path: Path, lines: Lines) -> None:
    minted = bootstrap.mint()
    workers = [built(tmp_path, lines, store="sqlite", minted=minted) for _ in range(4)]

    async def run() -> None:
        await asyncio.gather(*(worker.start() for worker in workers))
        apps = [await worker.apps.by_key(minted.api_key.encode()) for worker in workers]
        await asyncio.gather(*(worker.stop() for worker in workers))
        assert 1 == len({app.id for app in apps})

    asyncio.run(run())


def test_what_is_minted_is_in_no_repr() -> None:
    minted = bootstrap.mint()

    assert "Minted()" == repr(minted)
    assert minted != bootstrap.mint()
    assert 46 == len(minted.api_key)


def test_a_relay_means_that_nothing_is_minted(tmp_path: Path) -> None:
    relay = {"WATCHWORD_SMTP": "smtps://relay.example", "WATCHWORD_MAIL_FROM": "codes@acme.example"}
    settings = Settings.load(relay, data=str(tmp_path))
    bootstrap.prepare(settings)

    service = bootstrap.build(settings, minted=Minted("wk_x", "token"))

    assert service.minted is None
    assert service.services().mailbox is None
    assert service.services().config.mailbox_token is None


def test_building_needs_the_key_file_and_opens_nothing(tmp_path: Path) -> None:
    settings = Settings.load({}, data=str(tmp_path))

    with pytest.raises(SettingsError, match="does not exist"):
        bootstrap.build(settings)
    bootstrap.prepare(settings)
    bootstrap.build(settings)
    assert not (tmp_path / "watchword.db").exists()


def test_the_mailbox_shows_what_was_sent(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        assert service.minted is not None
        view = service.services().mailbox
        assert view is not None
        app = await service.apps.by_key(service.minted.api_key.encode())
        await service.verifications.create(app, LOGIN)
        await until(lambda: "delivery.sent" in lines.events())
        (mail,) = await view.mails()
        assert "you@example.com" == mail.to
        assert "default" in mail.subject
        assert mail.text.splitlines()
        assert "Content-Type: multipart/alternative" in mail.source

    live(built(tmp_path, lines), scenario)


def test_without_a_courier_messages_wait_and_are_counted(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        assert service.minted is not None
        app = await service.apps.by_key(service.minted.api_key.encode())
        await service.verifications.create(app, LOGIN)
        await until(lambda: service.metrics.counts.outbox_due == 1)
        assert "delivery.sent" not in lines.events()

    live(built(tmp_path, lines, courier=False), scenario)


def test_starting_and_stopping_twice_is_starting_and_stopping(tmp_path: Path, lines: Lines) -> None:
    service = built(tmp_path, lines, store="sqlite")

    async def run() -> None:
        await service.stop()
        await service.start()
        await service.start()
        await service.store.ping()
        await service.stop()
        await service.stop()

    asyncio.run(run())


def test_a_background_task_that_fails_says_so_and_goes_on(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "AGAIN", 0)
    service = built(tmp_path, lines)
    times = 0

    async def fail_twice() -> None:
        nonlocal times
        times += 1
        if times <= 2:
            raise ValueError("you@example.com")
        await asyncio.Event().wait()

    monkeypatch.setattr(service.purge, "run", fail_twice)

    async def scenario(_service: Service) -> None:
        await until(lambda: times == 3)

    live(service, scenario)

    assert 2 == lines.events().count("task.failed")
    assert b"you@example.com" not in lines.content


# --- while it runs ---------------------------------------------------------------------------------


def test_new_rules_are_taken(tmp_path: Path, lines: Lines) -> None:
    service = built(tmp_path, lines)
    rules = Rules(limits=service.settings.rules.limits._replace(recipient_sends=()))

    service.reload(lambda: rules)

    assert rules is service.verifications.rules


def test_all_that_a_profile_decides_is_wired_and_reloaded(tmp_path: Path, lines: Lines) -> None:
    settings = Settings.load({"WATCHWORD_PROFILE": "asvs5-l3", "WATCHWORD_DATA": str(tmp_path)})
    bootstrap.prepare(settings)
    service = bootstrap.build(settings, log=Log(SystemClock(), write=lines.write))
    assert (20, 0) == (service.authenticators.ceiling, service.authenticators.skew)
    assert "asvs5-l3" == service.verifications.rules.profile.name

    service.reload(Rules)

    assert (50, 1) == (service.authenticators.ceiling, service.authenticators.skew)


def test_rules_that_cannot_be_read_change_nothing(tmp_path: Path, lines: Lines) -> None:
    service = built(tmp_path, lines)
    service.audit = journal = Journal()
    before = service.verifications.rules

    def read() -> Rules:
        raise SettingsError("limits.recipient_sends must be …")

    service.reload(read)

    assert before is service.verifications.rules
    assert ["rules.refused"] == journal.names()


def test_sms_is_not_switched_on_where_nobody_delivers_it(tmp_path: Path, lines: Lines) -> None:
    service = built(tmp_path, lines)
    service.audit = journal = Journal()

    service.reload(lambda: Rules(sms=SMS))

    assert service.verifications.rules.sms is None
    assert ["rules.refused"] == journal.names()


def test_a_key_file_that_breaks_while_it_runs_is_a_dependency_that_failed(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        path = service.settings.storage.key_file
        path.chmod(0o644)
        with pytest.raises(KeyringError):
            service.keys.reload()
        path.chmod(0o600)
        service.keys.reload()
        assert 1 == service.keys.ring.current

    live(built(tmp_path, lines), scenario)

    assert "keys.refused" in lines.events()


def test_a_key_that_rotation_made_is_met_by_its_number(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        key_file.rotate(service.settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
        service.keys._loaded_at -= 2 * SECOND  # at most one look at the file a second
        assert 2 == service.keys.with_ring(lambda ring: ring.root(2)).number

    live(built(tmp_path, lines), scenario)


def other_keys(path: Path) -> None:
    """Put a key file there that another machine made for itself."""
    path.unlink()
    key_file.ensure(path, SystemEntropy().draw, SystemClock().now())


def test_another_key_file_under_a_running_service_is_not_taken_up(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        before = service.keys.ring
        other_keys(service.settings.storage.key_file)
        service.reload(lambda: service.verifications.rules)
        assert before is service.keys.ring

    live(built(tmp_path, lines), scenario)

    assert "rules.refused" in lines.events()


def written(folder: Path, lines: Lines) -> Settings:
    """A database with one verification in it, made and left by a service."""

    async def scenario(service: Service) -> None:
        await service.verifications.create(await service.apps.named("default"), LOGIN)

    service = built(folder, lines, store="sqlite")
    live(service, scenario)
    return service.settings


def test_no_service_is_prepared_on_a_database_whose_key_file_is_gone(tmp_path: Path, lines: Lines) -> None:
    settings = written(tmp_path, lines)
    settings.storage.key_file.unlink()

    with pytest.raises(SettingsError, match="bring it back"):
        bootstrap.prepare(settings)

    assert not settings.storage.key_file.exists()


def test_no_service_is_prepared_on_a_database_that_was_written_with_other_keys(tmp_path: Path, lines: Lines) -> None:
    settings = written(tmp_path, lines)
    other_keys(settings.storage.key_file)

    with pytest.raises(SettingsError, match="not the one"):
        bootstrap.prepare(settings)


def test_no_service_is_prepared_with_a_key_file_from_before_a_rotation(tmp_path: Path, lines: Lines) -> None:
    settings = written(tmp_path, lines)
    key_file.rotate(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
    early = settings.storage.key_file.read_bytes()
    key_file.rotate(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
    written(tmp_path, lines)
    settings.storage.key_file.write_bytes(early)

    with pytest.raises(SettingsError, match="not the one"):
        bootstrap.prepare(settings)


def test_what_was_sent_out_of_valkey_holds_to_its_keys_as_a_database_does(tmp_path: Path, lines: Lines) -> None:
    emptied([one_server()])
    environ = {"WATCHWORD_DATA": str(tmp_path), "WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{one_server().port}"}
    settings = Settings.load(environ)
    bootstrap.prepare(settings)

    async def scenario(service: Service) -> None:
        await service.verifications.create(await service.apps.named("default"), LOGIN)
        await until(lambda: "delivery.sent" in lines.events())

    live(bootstrap.build(settings, log=Log(SystemClock(), write=lines.write)), scenario)

    assert bootstrap.prepare(settings) is False
    settings.storage.key_file.unlink()
    with pytest.raises(SettingsError, match="Valkey needs it: bring it back"):
        bootstrap.prepare(settings)
    key_file.ensure(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
    with pytest.raises(SettingsError, match=r"not the one that .*watchword\.db was written with"):
        bootstrap.prepare(settings)
    with closing(connect(tmp_path / "watchword.db")) as connection:  # as a version before left it
        connection.execute("DELETE FROM key_mark")
    with pytest.raises(SettingsError, match="not the one that Valkey was written with"):
        bootstrap.prepare(settings)


def test_a_database_and_its_own_keys_are_prepared_after_a_rotation_too(tmp_path: Path, lines: Lines) -> None:
    settings = written(tmp_path, lines)
    key_file.rotate(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())

    assert bootstrap.prepare(settings) is False


def test_stopping_waits_for_nothing_when_nothing_is_under_way(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(_service: Service) -> None:
        """Nothing."""

    for wait in ("GRACE", "GOODBYE"):
        monkeypatch.setattr(running, wait, DAY)  # whoever waits for it does not come back
    live(built(tmp_path, lines), scenario)


def test_when_a_stop_begins_nothing_more_is_handed_over_and_requests_go_on(tmp_path: Path, lines: Lines) -> None:
    async def scenario(service: Service) -> None:
        assert service.minted is not None
        app = await service.apps.by_key(service.minted.api_key.encode())
        service.begin_stop()
        service.begin_stop()
        assert service._leaving is not None
        await service._leaving
        shown = await service.verifications.create(app, LOGIN)
        service.courier.wake()
        await until(lambda: all(task.done() for task in service._tasks if task.get_name() == "courier"))
        again = await service.verifications.get(app, shown.verification.id)
        assert ["queued"] == [delivery.status.value for delivery in again.deliveries]

    live(built(tmp_path, lines), scenario)


def test_a_stop_does_not_wait_for_a_relay_that_takes_no_leave(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf:
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def scenario(service: Service) -> None:
        service.relay = Deaf()  # type: ignore[assignment]

    monkeypatch.setattr(running, "GOODBYE", 0)
    live(built(tmp_path, lines), scenario)  # or it would wait for ever


def test_a_database_is_of_one_key_file_before_anything_is_sealed_in_it(tmp_path: Path, lines: Lines) -> None:
    settings = Settings.load({"WATCHWORD_DATA": str(tmp_path)})

    async def nothing(_: Service) -> None:
        return None

    def serve() -> None:
        live(bootstrap.build(settings, log=Log(SystemClock(), write=lines.write)), nothing)

    bootstrap.prepare(settings)
    serve()
    bootstrap.rotate_keys(settings)  # which is the same file still
    bootstrap.prepare(settings)
    serve()
    settings.storage.key_file.unlink()
    with pytest.raises(SettingsError, match="needs it: bring it back"):
        bootstrap.prepare(settings)
    key_file.ensure(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
    with pytest.raises(SettingsError, match="not the one"):
        bootstrap.prepare(settings)
    with pytest.raises(SettingsError, match="not the one"):
        serve()
