"""Where the relay is and the TLS we ask of it."""

from __future__ import annotations

import ssl
import traceback
from pathlib import Path

import pytest

from tests.support.tls import Authority
from watchword.adapters.smtp import SmtpAddress, SmtpRelay, client_tls
from watchword.errors import SettingsError


def test_an_smtps_url_means_tls_from_the_first_byte_on_port_465() -> None:
    assert SmtpAddress("mail.test", 465, implicit=True) == SmtpAddress.parse("smtps://mail.test")


def test_a_starttls_url_means_port_587() -> None:
    assert SmtpAddress("mail.test", 587, implicit=False) == SmtpAddress.parse("smtp+starttls://mail.test")


def test_user_and_password_are_percent_decoded() -> None:
    address = SmtpAddress.parse("smtps://a%40b.test:p%2Fq%3A%20%C3%A9+@[::1]:2465")
    assert SmtpAddress("::1", 2465, implicit=True, user="a@b.test", password="p/q: é+") == address


def test_an_address_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(SmtpAddress.parse("smtps://ada:hunter2@mail.test"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.test",
        "smtp://ada:hunter2@mail.test",
        "smtp+tls://ada:hunter2@mail.test",
        "https://ada:hunter2@mail.test",
        "smtps://ada:hunter2@",
        "smtps://ada:hunter2@:465",
        "smtps://ada:hunter2@mail.test/",
        "smtps://ada:hunter2@mail.test/path",
        "smtps://ada:hunter2@mail.test?verify=no",
        "smtps://ada:hunter2@mail.test?",
        "smtps://ada:hunter2@mail.test#",
        "smtps://ada:hunter2@mail.test:",
        "smtps://ada:hunter2@mail.test:0",
        "smtps://ada:hunter2@mail.test:99999",
        "smtps://ada:hunter2@mail.test:smtp",
        "smtps://ada:hunter2/x@mail.test",
        "smtps://ada:hunter2#x@mail.test",
        "smtps://ada:hunter2[@mail.test",
        "smtps://ada:hunter2%FF@mail.test",
        "smtps://ada:hunter2%00@mail.test",
        "smtps://ada:hunter2\n@mail.test",
        "smtps://ada:hunter2@mail..test",
        "smtps://ada:hunter2@-mail.test",
        "smtps://ada:hunter2@mäil.test",
        "smtps://ada:hunter2@[::g]",
        "smtps://ada@mail.test",
        "smtps://:hunter2@mail.test",
    ],
)
def test_any_other_url_is_a_settings_error_that_shows_nothing_of_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SmtpAddress.parse(url)
    shown = "".join(traceback.format_exception(caught.value, limit=0)) + str(caught.value) + caught.value.detail
    assert ("WATCHWORD_SMTP", False) == (caught.value.setting, "hunter2" in shown)


@pytest.mark.parametrize("own_authority", [True, False])
def test_the_client_context_verifies_certificate_and_host_name_from_tls_1_2_on(
    authority: Authority,
    own_authority: bool,
) -> None:
    context = client_tls(authority.ca_file if own_authority else None)
    asked = (context.verify_mode, context.check_hostname, context.minimum_version)
    assert (ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_2) == asked


def test_with_an_authority_of_its_own_a_context_trusts_no_other(authority: Authority) -> None:
    assert 1 == len(client_tls(authority.ca_file).get_ca_certs())


def test_an_authority_file_that_is_missing_or_empty_is_a_settings_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    missing = tmp_path / "missing.pem"
    useless = {empty: "holds no certificate", missing: "cannot be read: No such file", tmp_path: "Is a directory"}
    for path, why in useless.items():
        with pytest.raises(SettingsError, match=why) as caught:
            client_tls(path)
        assert "WATCHWORD_SMTP_CA" == caught.value.setting


def test_a_context_that_does_not_verify_is_refused(authority: Authority) -> None:
    lax = client_tls(authority.ca_file)
    lax.check_hostname = False
    nameless = client_tls(authority.ca_file)
    nameless.check_hostname = False
    lax.verify_mode = ssl.CERT_NONE
    for context in (lax, nameless):
        with pytest.raises(SettingsError):
            SmtpRelay(SmtpAddress.parse("smtps://mail.test"), tls=context)
