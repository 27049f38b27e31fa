"""What people share and the documents it becomes: each is read back as it was."""

from __future__ import annotations

import pytest

from watchword.core.otpauth import AuthenticatorKey
from watchword.core.secret_content import File, Login, of_document, to_document

KEY = AuthenticatorKey(b"12345678901234567890", "ACME", "ann@example.org", "SHA256", 8, 60)
PLAIN = AuthenticatorKey(b"12345678901234567890")


@pytest.mark.parametrize(
    "content",
    [
        "hunter2",
        KEY,
        PLAIN,
        Login(password="hunter2"),
        Login(password="hunter2", username="ann", url="https://acme.example", totp=KEY),
    ],
    ids=["text", "key", "key without names", "password", "login"],
)
def test_what_is_shared_is_read_back_as_it_was(content: str | AuthenticatorKey | Login) -> None:
    assert content == of_document(to_document(content))


def test_what_is_not_there_is_not_written() -> None:
    assert {"type": "login", "password": "hunter2"} == to_document(Login(password="hunter2"))
    assert {"type", "secret", "algorithm", "digits", "period"} == set(to_document(PLAIN))


def test_no_repr_shows_what_is_shared() -> None:
    shown = repr(Login(password="hunter2", username="ann", url="https://acme.example", totp=KEY))
    assert "Login()" == shown
    assert "File()" == repr(File("payroll.csv", b"content", "text/csv"))
