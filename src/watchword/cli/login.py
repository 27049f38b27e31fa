"""A login as `pass` and its kin print one: the password on the first line, and what belongs to it below.

    correct horse battery
    username: ann@example.org
    url: https://shop.example.org
    otpauth://totp/ACME:ann?secret=…

Not handled here: where the text comes from and what becomes of it (``contents.py``).

Rules: nothing of it is dropped in silence, so what has no name that is known becomes the note; the key never travels
in the secret of the password.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watchword.core import otpauth
from watchword.core.otpauth import EXPORT, SCHEME, Understood
from watchword.errors import InvalidInputError

_NAMES = {
    "username": "username",
    "user": "username",
    "login": "username",
    "url": "url",
    "totp": "totp",
    "otp": "totp",
}


@dataclass(frozen=True)
class Given:
    """What a text tells of a login."""

    password: str = field(repr=False)
    username: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    note: str | None = field(default=None, repr=False)
    totp: Understood | None = field(default=None, repr=False)


def read(text: str) -> Given:
    """Read a login.

    Raises:
        InvalidInputError: there is no password, or something is there twice.
        UnusableKeyError: the key cannot be used.
    """
    password, *lines = text.splitlines()
    if not password:
        raise InvalidInputError("The first line of a login is its password.", field="login")
    known: dict[str, str] = {}
    rest: list[str] = []
    for line in lines:
        name, value = _named(line)
        if name is None:
            rest.append(line)
        elif name in known:
            raise InvalidInputError(f"This login has two lines with its {name}: leave one of them.", field="login")
        else:
            known[name] = value
    return Given(password, known.get("username"), known.get("url"), _note(rest), _key(known.get("totp")))


def _named(line: str) -> tuple[str | None, str]:
    bare = line.strip()
    if bare.lower().startswith((SCHEME, EXPORT)):
        return "totp", bare
    name, colon, value = bare.partition(":")
    found = _NAMES.get(name.strip().lower()) if colon else None
    return (found, value.strip()) if found and value.strip() else (None, "")


def _note(lines: list[str]) -> str | None:
    return "\n".join(lines).strip("\n") or None


def _key(text: str | None) -> Understood | None:
    if text is None:
        return None
    if text.lower().startswith(EXPORT):
        raise InvalidInputError("That is an export of a whole app: share it by itself, with --totp.", field="login")
    return otpauth.read_key_uri(text) if text.lower().startswith(SCHEME) else otpauth.read_base32(text)
