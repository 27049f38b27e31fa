"""Settings: what is read, what is refused, and that the reference page tells the truth."""

from __future__ import annotations

import pickle
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import Rate
from watchword.core.policy import Limits
from watchword.errors import SettingsError
from watchword.settings import Bind, Secret, Settings
from watchword.settings_table import ENVIRONMENT, FILE, LEVELS

RELAY = {"WATCHWORD_SMTP": "smtps://ann:s3cret@relay.example", "WATCHWORD_MAIL_FROM": "codes@acme.example"}
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def refused(environ: dict[str, str], **given: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ, **given)
    return caught.value


def with_file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "watchword.toml"
    path.write_text(text)
    return {"WATCHWORD_CONFIG": str(path)}


# --- defaults --------------------------------------------------------------------------------------


def test_nothing_set_is_development_mode_on_this_machine() -> None:
    settings = Settings.load({})

    assert settings.development
    assert "http://127.0.0.1:8000" == settings.server.public_url
    assert Path("watchword-data/keys.json") == settings.storage.key_file
    assert Path("watchword-data/watchword.db") == settings.storage.database
    assert Limits() == settings.rules.limits
    assert "balanced" == settings.rules.profile.name


def test_variables_of_others_are_none_of_our_business() -> None:
    assert Settings.load({"PATH": "/bin", "WATCHFUL": "1"}) == Settings.load({})


def test_an_empty_value_counts_as_not_set() -> None:
    assert Settings.load({"WATCHWORD_SMTP": "", "WATCHWORD_BIND": " "}) == Settings.load({})


def test_the_command_line_wins_over_the_environment() -> None:
    environ = {"WATCHWORD_BIND": "127.0.0.1:1", "WATCHWORD_DATA": "/var/lib/one"}

    settings = Settings.load(environ, bind="127.0.0.1:2", data="/var/lib/two")

    assert Bind("127.0.0.1", 2) == settings.server.bind
    assert Path("/var/lib/two/keys.json") == settings.storage.key_file


# --- what is unknown -------------------------------------------------------------------------------


def test_an_unknown_variable_is_an_error_that_names_the_nearest_one() -> None:
    error = refused({"WATCHWORD_TRUSTED_PROXY": "10.0.0.0/8"})

    assert "WATCHWORD_TRUSTED_PROXY" == error.setting
    assert "Did you mean WATCHWORD_TRUSTED_PROXIES?" in error.detail


def test_an_unknown_variable_that_is_near_to_none_suggests_none() -> None:
    for name in ("WATCHWORD_FOO", "WATCHWORD_PORT", "WATCHWORD_DB"):
        assert f"{name} is no setting of Watchword." == refused({name: "1"}).detail


def test_the_fast_store_is_a_secret_and_the_store_beside_it_must_last(tmp_path: Path) -> None:
    (tmp_path / "fast").write_text("valkey://:hunter2@host\n")
    for text in ("valkey://:hunter2@host", f"file:{tmp_path / 'fast'}"):
        storage = Settings.load({"WATCHWORD_FAST_STORE": text, "WATCHWORD_FAST_STORE_CA": "ca.pem"}).storage

        assert storage.fast is not None
        assert "valkey://:hunter2@host" == storage.fast.reveal()
        assert (Path("ca.pem"), Path("watchword-data/watchword.db")) == (storage.fast_ca, storage.database)
        assert "hunter2" not in repr(storage)
    error = refused({"WATCHWORD_FAST_STORE": "valkey://:hunter2@host", "WATCHWORD_STORE": "memory"})

    assert "WATCHWORD_FAST_STORE" == error.setting
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[limits]\nrecipient_send = '3/h'", "limits.recipient_send"),
        ("[limit]\nrecipient_sends = '3/h'", "limit.recipient_sends"),
        ("profile = 'balanced'", "profile"),
        ("[server.tls]\ncert = 'x'", "server.tls"),
    ],
)
def test_an_unknown_name_in_the_file_is_an_error_with_its_path(tmp_path: Path, text: str, name: str) -> None:
    assert name == refused(with_file(tmp_path, text)).setting


# --- single values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:8000", Bind("127.0.0.1", 8000)),
        ("[::1]:9000", Bind("::1", 9000)),
        ("localhost:0", Bind("localhost", 0)),
    ],
)
def test_a_bind_address_is_read_and_written_back(text: str, bind: Bind) -> None:
    assert bind == Settings.load({"WATCHWORD_BIND": text}).server.bind
    assert text == str(bind)


@pytest.mark.parametrize(
    "text", ["8000", ":8000", "127.0.0.1", "127.0.0.1:", "h:70000", "h:٣", "::1:80", "[h]:80", "h:-1"]
)
def test_what_is_no_bind_address_is_refused(text: str) -> None:
    assert "WATCHWORD_BIND" == refused({"WATCHWORD_BIND": text}).setting


@pytest.mark.parametrize(
    "text",
    [
        "codes.example.com",
        "ftp://codes.example.com",
        "https://codes.example.com/path",
        "https://codes.example.com/?q",
        "https://codes.example.com#f",
        "https://ann:pw@codes.example.com",
        "https://codes.example.com:port",
        "https://[half",
        "https://bücher.example",
        "http://codes.example.com",
        "http://10.0.0.1",
    ],
)
def test_a_public_address_is_https_and_host_alone(text: str) -> None:
    assert "WATCHWORD_PUBLIC_URL" == refused(RELAY | {"WATCHWORD_PUBLIC_URL": text}).setting


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://Codes.Example.com/", "https://codes.example.com"),
        ("https://codes.example.com:8443", "https://codes.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_public_address_is_kept_in_one_spelling(text: str, kept: str) -> None:
    assert kept == Settings.load(RELAY | {"WATCHWORD_PUBLIC_URL": text}).server.public_url


@pytest.mark.parametrize(
    ("text", "database"),
    [("sqlite", Path("d/watchword.db")), ("sqlite:/srv/one.db", Path("/srv/one.db")), ("memory", None)],
)
def test_a_store_is_chosen(text: str, database: Path | None) -> None:
    assert database == Settings.load({"WATCHWORD_STORE": text}, data="d").storage.database


@pytest.mark.parametrize("text", ["mysql://ann:hunter2@host/db", "sqlite:", "memory:", "valkey://host", "SQLITE"])
def test_another_store_is_refused_without_repeating_its_address(text: str) -> None:
    error = refused({"WATCHWORD_STORE": text})

    assert "WATCHWORD_STORE" == error.setting
    assert "hunter2" not in str(error)


def test_a_database_server_is_a_secret_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("postgresql://ann:hunter2@host/db\n")
    for text in ("postgresql://ann:hunter2@host/db", f"file:{tmp_path / 'store'}"):
        storage = Settings.load({"WATCHWORD_STORE": text}, data="d").storage

        assert storage.server is not None
        assert "postgresql://ann:hunter2@host/db" == storage.server.reveal()
        assert (None, True) == (storage.database, storage.durable)
        assert "hunter2" not in repr(storage)


@pytest.mark.parametrize(("name", "text"), [("WATCHWORD_PROFILE", "lax"), ("WATCHWORD_LOG_LEVEL", "INFO")])
def test_a_choice_that_is_none_is_refused(name: str, text: str) -> None:
    assert name == refused({name: text}).setting


def test_trusted_proxies_are_networks() -> None:
    proxies = Settings.load({"WATCHWORD_TRUSTED_PROXIES": "10.0.0.0/8, ::1,192.0.2.7"}).server.trusted_proxies

    assert (ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("192.0.2.7/32")) == proxies


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example", "10.0.0.0/8 10.1.0.0/16", "*"])
def test_what_is_no_network_is_refused(text: str) -> None:
    assert "WATCHWORD_TRUSTED_PROXIES" == refused({"WATCHWORD_TRUSTED_PROXIES": text}).setting


# --- the relay -------------------------------------------------------------------------------------


def test_a_relay_ends_development_mode() -> None:
    assert not Settings.load(RELAY).development


def test_a_relay_without_a_sender_is_refused() -> None:
    assert "WATCHWORD_MAIL_FROM" == refused({"WATCHWORD_SMTP": RELAY["WATCHWORD_SMTP"]}).setting


def test_a_public_address_without_a_relay_says_what_to_set() -> None:
    error = refused({"WATCHWORD_PUBLIC_URL": "https://codes.example.com"})

    assert "WATCHWORD_SMTP" == error.setting
    assert "WATCHWORD_MAIL_FROM" in error.detail


def test_listening_everywhere_asks_for_the_public_address() -> None:
    assert "WATCHWORD_PUBLIC_URL" == refused({"WATCHWORD_BIND": "0.0.0.0:8000"}).setting


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.0.2.7:8000", "box.internal:8000"])
def test_without_a_relay_only_this_machine_is_listened_on(bind: str) -> None:
    environ = {"WATCHWORD_BIND": bind, "WATCHWORD_PUBLIC_URL": "http://localhost:8000"}

    error = refused(environ)

    assert "WATCHWORD_SMTP" == error.setting
    assert "or bind to 127.0.0.1" in error.detail
    assert not Settings.load(environ | RELAY).development


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text(RELAY["WATCHWORD_SMTP"] + "\n")

    settings = Settings.load(RELAY | {"WATCHWORD_SMTP": f"file:{tmp_path}/smtp"})

    assert Secret(RELAY["WATCHWORD_SMTP"]) == settings.mail.smtp


def test_a_secret_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    missing = refused(RELAY | {"WATCHWORD_SMTP": f"file:{tmp_path}/none"})
    assert "WATCHWORD_SMTP" == missing.setting
    assert "cannot be read: No such file or directory." in missing.detail


def test_a_secret_is_in_no_repr() -> None:
    settings = Settings.load(RELAY)

    assert "s3cret" not in repr(settings)
    assert settings.mail.smtp is not None
    assert "s3cret" not in f"{settings.mail.smtp} {settings.mail.smtp!r}"
    assert "smtps://ann:s3cret@relay.example" == settings.mail.smtp.reveal()


def test_settings_travel_to_workers() -> None:
    settings = Settings.load({})

    assert settings.server == pickle.loads(pickle.dumps(settings.server))  # noqa: S301 (our own bytes)


# --- the file --------------------------------------------------------------------------------------


def test_limits_come_from_the_file(tmp_path: Path) -> None:
    text = "[limits]\nrecipient_sends = '5/10min, 20/d'\nsource_sends = ''\nwrong_guesses = '3/h'\n"

    limits = Settings.load(with_file(tmp_path, text)).rules.limits

    assert (Rate(5, 10 * MINUTE), Rate(20, DAY)) == limits.recipient_sends
    assert () == limits.source_sends
    assert (Rate(3, HOUR),) == limits.wrong_guesses
    assert () == limits.app_sends


def test_numbers_come_from_the_file(tmp_path: Path) -> None:
    text = "[server]\nmax_body = 2048\nmax_at_once = 7\nrequest_time = 3\n[mail]\nconnections = 2\n"

    settings = Settings.load(with_file(tmp_path, text))

    server = settings.server
    assert (2048, 7, 3, 2) == (server.max_body, server.max_at_once, server.request_time, settings.mail.connections)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[limits]\nrecipient_sends = '3 per hour'", "limits.recipient_sends"),
        ("[limits]\nwrong_guesses = 3", "limits.wrong_guesses"),
        ("[limits]\nglobal_sends = '1/s, 2/min, 3/h'", "limits.global_sends"),
        ("[server]\nmax_body = '64k'", "server.max_body"),
        ("[server]\nmax_body = 10", "server.max_body"),
        ("[server]\nmax_at_once = true", "server.max_at_once"),
        ("[server]\nrequest_time = 1.5", "server.request_time"),
        ("[mail]\nconnections = 0", "mail.connections"),
        ("[limits", "WATCHWORD_CONFIG"),
        pytest.param("a = " + 5_000 * "[", "WATCHWORD_CONFIG", id="nested without end"),
    ],
)
def test_a_value_in_the_file_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, name: str) -> None:
    assert name == refused(with_file(tmp_path, text)).setting


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    assert "WATCHWORD_CONFIG" == refused({"WATCHWORD_CONFIG": str(tmp_path / "none.toml")}).setting


# --- where it listens ------------------------------------------------------------------------------


def test_a_port_that_the_system_chose_reaches_the_public_address() -> None:
    settings = Settings.load({}, bind="127.0.0.1:0").bound_to(Bind("127.0.0.1", 4711))

    assert "http://127.0.0.1:4711" == settings.server.public_url


def test_a_public_address_that_was_given_stays() -> None:
    environ = {"WATCHWORD_PUBLIC_URL": "http://localhost:80"}

    assert "http://localhost:80" == Settings.load(environ).bound_to(Bind("127.0.0.1", 4711)).server.public_url


def test_listening_everywhere_is_reached_from_here_by_loopback() -> None:
    environ = RELAY | {"WATCHWORD_PUBLIC_URL": "https://codes.example.com", "WATCHWORD_BIND": "0.0.0.0:8000"}

    assert "127.0.0.1:8000" == str(Settings.load(environ).server.local)


# --- the reference page ----------------------------------------------------------------------------


def rows() -> dict[str, list[str]]:
    found = (
        re.fullmatch(r"\| `([A-Za-z_.]+)` \| (.*) \| (.*) \| (.*) \|", line) for line in PAGE.read_text().splitlines()
    )
    return {match[1]: [match[2], match[3], match[4]] for match in found if match}


def test_the_page_has_every_setting_with_type_default_and_reason() -> None:
    shown = rows()

    for setting in (*ENVIRONMENT, *FILE):
        kind, default, reason = shown[setting.name]
        assert (setting.kind, setting.reason) == (kind, reason)
        assert (f"`{setting.default}`" if setting.default else "none") == default


def test_the_page_names_nothing_that_does_not_exist() -> None:
    known = {setting.name for setting in (*ENVIRONMENT, *FILE)}

    assert known == set(rows())
    assert set(re.findall(r"WATCHWORD_[A-Z_]*[A-Z]", PAGE.read_text())) <= known


def test_the_defaults_of_the_file_are_the_ones_that_hold(tmp_path: Path) -> None:
    lines = dict.fromkeys(("limits", "server", "mail", "secrets", "departures"), "")
    for setting in FILE:
        section, _, key = setting.name.partition(".")
        if not key or section == "sms":
            continue  # a table of tables, or what is there as a whole or not at all: no default but none
        default = setting.default if setting.default.isdecimal() else f"'{setting.default}'"
        lines[section] += f"{key} = {default}\n"
    written = "".join(f"[{section}]\n{text}" for section, text in lines.items())

    settings = Settings.load(with_file(tmp_path, written))

    usual = Settings.load({})
    assert (usual.server, usual.mail, usual.rules, usual.secrets) == (
        *(settings.server, settings.mail, settings.rules),
        settings.secrets,
    )


def test_the_defaults_of_the_environment_are_the_ones_that_hold() -> None:
    named = {"WATCHWORD_BIND", "WATCHWORD_DATA", "WATCHWORD_STORE", "WATCHWORD_PROFILE", "WATCHWORD_LOG_LEVEL"}
    environ = {setting.name: setting.default for setting in ENVIRONMENT if setting.name in named}

    assert Settings.load({}) == Settings.load(environ)
    assert "info" in LEVELS
