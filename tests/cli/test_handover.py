"""``watchword totp handover``, against a service that runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.client.running import RunningApp
from watchword.cli.handover import read_day
from watchword.client import AuthenticatorClient
from watchword.core.secret_link import read_link
from watchword.errors import InvalidInputError


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    with RunningApp() as running:
        yield running


def test_the_link_alone_is_on_standard_output_and_the_rest_beside_it(command: Command, app: RunningApp) -> None:
    options = ("--label", "Front desk", "--ttl", "2h", "--rotate-by", "2100-05-31", "--url", app.address)
    ran = command("totp", "handover", "front-desk", *options, given=app.key + "\n")
    assert 0 == ran.code, ran.err
    (link,) = ran.out.splitlines()
    assert b"" != read_link(link).key
    assert "/status#" in ran.err
    assert link not in ran.err
    with AuthenticatorClient(app.address, app.key) as client:
        (made,) = client.of_subject("front-desk").authenticators
    assert ("pending", "Front desk", True) == (made.status, made.label, made.shared)
    assert datetime(2100, 5, 31, 23, 59, 59, tzinfo=UTC) == made.rotate_by


def test_as_json_it_is_all_in_one(command: Command, app: RunningApp) -> None:
    ran = command("totp", "handover", "back-office", "--url", app.address, "--json", given=app.key + "\n")
    assert (0, "") == (ran.code, ran.err)
    assert {"link", "status", "id", "expires_at"} == set(ran.document)


def test_a_passphrase_comes_from_a_file(command: Command, app: RunningApp, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("velvet lantern\n")
    file.chmod(0o600)
    options = ("--passphrase-file", str(file), "--url", app.address)
    ran = command("totp", "handover", "vault", *options, given=app.key + "\n")
    assert 0 == ran.code, ran.err
    assert "with its passphrase" in ran.err


def test_a_key_that_the_service_does_not_know_is_told_by_its_file(
    command: Command, app: RunningApp, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("wk_" + "a" * 43)
    ran = command("totp", "handover", "x", "--url", app.address, "--key-file", str(file))
    assert (1, "") == (ran.code, ran.out)
    assert f"watchword: The service at {app.address} does not know the API key in {file}.\n" == ran.err


def test_a_service_that_refuses_is_told(command: Command, app: RunningApp) -> None:
    ran = command("totp", "handover", "x", "--rotate-by", "2000-01-01", "--url", app.address, given=app.key + "\n")
    assert (2, "") == (ran.code, ran.out)
    assert "past" in ran.err


@pytest.mark.parametrize("text", ["soon", "31.05.2027", "2027-02-30", ""])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        read_day(text)
