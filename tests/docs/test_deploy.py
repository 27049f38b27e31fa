"""deploy/: image, compose file and the courier's unit fit this version, hold no secret and have no right too many.

No container engine is at hand here: the files are read, checked against the schema of compose, and the script that
makes the secrets is run.
"""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.needs import needs
from watchword.adapters.postgres import PostgresAddress
from watchword.adapters.valkey.address import ValkeyAddress
from watchword.cli.commands import commands
from watchword.settings_table import ENVIRONMENT

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
SETTINGS = {setting.name for setting in ENVIRONMENT}
OURS = ("serve", "courier")


def test_the_compose_file_is_one_by_its_schema() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"], capture_output=True, check=False
    )
    assert 0 == done.returncode, done.stdout.decode()


def test_every_container_is_read_only_and_has_no_way_to_more_rights() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert ["ALL"] == service["cap_drop"], name
        assert ["no-new-privileges:true"] == service["security_opt"], name
        assert ":" in service["image"] or name in OURS, name
        assert "latest" not in service["image"], name


def test_every_setting_and_command_is_one_and_every_secret_comes_from_a_file() -> None:
    known: Any = getattr(commands, "commands")  # noqa: B009 (a group's, which its type does not tell)
    for name in OURS:
        service = COMPOSE["services"][name]
        command, *options = service["command"]
        assert {each for each in options if each.startswith("--")} <= {
            option for parameter in known[command].params for option in parameter.opts
        }
        given = service["environment"]
        assert given.keys() <= SETTINGS
        for setting in ("WATCHWORD_SMTP", "WATCHWORD_STORE", "WATCHWORD_FAST_STORE"):
            assert given[setting].removeprefix("file:/run/secrets/") in service["secrets"]
    assert not re.search(r"PASSWORD:|://\w+:", (DEPLOY / "compose.yaml").read_text())


def test_only_the_machine_itself_reaches_the_service_and_nobody_the_stores() -> None:
    ports = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}

    assert {
        "serve": ["127.0.0.1:8000:8000"],
        "courier": ["127.0.0.1:8001:8000"],
        "database": [],
        "valkey": [],
    } == ports


def test_a_courier_answers_where_the_image_asks_whether_it_is_ready() -> None:
    courier = COMPOSE["services"]["courier"]
    command, *options = courier["command"]

    assert ("courier", ["--bind", "0.0.0.0:8000"]) == (command, options)
    assert "healthcheck" not in courier  # that of the image
    assert "HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/readyz')" in DOCKERFILE


@needs("openssl", "sh")
def test_the_script_makes_every_secret_once_and_certificates_that_verify(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = subprocess.run([DEPLOY / "compose-secrets", folder], capture_output=True, check=True, text=True)
    files = {path.name: path for path in folder.iterdir()}

    assert {Path(each["file"]).name for each in COMPOSE["secrets"].values()} == files.keys()
    assert 0o700 == folder.stat().st_mode & 0o777
    for name in ("database", "valkey"):
        certificate = str(files[f"{name}_certificate"])
        command = ["openssl", "verify", "-CAfile", str(files["ca"]), "-verify_hostname", name, certificate]
        assert 0 == subprocess.run(command, capture_output=True, check=False).returncode
        ssl.create_default_context().load_cert_chain(certificate, files[f"{name}_key"])
    assert 2 == subprocess.run([DEPLOY / "compose-secrets", folder], capture_output=True, check=False).returncode
    assert files["database_password"].read_text() not in made.stdout + made.stderr


@pytest.mark.parametrize("secret", ["deploy/secrets/", "keys.json", "watchword-data/", "watchword-example/"])
def test_what_a_checkout_is_told_to_make_and_holds_secrets_is_no_business_of_git_nor_of_an_image(secret: str) -> None:
    by_git = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    by_image = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert secret in [line.removeprefix("/") for line in by_git]
    assert secret.removesuffix("/") in by_image


@needs("openssl", "sh")
def test_the_addresses_that_the_script_writes_are_read_and_name_the_services(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([DEPLOY / "compose-secrets", folder], capture_output=True, check=True)
    store = (folder / "store").read_text().strip().replace("/run/secrets/ca", str(folder / "ca"))
    database = PostgresAddress.parse(store)
    valkey = ValkeyAddress.parse((folder / "fast_store").read_text().strip(), folder / "ca")

    assert ("database", (folder / "database_password").read_text()) == (database.host, database.password)
    assert database.tls is not None
    assert valkey.tls is not None
    assert ["valkey"] == [server.host for server in valkey.servers]
    assert {"database", "valkey"} <= COMPOSE["services"].keys()


def test_valkeys_user_may_do_what_the_page_says() -> None:
    page = (ROOT / "docs" / "how-to" / "use-valkey.md").read_text(encoding="utf-8")
    script = (DEPLOY / "compose-secrets").read_text(encoding="utf-8")
    (rule,) = re.findall(r"^user watchword on >\S+ (.+)$", page, flags=re.MULTILINE)
    written = " ".join(re.findall(r"printf '(?:user watchword on >%s)?( [^']+?)(?:\\n)?'", script))

    assert set(rule.split()) == set(written.split())


def test_a_rotated_key_is_taken_up_by_every_container_that_has_the_key_file() -> None:
    page = (ROOT / "docs" / "how-to" / "rotate-keys.md").read_text(encoding="utf-8")
    engine = "docker compose --file deploy/compose.yaml"
    (rotate,) = re.findall(rf"^{engine} exec (\w+) watchword keys rotate$", page, flags=re.MULTILINE)
    (told,) = re.findall(rf"^{engine} kill --signal HUP (.+)$", page, flags=re.MULTILINE)
    (volume,) = [each for each in COMPOSE["services"][rotate]["volumes"] if each.startswith("keys:")]
    has_it = {name for name, each in COMPOSE["services"].items() if volume in each.get("volumes", [])}

    assert f"WATCHWORD_KEY_FILE={volume.removeprefix('keys:')}/" in DOCKERFILE
    assert has_it == set(told.split()) == set(OURS)
    # The signal goes to the first process of the container, which is to be ours and no shell.
    assert re.search(r'^ENTRYPOINT \["[^"]*watchword"\]$', DOCKERFILE, flags=re.MULTILINE)


def test_the_image_runs_as_nobody_in_particular_with_settings_that_are_some() -> None:
    assert re.search(r"^USER 10001$", DOCKERFILE, flags=re.MULTILINE)
    assert set(re.findall(r"WATCHWORD_\w+", DOCKERFILE)) <= SETTINGS
    assert all("@" in line or "-slim-" in line for line in re.findall(r"^FROM (.+)$", DOCKERFILE, flags=re.MULTILINE))
    assert "--require-hashes" in DOCKERFILE


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("name", ["watchword", "watchword-courier"])
def test_systemd_reads_the_units(name: str, tmp_path: Path) -> None:
    unit = (DEPLOY / f"{name}.service").read_text().replace("/opt/watchword/bin/watchword", "/bin/true")
    unit = unit.replace("User=watchword\n", "")
    (tmp_path / f"{name}.service").write_text(unit)
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / f"{name}.service"], capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr.decode()


def test_the_page_gives_the_services_unit_what_the_couriers_has_and_leaves_delivery_to_it() -> None:
    page = (ROOT / "docs" / "how-to" / "scale-out.md").read_text(encoding="utf-8")
    (drop_in,) = re.findall(r"^```ini\n(.+?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    theirs, ours = ((DEPLOY / f"{name}.service").read_text() for name in ("watchword", "watchword-courier"))
    (command,) = re.findall(r"^ExecStart=(.+)$", theirs, flags=re.MULTILINE)

    assert f"ExecStart=\nExecStart={command} --no-courier\n" in drop_in
    for line in re.findall(r"^(?:LoadCredential|Environment)=.+$", drop_in, flags=re.MULTILINE):
        assert line in ours
        assert line not in theirs


def test_the_couriers_unit_is_as_tight_as_the_services() -> None:
    theirs, ours = ((DEPLOY / f"{name}.service").read_text() for name in ("watchword", "watchword-courier"))
    tail = theirs.partition("# It needs its two directories")[2]

    assert tail
    assert tail == ours.partition("# It needs its two directories")[2]
    assert "watchword courier --bind 127.0.0.1:" in ours
    assert "smtps:" not in ours
    assert "postgresql:" not in ours
