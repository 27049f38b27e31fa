"""What people share, as Python values, and the documents they become: a text, an authenticator's key, a login, files.

Not handled here: the form of a document (``core/secret_document.py``), files that are sealed by themselves (their
entries are made and read by whoever has their bytes).

Rule: a value's ``repr`` shows nothing of what is shared, names included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from watchword.core import base32
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.secret_document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A password, with what belongs to it. A key is better sent as a secret of its own, by another way."""

    password: str = field(repr=False)
    username: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    totp: AuthenticatorKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file as a whole. Its name is its sender's: make it safe before it names anything on a disk."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)
    media_type: str | None = field(default=None, repr=False)


Content = str | AuthenticatorKey | Login | Sequence[File]


def to_document(content: str | AuthenticatorKey | Login) -> Document:
    """The document of anything but files."""
    if isinstance(content, str):
        return {"type": "text", "text": content}
    if isinstance(content, AuthenticatorKey):
        return {"type": "totp", **write_key(content)}
    members: Document = {"type": "login", "password": content.password}
    members |= {} if content.username is None else {"username": content.username}
    members |= {} if content.url is None else {"url": content.url}
    return members | ({} if content.totp is None else {"totp": write_key(content.totp)})


def of_document(document: Document) -> str | AuthenticatorKey | Login:
    """What a document that was read holds, if it is no file."""
    if document["type"] == "text":
        return str(document["text"])
    if document["type"] == "totp":
        return read_key(document)
    return Login(
        password=document["password"],
        username=document.get("username"),
        url=document.get("url"),
        totp=read_key(document["totp"]) if "totp" in document else None,
    )


def write_key(key: AuthenticatorKey) -> dict[str, Any]:
    """The members of a key."""
    names = {name: text for name, text in (("issuer", key.issuer), ("account", key.account)) if text}
    parameters = {"algorithm": key.algorithm, "digits": key.digits, "period": key.period}
    return {"secret": base32.write(key.secret), **parameters, **names}


def read_key(members: dict[str, Any]) -> AuthenticatorKey:
    """The key of such members.

    Raises:
        UnusableKeyError: it is no base32.
    """
    return AuthenticatorKey(
        base32.read(members["secret"]),
        members.get("issuer", ""),
        members.get("account", ""),
        members["algorithm"],
        members["digits"],
        members["period"],
    )
